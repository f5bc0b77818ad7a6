"""The audit log: who of the team has read, revealed, exported or changed what; entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import AuditEntry
from returnsdesk.db.session import Database

READ: Final = "read"
REVEAL: Final = "reveal"
EXPORT: Final = "export"
CHANGE: Final = "change"
ERASE: Final = "erase"
LOG_IN: Final = "log_in"
LOG_OUT: Final = "log_out"

ONE_READING: Final = timedelta(minutes=10)
"""A page that somebody keeps open loads itself anew at every change; that long, it is one reading."""


def record(
    database: Database,
    *,
    actor: str,
    action: str,
    subject: str,
    subject_id: str | int = "",
    detail: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add an entry in a transaction of its own; for readings, which change nothing else.

    The same reading again within `ONE_READING` adds nothing.

    `actor` is the address of the account, `subject` the kind of record (conversation, customer, return, ...) and
    `subject_id` its id or number. `detail` never holds personal data: which field was revealed, not what stood in it.
    """
    if action == READ and _was_just_read(database, actor, subject, str(subject_id), now):
        return
    with database.write() as session:
        recorded(
            session,
            actor=actor,
            action=action,
            subject=subject,
            subject_id=subject_id,
            detail=detail,
            now=now,
        )


def _was_just_read(
    database: Database, actor: str, subject: str, subject_id: str, now: datetime
) -> bool:
    earlier = select(AuditEntry.id).where(
        AuditEntry.subject == subject,
        AuditEntry.subject_id == subject_id,
        AuditEntry.action == READ,
        AuditEntry.actor == actor,
        AuditEntry.at > now - ONE_READING,
    )
    with database.read() as session:
        return session.scalar(earlier.limit(1)) is not None


def recorded(
    session: Session,
    *,
    actor: str,
    action: str,
    subject: str,
    subject_id: str | int = "",
    detail: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add an entry in the transaction of what it tells of; the parameters are those of `record`."""
    session.add(
        AuditEntry(
            at=now,
            actor=actor[:254],
            action=action[:30],
            subject=subject[:30],
            subject_id=str(subject_id)[:64],
            detail=dict(detail or {}),
        )
    )
