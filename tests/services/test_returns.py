"""The life of a return: what each command changes, and that a refused command changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import (
    Event,
    OutboxJob,
    Payment,
    RefundPart,
    Reservation,
    Return,
    StockItem,
    UnitClaim,
    Variant,
)
from returnsdesk.services import exchanges, inspections, refunds, return_moves, returns
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.shop import NOW

SHOES, SHIRTS = "LL-1-1", "LL-2-1"


def request(order="LL-2", *lines, key="key-1", settlement="original"):
    return ReturnRequest(
        order, lines or (RequestedLine(SHIRTS, 2, "too_large", "refund"),), settlement, key
    )


def exchange_request(size="43", key="key-x"):
    line = RequestedLine(SHOES, 1, "too_small", "exchange", new_sku=f"sneakers-{size}")
    return request("LL-1", line, key=key, settlement=None)


def create(shop, wanted=None, now=NOW):
    return returns.create(shop, wanted or request(), actor="shopper", channel="web", now=now)


def stock_of(shop, sku):
    with shop.read() as session:
        item = session.scalars(select(StockItem).join(Variant).where(Variant.sku == sku)).one()
        return item.on_hand, item.reserved


def count(shop, *conditions, of=Return):
    with shop.read() as session:
        return session.scalar(select(func.count()).select_from(of).where(*conditions))


def through_inspection(shop, rma_number, line, grades):
    return_moves.record_scan(shop, rma_number, actor="carrier", now=NOW)
    return_moves.record_arrival(shop, rma_number, actor="carrier", now=NOW)
    for quantity, grade in grades:
        view = inspections.inspect_line(
            shop,
            rma_number,
            line,
            quantity,
            grade,
            actor="agent x",
            now=NOW,
            reason="worn" if grade == "C" else None,
        )
    return view


def test_a_return_gets_a_number_and_holds_its_units(shop):
    view = create(shop)
    assert view.rma_number.startswith("RMA-")
    assert view.status == "approved"
    assert count(shop, UnitClaim.state == "held", of=UnitClaim) == 2
    assert count(shop, Event.command == "submit", of=Event) == 1


def test_a_faulty_item_waits_for_a_look_and_then_goes_ahead(shop):
    line = RequestedLine(SHIRTS, 1, "defective", "refund")
    view = create(shop, request("LL-2", line))
    assert (view.status, view.fee_minor) == ("requested", 0)
    with pytest.raises(NotAllowed):
        return_moves.record_scan(shop, view.rma_number, actor="carrier", now=NOW)
    assert (
        return_moves.approve(shop, view.rma_number, actor="agent x", now=NOW).status == "approved"
    )


def test_the_same_yes_twice_is_one_return(shop):
    assert create(shop).rma_number == create(shop).rma_number
    assert count(shop) == 1


def test_units_in_a_return_cannot_be_returned_again(shop):
    create(shop)
    with pytest.raises(NotAllowed) as refused:
        create(shop, request(key="key-2"))
    assert [each.code for each in refused.value.facts["findings"] if each.severity == "block"] == [
        "QTY_EXCEEDS"
    ]
    assert count(shop) == 1


def test_the_same_item_named_twice_counts_with_both_quantities(shop):
    one = RequestedLine(SHIRTS, 2, "style", "refund")
    with pytest.raises(NotAllowed):
        create(shop, request("LL-2", one, one))
    assert count(shop) == 0


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (request("LL-9"), NotFound),
        (request("LL-1"), NotFound),
        (request("LL-2", RequestedLine(SHIRTS, 0, "style", "refund")), ServiceError),
        (request("LL-2", RequestedLine(SHIRTS, 1, "style", "gift")), ServiceError),
        (exchange_request(size="44"), Conflict),
        (exchange_request(size="42"), NotAllowed),
        (exchange_request(size="99"), ServiceError),
    ],
    ids=[
        "unknown order",
        "foreign line",
        "no units",
        "unknown outcome",
        "sold out",
        "same variant",
        "no variant",
    ],
)
def test_a_refused_request_changes_nothing(shop, wanted, error):
    with pytest.raises(error):
        create(shop, wanted)
    assert (
        count(shop)
        == count(shop, of=UnitClaim)
        == count(shop, of=Reservation)
        == count(shop, of=Event)
        == 0
    )
    assert stock_of(shop, "sneakers-43") == (1, 0)


def test_a_return_and_an_exchange_in_one_request_succeed_or_fail_together(shop):
    refund = RequestedLine(SHIRTS, 1, "style", "refund")
    swap = RequestedLine(SHIRTS, 1, "too_small", "exchange", new_sku="shirt-L")
    view = create(shop, request("LL-2", refund, swap))
    assert [line.outcome for line in view.lines] == ["refund", "exchange"]
    assert view.exchange is not None
    assert stock_of(shop, "shirt-L") == (5, 1)
    with pytest.raises(ServiceError):
        create(
            shop,
            request(
                "LL-2", refund, RequestedLine(SHIRTS, 1, "x", "exchange", new_sku="none"), key="k"
            ),
        )
    assert count(shop) == 1


def test_the_window_is_checked_again_when_it_is_submitted(shop):
    with pytest.raises(NotAllowed):
        create(shop, now=NOW + timedelta(days=60))


def test_a_refund_is_the_sum_of_the_accepted_units_shares_less_the_fee(shop):
    view = create(shop)
    through_inspection(shop, view.rma_number, SHIRTS, [(1, "A"), (1, "B")])
    started = refunds.start(shop, view.rma_number, actor="agent x", now=NOW)
    # 100.00 for three shirts: 33.34 + 33.33, less 2.95
    assert started.refunds[0].amount_minor == 3334 + 3333 - 295
    assert [part.amount_minor for part in started.refunds[0].parts] == [4460, 1912]
    assert started.status == "refund_pending"
    assert stock_of(shop, "shirt-M") == (6, 0)


def test_rejected_units_are_not_paid_and_not_restocked(shop):
    view = create(shop)
    through_inspection(shop, view.rma_number, SHIRTS, [(1, "A"), (1, "C")])
    started = refunds.start(shop, view.rma_number, actor="agent x", now=NOW)
    assert started.refunds[0].breakdown == {"items_minor": 3334, "fee_minor": 295}
    assert stock_of(shop, "shirt-M") == (6, 0)


def test_everything_rejected_ends_the_return_without_money(shop):
    view = create(shop)
    assert through_inspection(shop, view.rma_number, SHIRTS, [(2, "C")]).status == "rejected"
    with pytest.raises(NotAllowed):
        refunds.start(shop, view.rma_number, actor="agent x", now=NOW)


def test_a_return_closes_only_when_every_part_is_settled_and_settles_once(shop):
    view = create(shop)
    through_inspection(shop, view.rma_number, SHIRTS, [(2, "A")])
    parts = refunds.start(shop, view.rma_number, actor="agent x", now=NOW).refunds[0].parts
    assert refunds.start(shop, view.rma_number, actor="agent x", now=NOW).refunds[0].parts == parts
    assert count(shop, OutboxJob.kind == refunds.SEND_REFUND_PART, of=OutboxJob) == 2
    refunds.settle_part(shop, parts[0].id, "ref-0", now=NOW)
    assert _find(shop, view).status == "refund_pending"
    refunds.settle_part(shop, parts[1].id, "ref-1", now=NOW)
    refunds.settle_part(shop, parts[1].id, "other", now=NOW + timedelta(days=1))
    closed = _find(shop, view)
    assert (closed.status, closed.closed_at) == ("closed", NOW)
    assert count(shop, RefundPart.provider_reference == "other", of=RefundPart) == 0


def test_fully_returned_in_two_returns_gives_back_exactly_what_was_paid(shop):
    free_of_charge = "not_as_described"
    for index, quantity in enumerate((1, 2)):
        line = RequestedLine(SHIRTS, quantity, free_of_charge, "refund")
        view = create(shop, request("LL-2", line, key=f"k{index}"))
        through_inspection(shop, view.rma_number, SHIRTS, [(quantity, "A")])
        refunds.start(shop, view.rma_number, actor="agent x", now=NOW)
    with shop.read() as session:
        payments = session.scalars(
            select(Payment).where(Payment.method_external_id.like("LL-2%"))
        ).all()
        assert [(payment.captured_minor, payment.refunded_minor) for payment in payments] == [
            (7000, 7000),
            (3000, 3000),
        ]


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_an_ended_return_frees_its_units_and_its_stock_once(shop, end):
    view = create(shop, exchange_request())
    assert stock_of(shop, "sneakers-43") == (1, 1)
    for _ in range(2):
        if end == "cancel":
            return_moves.cancel(shop, view.rma_number, actor="shopper", now=NOW)
        else:
            return_moves.expire(shop, view.rma_number, now=NOW)
    assert stock_of(shop, "sneakers-43") == (1, 0)
    assert count(shop, UnitClaim.state == "released", of=UnitClaim) == 1
    assert create(shop, exchange_request(key="again")).status == "approved"


def test_after_the_scan_a_return_cannot_be_cancelled(shop):
    view = create(shop)
    return_moves.record_scan(shop, view.rma_number, actor="carrier", now=NOW)
    with pytest.raises(NotAllowed):
        return_moves.cancel(shop, view.rma_number, actor="shopper", now=NOW)
    assert _find(shop, view).status == "in_transit"


def test_an_exchange_is_sent_after_acceptance_and_takes_its_unit_off_the_shelf(shop):
    view = create(shop, exchange_request())
    with pytest.raises(NotAllowed):
        exchanges.ship(shop, view.exchange.number, "T-9", actor="agent x", now=NOW)
    through_inspection(shop, view.rma_number, SHOES, [(1, "A")])
    for _ in range(2):
        sent = exchanges.ship(shop, view.exchange.number, "T-9", actor="agent x", now=NOW)
    assert (sent.status, sent.exchange.status) == ("closed", "shipped")
    assert stock_of(shop, "sneakers-43") == (0, 0)
    assert stock_of(shop, "sneakers-42") == (10, 0)


def test_a_rejected_exchange_frees_its_replacement(shop):
    view = create(shop, exchange_request())
    rejected = through_inspection(shop, view.rma_number, SHOES, [(1, "C")])
    assert (rejected.status, rejected.exchange.status) == ("rejected", "released")
    assert stock_of(shop, "sneakers-43") == (1, 0)


def test_reports_of_the_carrier_twice_or_late_change_nothing(shop):
    view = create(shop)
    return_moves.record_arrival(shop, view.rma_number, actor="carrier", now=NOW)
    later = NOW + timedelta(days=1)
    return_moves.record_arrival(shop, view.rma_number, actor="carrier", now=later)
    return_moves.record_scan(shop, view.rma_number, actor="carrier", now=later)
    arrived = _find(shop, view)
    assert (arrived.status, arrived.arrived_at) == ("arrived", NOW)


def test_of_many_at_once_only_one_gets_the_last_unit_in_stock(shop):
    outcomes = _at_once(lambda index: create(shop, exchange_request(key=f"key-{index}")), 12)
    assert len([each for each in outcomes if not isinstance(each, Exception)]) == 1
    assert all(isinstance(each, ServiceError) for each in outcomes if isinstance(each, Exception))
    assert stock_of(shop, "sneakers-43") == (1, 1)


def test_many_at_once_never_claim_more_units_than_there_are(shop):
    line = RequestedLine(SHIRTS, 1, "style", "refund")
    outcomes = _at_once(lambda index: create(shop, request("LL-2", line, key=f"key-{index}")), 12)
    assert len([each for each in outcomes if not isinstance(each, Exception)]) == 3
    assert count(shop, UnitClaim.state == "held", of=UnitClaim) == 3


def test_a_double_tap_on_two_channels_is_one_return(shop):
    outcomes = _at_once(lambda _: create(shop), 8)
    assert {each.rma_number for each in outcomes} == {outcomes[0].rma_number}
    assert count(shop) == 1


def test_a_refund_started_many_times_at_once_is_one_refund(shop):
    view = create(shop)
    through_inspection(shop, view.rma_number, SHIRTS, [(2, "A")])
    outcomes = _at_once(lambda _: refunds.start(shop, view.rma_number, actor="agent x", now=NOW), 8)
    assert {each.refunds[0].parts for each in outcomes} == {outcomes[0].refunds[0].parts}
    with shop.read() as session:
        assert session.scalar(select(func.sum(Payment.refunded_minor))) == 6667 - 295


def _find(shop, view):
    with shop.read() as session:
        return returns.find(session, view.rma_number)


def _at_once(work, times):
    def attempt(index):
        try:
            return work(index)
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))
