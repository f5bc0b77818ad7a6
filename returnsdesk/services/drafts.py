"""Drafts: what a shopper is putting together, kept on the server until the yes; summary, token and submission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Draft, DraftLine, OrderLine, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import exchange_rules
from returnsdesk.domain.eligibility import REVIEW
from returnsdesk.services import identity, ledger, orders, policies, returns
from returnsdesk.services.errors import Conflict, ServiceError
from returnsdesk.services.views import ReturnView, return_view

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class SummaryLine:
    """One line of the summary: what comes back, why, and what the shopper gets for it."""

    name: str
    options: Mapping[str, str]
    quantity: int
    kept: int
    reason: str
    outcome: str
    paid_minor: int
    new_options: Mapping[str, str] | None


@dataclass(frozen=True)
class Summary:
    """Everything a yes would do, read from the record now. `token` stands for exactly this content."""

    order_number: str
    currency: str
    country: str
    lines: tuple[SummaryLine, ...]
    refund_minor: int
    fee_minor: int
    needs_look: bool
    token: str
    # What the replacements cost more (+) or less (-) than what comes back for them.
    difference_minor: int = 0
    # Money as credit at the shop, with a present on top.
    is_credit: bool = False
    bonus_minor: int = 0


def start(
    database: Database, conversation_id: str, wish: Mapping[str, object], *, now: datetime
) -> int:
    """Begin a new draft with the shopper's first words; an older open one is set aside."""
    with database.write() as session:
        for old in session.scalars(
            select(Draft).where(Draft.conversation_id == conversation_id, Draft.state == "open")
        ):
            old.state = "abandoned"
        draft = Draft(
            conversation_id=conversation_id,
            state="open",
            wish=dict(wish),
            created_at=now,
            updated_at=now,
        )
        session.add(draft)
        session.flush()
        return draft.id


def latest(session: Session, conversation_id: str, now: datetime) -> Draft | None:
    """The conversation's newest draft that is open or was submitted, unless it is older than a day."""
    draft: Draft | None = session.scalars(
        select(Draft)
        .where(
            Draft.conversation_id == conversation_id,
            Draft.state != "abandoned",
            Draft.updated_at > now - KEPT_FOR,
        )
        .order_by(Draft.id.desc())
        .limit(1)
    ).one_or_none()
    return draft


def has_open(session: Session, conversation_id: str, now: datetime) -> bool:
    """Whether there is something to go on with."""
    draft = latest(session, conversation_id, now)
    return draft is not None and draft.state == "open"


def return_of(session: Session, draft: Draft) -> str | None:
    """RMA number of the return that a submitted draft became."""
    if draft.state != "submitted" or not draft.summary_token:
        return None
    key = _key(draft, draft.summary_token)
    number: str | None = session.scalar(
        select(Return.rma_number).where(Return.idempotency_key == key)
    )
    return number


def remember_question(
    database: Database,
    conversation_id: str,
    kind: str,
    choices: list[dict[str, str]],
    *,
    now: datetime,
) -> None:
    """Keep which question was asked with which labels, so that a typed answer to it can be understood."""
    with database.write() as session:
        draft = latest(session, conversation_id, now)
        if draft is not None and draft.state == "open":
            draft.question = {"kind": kind, "choices": choices}
            draft.updated_at = now


def forget_variants(database: Database, conversation_id: str, *, now: datetime) -> None:
    """Take the chosen replacements out of the open draft: one of them has gone to somebody else."""
    with database.write() as session:
        draft = latest(session, conversation_id, now)
        if draft is not None and draft.state == "open":
            for line in draft.lines:
                line.new_variant_id = None


def summary_of(session: Session, draft: Draft, language: str, now: datetime) -> Summary:
    """The summary as it would be confirmed now."""
    order = draft.order
    if order is None or not draft.lines:
        raise ServiceError("NOTHING_CHOSEN", "the draft has no items yet")
    requested = requested_lines(draft)
    findings = returns.check_request(
        session, order, requested, draft.settlement, now, asked_at(draft, now)
    )
    fee = returns.request_fee_minor(session, order, requested, draft.settlement)
    lines = tuple(_summary_line(session, line, language, now) for line in draft.lines)
    items_minor = sum(line.paid_minor for line in lines if line.outcome == "refund")
    difference = sum(
        _difference_minor(line, shown.paid_minor)
        for line, shown in zip(draft.lines, lines, strict=True)
    )
    fee = min(fee, items_minor)
    needs_look = any(finding.severity == REVIEW for finding in findings)
    return Summary(
        order_number=order.number,
        currency=order.currency,
        country=order.country,
        lines=lines,
        refund_minor=items_minor - fee,
        fee_minor=fee,
        needs_look=needs_look,
        token=_token(draft, items_minor, fee, needs_look, difference),
        difference_minor=difference,
        is_credit=draft.settlement == "store_credit",
        bonus_minor=_bonus_minor(draft, items_minor - fee),
    )


def submit(database: Database, conversation_id: str, token: str, *, now: datetime) -> ReturnView:
    """Register what the summary with this token said; the second yes to it finds the return of the first.

    Raises `Conflict` STALE_SUMMARY when the draft or the record changed since, OUT_OF_STOCK or QTY_EXCEEDS when
    somebody was faster, `NotAllowed` when the rules or the shopper's proof no longer hold. Nothing is changed then.
    """
    with database.write() as session:
        draft = _draft_of_token(session, conversation_id, token)
        if draft is None:
            raise Conflict("STALE_SUMMARY", "this summary is not the present one")
        key = _key(draft, token)
        if draft.order is None:
            raise ServiceError("NOTHING_CHOSEN", "the draft has no items yet")
        ledger.lock_order(session, draft.order.id)
        # Another yes may have come first, up to the lock: what was read before it may be out of date.
        session.expire_all()
        existing = session.scalars(
            select(Return).where(Return.idempotency_key == key)
        ).one_or_none()
        if existing is not None:
            return return_view(existing)
        identity.require_order(session, conversation_id, draft.order.id, now)
        if draft.state != "open" or summary_of(session, draft, "en", now).token != token:
            raise Conflict("STALE_SUMMARY", "the record changed since the summary was shown")
        request = returns.ReturnRequest(
            draft.order.number,
            requested_lines(draft),
            draft.settlement,
            key,
            asked_at=asked_at(draft, now),
        )
        conversation = session.get(Conversation, conversation_id)
        document = returns.register(
            session,
            request,
            actor="shopper",
            channel=conversation.channel if conversation else "unknown",
            now=now,
            conversation_id=conversation_id,
        )
        draft.state, draft.updated_at = "submitted", now
        return return_view(document)


def asked_at(draft: Draft, now: datetime) -> datetime:
    """When the shopper first asked, which is what counts for the window: a chat may go on over its end for a day."""
    return max(draft.created_at, now - KEPT_FOR)


def requested_lines(draft: Draft) -> tuple[returns.RequestedLine, ...]:
    """The draft's lines as a request; what is still open stands at its mildest (one unit, refund)."""
    return tuple(
        returns.RequestedLine(
            order_line_external_id=line.order_line.external_id,
            quantity=line.quantity or 1,
            reason=line.reason or "other",
            outcome=line.outcome or "refund",
            new_sku=line.new_variant.sku if line.new_variant else None,
            note=line.note,
        )
        for line in draft.lines
    )


def _key(draft: Draft, token: str) -> str:
    return f"draft-{draft.id}-{token[:16]}"


def _draft_of_token(session: Session, conversation_id: str, token: str) -> Draft | None:
    found: Draft | None = session.scalars(
        select(Draft)
        .where(
            Draft.conversation_id == conversation_id,
            Draft.summary_token == token,
            Draft.state != "abandoned",
        )
        .order_by(Draft.id.desc())
        .limit(1)
    ).one_or_none()
    return found


def _summary_line(session: Session, line: DraftLine, language: str, now: datetime) -> SummaryLine:
    quantity = line.quantity or 1
    order_line = line.order_line
    return SummaryLine(
        name=orders.name_of(order_line, language),
        options=dict(order_line.options),
        quantity=quantity,
        kept=_available(session, order_line, now) - quantity,
        reason=line.reason or "other",
        outcome=line.outcome or "refund",
        paid_minor=_paid_for(session, order_line, quantity, now),
        new_options=dict(line.new_variant.options) if line.new_variant else None,
    )


def _available(session: Session, line: OrderLine, now: datetime) -> int:
    return ledger.line_facts(session, line).available(policies.policy_of(line.order), now)


def _paid_for(session: Session, line: OrderLine, quantity: int, now: datetime) -> int:
    policy = policies.policy_of(line.order)
    free = ledger.free_units(session, line, policy=policy, now=now)
    return sum(unit.paid_minor for unit in free[:quantity])


def _bonus_minor(draft: Draft, refund_minor: int) -> int:
    """The present that the policy gives on top for taking credit."""
    if draft.settlement != "store_credit" or draft.order is None:
        return 0
    return refund_minor * policies.policy_of(draft.order).refund.credit_bonus_percent // 100


def _difference_minor(line: DraftLine, paid_minor: int) -> int:
    """What the replacement of a line costs more (+) or less (-) than was paid for its units."""
    new, bought = line.new_variant, line.order_line.variant
    if line.outcome != "exchange" or new is None:
        return 0
    return exchange_rules.difference_minor(
        paid_minor,
        new.price_minor,
        line.quantity or 1,
        same_product=bought is not None and bought.product_id == new.product_id,
        policy=policies.policy_of(line.order_line.order),
    )


def _token(
    draft: Draft, items_minor: int, fee_minor: int, needs_look: bool, difference_minor: int
) -> str:
    content = [
        draft.id,
        [
            [line.order_line_id, line.quantity, line.reason, line.outcome, line.new_variant_id]
            for line in draft.lines
        ],
        draft.settlement,
        items_minor,
        fee_minor,
        needs_look,
        difference_minor,
    ]
    return sha256(json.dumps(content).encode()).hexdigest()[:32]
