"""Telegram: updates as they came, chats and how far they have been answered, one-time links to a chat."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
)

from returnsdesk.db.base import Base, Mapped, UTCDateTime


class TelegramUpdate(Base):
    """An update of the Bot API, kept before anything else happens to it; the same one twice is one row."""

    __tablename__ = "telegram_updates"

    bot_id: Mapped[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    update_id: Mapped[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    # Updates of one chat are handled in their order; empty for kinds that belong to no chat.
    chat_id: Mapped[int | None] = Column(BigInteger)
    payload: Mapped[dict[str, Any]] = Column(JSON, nullable=False)
    # waiting -> done, or waiting -> failed after the last try
    state: Mapped[str] = Column(String(10), nullable=False)
    attempts: Mapped[int] = Column(Integer, nullable=False, default=0)
    received_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'done', 'failed')", name="known_state"),
        Index("ix_telegram_updates_state_chat_id", "state", "chat_id"),
        Index("ix_telegram_updates_received_at", "received_at"),
    )


class TelegramChat(Base):
    """A private chat with the bot: its conversation, whose it is, and what of the conversation it has been sent.

    A message is cut into parts where it is longer than Telegram takes, or has a picture; `sent_parts` counts those of
    the message after `sent_seq` that Telegram has taken.
    """

    __tablename__ = "telegram_chats"

    chat_id: Mapped[int] = Column(BigInteger, primary_key=True, autoincrement=False)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, unique=True
    )
    # Whose the chat is, once linked: the link is the proof of control. A customer has one chat.
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"), unique=True)
    linked_at: Mapped[datetime | None] = Column(UTCDateTime)
    wants_notices: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    # The shopper has blocked the bot, or is gone: nothing is sent until they write again.
    blocked_at: Mapped[datetime | None] = Column(UTCDateTime)
    sent_seq: Mapped[int] = Column(Integer, nullable=False, default=0)
    sent_parts: Mapped[int] = Column(Integer, nullable=False, default=0)
    # Telegram's id of the message whose buttons can still be pressed.
    keyboard_message_id: Mapped[int | None] = Column(BigInteger)
    # Tries of the next part that have failed, and when it is tried again.
    failures: Mapped[int] = Column(Integer, nullable=False, default=0)
    due_at: Mapped[datetime | None] = Column(UTCDateTime)
    # Which desk process serves the chat, and until when that holds if it is never heard of again.
    owner: Mapped[str | None] = Column(String(36))
    lease_until: Mapped[datetime | None] = Column(UTCDateTime)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class ChatLink(Base):
    """A one-time link to a chat on another channel; only its hash is kept.

    It carries a conversation over, or says whose account page it was made on, or both.
    """

    __tablename__ = "chat_links"

    token_hash: Mapped[str] = Column(String(64), primary_key=True)
    conversation_id: Mapped[str | None] = Column(ForeignKey("conversations.id"))
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"))
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    used_at: Mapped[datetime | None] = Column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(
            "conversation_id IS NOT NULL OR customer_id IS NOT NULL", name="carries_something"
        ),
    )
