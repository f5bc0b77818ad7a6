"""What may still be paid back: per line of an order, per payment, for a return and for a claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from returnsdesk.db.models import (
    Claim,
    Exchange,
    Order,
    Payment,
    Refund,
    RefundPart,
    Return,
    UnitClaim,
)
from returnsdesk.domain import refund_rules, states
from returnsdesk.domain.policy import Policy
from returnsdesk.domain.refund_rules import PaymentRoom

# What a refund is for
ITEMS: Final = "items"
CLAIM: Final = "claim"
# A replacement that is cheaper than what was paid
DIFFERENCE: Final = "difference"
# The difference that was paid by a link for a dearer replacement, which was not sent in the end
PAYMENT_LINK: Final = "payment_link"

STORE_CREDIT: Final = "store_credit"
_LINE: Final = "line_"


def with_lines(facts: Mapping[str, int], lines: Mapping[int, int]) -> dict[str, int]:
    """The breakdown of a refund as it is stored: its facts, and what it pays for each order line (by id)."""
    return {**facts, **{f"{_LINE}{line_id}": amount for line_id, amount in lines.items()}}


def lines_of(refund: Refund) -> dict[int, int]:
    """What a refund pays for each order line, in minor units and before any fee."""
    return {
        int(name.removeprefix(_LINE)): amount
        for name, amount in refund.breakdown.items()
        if name.startswith(_LINE)
    }


def facts_of(refund: Refund) -> dict[str, int]:
    """The breakdown of a refund without its lines."""
    return {name: amount for name, amount in refund.breakdown.items() if not name.startswith(_LINE)}


def has_unstarted_items(document: Return) -> bool:
    """Whether units were accepted for a refund that no refund pays yet."""
    accepted = any(line.outcome == "refund" and line.accepted for line in document.lines)
    started = any(refund.purpose == ITEMS for refund in document.refunds)
    return accepted and (not started or any(items_left(document).values()))


def items_left(document: Return) -> dict[int, int]:
    """What goes back for the accepted units of each order line (by id) and has not yet, in minor units.

    Money follows the decision alone: units that were not decided yet come with a later refund. No line gets more than
    was paid for it and not paid back by any document or instrument. The document's session must be open.
    """
    return _capped_by_line(object_session(document), document.order, _accepted_left(document))


def _accepted_left(document: Return) -> dict[int, int]:
    """What was paid for the accepted units of each order line, less what this return has paid back for them."""
    left: Counter[int] = Counter()
    for line in document.lines:
        if line.outcome == "refund":
            left[line.order_line_id] += sum(
                claim.unit.paid_minor for claim in line.claims if claim.decision == "accepted"
            )
    for refund in document.refunds:
        if refund.purpose == ITEMS or (
            refund.purpose == DIFFERENCE and not is_live(document.exchange)
        ):
            left.subtract(lines_of(refund))
    return {line_id: max(amount, 0) for line_id, amount in left.items()}


def _capped_by_line(session: Session, order: Order, wanted: Mapping[int, int]) -> dict[int, int]:
    """`wanted` with each line kept to what was paid for it and not paid back by any document or instrument."""
    paid_back = paid_back_by_line(session, order)
    paid = {line.id: line.paid_minor for line in order.lines}
    return {
        line_id: min(amount, max(paid[line_id] - paid_back[line_id], 0))
        for line_id, amount in wanted.items()
    }


def paid_back_by_line(session: Session, order: Order) -> Counter[int]:
    """What shoppers have got back for each order line: money, credit and replacements, over all documents.

    A replacement counts as what was paid for the units that it stands for; with it, a difference in price that went
    back counts for nothing more.
    """
    total: Counter[int] = Counter()
    for document in session.scalars(select(Return).where(Return.order_id == order.id)):
        for refund in document.refunds:
            if refund.purpose == ITEMS or not is_live(document.exchange):
                total.update(lines_of(refund))
        if is_live(document.exchange):
            for line in document.lines:
                if line.outcome == "exchange":
                    total[line.order_line_id] += _accepted_minor(line.claims)
    for claim in session.scalars(select(Claim).where(Claim.order_id == order.id)):
        for refund in claim.refunds:
            total.update(lines_of(refund))
        for line_id, amount in _replaced_by(claim).items():
            total[line_id] += amount
    return total


def claim_left(session: Session, claim: Claim) -> dict[int, int]:
    """What was paid for the units of a claim that are not replaced, and has not gone back for it or for their lines.

    It makes no difference whether the claim still holds its units or a return that brings them back.
    """
    replaced = _replaced_by(claim)
    wanted = Counter(
        {
            line.order_line_id: _paid_minor(line.unit_claims)
            for line in claim.lines
            if line.order_line_id not in replaced
        }
    )
    for refund in claim.refunds:
        wanted.subtract(lines_of(refund))
    wanted = +wanted
    return _capped_by_line(session, claim.order, wanted)


def shipping_left(document: Return, policy: Policy) -> int:
    """What was paid for delivery and goes back: only when a withdrawal takes back the whole order, and once."""
    order = document.order
    wanted = refund_rules.delivery_refund_minor(
        order.shipping_paid_minor,
        order.currency,
        whole_order_withdrawn=document.withdrawal_id is not None and _is_whole_order(document),
        policy=policy,
    )
    return max(wanted - _breakdown_sum(document, "shipping_minor"), 0)


def fee_left(document: Return) -> int:
    """The part of the return fee that no refund has kept yet."""
    return max(document.fee_minor - _breakdown_sum(document, "fee_minor"), 0)


def way_of(part: RefundPart) -> str:
    """How a part goes back: the kind of its payment, `payment_link`, or `store_credit`."""
    if part.payment is not None:
        return part.payment.kind
    # What was paid by a link is no payment of the order; the part itself names the link until it is paid.
    is_link = part.refund.purpose == PAYMENT_LINK and part.provider_reference is not None
    return PAYMENT_LINK if is_link else STORE_CREDIT


def locked_payments(session: Session, order_id: int) -> list[Payment]:
    """The payments of an order as they stand now, locked until the transaction ends."""
    return list(
        session.scalars(
            select(Payment)
            .where(Payment.order_id == order_id)
            .order_by(Payment.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def shared_over(amount_minor: int, payments: Sequence[Payment], policy: Policy) -> list[int]:
    """What goes back by each payment, none above what is left of it; the shares add up to the amount.

    Raises `ValueError` when the payments together have less left.
    """
    rooms = [PaymentRoom(each.kind, each.captured_minor - each.refunded_minor) for each in payments]
    return refund_rules.share_over_payments(amount_minor, rooms, policy)


def is_live(exchange: Exchange | None) -> bool:
    """Whether a replacement is owed or was sent."""
    return exchange is not None and exchange.status != states.EXCHANGE_ENDED_WITHOUT


def _replaced_by(claim: Claim) -> dict[int, int]:
    """What was paid for the units of a claim that a replacement stands for, by order line."""
    exchange = claim.exchange
    if exchange is None or not is_live(exchange):
        return {}
    lines = [line.claim_line for line in exchange.lines if line.claim_line is not None]
    return {line.order_line_id: _paid_minor(line.unit_claims) for line in lines}


def _accepted_minor(claims: Sequence[UnitClaim]) -> int:
    return sum(claim.unit.paid_minor for claim in claims if claim.decision == "accepted")


def _paid_minor(claims: Sequence[UnitClaim]) -> int:
    return sum(
        paid for paid in {claim.order_unit_id: claim.unit.paid_minor for claim in claims}.values()
    )


def _is_whole_order(document: Return) -> bool:
    """Whether every piece that was sent has come back with this return."""
    sent = {
        unit.id
        for line in document.order.lines
        for unit in line.units
        if unit.shipment is not None and not unit.shipment.cancelled
    }
    back = {
        claim.order_unit_id
        for line in document.lines
        for claim in line.claims
        if claim.state == "consumed"
    }
    return bool(sent) and sent <= back


def _breakdown_sum(document: Return, name: str) -> int:
    return sum(refund.breakdown.get(name, 0) for refund in document.refunds)
