"""Refunds: deciding the amount from accepted units, sharing it over the payments, settling each part once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Refund, RefundPart, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.money import fill_up_to
from returnsdesk.services import events, outbox
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound
from returnsdesk.services.views import ReturnView, return_view

SEND_REFUND_PART = "send_refund_part"


def start(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Decide the refund of an inspected return and hand its parts to the worker.

    The amount is the sum of what was paid for the accepted units, less the return fee, never below zero and never
    above what is left of the order's payments. Raises `NotAllowed` when nothing was accepted for a refund; a second
    call finds the refund made before.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.refunds:
            return return_view(document)
        documents.require(document, "start_refund")
        if not any(line.outcome == "refund" and line.accepted for line in document.lines):
            raise NotAllowed(
                "NOTHING_ACCEPTED", f"{document.rma_number} has nothing accepted for a refund"
            )
        _create(session, document, actor=actor, now=now)
        documents.set_status(
            session, document, "start_refund", states.REFUND_PENDING, actor=actor, now=now
        )
        documents.close_if_done(session, document, actor=actor, now=now)
        return return_view(document)


def settle_part(
    database: Database, refund_part_id: int, provider_reference: str, *, now: datetime
) -> None:
    """The payment provider has paid a part back; a second report of the same part changes nothing."""
    with database.write() as session:
        part = session.get(RefundPart, refund_part_id)
        if part is None:
            raise NotFound("REFUND_UNKNOWN", f"there is no refund part {refund_part_id}")
        document = documents.locked(session, part.refund.return_.rma_number)
        if part.status == states.REFUND_SETTLED:
            return
        part.status, part.settled_at = states.REFUND_SETTLED, now
        part.provider_reference = provider_reference
        refund = part.refund
        if all(each.status == states.REFUND_SETTLED for each in refund.parts):
            refund.status, refund.settled_at = states.REFUND_SETTLED, now
            events.record(
                session, actor="system", command="settle", document="refund", document_id=refund.id, now=now,
                after={"status": refund.status}, conversation_id=document.conversation_id,
            )  # fmt: skip
            documents.close_if_done(session, document, actor="system", now=now)


def accepted_minor(document: Return) -> int:
    """What was paid for the units accepted for a refund, in minor units."""
    return sum(
        claim.unit.paid_minor
        for line in document.lines
        if line.outcome == "refund"
        for claim in line.claims
        if claim.decision == "accepted"
    )


def _create(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    items = accepted_minor(document)
    fee = min(document.fee_minor, items)
    payments = document.order.payments
    left = [payment.captured_minor - payment.refunded_minor for payment in payments]
    amount = min(items - fee, sum(left))
    refund = Refund(
        return_=document,
        idempotency_key=f"{document.rma_number}-1",
        amount_minor=amount,
        currency=document.currency,
        breakdown={"items_minor": items, "fee_minor": fee},
        status=states.REFUND_SENDING if amount else states.REFUND_SETTLED,
        created_at=now,
        settled_at=None if amount else now,
    )
    session.add(refund)
    for payment, share in zip(payments, fill_up_to(amount, left), strict=True):
        # Taken from the payment now, so that no other refund can take it as well.
        payment.refunded_minor += share
        if share and document.settlement != "store_credit":
            _add_part(refund, payment.id, share)
    if amount and document.settlement == "store_credit":
        _add_part(refund, None, amount)
    session.flush()
    for part in refund.parts:
        outbox.add(
            session,
            SEND_REFUND_PART,
            {"refund_part_id": part.id},
            dedupe_key=part.idempotency_key,
            now=now,
        )
    events.record(
        session, actor=actor, command="start_refund", document="refund", document_id=refund.id, now=now,
        after={"amount_minor": amount, "breakdown": refund.breakdown}, conversation_id=document.conversation_id,
    )  # fmt: skip


def _add_part(refund: Refund, payment_id: int | None, amount_minor: int) -> None:
    refund.parts.append(
        RefundPart(
            payment_id=payment_id,
            amount_minor=amount_minor,
            idempotency_key=f"{refund.idempotency_key}-{len(refund.parts) + 1}",
            status=states.REFUND_SENDING,
        )
    )
