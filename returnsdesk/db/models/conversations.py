"""Conversations: messages as they were seen, identity, buttons, drafts of what a shopper is putting together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import relationship, validates

from returnsdesk.db import message_search
from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.shop import Customer, Order, OrderLine, Variant


class Conversation(Base):
    """One shopper's talk with the desk on one channel; its id is a random secret-free UUID."""

    __tablename__ = "conversations"

    id: Mapped[str] = Column(String(36), primary_key=True)
    channel: Mapped[str] = Column(String(20), nullable=False)
    language: Mapped[str] = Column(String(5), nullable=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    last_message_at: Mapped[datetime] = Column(UTCDateTime, nullable=False, index=True)
    last_seq: Mapped[int] = Column(Integer, nullable=False, default=0)
    # The shopper logged out or began anew: its session opens it no more.
    ended_at: Mapped[datetime | None] = Column(UTCDateTime)
    # Sessions issued before this moment open it no more, though it goes on elsewhere: logged out in one browser.
    sessions_from: Mapped[datetime | None] = Column(UTCDateTime)
    # Which desk process is answering, and until when that holds if the process is never heard of again.
    turn_owner: Mapped[str | None] = Column(String(36))
    turn_lease_until: Mapped[datetime | None] = Column(UTCDateTime)

    # What lists filter by, kept in the transaction of whatever changes it.
    # bot: the assistant answers; waiting: for a person; person: one has it; closed
    state: Mapped[str] = Column(String(10), nullable=False, default="bot")
    handed_over_at: Mapped[datetime | None] = Column(UTCDateTime)
    # The least sure of the assistant's readings, and how often it did not understand.
    lowest_confidence: Mapped[float | None] = Column(Float)
    fallback_count: Mapped[int] = Column(Integer, nullable=False, default=0)
    # What came of it last: return, exchange, claim, withdrawal, case, or answered
    outcome: Mapped[str | None] = Column(String(20))
    # The shopper's rating, 1 to 5
    csat: Mapped[int | None] = Column(Integer)
    # The latest order that it was about, and the customer, once known. No foreign keys: checking one would lock the
    # order after the conversation, and every command locks the order first.
    order_id: Mapped[int | None] = Column(Integer, index=True)
    customer_id: Mapped[int | None] = Column(Integer, index=True)
    reviewed_at: Mapped[datetime | None] = Column(UTCDateTime)
    reviewed_by: Mapped[str | None] = Column(String(254))
    # E-mail address of the member of staff who sees to it
    assigned_to: Mapped[str | None] = Column(String(254), index=True)
    # A person of the team is writing to the shopper, as far as known until then.
    agent_typing_until: Mapped[datetime | None] = Column(UTCDateTime)

    messages: Mapped[list[Message]] = relationship(
        "Message", back_populates="conversation", order_by="Message.seq"
    )

    __table_args__ = (
        CheckConstraint("state IN ('bot', 'waiting', 'person', 'closed')", name="known_state"),
        CheckConstraint("csat BETWEEN 1 AND 5", name="csat_in_range"),
        Index("ix_conversations_state_last_message_at", "state", "last_message_at"),
        # Each list of conversations goes by time: one index for each thing that it is narrowed by.
        Index("ix_conversations_channel_last_message_at", "channel", "last_message_at", "id"),
        Index("ix_conversations_language_last_message_at", "language", "last_message_at", "id"),
        Index("ix_conversations_outcome_last_message_at", "outcome", "last_message_at", "id"),
        Index("ix_conversations_csat_last_message_at", "csat", "last_message_at", "id"),
        Index("ix_conversations_lowest_confidence", "lowest_confidence"),
        Index(
            "ix_conversations_fallback_last_message_at",
            "last_message_at",
            "id",
            sqlite_where=text("fallback_count > 0"),
            postgresql_where=text("fallback_count > 0"),
        ),
        Index(
            "ix_conversations_handover_last_message_at",
            "last_message_at",
            "id",
            sqlite_where=text("handed_over_at IS NOT NULL"),
            postgresql_where=text("handed_over_at IS NOT NULL"),
        ),
        Index("ix_conversations_reviewed_at", "reviewed_at"),
        # Figures count what began, and what was passed on, within a period.
        Index("ix_conversations_created_at", "created_at"),
        Index("ix_conversations_handed_over_at", "handed_over_at"),
    )


class Message(Base):
    """One message of a conversation, numbered from 1 without gaps; the transcript is these rows."""

    __tablename__ = "messages"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(ForeignKey("conversations.id"), nullable=False)
    seq: Mapped[int] = Column(Integer, nullable=False)
    # shopper, assistant, agent or system
    author: Mapped[str] = Column(String(10), nullable=False)
    # The channel's own id of a shopper's message: the same message delivered twice is one row.
    channel_message_id: Mapped[str | None] = Column(String(80))
    text: Mapped[str] = Column(Text, nullable=False, default="")
    # The text's words as the full-text index has them, set with the text
    search_text: Mapped[str] = Column(Text, nullable=False, default="", server_default="")
    # buttons as shown (label and opaque token), cards, pictures
    content: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    # Through which channel it came, where that differs from the conversation's own
    channel: Mapped[str | None] = Column(String(20))
    # What a pressed button stands for: {"intent": ..., "entities": {...}}; empty for typed text
    choice: Mapped[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    # shopper's messages: waiting -> answered; all others: sent
    state: Mapped[str] = Column(String(10), nullable=False)
    reply_to_id: Mapped[int | None] = Column(ForeignKey("messages.id"))
    # How often an action of this message has failed in an action server that was up, and since when.
    failed_tries: Mapped[int] = Column(Integer, nullable=False, default=0)
    failing_since: Mapped[datetime | None] = Column(UTCDateTime)
    # On a shopper's message once answered: intent, confidence, ranking, entities, actions, slots
    trace: Mapped[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    # The same once more where lists and figures look for it
    intent: Mapped[str | None] = Column(String(60))
    confidence: Mapped[float | None] = Column(Float)
    is_fallback: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    conversation: Mapped[Conversation] = relationship("Conversation", back_populates="messages")

    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "channel_message_id"),
        CheckConstraint(
            "author IN ('shopper', 'assistant', 'agent', 'system')", name="known_author"
        ),
        CheckConstraint("state IN ('waiting', 'answered', 'sent')", name="known_state"),
        Index("ix_messages_state_id", "state", "id"),
        Index("ix_messages_intent_id", "intent", "id"),
        Index("ix_messages_is_fallback_id", "is_fallback", "id"),
        Index("ix_messages_conversation_id_intent", "conversation_id", "intent"),
        Index("ix_messages_created_at", "created_at"),
    )

    @validates("text")
    def _index_words(self, _name: str, text: str) -> str:
        self.search_text = message_search.search_text(text or "")
        return text


message_search.attach(Message.__table__)  # type: ignore[attr-defined]


class ButtonToken(Base):
    """What a button shown to a shopper stands for; the shopper's side only knows the random token."""

    __tablename__ = "button_tokens"

    token: Mapped[str] = Column(String(32), primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, index=True
    )
    label: Mapped[str] = Column(String(300), nullable=False)
    choice: Mapped[dict[str, Any]] = Column(JSON, nullable=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class VerifiedSession(Base):
    """Proof of control that a conversation has given, and what it opens: a customer's orders or one order."""

    __tablename__ = "verified_sessions"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, unique=True
    )
    # shop_login, telegram_link, one_time_code or order_and_postcode
    method: Mapped[str] = Column(String(20), nullable=False)
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"))
    email_norm: Mapped[str | None] = Column(String(254))
    order_id: Mapped[int | None] = Column(ForeignKey("orders.id"))
    verified_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    customer: Mapped[Customer | None] = relationship("Customer")
    order: Mapped[Order | None] = relationship("Order")

    __table_args__ = (
        CheckConstraint(
            "customer_id IS NOT NULL OR email_norm IS NOT NULL OR order_id IS NOT NULL",
            name="opens_something",
        ),
    )


class OneTimeCode(Base):
    """A six-digit code sent by mail; only its hash is kept. An address without orders gets a row and no mail."""

    __tablename__ = "one_time_codes"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, index=True
    )
    email_norm: Mapped[str] = Column(String(254), nullable=False, index=True)
    code_hash: Mapped[str] = Column(String(64), nullable=False)
    is_deliverable: Mapped[bool] = Column(Boolean, nullable=False)
    is_void: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class IdentityAttempt(Base):
    """A failed try to prove identity; counted per conversation and per order or address to slow guessing."""

    __tablename__ = "identity_attempts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(String(36), nullable=False, index=True)
    subject: Mapped[str] = Column(String(254), nullable=False, index=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class Draft(Base):
    """What a shopper is putting together before the yes. It claims nothing and outlives Rasa's session."""

    __tablename__ = "drafts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, index=True
    )
    order_id: Mapped[int | None] = Column(ForeignKey("orders.id"))
    # open, submitted or abandoned
    state: Mapped[str] = Column(String(10), nullable=False)
    settlement: Mapped[str | None] = Column(String(20))
    # What the shopper's first words said before anything was resolved, kept while identity is proven.
    wish: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    # The question that is open and its choices, so that "the second" and "ok" can be understood.
    question: Mapped[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    # Digest of the summary as last shown; a yes counts only for it.
    summary_token: Mapped[str | None] = Column(String(64))
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    updated_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    order: Mapped[Order | None] = relationship("Order")
    lines: Mapped[list[DraftLine]] = relationship(
        "DraftLine", back_populates="draft", order_by="DraftLine.id", cascade="all, delete-orphan"
    )

    __table_args__ = (
        CheckConstraint("state IN ('open', 'submitted', 'abandoned')", name="known_state"),
    )


class DraftLine(Base):
    """One order line in a draft, with as much as is known so far."""

    __tablename__ = "draft_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    draft_id: Mapped[int] = Column(ForeignKey("drafts.id"), nullable=False, index=True)
    order_line_id: Mapped[int] = Column(ForeignKey("order_lines.id"), nullable=False)
    quantity: Mapped[int | None] = Column(Integer)
    reason: Mapped[str | None] = Column(String(30))
    note: Mapped[str | None] = Column(Text)
    # refund or exchange; empty until the shopper has chosen
    outcome: Mapped[str | None] = Column(String(20))
    new_variant_id: Mapped[int | None] = Column(ForeignKey("variants.id"))

    draft: Mapped[Draft] = relationship("Draft", back_populates="lines")
    order_line: Mapped[OrderLine] = relationship("OrderLine")
    new_variant: Mapped[Variant | None] = relationship("Variant")

    __table_args__ = (UniqueConstraint("draft_id", "order_line_id"),)
