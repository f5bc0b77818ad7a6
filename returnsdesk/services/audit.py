"""The audit log: who of the team has read, revealed, exported or changed what; entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

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

    `actor` is the address of the account, `subject` the kind of record (conversation, customer, return, ...) and
    `subject_id` its id or number. `detail` never holds personal data: which field was revealed, not what stood in it.
    """
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
