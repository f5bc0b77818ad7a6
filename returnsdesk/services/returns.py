"""Returns: registering them and moving them along, from the shopper's yes to the warehouse's inspection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import InboundParcel, Inspection, Order, OrderLine, Return, ReturnLine
from returnsdesk.db.session import Database
from returnsdesk.domain import states, windows
from returnsdesk.domain.eligibility import (
    BLOCK,
    REVIEW,
    Finding,
    ShopperFacts,
    Wish,
    check,
    return_fee_minor,
)
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.domain.policy import OUTCOMES, Policy
from returnsdesk.services import events, exchanges, ledger, policies, stock
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.views import ReturnView, return_view


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
    """A whole request: it is registered with all its lines or not at all."""

    order_number: str
    lines: tuple[RequestedLine, ...]
    settlement: str | None
    idempotency_key: str


def create(
    database: Database,
    request: ReturnRequest,
    *,
    actor: str,
    channel: str,
    now: datetime,
    conversation_id: str | None = None,
) -> ReturnView:
    """Register a return with its exchanges; the same idempotency key finds the return made before.

    Raises `NotAllowed` with the blocking findings, `Conflict` when units or stock went to somebody else meanwhile.
    """
    with database.write() as session:
        document = register(
            session, request, actor=actor, channel=channel, now=now, conversation_id=conversation_id
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
) -> Return:
    """`create` within the caller's transaction."""
    order = _locked_order(session, request.order_number)
    existing = session.scalars(
        select(Return).where(Return.idempotency_key == request.idempotency_key)
    ).one_or_none()
    if existing is not None:
        return existing
    lines = _merged(request.lines)
    if not lines:
        raise ServiceError("NOTHING_CHOSEN", "a return needs at least one item")
    findings = check_request(session, order, lines, request.settlement, now)
    if any(finding.severity == BLOCK for finding in findings):
        raise NotAllowed("NOT_ELIGIBLE", _reasons(findings), findings=findings)
    policy = policies.policy_of(order)
    document = Return(
        rma_number=f"new-{uuid4().hex[:12]}",
        order=order,
        conversation_id=conversation_id,
        created_by=actor,
        channel=channel,
        status=_first_status(findings),
        settlement=request.settlement if any(line.outcome == "refund" for line in lines) else None,
        fee_minor=request_fee_minor(session, order, lines, request.settlement),
        currency=order.currency,
        idempotency_key=request.idempotency_key,
        requested_at=now,
        ship_by=_ship_by(now, order, policy),
    )
    session.add(document)
    session.flush()
    document.rma_number = f"RMA-{1000 + document.id}"
    for line in lines:
        _add_line(session, document, line, policy, now)
    exchanges.add_for(session, document, lines, policy=policy, actor=actor, now=now)
    session.flush()
    events.record(
        session, actor=actor, command="submit", document="return", document_id=document.id, now=now,
        after={"status": document.status, "rma_number": document.rma_number}, conversation_id=conversation_id,
    )  # fmt: skip
    return document


def check_request(
    session: Session,
    order: Order,
    lines: tuple[RequestedLine, ...],
    settlement: str | None,
    now: datetime,
) -> list[Finding]:
    """All findings on a request, each with the `line` it is about; a review finding when its value is high."""
    policy = policies.policy_of(order)
    shopper = shopper_facts(order)
    findings: list[Finding] = []
    value = 0
    for requested in lines:
        line = _line_of(order, requested.order_line_external_id)
        if requested.quantity < 1 or requested.outcome not in OUTCOMES:
            raise ServiceError(
                "BAD_REQUEST", "a line needs a quantity of 1 or more and a known outcome"
            )
        wish = Wish(requested.quantity, requested.outcome, requested.reason, settlement)
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
    policy, shopper = policies.policy_of(order), shopper_facts(order)
    fees = [
        return_fee_minor(
            ledger.line_facts(session, _line_of(order, line.order_line_external_id)),
            Wish(line.quantity, line.outcome, line.reason, settlement),
            shopper,
            policy,
        )
        for line in lines
    ]
    return min(fees, default=0)


def shopper_facts(order: Order) -> ShopperFacts:
    """What the rules may know of who bought the order."""
    return ShopperFacts(tier=order.customer.tier if order.customer else "none")


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


def approve(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Let a return that waited for a look go ahead."""
    return _move(database, rma_number, "approve", states.APPROVED, actor=actor, now=now)


def issue_label(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Open the inbound parcel under a tracking number of its own."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "issue_label")
        document.parcels.append(
            InboundParcel(
                carrier="sample", tracking_number=f"{document.rma_number}-P1", status="announced"
            )
        )
        documents.set_status(
            session, document, "issue_label", states.LABEL_ISSUED, actor=actor, now=now
        )
        return return_view(document)


def record_scan(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """The carrier has the parcel; a second scan changes nothing."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.shipped_at is None:
            documents.require(document, "record_scan")
            document.shipped_at = now
            exchanges.renew_reservations(document, now)
            documents.set_status(
                session, document, "record_scan", states.IN_TRANSIT, actor=actor, now=now
            )
        return return_view(document)


def record_arrival(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """The parcel is at the warehouse; a second arrival changes nothing."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.arrived_at is None:
            documents.require(document, "record_arrival")
            document.arrived_at = now
            document.shipped_at = document.shipped_at or now
            documents.set_status(
                session, document, "record_arrival", states.ARRIVED, actor=actor, now=now
            )
        return return_view(document)


def inspect_line(
    database: Database,
    rma_number: str,
    line_external_id: str,
    quantity: int,
    grade: str,
    *,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> ReturnView:
    """Decide on some units of a line: grades A and B are accepted, C is not and needs a reason.

    Repeatable until all units are decided. Only units of grade A go back on the shelf, each once.
    """
    if grade not in ("A", "B", "C"):
        raise ServiceError("BAD_GRADE", "a grade is A, B or C")
    if grade == "C" and not reason:
        raise ServiceError("REASON_MISSING", "units that are not accepted need a reason")
    with database.write() as session:
        document = documents.locked(session, rma_number, "inspect")
        line = next(
            (each for each in document.lines if each.order_line.external_id == line_external_id),
            None,
        )
        if line is None:
            raise NotFound("LINE_UNKNOWN", f"{document.rma_number} has no line {line_external_id}")
        undecided = [claim for claim in line.claims if claim.state == "held"]
        if not 1 <= quantity <= len(undecided):
            raise NotAllowed("QTY_EXCEEDS", f"{len(undecided)} units are still to be inspected")
        _decide(session, line, quantity, grade)
        line.inspections.append(
            Inspection(quantity=quantity, grade=grade, reason=reason, inspector=actor, at=now)
        )
        if all(each.accepted + each.rejected == each.quantity for each in document.lines):
            _finish_inspection(session, document, actor=actor, now=now)
        return return_view(document)


def cancel(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Call a return off before its parcel was handed in; units and reserved stock are free again at once."""
    return _end(database, rma_number, "cancel", states.CANCELLED, actor=actor, now=now)


def expire(database: Database, rma_number: str, *, now: datetime) -> ReturnView:
    """End a return that was never posted; units and reserved stock are free again."""
    return _end(database, rma_number, "expire", states.EXPIRED, actor="system", now=now)


def overdue(session: Session, now: datetime) -> list[str]:
    """RMA numbers of returns that were not posted in time."""
    return list(
        session.scalars(
            select(Return.rma_number).where(
                Return.status.in_(states.RETURN_COMMANDS["expire"]), Return.ship_by < now
            )
        )
    )


def _locked_order(session: Session, number: str) -> Order:
    order_id = session.scalar(
        select(Order.id).where(Order.number_norm == normalise_order_number(number))
    )
    if order_id is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return ledger.lock_order(session, order_id)


def _line_of(order: Order, external_id: str) -> OrderLine:
    line = next((each for each in order.lines if each.external_id == external_id), None)
    if line is None:
        raise NotFound("LINE_UNKNOWN", f"order {order.number} has no line {external_id}")
    return line


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


def _reasons(findings: list[Finding]) -> str:
    return "not eligible: " + ", ".join(each.code for each in findings if each.severity == BLOCK)


def _ship_by(now: datetime, order: Order, policy: Policy) -> datetime:
    day = windows.last_day(now, policy.return_.ship_by_days, order.country, to_working_day=True)
    return windows.end_of_day(day, order.country)


def _add_line(
    session: Session, document: Return, requested: RequestedLine, policy: Policy, now: datetime
) -> None:
    order_line = _line_of(document.order, requested.order_line_external_id)
    line = ReturnLine(
        order_line=order_line,
        quantity=requested.quantity,
        outcome=requested.outcome,
        reason=requested.reason,
        note=requested.note,
        accepted=0,
        rejected=0,
    )
    document.lines.append(line)
    session.flush()
    ledger.claim_units(
        session, line, order_line, quantity=requested.quantity, policy=policy, now=now
    )


def _move(
    database: Database, rma_number: str, command: str, status: str, *, actor: str, now: datetime
) -> ReturnView:
    with database.write() as session:
        document = documents.locked(session, rma_number, command)
        documents.set_status(session, document, command, status, actor=actor, now=now)
        return return_view(document)


def _end(
    database: Database, rma_number: str, command: str, status: str, *, actor: str, now: datetime
) -> ReturnView:
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.status != status:
            documents.require(document, command)
            ledger.release_claims(document)
            exchanges.release_for(session, document)
            document.closed_at = now
            documents.set_status(session, document, command, status, actor=actor, now=now)
        return return_view(document)


def _decide(session: Session, line: ReturnLine, quantity: int, grade: str) -> None:
    decision = "rejected" if grade == "C" else "accepted"
    for claim in [claim for claim in line.claims if claim.state == "held"][:quantity]:
        claim.state, claim.decision = "consumed", decision
    if grade == "C":
        line.rejected += quantity
        return
    line.accepted += quantity
    if grade == "A" and line.order_line.variant_id is not None:
        stock.restock(session, line.order_line.variant_id, quantity)


def _finish_inspection(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    document.inspected_at = now
    exchanges.decide_for(session, document)
    if any(line.accepted for line in document.lines):
        documents.set_status(session, document, "inspect", states.INSPECTED, actor=actor, now=now)
    else:
        document.closed_at = now
        documents.set_status(session, document, "inspect", states.REJECTED, actor=actor, now=now)
