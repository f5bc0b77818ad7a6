"""What a return would come to that the team makes for a shopper: findings, amounts, before anything is registered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Order
from returnsdesk.domain import exchange_rules
from returnsdesk.domain.findings import BLOCK, REVIEW, Finding
from returnsdesk.domain.policy import Policy
from returnsdesk.services import ledger, order_sheets, overrides, policies, replacements, returns
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest


@dataclass(frozen=True)
class PreviewLine:
    """What one line would come to, in minor units; `difference_minor` is what the replacement costs more or less."""

    name: str
    quantity: int
    outcome: str
    reason: str
    new_sku: str | None
    paid_minor: int
    difference_minor: int


@dataclass(frozen=True)
class ReturnPreview:
    """A request as the rules see it now. `total_minor` is what goes back once everything is accepted.

    `blocking` are the codes that stand in the way; with `is_fact` among them no override helps.
    """

    order_number: str
    currency: str
    lines: tuple[PreviewLine, ...]
    findings: tuple[Finding, ...]
    fee_minor: int
    total_minor: int
    blocking: tuple[str, ...]
    is_fact: bool
    needs_look: bool


def preview(session: Session, request: ReturnRequest, *, now: datetime) -> ReturnPreview:
    """Put a request to the rules without registering it.

    Raises `NotFound` for an order or line that is not there, `NotAllowed` for a replacement that cannot be chosen.
    """
    order = order_sheets.order_of(session, request.order_number)
    policy = policies.policy_of(order)
    findings = returns.check_request(session, order, request.lines, request.settlement, now)
    lines = tuple(_line(session, order, line, policy, now) for line in request.lines)
    items = sum(line.paid_minor for line in lines if line.outcome == "refund")
    fee = returns.request_fee_minor(session, order, request.lines, request.settlement)
    blocking = tuple(dict.fromkeys(each.code for each in findings if each.severity == BLOCK))
    return ReturnPreview(
        order_number=order.number,
        currency=order.currency,
        lines=lines,
        findings=tuple(findings),
        fee_minor=min(fee, items),
        total_minor=max(items - fee, 0),
        blocking=blocking,
        is_fact=bool(overrides.FACTS & set(blocking)),
        needs_look=any(each.severity == REVIEW for each in findings),
    )


def _line(
    session: Session, order: Order, requested: RequestedLine, policy: Policy, now: datetime
) -> PreviewLine:
    line = ledger.line_of(order, requested.order_line_external_id)
    free = ledger.free_units(session, line, policy=policy, now=now) or line.units
    paid = sum(unit.paid_minor for unit in free[: requested.quantity])
    difference = 0
    if requested.outcome == "exchange":
        if requested.new_sku is None:
            raise ServiceError("VARIANT_UNKNOWN", f"{line.name} needs a replacement")
        new = replacements.variant_of(session, requested.new_sku)
        replacements.check_choice(line, new, policy)
        difference = exchange_rules.difference_minor(
            paid,
            new.price_minor,
            requested.quantity,
            same_product=line.variant is not None and line.variant.product_id == new.product_id,
            policy=policy,
        )
    return PreviewLine(
        line.name,
        requested.quantity,
        requested.outcome,
        requested.reason,
        requested.new_sku,
        paid,
        difference,
    )
