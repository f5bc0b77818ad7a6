"""Telegram chats as other services look at them: which conversation a chat shares, and whose it is."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message, TelegramChat

TELEGRAM: Final = "telegram"
"""Name of the channel."""

_CHAT_IN_MESSAGE_ID: Final = re.compile(r"tg-(\d+)-")


def chat_of_conversation(session: Session, conversation_id: str) -> TelegramChat | None:
    """The chat that a conversation is held in, alone or beside the web."""
    return _one(session, TelegramChat.conversation_id == conversation_id)


def chat_of_customer(session: Session, customer_id: int | None) -> TelegramChat | None:
    """The chat that is linked with a customer's account."""
    return _one(session, TelegramChat.customer_id == customer_id) if customer_id else None


def chat_that_wrote_in(session: Session, conversation_id: str) -> TelegramChat | None:
    """The chat that a conversation is held in, or was until the shopper began a new one."""
    present = chat_of_conversation(session, conversation_id)
    if present is not None:
        return present
    ids = session.scalars(
        select(Message.channel_message_id)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == "shopper",
            Message.channel_message_id.like("tg-%"),
        )
        .order_by(Message.seq.desc())
        .limit(1)
    )
    written = _CHAT_IN_MESSAGE_ID.match(ids.one_or_none() or "")
    return _one(session, TelegramChat.chat_id == int(written[1])) if written else None


def lock_chat_of(session: Session, conversation_id: str) -> None:
    """Hold the chat of a conversation against other writers, if it has one."""
    session.execute(
        select(TelegramChat.chat_id)
        .where(TelegramChat.conversation_id == conversation_id)
        .with_for_update()
    )


def came_by_telegram(conversation: Conversation, message: Message | None) -> bool:
    """Whether a message of the conversation came by Telegram; a message of no channel came by its own."""
    return message is not None and (message.channel or conversation.channel) == TELEGRAM


def latest_of_shopper(session: Session, conversation_id: str) -> Message | None:
    """What the shopper sent last."""
    found: Message | None = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "shopper")
        .order_by(Message.seq.desc())
        .limit(1)
    ).one_or_none()
    return found


def _one(session: Session, condition: object) -> TelegramChat | None:
    # What another process has changed meanwhile counts.
    found: TelegramChat | None = session.scalars(
        select(TelegramChat).where(condition).execution_options(populate_existing=True)
    ).one_or_none()
    return found
