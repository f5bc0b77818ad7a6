"""Opening a return for whatever calls for one: its number, lines and held units, then the log and the first notice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, ClaimLine, Order, OrderLine, Return, ReturnLine, Withdrawal
from returnsdesk.domain import windows
from returnsdesk.domain.policy import Policy
from returnsdesk.services import events, ledger, policies
from returnsdesk.services import return_documents as documents

OWN_CARRIER: Final = "own_carrier"


@dataclass(frozen=True)
class Origin:
    """Who opens a document, over which channel, in which conversation, and when."""

    actor: str
    channel: str
    now: datetime
    conversation_id: str | None = None


@dataclass(frozen=True)
class OpeningLine:
    """Units of one order line; with `taken_from` they are those that a line of a claim holds until now."""

    order_line: OrderLine
    quantity: int
    reason: str
    outcome: str
    note: str | None = None
    taken_from: ClaimLine | None = None


@dataclass(frozen=True)
class Opening:
    """What a new return says; `claim` or `withdrawal` is why goods come back that no request asked for."""

    order: Order
    lines: tuple[OpeningLine, ...]
    status: str
    settlement: str | None
    fee_minor: int
    idempotency_key: str
    ship_by: datetime
    method: str
    asked_at: datetime | None = None
    claim: Claim | None = None
    withdrawal: Withdrawal | None = None


def draw_up(session: Session, opening: Opening, origin: Origin) -> Return:
    """The return with its number and lines, holding its units; raises `Conflict` when fewer are left.

    `announce` follows when everything else that belongs to the request is in place.
    """
    document = Return(
        rma_number=f"new-{uuid4().hex[:12]}",
        order=opening.order,
        conversation_id=origin.conversation_id,
        created_by=origin.actor,
        channel=origin.channel,
        status=opening.status,
        method=opening.method,
        claim=opening.claim,
        withdrawal=opening.withdrawal,
        settlement=opening.settlement,
        fee_minor=opening.fee_minor,
        currency=opening.order.currency,
        idempotency_key=opening.idempotency_key,
        asked_at=opening.asked_at or origin.now,
        requested_at=origin.now,
        ship_by=opening.ship_by,
    )
    session.add(document)
    session.flush()
    document.rma_number = f"RMA-{1000 + document.id}"
    policy = policies.policy_of(opening.order)
    for line in opening.lines:
        _add_line(session, document, line, policy, origin.now)
    return document


def announce(session: Session, document: Return, command: str, origin: Origin) -> None:
    """Log the command that opened a return, and let the shopper know how it stands."""
    session.flush()
    events.record(
        session, actor=origin.actor, command=command, document="return", document_id=document.id,
        now=origin.now, after={"status": document.status, "rma_number": document.rma_number},
        conversation_id=document.conversation_id,
    )  # fmt: skip
    documents.announce_status(session, document, now=origin.now)


def ship_by(now: datetime, order: Order, policy: Policy) -> datetime:
    """By when a return that is approved now has to be posted."""
    day = windows.last_day(now, policy.return_.ship_by_days, order.country, to_working_day=True)
    return windows.end_of_day(day, order.country)


def usual_method(order: Order, policy: Policy) -> str:
    """How goods come back when nobody chose: the policy's first way that there is in the order's country."""
    rules = policy.return_
    has_labels = not rules.label_countries or order.country in rules.label_countries
    return next(
        (method for method in rules.methods if has_labels or method == OWN_CARRIER), OWN_CARRIER
    )


def _add_line(
    session: Session, document: Return, opening: OpeningLine, policy: Policy, now: datetime
) -> None:
    line = ReturnLine(
        order_line=opening.order_line,
        quantity=opening.quantity,
        outcome=opening.outcome,
        reason=opening.reason,
        note=opening.note,
        accepted=0,
        rejected=0,
    )
    document.lines.append(line)
    session.flush()
    if opening.taken_from is not None:
        ledger.hand_over(session, opening.taken_from, line)
    else:
        ledger.claim_units(
            session, line, opening.order_line, quantity=opening.quantity, policy=policy, now=now
        )
