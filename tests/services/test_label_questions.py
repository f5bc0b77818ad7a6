"""The worker asks a carrier that does not report, now and then and a few parcels at a time."""

from __future__ import annotations

from datetime import timedelta

from returnsdesk.clients.http import ProviderUnavailable
from returnsdesk.jobs.context import JobContext
from returnsdesk.jobs.labels import BETWEEN_QUESTIONS, QUESTIONS_PER_RUN, Questions
from tests.services.sending import BookedCarrier, labelled, report, view_of
from tests.services.shop import NOW
from tests.services.test_parcels import add_parcel

LATER = NOW + timedelta(hours=7)


class TellingCarrier(BookedCarrier):
    """Says what a test gave it."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []
        self.is_down = False
        self.says: dict[str, str] = {}

    def track(self, tracking_number, reference):
        self.questions.append(tracking_number)
        if self.is_down:
            raise ProviderUnavailable("down")
        status = self.says.get(tracking_number)
        return [report(tracking_number, status, f"{tracking_number}-{status}")] if status else []


def questions(shop, carrier):
    return Questions(JobContext(None, shop, None, None, carrier))


def test_what_the_carrier_says_when_asked_moves_the_return(shop):
    view = labelled(shop)
    number = view.parcels[0].tracking_number
    carrier = TellingCarrier()
    carrier.says[number] = "delivered"

    questions(shop, carrier).ask(LATER)

    assert view_of(shop, view.rma_number).status == "arrived"


def test_a_parcel_is_asked_about_once_in_some_hours(shop):
    number = labelled(shop).parcels[0].tracking_number
    carrier = TellingCarrier()
    asking = questions(shop, carrier)

    asking.ask(NOW + timedelta(hours=1))
    assert carrier.questions == []
    for minutes in (0, 1, 59):
        asking.ask(LATER + timedelta(minutes=minutes))
    assert carrier.questions == [number]
    asking.ask(LATER + BETWEEN_QUESTIONS)
    assert carrier.questions == [number, number]


def test_a_run_asks_about_a_few_parcels_and_the_next_about_the_others(shop):
    rma = labelled(shop).rma_number
    for position in range(QUESTIONS_PER_RUN + 4):
        add_parcel(shop, rma, f"MORE-{position}")
    carrier = TellingCarrier()
    asking = questions(shop, carrier)

    asking.ask(LATER)
    assert len(carrier.questions) == QUESTIONS_PER_RUN
    asking.ask(LATER)

    assert len(carrier.questions) == len(set(carrier.questions)) == QUESTIONS_PER_RUN + 5


def test_a_carrier_that_is_down_is_not_asked_on(shop):
    rma = labelled(shop).rma_number
    add_parcel(shop, rma, "SECOND")
    carrier = TellingCarrier()
    carrier.is_down = True

    questions(shop, carrier).ask(LATER)

    assert len(carrier.questions) == 1


def test_without_a_carrier_nobody_is_asked(shop):
    labelled(shop)

    questions(shop, None).ask(LATER)
