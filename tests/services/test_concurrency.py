"""Many at once, on both databases, hundreds of tries: units, money, stock, drafts, jobs and notices go out once.

What happens to a single return under many hands stands in test_returns.py, test_refunds.py and test_parcels.py; here
different commands meet, and they meet often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier, Lock
from typing import Any

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import (
    Draft,
    DraftLine,
    Event,
    Exchange,
    Notification,
    Order,
    OrderLine,
    OrderUnit,
    OutboxJob,
    Payment,
    Refund,
    RefundPart,
    Reservation,
    Return,
    StockItem,
    UnitClaim,
    Variant,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.services import (
    claims,
    drafts,
    exchange_endings,
    exchanges,
    inspections,
    notices,
    outbox,
    refunds,
    return_moves,
    returns,
    stock,
    withdrawal_returns,
    withdrawals,
)
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.withdrawals import Declaration
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    DELIVERED,
    START,
    LinePlan,
    OrderPlan,
    ShopPlan,
    put_in,
)

HANDS = 8
ORDERS = 30
UNITS = 2
PIECES = 7

_COUNTED_AND_SENT = (
    select(Event.command)
    .where(
        Event.command.in_(("correct_count", "ship")), Event.document.in_(("variant", "exchange"))
    )
    .order_by(Event.id)
)


@pytest.fixture
def busy(database: Database) -> Database:
    """Thirty orders of two pieces each; seven pieces of the next size, and plenty of a third, to exchange them for."""
    order = OrderPlan(
        lines=(LinePlan(0, 0, 2999, 1, (DELIVERED,) * UNITS),),
        discount=0,
        shipping_paid=0,
        payments=(("credit_card", 2), ("gift_card", 1)),
        refunded_before=0,
    )
    plan = ShopPlan(
        currency="EUR", orders=(order,) * ORDERS, prices=((2999, 2999, 2999), (1, 1, 1)),
        stock=((0, PIECES, 500), (0, 0, 0)), tier="none", reads_texts=True, same_price_swap=True,
        other_products=False, refund_order="proportional", bonus_percent=0,
    )  # fmt: skip
    with database.write() as session:
        put_in(session, plan)
    return database


def at_once(works: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start all at the same moment; what is refused comes back as the refusal, anything else fails the test."""
    works = list(works)
    ready = Barrier(len(works))

    def attempt(work: Callable[[], Any]) -> Any:
        ready.wait(30)
        try:
            return work()
        except ServiceError as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(attempt, works))


def done(outcomes: list[Any]) -> list[Any]:
    """Those that were not refused."""
    return [each for each in outcomes if not isinstance(each, ServiceError)]


def ask(
    shop: Database,
    number: int,
    key: str,
    outcome: str = "refund",
    size: str = "L",
    quantity: int = 1,
) -> Any:
    """Register a return or exchange of some units of an order."""
    sku = f"product0-{size}" if outcome == "exchange" else None
    line = RequestedLine(f"LL-{number}-0", quantity, "too_small", outcome, sku)
    request = ReturnRequest(f"LL-{number}", (line,), None, key)
    return returns.create(
        shop, request, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
    )


def claim(shop: Database, number: int, key: str) -> Any:
    """Claim that one unit of an order is missing."""
    request = ClaimRequest(f"LL-{number}", ((f"LL-{number}-0", 1),), "missing", "refund", key)
    return claims.open_claim(
        shop, request, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
    )


def withdraw(shop: Database, number: int, key: str) -> Any:
    """Declare a withdrawal from one unit of an order, and open its return."""
    with shop.read() as session:
        order_id = session.scalar(select(Order.id).where(Order.number == f"LL-{number}"))
    declaration = Declaration(
        f"LL-{number}", order_id, "Noor", "noor@mail.example", f"I withdraw {key}", "nl", key,
        ((f"LL-{number}-0", 1),),
    )  # fmt: skip
    view = withdrawals.declare(
        shop, declaration, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
    )
    return withdrawal_returns.open_return(shop, view.number, actor="shopper", now=START)


def count(shop: Database, of: Any, *conditions: Any) -> int:
    """How many rows there are."""
    with shop.read() as session:
        return int(session.scalar(select(func.count()).select_from(of).where(*conditions)))


def taken(shop: Database, number: int) -> int:
    """How many units of an order some document holds."""
    with shop.read() as session:
        return int(
            session.scalar(
                select(func.count(UnitClaim.id))
                .join(OrderUnit, OrderUnit.id == UnitClaim.order_unit_id)
                .join(OrderLine, OrderLine.id == OrderUnit.order_line_id)
                .where(OrderLine.external_id == f"LL-{number}-0", UnitClaim.state != "released")
            )
        )


def shelf(shop: Database, size: str) -> tuple[int, int]:
    """Units on hand and reserved of a size."""
    with shop.read() as session:
        item = session.scalars(
            select(StockItem).join(Variant).where(Variant.sku == f"product0-{size}")
        ).one()
        return item.on_hand, item.reserved


def accepted(shop: Database, number: int, outcome: str, size: str = "L", quantity: int = 2) -> Any:
    """A return or exchange that has come back and was accepted."""
    view = ask(shop, number, f"key-{number}", outcome, size, quantity)
    return_moves.record_arrival(shop, view.rma_number, actor="carrier", now=START)
    return inspections.inspect_line(
        shop, view.rma_number, f"LL-{number}-0", quantity, "A", actor=AGENT, now=START
    )


def test_the_last_units_go_to_one_document_whatever_asks_for_them(busy):
    for number in range(ORDERS):
        outcomes = at_once(
            [
                *(partial(ask, busy, number, f"r{number}-{i}") for i in range(3)),
                *(partial(ask, busy, number, f"x{number}-{i}", "exchange") for i in range(2)),
                *(partial(claim, busy, number, f"c{number}-{i}") for i in range(2)),
                partial(withdraw, busy, number, f"w{number}"),
            ]
        )
        assert taken(busy, number) == UNITS
        *others, withdrawal = outcomes
        opened = not isinstance(withdrawal, ServiceError) and withdrawal.rma_number is not None
        assert len(done(others)) + opened == UNITS
        assert {each.code for each in others if isinstance(each, ServiceError)} <= {
            "NOT_ELIGIBLE", "QTY_EXCEEDS",
        }  # fmt: skip
    assert count(busy, Withdrawal) == ORDERS
    assert count(busy, Reservation, Reservation.state == "held") == shelf(busy, "L")[1]


def test_units_that_come_free_are_taken_once(busy):
    for number in range(ORDERS // 2):
        held = ask(busy, number, f"first-{number}", quantity=2)
        outcomes = at_once(
            [
                partial(return_moves.cancel, busy, held.rma_number, actor="shopper", now=START),
                partial(return_moves.expire, busy, held.rma_number, now=START),
                *(partial(ask, busy, number, f"r{number}-{i}") for i in range(4)),
            ]
        )
        assert len(done(outcomes[:2])) == 1
        assert taken(busy, number) == len(done(outcomes[2:])) <= UNITS


def test_many_shoppers_get_no_more_pieces_than_there_are(busy):
    outcomes = []
    for first in range(0, ORDERS, HANDS):
        outcomes += at_once(
            partial(ask, busy, number, f"key-{number}", "exchange", "M")
            for number in range(first, min(first + HANDS, ORDERS))
        )
    assert len(done(outcomes)) == PIECES
    assert {each.code for each in outcomes if isinstance(each, ServiceError)} == {"OUT_OF_STOCK"}
    assert shelf(busy, "M") == (PIECES, PIECES)
    # Refused with all that belongs to it.
    assert count(busy, Return) == count(busy, Exchange) == PIECES
    assert count(busy, UnitClaim) == PIECES


def test_requests_for_several_sizes_in_any_order_do_not_wait_for_each_other_for_ever(busy):
    def both(number: int, key: str) -> Any:
        order = ("M", "L") if number % 2 else ("L", "M")
        return [ask(busy, number, f"{key}-{size}", "exchange", size) for size in order]

    outcomes = at_once(partial(both, number, f"key-{number}") for number in range(HANDS))
    assert len(done(outcomes)) <= PIECES
    assert shelf(busy, "M")[1] + shelf(busy, "L")[1] == count(
        busy, Reservation, Reservation.state == "held"
    )


def test_a_refund_started_settled_and_refused_by_many_is_paid_once(busy):
    for number in range(0, ORDERS, 3):
        view = accepted(busy, number, "refund")
        started = at_once(
            [partial(refunds.start, busy, view.rma_number, actor=AGENT, now=START)] * HANDS
        )
        assert all(each.refunds == started[0].refunds for each in started)
        parts = [part.id for part in done(started)[0].refunds[0].parts]
        at_once(
            [
                *(
                    partial(refunds.settle_part, busy, part, f"ref-{i}", now=START)
                    for part in parts
                    for i in range(2)
                ),
                *(partial(refunds.fail_part, busy, part, "no", now=START) for part in parts),
                *(partial(refunds.mark_pending, busy, part, "p", now=START) for part in parts),
            ]
        )
        with busy.read() as session:
            document = returns.find(session, view.rma_number)
        assert document.status == "closed"
        assert [refund.status for refund in document.refunds] == ["settled"]
    assert count(busy, RefundPart, RefundPart.status != "settled") == 0
    with busy.read() as session:
        given_back = session.scalar(select(func.sum(Payment.refunded_minor)))
        assert given_back == session.scalar(select(func.sum(Refund.amount_minor)))


def test_an_exchange_is_sent_or_paid_back_and_never_both(busy):
    for number in range(ORDERS // 2):
        view = accepted(busy, number, "exchange")
        at_once(
            [
                *[partial(exchanges.ship, busy, view.exchange.number, "T", actor=AGENT, now=START)]
                * 3,
                *[
                    partial(
                        exchange_endings.convert_to_return,
                        busy,
                        view.exchange.number,
                        "original",
                        actor="shopper",
                        now=START,
                    )
                ]
                * 3,
            ]
        )
        with busy.read() as session:
            document = returns.find(session, view.rma_number)
        is_sent = document.exchange.status == "shipped"
        assert is_sent or document.exchange.status == "released"
        assert {line.outcome for line in document.lines} == {"exchange" if is_sent else "refund"}
    on_hand, reserved = shelf(busy, "L")
    sent = count(busy, Reservation, Reservation.state == "allocated") * UNITS
    assert (on_hand, reserved) == (500 - sent, 0)


def test_counting_stock_loses_nothing_that_moves_meanwhile(busy):
    for number in range(ORDERS // 2):
        view = accepted(busy, number, "exchange")
        before, _reserved = shelf(busy, "L")
        outcomes = at_once(
            [
                partial(exchanges.ship, busy, view.exchange.number, "T", actor=AGENT, now=START),
                partial(stock.correct_count, busy, "product0-L", before, actor=AGENT, now=START),
            ]
        )
        assert len(done(outcomes)) == 2
        # Counted before the parcel was packed, or after it: a piece that left is never on the shelf again.
        with busy.read() as session:
            logged = session.execute(_COUNTED_AND_SENT).all()
        last = logged[-1].command
        on_hand, reserved = shelf(busy, "L")
        assert on_hand == (before if last == "correct_count" else before - UNITS)
        assert reserved == 0


def test_one_draft_submitted_on_two_channels_is_one_return(busy):
    for number in range(ORDERS):
        with busy.write() as session:
            order = session.scalars(select(Order).where(Order.number == f"LL-{number}")).one()
            draft = Draft(
                conversation_id=CONVERSATION, state="open", wish={}, order_id=order.id, settlement="original",
                created_at=START, updated_at=START,
            )  # fmt: skip
            draft.lines = [
                DraftLine(order_line_id=order.lines[0].id, quantity=1, reason="style", outcome="refund")
            ]  # fmt: skip
            session.add(draft)
            session.flush()
            draft.summary_token = token = drafts.summary_of(session, draft, "en", START).token
        outcomes = at_once([partial(drafts.submit, busy, CONVERSATION, token, now=START)] * 4)
        assert len({each.rma_number for each in done(outcomes)}) == 1
        assert len(done(outcomes)) == 4
    assert count(busy, Return) == count(busy, UnitClaim) == ORDERS


def test_one_declaration_sent_twice_is_one_withdrawal(busy):
    for number in range(ORDERS // 2):
        outcomes = at_once([partial(withdraw, busy, number, f"w{number}")] * 4)
        assert len({each.number for each in done(outcomes)}) == 1
    assert count(busy, Withdrawal) == ORDERS // 2
    assert count(busy, Return) == ORDERS // 2


def test_each_job_is_done_by_one_of_four_workers(busy):
    with busy.write() as session:
        for number in range(120):
            outbox.add(session, "greet", {"n": number}, dedupe_key=f"greet-{number}", now=START)
    times: Counter[int] = Counter()
    lock = Lock()

    def greet(payload: dict[str, Any], key: str, now: Any) -> None:
        with lock:
            times[payload["n"]] += 1

    def work() -> int:
        return sum(outbox.run_due(busy, {"greet": greet}, now=START) for _ in range(4))

    tried = at_once([work] * 4)
    assert sum(tried) == 120
    assert times == Counter(dict.fromkeys(range(120), 1))
    assert count(busy, OutboxJob, OutboxJob.state != "done") == 0


def test_an_event_announced_by_many_at_once_is_one_notice_on_each_channel(busy):
    views = [ask(busy, number, f"key-{number}") for number in range(ORDERS // 2)]

    def tell(rma_number: str) -> None:
        with busy.write() as session:
            document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
            notices.announce(
                session, "late", document="return", document_id=document.id, order=document.order,
                conversation_id=document.conversation_id, now=START + timedelta(days=9),
            )  # fmt: skip

    for view in views:
        at_once([partial(tell, view.rma_number)] * HANDS)
    channels = {notices.EMAIL, notices.SMS, notices.WEB}
    assert count(busy, Notification, Notification.event == "late") == len(channels) * len(views)
    with busy.read() as session:
        late = session.scalars(select(Notification).where(Notification.event == "late"))
        keys = [each.dedupe_key for each in late]
    assert count(busy, OutboxJob, OutboxJob.dedupe_key.in_(keys)) == len(keys)


def test_the_same_key_by_many_at_once_is_one_document(busy):
    for number in range(ORDERS):
        outcomes = at_once(
            [partial(ask, busy, number, f"same-{number}")] * 3
            + [partial(claim, busy, number, f"same-{number}")] * 3
        )
        assert len(done(outcomes)) == 6
        assert len({getattr(each, "rma_number", None) for each in outcomes[:3]}) == 1
        assert len({each.number for each in outcomes[3:]}) == 1
        assert taken(busy, number) == UNITS
