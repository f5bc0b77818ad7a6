"""Refunds: deciding what goes back and by which way, within what was paid; sending stands in `refund_parts`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, Order, Payment, Refund, RefundPart, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.money import allocate
from returnsdesk.services import cases, claim_closing, events, ledger, policies, refund_parts
from returnsdesk.services import refund_amounts as amounts
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.refund_parts import (
    ISSUE_STORE_CREDIT,
    SEND_REFUND_PART,
    fail_part,
    failed_parts,
    mark_pending,
    record_failure,
    replace_failed_part,
    retry_part,
    settle_part,
)
from returnsdesk.services.views import ReturnView, return_view

__all__ = [
    "ISSUE_STORE_CREDIT",
    "SEND_REFUND_PART",
    "fail_part",
    "failed_parts",
    "mark_pending",
    "may_start",
    "pay_back_link",
    "record_failure",
    "replace_failed_part",
    "retry_part",
    "settle_part",
    "start",
    "start_difference",
    "start_for_claim",
]


def start(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Decide the refund of what was accepted of a return and hand its parts to the worker.

    The amount is the sum of what was paid for the accepted units, less the return fee, and the delivery where a
    withdrawal takes back the whole order; never below zero, never above what was paid for a line and not paid back
    yet, never above what is left of the order's payments. Units accepted later get a further refund; a call with
    nothing new finds the refunds made before. Raises `NotAllowed` when nothing was accepted for a refund.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number)
        has_items = any(refund.purpose == amounts.ITEMS for refund in document.refunds)
        if has_items and not _may_pay_more(document):
            return return_view(document)
        if not has_items:
            documents.require(document, "start_refund")
        if not amounts.has_unstarted_items(document):
            raise NotAllowed(
                "NOTHING_ACCEPTED", f"{document.rma_number} has nothing accepted for a refund"
            )
        _start_items(session, document, actor=actor, now=now)
        if states.may("start_refund", document.status):
            documents.set_status(
                session, document, "start_refund", states.REFUND_PENDING, actor=actor, now=now
            )
        documents.close_if_done(session, document, actor=actor, now=now)
        return return_view(document)


def may_start(document: Return) -> bool:
    """Whether `start` would pay something back now; the document's session must be open."""
    return _may_pay_more(document)


def start_for_claim(
    session: Session,
    claim: Claim,
    amount_minor: int | None = None,
    *,
    actor: str,
    now: datetime,
) -> Refund:
    """Decide the refund of an approved claim, within the caller's transaction; goods need not come back for it.

    Without an amount (minor units), all that was paid for the claim's units that no replacement stands for, as far as
    it has not gone back already; a second call then finds the first refund. Raises `NotAllowed` for an amount above
    that, or when nothing is left.
    """
    order = ledger.lock_order(session, claim.order_id)
    left = amounts.claim_left(session, claim)
    available = sum(left.values())
    if amount_minor is None and not available and claim.refunds:
        return claim.refunds[-1]
    wanted = available if amount_minor is None else amount_minor
    if wanted <= 0:
        raise NotAllowed("NOTHING_LEFT", f"{claim.number} has nothing left to pay back")
    if wanted > available:
        raise NotAllowed(
            "AMOUNT_EXCEEDS",
            f"{claim.number} can pay back {available} at most",
            available_minor=available,
        )
    lines = dict(zip(left, allocate(wanted, list(left.values())), strict=True))
    refund = Refund(
        claim=claim,
        purpose=amounts.CLAIM,
        idempotency_key=_next_key(claim.number, claim.refunds),
        currency=order.currency,
        breakdown=amounts.with_lines({"items_minor": wanted}, lines),
        created_at=now,
    )
    _decide(session, refund, order, wanted, settlement="original", actor=actor, now=now)
    claim_closing.close_claim_if_done(session, claim, actor=actor, now=now)
    return refund


def start_difference(
    session: Session,
    document: Return,
    amount_minor: int,
    lines: Mapping[int, int],
    *,
    settlement: str,
    actor: str,
    now: datetime,
) -> Refund:
    """Pay back what a replacement costs less than was paid, within the caller's transaction on the locked return.

    `lines` says how much of it belongs to which order line (by id).
    """
    refund = Refund(
        return_=document,
        purpose=amounts.DIFFERENCE,
        idempotency_key=_next_key(document.rma_number, document.refunds),
        currency=document.currency,
        breakdown=amounts.with_lines({"difference_minor": amount_minor}, lines),
        created_at=now,
    )
    _decide(
        session, refund, document.order, amount_minor, settlement=settlement, actor=actor, now=now
    )
    return refund


def pay_back_link(
    session: Session,
    document: Return,
    amount_minor: int,
    link_reference: str,
    *,
    actor: str,
    now: datetime,
) -> Refund:
    """Pay back what was paid by a payment link for a replacement that is not sent, the way it came."""
    refund = Refund(
        return_=document,
        purpose=amounts.PAYMENT_LINK,
        idempotency_key=_next_key(document.rma_number, document.refunds),
        amount_minor=amount_minor,
        currency=document.currency,
        breakdown={"difference_minor": amount_minor},
        status=states.REFUND_SENDING,
        created_at=now,
    )
    session.add(refund)
    _add_part(refund, amount_minor, link_reference=link_reference)
    _hand_over(session, refund, actor=actor, now=now)
    return refund


def _may_pay_more(document: Return) -> bool:
    is_open = states.may("start_refund", document.status) or (
        document.status == states.REFUND_PENDING
    )
    return is_open and amounts.has_unstarted_items(document)


def _start_items(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    order, policy = document.order, policies.policy_of(document.order)
    lines = amounts.items_left(document)
    items = sum(lines.values())
    fee = min(amounts.fee_left(document), items)
    shipping = amounts.shipping_left(document, policy)
    facts = {"items_minor": items, "fee_minor": fee}
    if shipping:
        facts["shipping_minor"] = shipping
    refund = Refund(
        return_=document,
        purpose=amounts.ITEMS,
        idempotency_key=_next_key(document.rma_number, document.refunds),
        currency=document.currency,
        breakdown=amounts.with_lines(facts, lines),
        created_at=now,
    )
    _decide(
        session, refund, order, items - fee + shipping, settlement=document.settlement, actor=actor, now=now
    )  # fmt: skip


def _decide(
    session: Session,
    refund: Refund,
    order: Order,
    wanted_minor: int,
    *,
    settlement: str | None,
    actor: str,
    now: datetime,
) -> None:
    """Fix the amount within what is left of the payments, take it from them, and hand the parts over."""
    refund.amount_minor, refund.status = wanted_minor, states.REFUND_SENDING
    session.add(refund)
    payments = amounts.locked_payments(session, order.id)
    left = sum(payment.captured_minor - payment.refunded_minor for payment in payments)
    refund.amount_minor = amount = min(wanted_minor, left)
    refund.status = states.REFUND_SENDING if amount else states.REFUND_SETTLED
    refund.settled_at = None if amount else now
    shares = amounts.shared_over(amount, payments, policies.policy_of(order))
    for payment, share in zip(payments, shares, strict=True):
        # Taken from the payment now, so that no other refund can take it as well.
        payment.refunded_minor += share
        if share and settlement != amounts.STORE_CREDIT:
            _add_part(refund, share, payment=payment)
    if amount and settlement == amounts.STORE_CREDIT:
        _add_part(refund, amount)
    _hand_over(session, refund, actor=actor, now=now)
    if amount < wanted_minor:
        _tell_of_shortage(session, refund, order, wanted_minor - amount, now)


def _hand_over(session: Session, refund: Refund, *, actor: str, now: datetime) -> None:
    session.flush()
    for part in refund.parts:
        refund_parts.hand_over(session, part, job_key=part.idempotency_key, now=now)
    events.record(
        session, actor=actor, command="start_refund", document="refund", document_id=refund.id, now=now,
        after={
            "amount_minor": refund.amount_minor,
            "purpose": refund.purpose,
            "breakdown": amounts.facts_of(refund),
        },
        conversation_id=refund_parts.document_of(refund).conversation_id,
    )  # fmt: skip


def _tell_of_shortage(
    session: Session, refund: Refund, order: Order, missing_minor: int, now: datetime
) -> None:
    """The books of an order do not add up; a person has to see where the rest went."""
    cases.open_about(
        session, reason="refund_capped",
        summary=f"Refund {refund.idempotency_key} is {missing_minor} (minor units) lower than decided: "
        f"no more is left of the payments of order {order.number}.",
        document="refund", document_id=refund.id, order_id=order.id,
        conversation_id=refund_parts.document_of(refund).conversation_id,
        dedupe_key=f"refund-capped-{refund.idempotency_key}", now=now, priority="high",
    )  # fmt: skip


def _next_key(number: str, earlier: list[Refund]) -> str:
    """Document and sequence, never the amount: two equal partial refunds are two refunds."""
    return f"{number}-{len(earlier) + 1}"


def _add_part(
    refund: Refund,
    amount_minor: int,
    *,
    payment: Payment | None = None,
    link_reference: str | None = None,
) -> None:
    refund.parts.append(
        RefundPart(
            payment=payment,
            amount_minor=amount_minor,
            idempotency_key=f"{refund.idempotency_key}-{len(refund.parts) + 1}",
            status=states.REFUND_SENDING,
            provider_reference=link_reference,
            failures=0,
        )
    )
