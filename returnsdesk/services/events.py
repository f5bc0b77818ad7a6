"""The event log: every command that changes a document adds one row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import Event


def record(
    session: Session,
    *,
    actor: str,
    command: str,
    document: str,
    document_id: int,
    now: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    conversation_id: str | None = None,
) -> None:
    """Add the row in the transaction of the change; `actor` is never empty."""
    session.add(
        Event(
            at=now,
            actor=actor,
            command=command,
            document=document,
            document_id=document_id,
            before=before or {},
            after=after or {},
            conversation_id=conversation_id,
        )
    )
