"""A return, claim or withdrawal at the moment of each notice; each gives the number of its document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from returnsdesk.db.models import RefundPart
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import (
    claim_decisions,
    exchanges,
    labels,
    refund_parts,
    refunds,
    return_moves,
    withdrawals,
)
from returnsdesk.services.withdrawals import Declaration
from tests.notices.sending import announce, change
from tests.services.documents import (
    AGENT,
    SHIRTS,
    SHOES,
    claim_request,
    create,
    exchange_request,
    inspected,
    open_claim,
    order_id,
    return_request,
)
from tests.services.shop import NOW

WORDS: Final = "I withdraw from my contract.\nPlease confirm."
DECIDED: Final = "The seal was broken."


def approved(shop: Database) -> str:
    return create(shop).rma_number


def request_received(shop: Database) -> str:
    return create(shop, return_request(reason="defective")).rma_number


def declined(shop: Database) -> str:
    number = request_received(shop)
    return_moves.decline(shop, number, "SEAL", DECIDED, actor=AGENT, now=NOW)
    return number


def label_ready(shop: Database) -> str:
    number = approved(shop)
    labels.issue_label(shop, number, actor=AGENT, now=NOW)
    return number


def on_its_way(shop: Database) -> str:
    number = label_ready(shop)
    return_moves.record_scan(shop, number, actor="carrier", now=NOW)
    return number


def arrived(shop: Database) -> str:
    number = on_its_way(shop)
    return_moves.record_arrival(shop, number, actor="carrier", now=NOW)
    return number


def late(shop: Database) -> str:
    def came_long_ago(document: Any) -> None:
        document.arrived_at = NOW - timedelta(days=12)

    number = arrived(shop)
    change(shop, number, came_long_ago)
    return told(shop, "late", number)


def on_hold(shop: Database) -> str:
    number = arrived(shop)
    return_moves.hold(shop, number, "WRONG_ITEM", DECIDED, actor=AGENT, now=NOW)
    return number


def lost(shop: Database) -> str:
    number = on_its_way(shop)
    return_moves.report_lost(shop, number, actor="system", now=NOW)
    return number


def cancelled(shop: Database) -> str:
    number = approved(shop)
    return_moves.cancel(shop, number, actor=AGENT, now=NOW)
    return number


def expired(shop: Database) -> str:
    number = approved(shop)
    return_moves.expire(shop, number, now=NOW)
    return number


def checked(shop: Database, *grades: tuple[int, str]) -> str:
    number = approved(shop)
    inspected(shop, number, SHIRTS, *(grades or ((2, "A"),)))
    return number


def rejected(shop: Database) -> str:
    return checked(shop, (2, "C"))


def partly_accepted(shop: Database) -> str:
    return checked(shop, (1, "A"), (1, "C"))


def refunded(shop: Database) -> str:
    number = checked(shop)
    refunds.start(shop, number, actor="system", now=NOW)
    settle_all(shop)
    return number


def settle_all(shop: Database) -> None:
    """The payment provider has paid every part that waits."""
    with shop.read() as session:
        waiting = list(
            session.scalars(select(RefundPart.id).where(RefundPart.status != states.REFUND_SETTLED))
        )
    for part_id in waiting:
        refund_parts.settle_part(shop, part_id, f"ref-{part_id}", now=NOW)


def exchange_shipped(shop: Database) -> str:
    view = create(shop, exchange_request())
    inspected(shop, view.rma_number, SHOES, (1, "A"))
    assert view.exchange is not None
    exchanges.ship(shop, view.exchange.number, "OUT-1", actor=AGENT, now=NOW)
    return view.rma_number


def payment_due(shop: Database) -> str:
    def with_link(document: Any) -> None:
        exchange = document.exchange
        exchange.difference_status = states.DIFFERENCE_DUE
        exchange.lines[0].price_difference_minor = 1250
        exchange.payment_url = "https://pay.example/p/1"
        exchange.payment_due_at = NOW + timedelta(hours=48)

    number = create(shop, exchange_request()).rma_number
    change(shop, number, with_link)
    return told(shop, "payment_due", number)


def choice_gone(event: str) -> Callable[[Database], str]:
    def stage(shop: Database) -> str:
        def choose_again(document: Any) -> None:
            document.exchange.status = states.EXCHANGE_CHOOSE_AGAIN

        number = create(shop, exchange_request()).rma_number
        change(shop, number, choose_again)
        return told(shop, event, number)

    return stage


def own_carrier(shop: Database) -> str:
    def by_own_carrier(document: Any) -> None:
        document.method = "own_carrier"

    number = approved(shop)
    change(shop, number, by_own_carrier)
    return told(shop, "own_carrier", number)


def told(shop: Database, event: str, number: str) -> str:
    """A stage whose notice is written by hand."""
    announce(shop, event, number)
    return number


def claim(resolution: str | None = None, **more: Any) -> Callable[[Database], str]:
    """A claim, decided if `resolution` is given."""

    def stage(shop: Database) -> str:
        number = open_claim(shop, claim_request(claim_type="missing", photo_ids=())).number
        if resolution is not None:
            claim_decisions.approve(shop, number, resolution, actor=AGENT, now=NOW, **more)
        return number

    return stage


def claim_without_photo(shop: Database) -> str:
    return open_claim(shop, claim_request(photo_ids=())).number


def claim_denied(shop: Database) -> str:
    number = open_claim(shop).number
    claim_decisions.deny(shop, number, DECIDED, actor=AGENT, now=NOW)
    return number


def claim_resolved(shop: Database) -> str:
    number = claim("refund")(shop)
    settle_all(shop)
    return number


def declare(shop: Database, order: str | None = "LL-2", **more: Any) -> str:
    """A withdrawal from a whole order, or from an order that nobody knows."""
    made = {
        "order_number_given": order or "",
        "order_id": order_id(shop, order) if order else None,
        "name": "Anna de Vries",
        "contact": "anna@other.example",
        "words": WORDS,
        "language": "en",
        "idempotency_key": "w-1",
        **more,
    }
    view = withdrawals.declare(shop, Declaration(**made), actor="shopper", channel="web", now=NOW)
    return view.number


def withdrawal_refused(shop: Database) -> str:
    number = declare(shop, None)
    withdrawals.refuse(shop, number, DECIDED, actor=AGENT, now=NOW)
    return number


def after(stage: Callable[[Database], str], event: str) -> Callable[[Database], str]:
    """A stage with the notice of an event that does not come from a change of state."""
    return lambda shop: told(shop, event, stage(shop))


STAGES: Final[dict[str, tuple[str, Callable[[Database], str]]]] = {
    "request_received": ("request_received", request_received),
    "approved": ("approved", approved),
    "declined": ("declined", declined),
    "label_ready": ("label_ready", label_ready),
    "label_replaced": ("label_replaced", after(label_ready, "label_replaced")),
    "label_delayed": ("label_delayed", after(approved, "label_delayed")),
    "own_carrier": ("own_carrier", own_carrier),
    "reminder_1": ("reminder_1", after(label_ready, "reminder_1")),
    "reminder_2": ("reminder_2", after(label_ready, "reminder_2")),
    "reminder_3": ("reminder_3", after(label_ready, "reminder_3")),
    "on_its_way": ("on_its_way", on_its_way),
    "arrived": ("arrived", arrived),
    "late": ("late", late),
    "on_hold": ("on_hold", on_hold),
    "lost": ("lost", lost),
    "cancelled": ("cancelled", cancelled),
    "expired": ("expired", expired),
    "inspected": ("inspected", checked),
    "inspected_partly": ("inspected", partly_accepted),
    "inspected_rejected": ("inspected", rejected),
    "refunded": ("refunded", refunded),
    "exchange_shipped": ("exchange_shipped", exchange_shipped),
    "payment_due": ("payment_due", payment_due),
    "payment_missed": ("payment_missed", choice_gone("payment_missed")),
    "choose_again": ("choose_again", choice_gone("choose_again")),
    "claim_received": ("claim_received", claim()),
    "claim_needs_evidence": ("claim_needs_evidence", claim_without_photo),
    "claim_approved_refund": ("claim_approved", claim("refund")),
    "claim_approved_keep": ("claim_approved", claim("partial_refund_keep", amount_minor=500)),
    "claim_approved_replacement": ("claim_approved", claim("replacement")),
    "claim_denied": ("claim_denied", claim_denied),
    "claim_resolved": ("claim_resolved", claim_resolved),
    "withdrawal_received": ("withdrawal_received", declare),
    "withdrawal_of_unknown_order": ("withdrawal_received", lambda shop: declare(shop, None)),
    "withdrawal_refused": ("withdrawal_refused", withdrawal_refused),
}
"""Name of a stage -> the event that is told at it, and how to get there."""
