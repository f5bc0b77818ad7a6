"""Setbacks of an exchange: what it had chosen is not kept any more, and the shopper chooses again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, Exchange, Return
from returnsdesk.domain import states
from returnsdesk.services import events, notices
from returnsdesk.services.errors import ServiceError


def choice_lost(
    session: Session, exchange: Exchange, command: str, notice: str, *, actor: str, now: datetime
) -> None:
    """Let the shopper choose again, log it, and let them know; the caller has released the reservations."""
    before = exchange.status
    if before == states.EXCHANGE_CHOOSE_AGAIN:
        return
    exchange.status = states.EXCHANGE_CHOOSE_AGAIN
    document = document_of(exchange)
    events.record(
        session, actor=actor, command=command, document="exchange", document_id=exchange.id, now=now,
        before={"status": before}, after={"status": exchange.status}, conversation_id=document.conversation_id,
    )  # fmt: skip
    announce(session, exchange, notice, now=now)


def announce(session: Session, exchange: Exchange, notice: str, *, now: datetime) -> None:
    """Write the notices of what happened to the replacement of a return.

    About the replacement of a claim the team writes itself: it decided on it.
    """
    document = exchange.return_
    if document is not None:
        notices.announce_return(session, notice, document, now=now)


def document_of(exchange: Exchange) -> Return | Claim:
    """What an exchange stands on."""
    document = exchange.return_ or exchange.claim
    if document is None:
        raise ServiceError("EXCHANGE_BROKEN", f"{exchange.number} stands on no document")
    return document
