"""The support team: accounts, sessions of the console, failed log-ins, and the log of who has seen and done what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    false,
)
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime


class StaffAccount(Base):
    """A member of the support team who may log in to the console."""

    __tablename__ = "staff_accounts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    email: Mapped[str] = Column(String(254), nullable=False, unique=True)
    name: Mapped[str] = Column(String(120), nullable=False)
    role: Mapped[str] = Column(String(10), nullable=False)
    password_hash: Mapped[str] = Column(String(200), nullable=False)
    is_active: Mapped[bool] = Column(Boolean, nullable=False, default=True)
    # The password was given by somebody else: nothing is shown until its owner has chosen another.
    must_change_password: Mapped[bool] = Column(
        Boolean, nullable=False, default=False, server_default=false()
    )
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (CheckConstraint("role IN ('agent', 'lead', 'admin')", name="known_role"),)


class StaffSession(Base):
    """A log-in to the console; only the hash of the cookie's token is kept."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = Column(String(64), primary_key=True)
    account_id: Mapped[int] = Column(ForeignKey("staff_accounts.id"), nullable=False, index=True)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    seen_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    expires_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    account: Mapped[StaffAccount] = relationship("StaffAccount")


class LoginAttempt(Base):
    """A failed log-in to the console; counted per address and per account to slow guessing."""

    __tablename__ = "login_attempts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    # account or address (of the network), a colon, and which
    subject: Mapped[str] = Column(String(300), nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (Index("ix_login_attempts_subject_at", "subject", "at"),)


class SentForm(Base):
    """A form of the console that was sent: the same one twice does its work once, and finds what came of it."""

    __tablename__ = "sent_forms"

    # The random key that the page put into the form, and whose form it was
    key: Mapped[str] = Column(String(64), primary_key=True)
    account_id: Mapped[int] = Column(ForeignKey("staff_accounts.id"), primary_key=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False, index=True)
    # Where the first one led to; empty while it is still at work.
    result: Mapped[str | None] = Column(String(500))


class AuditEntry(Base):
    """Who of the team has read, revealed, exported or changed what. Only ever added to."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = Column(Integer, primary_key=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False, index=True)
    # Address of the account; kept as text, for it outlives the account.
    actor: Mapped[str] = Column(String(254), nullable=False)
    # read, reveal, export, change, erase, log_in, log_out, ...
    action: Mapped[str] = Column(String(30), nullable=False)
    # conversation, customer, return, case, staff, ...; and its number or id
    subject: Mapped[str] = Column(String(30), nullable=False)
    subject_id: Mapped[str] = Column(String(64), nullable=False, default="")
    # Never personal data: which field was revealed, not what stood in it.
    detail: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)

    __table_args__ = (
        Index("ix_audit_entries_subject_subject_id", "subject", "subject_id"),
        Index("ix_audit_entries_actor_at", "actor", "at"),
    )
