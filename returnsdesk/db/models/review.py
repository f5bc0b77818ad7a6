"""What the support team adds to conversations: tags, notes, views, ready answers, corrections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.conversations import Message


class ConversationTag(Base):
    """A word by which the team finds a conversation again."""

    __tablename__ = "conversation_tags"

    conversation_id: Mapped[str] = Column(ForeignKey("conversations.id"), primary_key=True)
    tag: Mapped[str] = Column(String(40), primary_key=True)
    added_by: Mapped[str] = Column(String(254), nullable=False)
    added_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (Index("ix_conversation_tags_tag", "tag"),)


class ConversationNote(Base):
    """A note of the team on a conversation; the shopper never sees it."""

    __tablename__ = "conversation_notes"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), nullable=False, index=True
    )
    author: Mapped[str] = Column(String(254), nullable=False)
    text: Mapped[str] = Column(Text, nullable=False)
    # Of the form that it was written in: sent twice, it is one note.
    dedupe_key: Mapped[str | None] = Column(String(80), unique=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class ConversationRead(Base):
    """How far a member of the team has read a conversation."""

    __tablename__ = "conversation_reads"

    account_id: Mapped[int] = Column(ForeignKey("staff_accounts.id"), primary_key=True)
    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id"), primary_key=True, index=True
    )
    seq: Mapped[int] = Column(Integer, nullable=False)


class ConversationViewer(Base):
    """A member of the team has the conversation on the screen, as far as known until then."""

    __tablename__ = "conversation_viewers"

    conversation_id: Mapped[str] = Column(
        ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = Column(ForeignKey("staff_accounts.id"), primary_key=True)
    looking_until: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class SavedView(Base):
    """A set of filters of the transcript list under a name: one's own, or shared with the team."""

    __tablename__ = "saved_views"

    id: Mapped[int] = Column(Integer, primary_key=True)
    account_id: Mapped[int] = Column(ForeignKey("staff_accounts.id"), nullable=False)
    name: Mapped[str] = Column(String(80), nullable=False)
    # The filters as they stand in the address of the list
    query: Mapped[str] = Column(String(1000), nullable=False)
    is_shared: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (UniqueConstraint("account_id", "name"),)


class CannedAnswer(Base):
    """A text that agents use again and again, in one language; those of one name belong together."""

    __tablename__ = "canned_answers"

    id: Mapped[int] = Column(Integer, primary_key=True)
    name: Mapped[str] = Column(String(80), nullable=False)
    language: Mapped[str] = Column(String(5), nullable=False)
    text: Mapped[str] = Column(Text, nullable=False)
    updated_by: Mapped[str] = Column(String(254), nullable=False)
    updated_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (UniqueConstraint("name", "language"),)


class Correction(Base):
    """What a shopper's message really meant, by a person's judgement; the latest for a message counts."""

    __tablename__ = "corrections"

    id: Mapped[int] = Column(Integer, primary_key=True)
    message_id: Mapped[int] = Column(ForeignKey("messages.id"), nullable=False, unique=True)
    # None: the message is to be left out of the examples.
    intent: Mapped[str | None] = Column(String(60))
    # [{"entity", "value", "start", "end"}] within the message's text
    entities: Mapped[list[dict[str, Any]]] = Column(JSON, nullable=False, default=list)
    corrected_by: Mapped[str] = Column(String(254), nullable=False)
    corrected_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    exported_at: Mapped[datetime | None] = Column(UTCDateTime)

    message: Mapped[Message] = relationship("Message")
