"""What is told of a return's money: what goes back which way and when, what was kept, and the codes of credit."""

from __future__ import annotations

from datetime import date
from typing import Any

from actions.turn import Turn, database
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.services.credits import COUPON, of_order
from returnsdesk.services.status import Standing

# Ways of paying back that have a text of their own.
WAYS = ("card", "paypal", "gift_card", "invoice", "store_credit")


def money_texts(turn: Turn, standing: Standing) -> list[str]:
    """Each refund with its way and its dates, codes of credit, and what was not accepted."""
    texts = []
    for refund in standing.document.refunds:
        amount = formatting.money(refund.amount_minor, refund.currency, turn.language)
        ways = formatting.enumeration([_way(turn, part) for part in refund.parts], turn.language)
        if refund.settled_at is None:
            key = {
                states.REFUND_PENDING_AT_PROVIDER: "refunds_status_pending",
                states.REFUND_FAILED: "refunds_status_failed",
            }.get(refund.status, "refunds_status_sending")
            texts.append(turn.label(key, amount=amount, ways=ways))
        elif standing.money_from and standing.money_to:
            paid_on = windows.local_date(refund.settled_at, standing.document.country)
            texts.append(
                turn.label(
                    _settled_key(standing, paid_on),
                    amount=amount,
                    ways=ways,
                    paid_on=formatting.day(paid_on, turn.language),
                    money_from=formatting.day(standing.money_from, turn.language),
                    money_to=formatting.day(standing.money_to, turn.language),
                )
            )
        if refund.breakdown.get("fee_minor"):
            fee = formatting.money(refund.breakdown["fee_minor"], refund.currency, turn.language)
            texts.append(turn.label("refunds_status_fee", fee=fee))
    return [*texts, *_credit_texts(turn, standing), *_rejection_texts(turn, standing)]


def _settled_key(standing: Standing, paid_on: date) -> str:
    if standing.money_to == paid_on:
        return "refunds_status_settled_at_once"
    return (
        "refunds_status_settled_overdue" if standing.is_money_overdue else "refunds_status_settled"
    )


def _rejection_texts(turn: Turn, standing: Standing) -> list[str]:
    """How many units were not accepted, and what the warehouse noted about them."""
    texts = []
    for line in standing.document.lines:
        if line.rejected:
            because = "_because" if line.rejection_reasons else ""
            reasons = "; ".join(line.rejection_reasons)
            texts.append(
                turn.label(
                    f"returns_status_units_rejected{because}", count=line.rejected, reasons=reasons
                )
            )
    return texts


def breakdown_texts(turn: Turn, standing: Standing) -> list[str]:
    """What was paid for the accepted items, and that a discount on the order is the reason where it is."""
    document = standing.document
    items_minor = sum(refund.breakdown.get("items_minor", 0) for refund in document.refunds)
    items = formatting.money(items_minor, document.currency, turn.language)
    texts = [turn.label("refunds_breakdown", items=items)]
    if any(line.paid_minor < line.list_minor for line in document.refund_lines):
        texts.append(turn.label("refunds_breakdown_discount"))
    return texts


def _credit_texts(turn: Turn, standing: Standing) -> list[str]:
    """The codes of credit that was paid out for this order; only whoever has proven the order gets here."""
    document = standing.document
    parts = [part for refund in document.refunds for part in refund.parts if refund.settled_at]
    if not any(part.kind == "store_credit" for part in parts):
        return []
    with database().read() as session:
        issued = of_order(session, document.order_number)
    return [
        turn.label(
            "refunds_coupon_code" if each.kind == COUPON else "refunds_credit_code",
            amount=formatting.money(each.amount_minor, each.currency, turn.language),
            code=each.code,
            valid_until=formatting.far_day(
                windows.local_date(each.expires_at, document.country), turn.language
            )
            if each.expires_at
            else "-",
        )
        for each in issued
    ]


def _way(turn: Turn, part: Any) -> str:
    """How a part of the money goes back: "your card ending in 4242"."""
    if part.kind == "credit_card" and part.last_four:
        return turn.label("label_payment_credit_card", last_four=part.last_four)
    kind = {"credit_card": "card"}.get(part.kind, part.kind)
    return turn.label(f"label_payment_{kind if kind in WAYS else 'other'}")
