"""What every command on a return shares: finding it, locking it, changing its status, closing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Return
from returnsdesk.domain import states
from returnsdesk.services import (
    cases,
    claim_closing,
    events,
    label_requests,
    ledger,
    notices,
    refund_amounts,
)
from returnsdesk.services.errors import NotAllowed, NotFound

# Which event a shopper hears of when a return comes into a state.
NOTICE_OF_STATUS: Final = {
    states.REQUESTED: "request_received",
    states.APPROVED: "approved",
    states.DECLINED: "declined",
    states.LABEL_ISSUED: "label_ready",
    states.IN_TRANSIT: "on_its_way",
    states.ARRIVED: "arrived",
    states.ON_HOLD: "on_hold",
    states.INSPECTED: "inspected",
    states.REJECTED: "inspected",
    states.LOST: "lost",
    states.CANCELLED: "cancelled",
    states.EXPIRED: "expired",
}

# Reasons of cases that wait for a state to be left, by that state: whoever does the work closes them with it.
WAITING_CASES: Final = {
    states.REQUESTED: ("to_approve", "review_late"),
    states.ARRIVED: ("to_inspect", "inspection_late"),
    states.INSPECTED: ("to_release",),
}


def by_number(session: Session, rma_number: str) -> Return | None:
    """The return of that number, whatever the case and blanks it is written with."""
    number = rma_number.strip().upper()
    return session.scalars(select(Return).where(Return.rma_number == number)).one_or_none()


def locked(session: Session, rma_number: str, command: str | None = None) -> Return:
    """The return with its order locked, as it stands now; with `command`, only if its state allows it."""
    document = by_number(session, rma_number)
    if document is None:
        raise NotFound("RETURN_UNKNOWN", f"there is no return {rma_number}")
    ledger.lock_order(session, document.order_id)
    # Another command may have changed it between the look-up and the lock.
    session.expire_all()
    if command is not None:
        require(document, command)
    return document


def require(document: Return, command: str) -> None:
    """Raise `NotAllowed` when the state does not allow the command."""
    if not states.may(command, document.status):
        raise NotAllowed(
            "WRONG_STATE",
            f"{document.rma_number} is {document.status}: {command} is not possible",
            status=document.status,
            rma_number=document.rma_number,
        )


def set_status(
    session: Session,
    document: Return,
    command: str,
    status: str,
    *,
    actor: str,
    now: datetime,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Change the status, log it with `facts`, and let the shopper know."""
    before, document.status = document.status, status
    for reason in WAITING_CASES.get(before, ()):
        cases.close_about(
            session, document="return", document_id=document.id, reason=reason, actor=actor, now=now
        )
    events.record(
        session, actor=actor, command=command, document="return", document_id=document.id, now=now,
        before={"status": before}, after={"status": status, **(facts or {})},
        conversation_id=document.conversation_id,
    )  # fmt: skip
    announce_status(session, document, now=now)


def announce_status(session: Session, document: Return, *, now: datetime) -> None:
    """Let follow what a state that a return has come into calls for: a label made or taken back, and the notice."""
    label_requests.follow(session, document, now=now)
    event = NOTICE_OF_STATUS.get(document.status)
    if event is not None:
        notices.announce_return(session, event, document, now=now)


def close_if_done(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    """Close a return once all its money is settled and its replacement is on the way."""
    is_paid = all(refund.status == states.REFUND_SETTLED for refund in document.refunds)
    is_sent = document.exchange is None or document.exchange.status in (
        states.EXCHANGE_SHIPPED,
        states.EXCHANGE_DELIVERED,
        states.EXCHANGE_ENDED_WITHOUT,
    )
    if (
        states.may("close", document.status)
        and is_paid
        and is_sent
        and not refund_amounts.has_unstarted_items(document)
    ):
        document.closed_at = now
        set_status(session, document, "close", states.CLOSED, actor=actor, now=now)
        _settle_withdrawal(session, document, actor=actor, now=now)
        if document.claim is not None:
            claim_closing.close_claim_if_done(session, document.claim, actor=actor, now=now)


def _settle_withdrawal(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    """The money of a withdrawal has gone back."""
    withdrawal = document.withdrawal
    if withdrawal is None or withdrawal.status != states.WITHDRAWAL_RETURN_OPENED:
        return
    withdrawal.status = states.WITHDRAWAL_REFUNDED
    events.record(
        session, actor=actor, command="refunded", document="withdrawal", document_id=withdrawal.id, now=now,
        before={"status": states.WITHDRAWAL_RETURN_OPENED}, after={"status": withdrawal.status},
        conversation_id=withdrawal.conversation_id,
    )  # fmt: skip
