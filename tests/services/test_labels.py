"""Labels of returns: one is made for each approved return, never two, and never one that is not wanted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import update

from returnsdesk.clients.http import ProviderRefused, ProviderUnavailable
from returnsdesk.db.models import Case, InboundParcel, OutboxJob
from returnsdesk.db.session import Database
from returnsdesk.jobs import labels as label_jobs
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import labels, outbox, return_moves, returns
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.label_requests import VOID_LABEL
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.sending import (
    SHIRTS,
    BookedCarrier,
    approved,
    case_reasons,
    change_policy,
    labelled,
    notices,
    parcels_of,
    view_of,
    waiting,
)
from tests.services.shop import NOW

THURSDAY = date(2026, 6, 11)
FRIDAY = date(2026, 6, 12)
ALL_METHODS = ["drop_off", "pick_up", "own_carrier"]


@pytest.fixture
def carrier() -> BookedCarrier:
    return BookedCarrier()


def work(shop: Database, carrier: BookedCarrier | None, now=NOW) -> int:
    context = JobContext(None, shop, None, None, carrier)
    return outbox.run_due(shop, label_jobs.handlers(context), now=now)


def check_for_delays(shop: Database, now) -> None:
    context = JobContext(None, shop, None, None, BookedCarrier())
    for timer in label_jobs.timers(context):
        timer(now)


def test_an_approved_return_gets_its_label_from_the_worker(shop, carrier):
    rma = approved(shop)

    work(shop, carrier)

    view = view_of(shop, rma)
    assert view.status == "label_issued"
    [parcel] = view.parcels
    assert (parcel.status, parcel.label_ready) == ("announced", True)
    assert parcel.label_expires_at == NOW + timedelta(days=30)
    assert "label_ready" in notices(shop)
    [request] = carrier.asked
    assert (request.rma_number, request.order_number, request.method) == (rma, "LL-2", "drop_off")
    assert request.receiver.postcode == "3080 VB"
    assert [(item.sku, item.quantity, item.value_minor) for item in request.items] == [
        ("shirt-M", 2, 6667)
    ]


def test_a_return_that_waits_for_a_look_gets_its_label_when_it_is_approved(shop, carrier):
    line = RequestedLine(SHIRTS, 1, "defective", "refund")
    request = ReturnRequest("LL-2", (line,), "original", "key")
    rma = returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number
    assert waiting(shop) == []

    return_moves.approve(shop, rma, actor="agent x", now=NOW)
    work(shop, carrier)

    assert view_of(shop, rma).status == "label_issued"


def test_a_worker_that_dies_after_the_carriers_answer_buys_no_second_label(shop, carrier):
    rma = approved(shop)

    def die() -> None:
        raise KeyboardInterrupt

    carrier.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        work(shop, carrier)
    assert (view_of(shop, rma).status, parcels_of(shop)) == ("approved", [])

    carrier.meanwhile = lambda: None
    work(shop, carrier, NOW + timedelta(minutes=5))

    assert len(carrier.asked) == 2
    assert len(carrier.bought) == 1
    assert view_of(shop, rma).status == "label_issued"
    assert len(parcels_of(shop)) == 1


def test_a_job_that_is_done_twice_keeps_one_label(shop, carrier):
    rma = approved(shop)
    [(key, _due)] = waiting(shop)
    work(shop, carrier)

    labels.issue(shop, carrier, rma, key, actor="system", now=NOW)

    assert len(parcels_of(shop)) == 1
    assert len(carrier.asked) == 1


def test_two_that_make_the_label_at_the_same_time_keep_one(shop, carrier):
    rma = approved(shop)
    [(key, _due)] = waiting(shop)
    other = BookedCarrier()
    carrier.meanwhile = lambda: labels.issue(shop, other, rma, key, actor="system", now=NOW)

    work(shop, carrier)

    assert waiting(shop) == []
    assert carrier.bought == other.bought
    assert [state for _number, state in parcels_of(shop)] == ["announced"]
    assert view_of(shop, rma).status == "label_issued"


def test_a_return_called_off_while_its_label_is_made_is_left_with_a_voided_one(shop, carrier):
    rma = approved(shop)
    carrier.meanwhile = lambda: return_moves.cancel(shop, rma, actor="shopper", now=NOW)

    work(shop, carrier)
    work(shop, carrier)

    assert view_of(shop, rma).status == "cancelled"
    assert [state for _number, state in parcels_of(shop)] == ["voided"]
    assert carrier.voided == list(carrier.bought)


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
def test_a_return_that_ends_unposted_takes_its_label_back(shop, carrier, ending):
    rma = approved(shop)
    work(shop, carrier)

    if ending == "cancelled":
        return_moves.cancel(shop, rma, actor="shopper", now=NOW)
    else:
        return_moves.expire(shop, rma, now=NOW + timedelta(days=30))
    work(shop, carrier, NOW + timedelta(days=30))

    view = view_of(shop, rma)
    assert (view.status, view.parcels) == (ending, ())
    assert len(carrier.voided) == 1
    assert waiting(shop, VOID_LABEL) == []
    with shop.read() as session:
        assert labels.label_of(session, rma, now=NOW) is None


def test_a_label_that_the_carrier_does_not_give_is_tried_again_and_the_return_stays(shop, carrier):
    rma = approved(shop)
    carrier.error = ProviderUnavailable("down")

    work(shop, carrier)

    assert view_of(shop, rma).status == "approved"
    assert waiting(shop)[0][1] > NOW
    carrier.error = None
    work(shop, carrier, NOW + timedelta(minutes=1))
    assert view_of(shop, rma).status == "label_issued"
    assert {request.key for request in carrier.asked} == carrier.bought


def test_after_half_an_hour_without_label_a_person_is_asked_and_the_shopper_told_once(
    shop, carrier
):
    approved(shop)
    carrier.error = ProviderUnavailable("down")
    work(shop, carrier)

    check_for_delays(shop, NOW + timedelta(minutes=29))
    assert case_reasons(shop) == []
    for minutes in (30, 31, 90):
        check_for_delays(shop, NOW + timedelta(minutes=minutes))

    assert case_reasons(shop) == ["label_failed"]
    assert notices(shop).count("label_delayed") == 1


def test_a_label_that_came_in_time_is_not_late(shop, carrier):
    approved(shop)
    work(shop, carrier)

    check_for_delays(shop, NOW + timedelta(hours=2))

    assert case_reasons(shop) == []


def test_what_the_carrier_refuses_goes_to_a_person_and_can_be_asked_for_anew(shop, carrier):
    rma = approved(shop)
    carrier.error = ProviderRefused(400, "customs data are missing")

    work(shop, carrier)
    work(shop, carrier, NOW + timedelta(hours=1))

    assert len(carrier.asked) == 1
    assert view_of(shop, rma).status == "approved"
    assert case_reasons(shop) == ["label_failed"]
    with shop.read() as session:
        assert "customs data are missing" in session.query(Case).one().summary
    with pytest.raises(NotAllowed, match="made no label"):
        labels.issue_label(shop, rma, actor="agent x", now=NOW, carrier=carrier)
    carrier.error = None
    view = labels.issue_label(shop, rma, actor="agent x", now=NOW, carrier=carrier)
    assert view.status == "label_issued"
    assert len({request.key for request in carrier.asked}) == 3


def test_a_label_given_up_is_asked_for_under_the_key_it_had(shop, carrier):
    rma = approved(shop)
    [(key, _due)] = waiting(shop)
    with shop.write() as session:
        session.execute(update(OutboxJob).values(state="dead"))

    labels.issue_label(shop, rma, actor="agent x", now=NOW, carrier=carrier)

    assert carrier.bought == {key}


def test_a_shop_without_carrier_leaves_the_sending_to_the_shopper(shop):
    rma = approved(shop)

    work(shop, None)

    view = view_of(shop, rma)
    assert (view.status, view.method, view.parcels) == ("approved", "own_carrier", ())
    assert "own_carrier" in notices(shop)
    assert waiting(shop) == []


def test_a_country_without_labels_leaves_the_sending_to_the_shopper(shop):
    change_policy(shop, label_countries=["NO", "DE"])
    rma = approved(shop)

    assert view_of(shop, rma).method == "own_carrier"
    assert waiting(shop) == []
    assert "own_carrier" in notices(shop)
    with pytest.raises(NotAllowed, match="there is no label"):
        labels.issue_label(shop, rma, actor="agent x", now=NOW)
    with pytest.raises(NotAllowed) as refused:
        choose(shop, rma, "drop_off")
    assert refused.value.code == "COUNTRY_NOT_SERVED"
    assert refused.value.facts["methods"] == ("own_carrier",)


def test_a_label_is_made_in_no_other_state(shop):
    view = labelled(shop)

    with pytest.raises(NotAllowed) as refused:
        labels.issue_label(shop, view.rma_number, actor="agent x", now=NOW)

    assert refused.value.code == "WRONG_STATE"
    assert len(parcels_of(shop)) == 1


def choose(shop, rma, method, day=None, now=NOW):
    return labels.choose_method(shop, rma, method, day, actor="shopper", now=now)


def test_another_way_of_sending_takes_the_label_back_and_makes_another(shop, carrier):
    change_policy(shop, methods=ALL_METHODS)
    rma = approved(shop)
    work(shop, carrier)

    view = choose(shop, rma, "pick_up", THURSDAY)
    assert (view.status, view.method, view.pick_up_on, view.parcels) == (
        "approved", "pick_up", THURSDAY, (),
    )  # fmt: skip
    work(shop, carrier)

    view = view_of(shop, rma)
    assert view.status == "label_issued"
    assert [state for _number, state in parcels_of(shop)] == ["voided", "announced"]
    assert [request.pick_up_on for request in carrier.asked] == [None, THURSDAY]
    assert len(carrier.bought) == 2
    assert len(carrier.voided) == 1
    assert notices(shop).count("label_replaced") == 1


def test_going_to_another_carrier_and_back_ends_with_one_good_label(shop, carrier):
    rma = approved(shop)
    work(shop, carrier)

    choose(shop, rma, "own_carrier")
    work(shop, carrier)
    assert view_of(shop, rma).status == "approved"
    choose(shop, rma, "drop_off")
    work(shop, carrier)

    assert view_of(shop, rma).status == "label_issued"
    assert [state for _number, state in parcels_of(shop)] == ["voided", "announced"]


def test_the_way_of_sending_may_change_while_the_label_is_made(shop, carrier):
    change_policy(shop, methods=ALL_METHODS)
    rma = approved(shop)

    def change_once() -> None:
        carrier.meanwhile = lambda: None
        choose(shop, rma, "pick_up", FRIDAY)

    carrier.meanwhile = change_once
    work(shop, carrier)
    work(shop, carrier)

    assert [state for _number, state in parcels_of(shop)] == ["voided", "announced"]
    assert carrier.asked[-1].pick_up_on == FRIDAY
    assert [each for each in notices(shop) if each.startswith("label")] == ["label_ready"]
    assert view_of(shop, rma).status == "label_issued"


def test_the_same_way_again_changes_nothing(shop, carrier):
    rma = approved(shop)
    work(shop, carrier)

    assert choose(shop, rma, "drop_off") == view_of(shop, rma)
    assert carrier.voided == []


@pytest.mark.parametrize(
    ("method", "day", "code"),
    [
        ("pick_up", None, "PICK_UP_DAY_MISSING"),
        ("pick_up", NOW.date(), "PICK_UP_DAY_NOT_POSSIBLE"),
        ("pick_up", date(2026, 6, 13), "PICK_UP_DAY_NOT_POSSIBLE"),
        ("pick_up", date(2026, 6, 25), "PICK_UP_DAY_NOT_POSSIBLE"),
        ("pigeon", None, "METHOD_NOT_OFFERED"),
    ],
)
def test_a_way_of_sending_that_is_not_possible_changes_nothing(shop, carrier, method, day, code):
    change_policy(shop, methods=ALL_METHODS)
    rma = approved(shop)
    work(shop, carrier)
    before = view_of(shop, rma)

    with pytest.raises(NotAllowed) as refused:
        choose(shop, rma, method, day)

    assert refused.value.code == code
    assert view_of(shop, rma) == before


def test_the_way_of_sending_is_settled_once_the_carrier_has_the_parcel(shop, carrier):
    rma = approved(shop)
    work(shop, carrier)
    return_moves.record_scan(shop, rma, actor="carrier", now=NOW)

    with pytest.raises(NotAllowed):
        choose(shop, rma, "own_carrier")

    assert [state for _number, state in parcels_of(shop)] == ["announced"]


def test_the_label_handed_out_is_the_latest_good_one(shop, carrier):
    change_policy(shop, methods=ALL_METHODS)
    rma = approved(shop)
    work(shop, carrier)
    choose(shop, rma, "pick_up", THURSDAY)
    work(shop, carrier)

    with shop.read() as session:
        label = labels.label_of(session, rma, now=NOW)
        latest = session.query(InboundParcel).order_by(InboundParcel.id.desc()).first()
        assert label.pdf == latest.label.pdf
    assert label.pdf.startswith(b"%PDF")
    assert label.qr_text is None
