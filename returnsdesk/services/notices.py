"""Notices to shoppers: written with the event that calls for them, one for each channel that the shopper uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Notification, OneTimeCode, Order
from returnsdesk.services import outbox

SEND_NOTICE: Final = "send_notice"
EMAIL: Final = "email"
SMS: Final = "sms"
TELEGRAM: Final = "telegram"
WEB: Final = "web"


@dataclass(frozen=True)
class CodeNotice:
    """A one-time code that may still be sent: in which language, and for how long it is valid from its making."""

    language: str
    minutes: int


def code_notice(session: Session, code_id: int, now: datetime) -> CodeNotice | None:
    """What to say with a code; None if it has run out or a newer one took its place."""
    code = session.get(OneTimeCode, code_id)
    if code is None or code.is_void or code.expires_at <= now:
        return None
    conversation = session.get(Conversation, code.conversation_id)
    minutes = round((code.expires_at - code.created_at).total_seconds() / 60)
    return CodeNotice(conversation.language, minutes)


def announce(
    session: Session,
    event: str,
    *,
    document: str,
    document_id: int,
    order: Order,
    conversation_id: str | None,
    now: datetime,
    fallback_language: str = "en",
) -> None:
    """Write the notices of an event in its transaction: once for each document, event and channel, then no more."""
    conversation = session.get(Conversation, conversation_id) if conversation_id else None
    customer = order.customer
    known = (conversation and conversation.language) or (customer and customer.language)
    language = known or fallback_language
    for channel, recipient in _recipients(order, conversation):
        key = f"notice-{document}-{document_id}-{event}-{channel}"
        if session.scalar(select(Notification.id).where(Notification.dedupe_key == key)):
            continue
        notification = Notification(
            event=event,
            document=document,
            document_id=document_id,
            channel=channel,
            language=language,
            recipient=recipient,
            dedupe_key=key,
            status="waiting",
            created_at=now,
        )
        session.add(notification)
        session.flush()
        outbox.add(
            session, SEND_NOTICE, {"notification_id": notification.id}, dedupe_key=key, now=now
        )


def _recipients(order: Order, conversation: Conversation | None) -> list[tuple[str, str]]:
    """Channel and address for each way in which the shopper hears of a return."""
    customer = order.customer
    found: list[tuple[str, str]] = []
    if order.email_norm and (customer is None or customer.notify_by_email):
        found.append((EMAIL, order.email_norm))
    if customer is not None and customer.notify_by_sms and customer.phone:
        found.append((SMS, customer.phone))
    if customer is not None and customer.notify_by_telegram and customer.telegram_chat_id:
        found.append((TELEGRAM, customer.telegram_chat_id))
    if conversation is not None and conversation.channel == WEB and conversation.ended_at is None:
        found.append((WEB, conversation.id))
    return found
