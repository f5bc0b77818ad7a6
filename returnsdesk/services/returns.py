"""Returns: the request with its lines, registering it, and finding it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.eligibility import check, return_fee_minor
from returnsdesk.domain.findings import REVIEW, Finding, ShopperFacts, Wish
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.domain.policy import OUTCOMES
from returnsdesk.services import (
    conversation_subject,
    exchanges,
    ledger,
    overrides,
    policies,
    return_opening,
)
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.overrides import Override
from returnsdesk.services.return_opening import Opening, OpeningLine, Origin
from returnsdesk.services.views import ReturnView, return_view

# Returns that count for nothing when a shopper's returns are counted.
_NEVER_SENT: Final = (states.DECLINED, states.CANCELLED, states.EXPIRED)


@dataclass(frozen=True)
class RequestedLine:
    """Units of one order line that should come back; `new_sku` names the replacement of an exchange."""

    order_line_external_id: str
    quantity: int
    reason: str
    outcome: str
    new_sku: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class ReturnRequest:
    """A whole request: it is registered with all its lines or not at all.

    `asked_at` is when the shopper first asked, where that was earlier: it counts for the window. `method` is how the
    goods come back, the usual way when nobody chose.
    """

    order_number: str
    lines: tuple[RequestedLine, ...]
    settlement: str | None
    idempotency_key: str
    asked_at: datetime | None = None
    method: str | None = None


def create(
    database: Database,
    request: ReturnRequest,
    *,
    actor: str,
    channel: str,
    now: datetime,
    conversation_id: str | None = None,
    override: Override | None = None,
) -> ReturnView:
    """Register a return with its exchanges; the same idempotency key finds the return made before.

    Raises `NotAllowed` with the blocking findings, `Conflict` when units or stock went to somebody else meanwhile.
    With `override` a member of staff sets rules aside; units that are not there or taken stay so.
    """
    with database.write() as session:
        document = register(
            session,
            request,
            actor=actor,
            channel=channel,
            now=now,
            conversation_id=conversation_id,
            override=override,
        )
        return return_view(document)


def register(
    session: Session,
    request: ReturnRequest,
    *,
    actor: str,
    channel: str,
    now: datetime,
    conversation_id: str | None = None,
    override: Override | None = None,
) -> Return:
    """`create` within the caller's transaction."""
    order = locked_order(session, request.order_number)
    existing = session.scalars(
        select(Return).where(Return.idempotency_key == request.idempotency_key)
    ).one_or_none()
    if existing is not None:
        return existing
    lines = _merged(request.lines)
    if not lines:
        raise ServiceError("NOTHING_CHOSEN", "a return needs at least one item")
    findings = check_request(session, order, lines, request.settlement, now, request.asked_at)
    set_aside = overrides.codes_set_aside(findings, override, actor=actor)
    policy = policies.policy_of(order)
    origin = Origin(actor, channel, now, conversation_id)
    # A member of staff who sets a rule aside has looked at the request.
    status = states.APPROVED if override is not None else _first_status(findings)
    opening = _opening(session, order, request, lines, status, now)
    document = return_opening.draw_up(session, opening, origin)
    exchanges.add_for(session, document, lines, policy=policy, actor=actor, now=now)
    overrides.record(
        session, override, set_aside, document="return", document_id=document.id, actor=actor, now=now,
        conversation_id=conversation_id,
    )  # fmt: skip
    is_exchange = any(line.outcome == "exchange" for line in lines)
    outcome = conversation_subject.EXCHANGE if is_exchange else conversation_subject.RETURN
    conversation_subject.came_of_it(session, conversation_id, outcome, order)
    return_opening.announce(session, document, "submit", origin)
    return document


def check_request(
    session: Session,
    order: Order,
    lines: tuple[RequestedLine, ...],
    settlement: str | None,
    now: datetime,
    asked_at: datetime | None = None,
) -> list[Finding]:
    """All findings on a request, each with the `line` it is about; a review finding when its value is high.

    `asked_at` is when the shopper first asked, where that was earlier than `now`.
    """
    policy = policies.policy_of(order)
    shopper = shopper_facts(session, order, now)
    findings: list[Finding] = []
    value = 0
    for requested in lines:
        line = ledger.line_of(order, requested.order_line_external_id)
        if requested.quantity < 1 or requested.outcome not in OUTCOMES:
            raise ServiceError(
                "BAD_REQUEST", "a line needs a quantity of 1 or more and a known outcome"
            )
        wish = Wish(
            requested.quantity, requested.outcome, requested.reason, settlement, asked_at or now
        )
        found = check(ledger.line_facts(session, line), wish, shopper, policy, now)
        findings += [
            Finding(each.code, each.severity, {**each.facts, "line": line.external_id})
            for each in found
        ]
        value += sum(unit.paid_minor for unit in line.units[: requested.quantity])
    limit = policy.review.above_by_currency.get(order.currency)
    if limit is not None and value > limit:
        findings.append(Finding("HIGH_VALUE", REVIEW, {"value_minor": value}))
    return findings


def request_fee_minor(
    session: Session, order: Order, lines: tuple[RequestedLine, ...], settlement: str | None
) -> int:
    """What the whole return costs the shopper: one fee for the parcel, none when any line is free of it."""
    policy, shopper = policies.policy_of(order), _buyer_facts(order)
    fees = [
        return_fee_minor(
            ledger.line_facts(session, ledger.line_of(order, line.order_line_external_id)),
            Wish(line.quantity, line.outcome, line.reason, settlement),
            shopper,
            policy,
        )
        for line in lines
    ]
    return min(fees, default=0)


def shopper_facts(session: Session, order: Order, now: datetime) -> ShopperFacts:
    """What the rules may know of who bought the order; goods that came back for a claim are not counted."""
    review = policies.policy_of(order).review
    same_shopper = Order.email_norm == order.email_norm
    if order.customer_id is not None:
        same_shopper = or_(same_shopper, Order.customer_id == order.customer_id)
    count = session.scalar(
        select(func.count(Return.id))
        .join(Order, Order.id == Return.order_id)
        .where(
            same_shopper,
            Return.claim_id.is_(None),
            Return.status.not_in(_NEVER_SENT),
            Return.requested_at > now - timedelta(days=review.many_returns_days),
        )
    )
    return replace(_buyer_facts(order), recent_returns=int(count or 0))


def find(session: Session, rma_number: str) -> ReturnView | None:
    """A return by its number, whatever the case and blanks it is written with."""
    document = documents.by_number(session, rma_number)
    return return_view(document) if document else None


def of_order(session: Session, order_id: int) -> list[ReturnView]:
    """All returns of an order, latest first."""
    rows = session.scalars(
        select(Return)
        .where(Return.order_id == order_id)
        .order_by(Return.requested_at.desc(), Return.id.desc())
    )
    return [return_view(document) for document in rows]


def locked_order(session: Session, number: str) -> Order:
    """The order of that number, locked until the transaction ends; raises `NotFound`."""
    order_id = session.scalar(
        select(Order.id).where(Order.number_norm == normalise_order_number(number))
    )
    if order_id is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return ledger.lock_order(session, order_id)


def _buyer_facts(order: Order) -> ShopperFacts:
    customer = order.customer
    return ShopperFacts(
        tier=customer.tier if customer else "none",
        member_since=customer.member_since if customer else None,
    )


def _merged(lines: tuple[RequestedLine, ...]) -> tuple[RequestedLine, ...]:
    """One line for each order line and outcome; the same item named twice counts once, with both quantities."""
    merged: dict[tuple[str, str], RequestedLine] = {}
    for line in lines:
        key = (line.order_line_external_id, line.outcome)
        before = merged.get(key)
        quantity = line.quantity + (before.quantity if before else 0)
        merged[key] = RequestedLine(
            line.order_line_external_id,
            quantity,
            line.reason,
            line.outcome,
            line.new_sku,
            line.note,
        )
    return tuple(merged.values())


def _first_status(findings: list[Finding]) -> str:
    needs_look = any(finding.severity == REVIEW for finding in findings)
    return states.REQUESTED if needs_look else states.APPROVED


def _opening(
    session: Session,
    order: Order,
    request: ReturnRequest,
    lines: tuple[RequestedLine, ...],
    status: str,
    now: datetime,
) -> Opening:
    policy = policies.policy_of(order)
    if request.method is not None and request.method not in policy.return_.methods:
        raise NotAllowed("METHOD_UNKNOWN", f"{request.method} is no way of sending a return")
    return Opening(
        order=order,
        lines=tuple(
            OpeningLine(
                ledger.line_of(order, line.order_line_external_id),
                line.quantity,
                line.reason,
                line.outcome,
                line.note,
            )
            for line in lines
        ),
        status=status,
        settlement=request.settlement if any(line.outcome == "refund" for line in lines) else None,
        fee_minor=request_fee_minor(session, order, lines, request.settlement),
        idempotency_key=request.idempotency_key,
        ship_by=return_opening.ship_by(now, order, policy),
        method=request.method or return_opening.usual_method(order, policy),
        asked_at=request.asked_at,
    )
