"""Whether a notice that waits to be sent is still true, and still news, by what the record says now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    Event,
    Exchange,
    Notification,
    Refund,
    Return,
    TelegramChat,
    Withdrawal,
)
from returnsdesk.domain import states
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.notices import WEB
from returnsdesk.services.status import standing_of

_TO_POST: Final = (states.APPROVED, states.LABEL_ISSUED)
# The chat's own answer has just said these, and where a shopper did it there, all that the command led to at once.
_SAID_BY_CHAT: Final = frozenset({"withdrawal_received"})
_SHOPPER: Final = "shopper"


def is_worth_sending(session: Session, notice: Notification, now: datetime) -> bool:
    """Whether the shopper should still hear of the event on the notice's channel."""
    if notice.channel in (WEB, TELEGRAM) and _is_said_by_chat(session, notice):
        return False
    if notice.document == "return":
        return _of_return(session, notice, now)
    if notice.document == "claim":
        return _of_claim(session, notice, now)
    if notice.document == "refund":
        return _of_refund(session, notice)
    withdrawal = session.get(Withdrawal, notice.document_id)
    # A declaration is acknowledged whatever has become of it meanwhile.
    return withdrawal is not None and (
        notice.event != "withdrawal_refused" or withdrawal.status == states.WITHDRAWAL_REFUSED
    )


def _is_said_by_chat(session: Session, notice: Notification) -> bool:
    conversation_id = _conversation_of(session, notice)
    if notice.event in _SAID_BY_CHAT:
        return notice.channel == WEB or conversation_id == _origin_of(session, notice)
    done_by_shopper = select(Event.id).where(
        Event.document == notice.document,
        Event.document_id == notice.document_id,
        Event.conversation_id == conversation_id,
        Event.at == notice.created_at,
        Event.actor == _SHOPPER,
    )
    return session.scalars(done_by_shopper.limit(1)).first() is not None


def _conversation_of(session: Session, notice: Notification) -> str | None:
    """The conversation that the notice would stand in."""
    if notice.channel == WEB:
        return str(notice.recipient)
    chat = session.get(TelegramChat, int(notice.recipient))
    return str(chat.conversation_id) if chat is not None else None


def _origin_of(session: Session, notice: Notification) -> str | None:
    withdrawal = session.get(Withdrawal, notice.document_id)
    return withdrawal.conversation_id if withdrawal is not None else None


def _of_return(session: Session, notice: Notification, now: datetime) -> bool:
    document = session.get(Return, notice.document_id)
    if document is None:
        return False
    if notice.event.startswith("reminder_"):
        later = f"reminder_{int(notice.event.removeprefix('reminder_')) + 1}"
        return _is_to_be_posted(document, now) and not _is_told(session, notice, later)
    if notice.event == "approved":
        told = _is_told(session, notice, "label_ready") or _is_told(session, notice, "own_carrier")
        return document.status == states.APPROVED and not told
    if notice.event == "late":
        return standing_of(document, now).is_late
    if notice.event in _STATUSES_OF_RETURN:
        return document.status in _STATUSES_OF_RETURN[notice.event]
    if notice.event == "inspected":
        return document.inspected_at is not None
    return _of_remedy(notice, document.refunds, document.exchange, now)


def _of_claim(session: Session, notice: Notification, now: datetime) -> bool:
    claim = session.get(Claim, notice.document_id)
    if claim is None:
        return False
    if notice.event == "claim_approved" and _is_told(session, notice, "claim_resolved"):
        return False
    if notice.event in _STATUSES_OF_CLAIM:
        return claim.status in _STATUSES_OF_CLAIM[notice.event]
    return _of_remedy(notice, claim.refunds, claim.exchange, now)


def _of_refund(session: Session, notice: Notification) -> bool:
    refund = session.get(Refund, notice.document_id)
    if refund is None or refund.settled_at is None:
        return False
    # The notice of a resolved claim names what was paid back as well.
    return refund.claim_id is None or not _is_told(
        session, notice, "claim_resolved", document=("claim", refund.claim_id)
    )


def _of_remedy(
    notice: Notification, refunds: list[Refund], exchange: Exchange | None, now: datetime
) -> bool:
    if notice.event == "refunded":
        return any(refund.settled_at is not None for refund in refunds)
    check = _OF_EXCHANGE.get(notice.event)
    return check is not None and exchange is not None and check(exchange, now)


def _is_told(
    session: Session, notice: Notification, event: str, *, document: tuple[str, int] | None = None
) -> bool:
    """Whether there is a notice of a later event on the same channel, of the same document if no other is named."""
    kind, number = document or (notice.document, notice.document_id)
    found = session.scalar(
        select(Notification.id).where(
            Notification.document == kind,
            Notification.document_id == number,
            Notification.event == event,
            Notification.channel == notice.channel,
        )
    )
    return found is not None


def _is_to_be_posted(document: Return, now: datetime) -> bool:
    return document.status in _TO_POST and document.shipped_at is None and now <= document.ship_by


def _is_payment_due(exchange: Exchange, now: datetime) -> bool:
    is_in_time = exchange.payment_due_at is None or now < exchange.payment_due_at
    return exchange.difference_status == states.DIFFERENCE_DUE and is_in_time


_STATUSES_OF_RETURN: Final[Mapping[str, tuple[str, ...]]] = {
    "request_received": (states.REQUESTED,),
    "declined": (states.DECLINED,),
    "label_ready": (states.LABEL_ISSUED,),
    "label_replaced": (states.LABEL_ISSUED,),
    "label_delayed": (states.APPROVED,),
    "own_carrier": _TO_POST,
    "on_its_way": (states.IN_TRANSIT,),
    "arrived": (states.ARRIVED,),
    "on_hold": (states.ON_HOLD,),
    "lost": (states.LOST,),
    "cancelled": (states.CANCELLED,),
    "expired": (states.EXPIRED,),
}
_STATUSES_OF_CLAIM: Final[Mapping[str, tuple[str, ...]]] = {
    "claim_received": (states.CLAIM_OPEN,),
    "claim_needs_evidence": (states.CLAIM_NEEDS_EVIDENCE,),
    "claim_approved": (states.CLAIM_APPROVED,),
    "claim_denied": (states.CLAIM_DENIED,),
    "claim_resolved": (states.CLAIM_RESOLVED,),
}
_OF_EXCHANGE: Final[Mapping[str, Callable[[Exchange, datetime], bool]]] = {
    "exchange_shipped": lambda exchange, _now: exchange.status == states.EXCHANGE_SHIPPED,
    "payment_due": _is_payment_due,
    "payment_missed": lambda exchange, _now: exchange.status == states.EXCHANGE_CHOOSE_AGAIN,
    "choose_again": lambda exchange, _now: exchange.status == states.EXCHANGE_CHOOSE_AGAIN,
}
