"""Parts of refunds on their way: asked for, pending, settled or failed, each paid once whatever is reported of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, Refund, RefundPart, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import (
    cases,
    claim_closing,
    events,
    ledger,
    notices,
    outbox,
    policies,
)
from returnsdesk.services import credits as store_credits
from returnsdesk.services import refund_amounts as amounts
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError

SEND_REFUND_PART: Final = "send_refund_part"
CHECK_REFUND_PART: Final = "check_refund_part"
ISSUE_STORE_CREDIT: Final = "issue_store_credit"

FIRST_CHECK: Final = timedelta(minutes=5)
LONGEST_CHECK: Final = timedelta(hours=6)


@dataclass(frozen=True)
class PartToPay:
    """What the payment provider is asked for: an amount (minor units) back to the method that paid it."""

    key: str
    amount_minor: int
    currency: str
    method_reference: str
    status: str


def part_to_pay(session: Session, refund_part_id: int) -> PartToPay | None:
    """A part that the provider still has to pay; None when it is settled, failed, or goes back as credit."""
    part = _part(session, refund_part_id)
    is_open = part.status in (states.REFUND_SENDING, states.REFUND_PENDING_AT_PROVIDER)
    if not is_open or _is_credit(part):
        return None
    # What was paid by a link goes back to that link, which the part names until it is paid.
    method = part.payment.method_external_id if part.payment else str(part.provider_reference)
    return PartToPay(
        part.idempotency_key, part.amount_minor, part.refund.currency, method, part.status
    )


def hand_over(session: Session, part: RefundPart, *, job_key: str, now: datetime) -> None:
    """Write the job that pays a part, in the transaction that decided it."""
    kind = ISSUE_STORE_CREDIT if _is_credit(part) else SEND_REFUND_PART
    payload: dict[str, Any] = {"refund_part_id": part.id}
    outbox.add(session, kind, payload, dedupe_key=job_key, now=now)


def settle_part(
    database: Database, refund_part_id: int, provider_reference: str | None, *, now: datetime
) -> None:
    """A part is paid back; a second report of the same part changes nothing.

    A part that goes back as credit gets its code here, in the same transaction.
    """
    with database.write() as session:
        part = _locked(session, refund_part_id)
        if part.status == states.REFUND_SETTLED:
            return
        if _is_credit(part):
            store_credits.issue_for_part(session, part, now=now)
        elif provider_reference is not None:
            part.provider_reference = provider_reference
        _move(session, part, "settle_part", states.REFUND_SETTLED, actor="system", now=now)
        part.settled_at = now
        _finish_refund(session, part.refund, now)


def mark_pending(
    database: Database, refund_part_id: int, provider_reference: str, *, now: datetime
) -> None:
    """The provider has taken a part on and works on it; it is asked again later how far it is."""
    with database.write() as session:
        part = _locked(session, refund_part_id)
        if part.status != states.REFUND_SENDING:
            return
        if part.payment_id is not None:
            part.provider_reference = provider_reference
        _move(
            session, part, "wait", states.REFUND_PENDING_AT_PROVIDER, actor="system", now=now
        )  # fmt: skip
        _check_later(session, part, checks=0, now=now)


def check_again(database: Database, refund_part_id: int, *, checks: int, now: datetime) -> None:
    """The provider still works on a part: it is asked again, after pauses that grow with the number of `checks`."""
    with database.write() as session:
        part = _locked(session, refund_part_id)
        if part.status == states.REFUND_PENDING_AT_PROVIDER:
            _check_later(session, part, checks=checks, now=now)


def _check_later(session: Session, part: RefundPart, *, checks: int, now: datetime) -> None:
    pause = min(LONGEST_CHECK, FIRST_CHECK * 2 ** min(checks, 10))
    outbox.add(
        session,
        CHECK_REFUND_PART,
        {"refund_part_id": part.id, "checks": checks + 1},
        # A part that failed and was asked for again is followed anew.
        dedupe_key=f"{part.idempotency_key}-check-{part.failures}-{checks + 1}",
        now=now,
        due_at=now + pause,
    )


def record_failure(database: Database, refund_part_id: int, error: str, *, now: datetime) -> None:
    """The provider gave no answer that can be relied on: it is asked again, and a person looks after some tries."""
    with database.write() as session:
        part = _locked(session, refund_part_id)
        if part.status not in (states.REFUND_SENDING, states.REFUND_PENDING_AT_PROVIDER):
            return
        part.failures += 1
        part.last_error = error[:2000]
        order = document_of(part.refund).order
        if part.failures >= policies.policy_of(order).refund.case_after_failures:
            _open_case(session, part, "refund_unanswered", "is not confirmed yet", now)


def fail_part(database: Database, refund_part_id: int, error: str, *, now: datetime) -> None:
    """The provider will not pay a part (the card is closed): a person finds another way for it.

    A part that is settled stays so.
    """
    with database.write() as session:
        part = _locked(session, refund_part_id)
        if part.status in (states.REFUND_SETTLED, states.REFUND_FAILED):
            return
        part.failures += 1
        part.last_error = error[:2000]
        _move(session, part, "fail_part", states.REFUND_FAILED, actor="system", now=now)
        _open_case(session, part, "refund_failed", "was refused", now)


class FailedPart(NamedTuple):
    """A part that the provider refused; the amount is in minor units."""

    number: int
    order_number: str
    amount_minor: int
    currency: str
    last_error: str | None


def failed_parts(session: Session) -> list[FailedPart]:
    """The parts that were refused and wait for a person, oldest first."""
    parts = session.scalars(
        select(RefundPart).where(RefundPart.status == states.REFUND_FAILED).order_by(RefundPart.id)
    )
    return [
        FailedPart(
            part.id,
            document_of(part.refund).order.number,
            part.amount_minor,
            part.refund.currency,
            part.last_error,
        )
        for part in parts
    ]


def retry_part(database: Database, refund_part_id: int, *, actor: str, now: datetime) -> None:
    """Ask the provider for a failed part once more, under its old key. Raises `NotAllowed` unless it failed."""
    with database.write() as session:
        part = _failed(session, refund_part_id)
        _move(session, part, "retry_part", states.REFUND_SENDING, actor=actor, now=now)
        hand_over(session, part, job_key=f"{part.idempotency_key}-retry-{part.failures}", now=now)


def replace_failed_part(
    database: Database,
    refund_part_id: int,
    *,
    settlement: str,
    actor: str,
    now: datetime,
) -> None:
    """Pay a part that the provider refused as store credit instead, when the shopper agreed to that.

    It stays the same part, so that it can never be paid both ways. Raises `NotAllowed` unless it failed.
    """
    if settlement != amounts.STORE_CREDIT:
        raise ServiceError("BAD_SETTLEMENT", "a refused part can go back as store_credit")
    with database.write() as session:
        part = _failed(session, refund_part_id)
        part.payment = None
        part.provider_reference = None
        _move(session, part, "replace_failed_part", states.REFUND_SENDING, actor=actor, now=now)
        hand_over(session, part, job_key=f"{part.idempotency_key}-as-credit", now=now)


def document_of(refund: Refund) -> Return | Claim:
    """What a refund was decided for."""
    document = refund.return_ or refund.claim
    if document is None:
        raise ServiceError("REFUND_BROKEN", f"refund {refund.id} belongs to no document")
    return document


def _is_credit(part: RefundPart) -> bool:
    """Whether it becomes a code of the shop, which needs no provider."""
    return part.payment is None and amounts.way_of(part) == amounts.STORE_CREDIT


def _part(session: Session, refund_part_id: int) -> RefundPart:
    part = session.get(RefundPart, refund_part_id)
    if part is None:
        raise NotFound("REFUND_UNKNOWN", f"there is no refund part {refund_part_id}")
    return part


def _locked(session: Session, refund_part_id: int) -> RefundPart:
    """A part with its order locked, as it stands now."""
    ledger.lock_order(session, document_of(_part(session, refund_part_id).refund).order_id)
    session.expire_all()
    return _part(session, refund_part_id)


def _failed(session: Session, refund_part_id: int) -> RefundPart:
    part = _locked(session, refund_part_id)
    if part.status != states.REFUND_FAILED:
        raise NotAllowed(
            "WRONG_STATE", f"the part is {part.status}: only one that failed can be tried again"
        )
    return part


def _move(
    session: Session, part: RefundPart, command: str, status: str, *, actor: str, now: datetime
) -> None:
    before, part.status = part.status, status
    refund = part.refund
    refund.status = _status_of(refund)
    way = amounts.way_of(part)
    events.record(
        session, actor=actor, command=command, document="refund", document_id=refund.id, now=now,
        before={"status": before}, after={"status": status, "part": part.idempotency_key, "way": way},
        conversation_id=document_of(refund).conversation_id,
    )  # fmt: skip


def _status_of(refund: Refund) -> str:
    found = {part.status for part in refund.parts}
    for status in (
        states.REFUND_FAILED,
        states.REFUND_SENDING,
        states.REFUND_PENDING_AT_PROVIDER,
    ):
        if status in found:
            return status
    # Closed only when the parts paid are the amount decided.
    paid = sum(part.amount_minor for part in refund.parts)
    return states.REFUND_SETTLED if paid == refund.amount_minor else states.REFUND_FAILED


def _finish_refund(session: Session, refund: Refund, now: datetime) -> None:
    if refund.status != states.REFUND_SETTLED:
        return
    refund.settled_at = now
    document = document_of(refund)
    events.record(
        session, actor="system", command="settle", document="refund", document_id=refund.id, now=now,
        after={"status": refund.status}, conversation_id=document.conversation_id,
    )  # fmt: skip
    notices.announce(
        session, "refunded", document="refund", document_id=refund.id, order=document.order,
        conversation_id=document.conversation_id, now=now,
    )  # fmt: skip
    if refund.return_ is not None:
        documents.close_if_done(session, refund.return_, actor="system", now=now)
    elif refund.claim is not None:
        claim_closing.close_claim_if_done(session, refund.claim, actor="system", now=now)


def _open_case(session: Session, part: RefundPart, reason: str, what: str, now: datetime) -> None:
    document = document_of(part.refund)
    cases.open_about(
        session, reason=reason,
        summary=f"Part {part.idempotency_key} of a refund of order {document.order.number} {what}: {part.last_error}",
        document="refund", document_id=part.refund_id, order_id=document.order_id,
        conversation_id=document.conversation_id, now=now, priority="high",
        dedupe_key=f"{reason}-{part.idempotency_key}",
    )  # fmt: skip
