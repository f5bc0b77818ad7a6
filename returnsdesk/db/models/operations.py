"""What runs beside the documents: cases, the event log, the outbox, notices and overrides by staff."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Index, Integer, String, Text

from returnsdesk.db.base import Base, Mapped, UTCDateTime


class Case(Base):
    """A matter that waits for a person of the support team."""

    __tablename__ = "cases"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)
    reason: Mapped[str] = Column(String(40), nullable=False)
    summary: Mapped[str] = Column(Text, nullable=False, default="")
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    priority: Mapped[str] = Column(String(10), nullable=False, default="normal")
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    closed_at: Mapped[datetime | None] = Column(UTCDateTime)
    # E-mail address of the member of staff who sees to it
    assigned_to: Mapped[str | None] = Column(String(254), index=True)
    # What it is about, where it is about a document: return, exchange, claim, withdrawal or refund
    order_id: Mapped[int | None] = Column(ForeignKey("orders.id"), index=True)
    document: Mapped[str | None] = Column(String(20))
    document_id: Mapped[int | None] = Column(Integer)
    # The same occasion opens one case, however often it is met.
    dedupe_key: Mapped[str | None] = Column(String(160), unique=True)


class CaseNote(Base):
    """A note of the team on a case; the shopper never sees it."""

    __tablename__ = "case_notes"

    id: Mapped[int] = Column(Integer, primary_key=True)
    case_id: Mapped[int] = Column(ForeignKey("cases.id"), nullable=False, index=True)
    author: Mapped[str] = Column(String(254), nullable=False)
    text: Mapped[str] = Column(Text, nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class Event(Base):
    """One row for every change of state: who, which command, what it changed. Only ever added to."""

    __tablename__ = "events_log"

    id: Mapped[int] = Column(Integer, primary_key=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    actor: Mapped[str] = Column(String(120), nullable=False)
    command: Mapped[str] = Column(String(60), nullable=False)
    document: Mapped[str] = Column(String(20), nullable=False)
    document_id: Mapped[int] = Column(Integer, nullable=False)
    before: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    after: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)

    __table_args__ = (Index("ix_events_log_document_document_id", "document", "document_id"),)


class OutboxJob(Base):
    """A side effect outside the database, written with the change that calls for it and done by the worker."""

    __tablename__ = "outbox_jobs"

    id: Mapped[int] = Column(Integer, primary_key=True)
    kind: Mapped[str] = Column(String(40), nullable=False)
    payload: Mapped[dict[str, Any]] = Column(JSON, nullable=False)
    dedupe_key: Mapped[str] = Column(String(160), nullable=False, unique=True)
    # waiting -> done, or waiting -> dead after the last try
    state: Mapped[str] = Column(String(10), nullable=False)
    due_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    attempts: Mapped[int] = Column(Integer, nullable=False, default=0)
    last_error: Mapped[str | None] = Column(Text)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (Index("ix_outbox_jobs_state_due_at", "state", "due_at"),)


class Notification(Base):
    """A notice to a shopper about an event of a document on one channel; written once, sent by the worker."""

    __tablename__ = "notifications"

    id: Mapped[int] = Column(Integer, primary_key=True)
    # request_received, approved, declined, ...: services/notices.py lists them
    event: Mapped[str] = Column(String(40), nullable=False)
    document: Mapped[str] = Column(String(20), nullable=False)
    document_id: Mapped[int] = Column(Integer, nullable=False)
    # email, sms, telegram or web
    channel: Mapped[str] = Column(String(20), nullable=False)
    language: Mapped[str] = Column(String(5), nullable=False)
    # Address, phone number, chat or conversation
    recipient: Mapped[str] = Column(String(254), nullable=False)
    dedupe_key: Mapped[str] = Column(String(160), nullable=False, unique=True)
    # waiting, sent, or dropped when it came too late to be true
    status: Mapped[str] = Column(String(10), nullable=False)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    sent_at: Mapped[datetime | None] = Column(UTCDateTime)

    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'sent', 'dropped')", name="known_status"),
        Index("ix_notifications_document_document_id", "document", "document_id"),
    )


class Override(Base):
    """A member of staff set a rule aside: who, why, and which findings."""

    __tablename__ = "overrides"

    id: Mapped[int] = Column(Integer, primary_key=True)
    document: Mapped[str] = Column(String(20), nullable=False)
    document_id: Mapped[int] = Column(Integer, nullable=False)
    actor: Mapped[str] = Column(String(120), nullable=False)
    reason: Mapped[str] = Column(Text, nullable=False)
    # Codes of the findings that would have blocked
    codes: Mapped[list[str]] = Column(JSON, nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (
        CheckConstraint("reason <> '' AND actor <> ''", name="says_who_and_why"),
        Index("ix_overrides_document_document_id", "document", "document_id"),
    )
