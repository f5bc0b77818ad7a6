"""What is told of a return's money: what goes back which way and when, what was kept, and the codes of credit."""

from __future__ import annotations

from actions.turn import Turn, database
from returnsdesk import formatting, outcome_words
from returnsdesk.domain import states, windows
from returnsdesk.services.credits import COUPON, of_order
from returnsdesk.services.status import Standing


def money_texts(turn: Turn, standing: Standing) -> list[str]:
    """Each refund with its way and its dates, codes of credit, and what was not accepted."""
    texts = []
    for refund in standing.document.refunds:
        amount = formatting.money(refund.amount_minor, refund.currency, turn.language)
        ways = outcome_words.ways_back(refund.parts, turn.language)
        if refund.settled_at is None:
            key = {
                states.REFUND_PENDING_AT_PROVIDER: "refunds_status_pending",
                states.REFUND_FAILED: "refunds_status_failed",
            }.get(refund.status, "refunds_status_sending")
            texts.append(turn.label(key, amount=amount, ways=ways))
        elif standing.money_from and standing.money_to:
            paid_on = windows.local_date(refund.settled_at, standing.document.country)
            paid = outcome_words.Paid(paid_on, standing.money_from, standing.money_to)
            is_overdue = standing.is_money_overdue
            texts.append(
                outcome_words.paid_back(amount, ways, paid, turn.language, is_overdue=is_overdue)
            )
        if fee_minor := refund.breakdown.get("fee_minor"):
            texts.append(outcome_words.fee_taken_off(fee_minor, refund.currency, turn.language))
    return [*texts, *_credit_texts(turn, standing), *_rejection_texts(turn, standing)]


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
