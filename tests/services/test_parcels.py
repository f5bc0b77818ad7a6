"""What carriers report moves parcels and returns on, whatever comes twice, late or out of order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import CarrierEvent, Event, Exchange, InboundParcel, ParcelLabel, Return
from returnsdesk.services import labels, parcels, return_moves, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.sending import (
    BookedCarrier,
    approved,
    case_reasons,
    labelled,
    notices,
    parcels_of,
    report,
    view_of,
    waiting,
)
from tests.services.shop import NOW


def apply(shop, number, status, event_id=None, at=NOW):
    event = report(number, status, event_id or f"{number}-{status}", at)
    return parcels.apply_event(shop, event, now=NOW)


def count(shop, table, *conditions):
    with shop.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions))


@pytest.fixture
def sent(shop):
    """RMA number and tracking number of a return whose label is out."""
    view = labelled(shop)
    return view.rma_number, view.parcels[0].tracking_number


def add_parcel(shop, rma, number):
    """A second parcel of the same return."""
    with shop.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma)).one()
        session.add(
            InboundParcel(
                return_=document, carrier="postnl", tracking_number=number, status="announced",
                carrier_reference=number, label=ParcelLabel(pdf=b"%PDF", created_at=NOW),
            )
        )  # fmt: skip


def test_reports_move_the_return_from_the_scan_to_the_arrival(shop, sent):
    rma, number = sent

    assert apply(shop, number, "in_transit") == "applied"
    assert view_of(shop, rma).status == "in_transit"
    assert apply(shop, number, "delivered") == "applied"

    view = view_of(shop, rma)
    assert (view.status, view.parcels[0].status) == ("arrived", "delivered")
    assert [each for each in notices(shop) if each in ("on_its_way", "arrived")] == [
        "on_its_way",
        "arrived",
    ]


def test_the_same_report_counts_once(shop, sent):
    rma, number = sent
    apply(shop, number, "in_transit")

    assert apply(shop, number, "in_transit") == "duplicate"

    assert count(shop, CarrierEvent) == 1
    assert count(shop, Event, Event.command == "record_scan") == 1
    assert view_of(shop, rma).status == "in_transit"


def test_the_same_report_many_times_at_once_counts_once(shop, sent):
    _rma, number = sent

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda _: apply(shop, number, "in_transit"), range(12)))

    assert sorted(results) == ["applied"] + ["duplicate"] * 11
    assert count(shop, CarrierEvent) == 1
    assert count(shop, Event, Event.command == "record_scan") == 1


@pytest.mark.parametrize(
    "order", list(permutations(["announced", "in_transit", "delivered", "at-customs"]))
)
def test_reports_in_any_order_end_the_same(shop, sent, order):
    rma, number = sent

    for status in order:
        apply(shop, number, status)

    view = view_of(shop, rma)
    assert (view.status, view.parcels[0].status) == ("arrived", "delivered")
    assert count(shop, CarrierEvent) == 4
    assert case_reasons(shop) == []


def test_a_word_of_the_carrier_that_is_not_known_is_kept_and_changes_nothing(shop, sent):
    rma, number = sent

    assert apply(shop, number, "delivery-date-changed") == "applied"

    assert view_of(shop, rma).status == "label_issued"
    assert count(shop, CarrierEvent, CarrierEvent.status == "delivery-date-changed") == 1


def test_a_parcel_that_is_not_known_is_kept_and_changes_nothing(shop, sent):
    rma, _number = sent

    assert apply(shop, "3S-SOMEBODY-ELSES", "delivered") == "unknown_parcel"

    assert view_of(shop, rma).status == "label_issued"
    assert count(shop, CarrierEvent) == 1


def test_a_report_from_before_the_label_was_kept_is_made_up_for(shop):
    rma = approved(shop)
    [(key, _due)] = waiting(shop)
    carrier = BookedCarrier()
    with shop.read() as session:
        number = carrier.make_label(labels._request(session, rma, key)).tracking_number
    assert apply(shop, number, "in_transit") == "unknown_parcel"

    labels.issue(shop, carrier, rma, key, actor="system", now=NOW)

    assert view_of(shop, rma).status == "in_transit"
    assert parcels_of(shop) == [(number, "in_transit")]


def test_the_first_of_several_parcels_that_arrives_lets_the_inspection_begin(shop, sent):
    rma, number = sent
    add_parcel(shop, rma, "SECOND")
    apply(shop, number, "in_transit")
    apply(shop, "SECOND", "in_transit")

    apply(shop, "SECOND", "delivered")
    assert view_of(shop, rma).status == "arrived"
    apply(shop, number, "delivered")

    assert view_of(shop, rma).status == "arrived"
    assert [status for _number, status in parcels_of(shop)] == ["delivered", "delivered"]
    assert count(shop, Event, Event.command == "record_arrival") == 1


def test_a_lost_parcel_makes_the_return_lost_and_asks_a_person(shop, sent):
    rma, number = sent
    apply(shop, number, "in_transit")

    apply(shop, number, "lost")

    assert view_of(shop, rma).status == "lost"
    assert case_reasons(shop) == ["parcel_lost"]


def test_a_parcel_lost_before_any_scan_was_heard_of_is_lost_all_the_same(shop, sent):
    rma, number = sent

    apply(shop, number, "lost")
    apply(shop, number, "in_transit")

    assert view_of(shop, rma).status == "lost"


def test_a_lost_parcel_that_turns_up_arrives(shop, sent):
    rma, number = sent
    for status in ("in_transit", "lost", "delivered"):
        apply(shop, number, status)

    assert view_of(shop, rma).status == "arrived"


def test_one_lost_parcel_of_two_asks_a_person_and_the_other_still_comes(shop, sent):
    rma, number = sent
    add_parcel(shop, rma, "SECOND")
    apply(shop, number, "in_transit")
    apply(shop, "SECOND", "in_transit")

    apply(shop, "SECOND", "lost")
    assert view_of(shop, rma).status == "in_transit"
    assert case_reasons(shop) == ["parcel_lost"]
    apply(shop, number, "delivered")

    assert view_of(shop, rma).status == "arrived"


def test_a_parcel_on_its_way_back_to_the_shopper_asks_a_person(shop, sent):
    rma, number = sent
    apply(shop, number, "in_transit")

    apply(shop, number, "undelivered")

    assert view_of(shop, rma).status == "in_transit"
    assert case_reasons(shop) == ["parcel_undelivered"]


@pytest.mark.parametrize("ending", ["cancel", "expire"])
def test_a_parcel_of_a_return_that_has_ended_asks_a_person_and_changes_nothing(shop, sent, ending):
    rma, number = sent
    if ending == "cancel":
        return_moves.cancel(shop, rma, actor="shopper", now=NOW)
    else:
        return_moves.expire(shop, rma, now=NOW + timedelta(days=30))
    before = view_of(shop, rma)

    apply(shop, number, "in_transit")
    apply(shop, number, "delivered")

    assert view_of(shop, rma) == before
    assert parcels_of(shop) == [(number, "voided")]
    assert case_reasons(shop) == ["parcel_after_end"]


def test_a_late_scan_moves_nothing_back(shop, sent):
    rma, number = sent
    apply(shop, number, "delivered")

    apply(shop, number, "in_transit", at=NOW + timedelta(hours=1))

    view = view_of(shop, rma)
    assert (view.status, view.parcels[0].status) == ("arrived", "delivered")


@pytest.mark.parametrize("reports", [["in_transit", "delivered"], ["delivered", "in_transit"]])
def test_a_replacement_that_the_carrier_delivered_is_delivered(shop, reports):
    line = RequestedLine("LL-1-1", 1, "too_small", "exchange", new_sku="sneakers-43")
    request = ReturnRequest("LL-1", (line,), None, "key-x")
    rma = returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number
    with shop.write() as session:
        exchange = session.scalars(select(Exchange)).one()
        exchange.status, exchange.tracking_number, exchange.shipped_at = "shipped", "OUT-1", NOW

    assert [apply(shop, "OUT-1", status) for status in reports] == ["applied", "applied"]

    view = view_of(shop, rma)
    assert (view.status, view.exchange.status) == ("approved", "delivered")


def test_a_replacement_reported_before_it_was_sent_changes_nothing(shop):
    line = RequestedLine("LL-1-1", 1, "too_small", "exchange", new_sku="sneakers-43")
    request = ReturnRequest("LL-1", (line,), None, "key-x")
    rma = returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number
    with shop.write() as session:
        session.scalars(select(Exchange)).one().tracking_number = "OUT-1"

    assert apply(shop, "OUT-1", "delivered") == "applied"

    assert view_of(shop, rma).exchange.status == "held"


def test_carriers_are_asked_only_about_quiet_parcels_that_may_still_come(shop, sent):
    rma, number = sent

    def asked(hours):
        with shop.read() as session:
            since = NOW + timedelta(hours=hours - 6)
            found = parcels.to_ask_about(session, quiet_since=since, limit=5)
            return [parcel.tracking_number for parcel in found]

    assert asked(1) == []
    assert asked(6) == [number]
    apply(shop, number, "in_transit", at=NOW + timedelta(hours=5))
    assert asked(6) == []
    assert asked(12) == [number]
    return_moves.record_arrival(shop, rma, actor="agent x", now=NOW)
    assert asked(12) == []
