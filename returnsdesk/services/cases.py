"""Cases: matters that wait for a person of the support team."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from returnsdesk.db.models import Case
from returnsdesk.db.session import Database
from returnsdesk.services import events


def open_case(
    database: Database,
    conversation_id: str,
    reason: str,
    summary: str,
    *,
    now: datetime,
    priority: str = "normal",
) -> int:
    """Open a case on a conversation, or find the one that is open already; returns its number."""
    with database.write() as session:
        existing = session.scalars(
            select(Case)
            .where(Case.conversation_id == conversation_id, Case.status == "open")
            .order_by(Case.id.desc())
            .limit(1)
        ).one_or_none()
        if existing is not None:
            if priority == "high":
                existing.priority = priority
            return existing.id
        case = Case(
            conversation_id=conversation_id,
            reason=reason,
            summary=summary,
            status="open",
            priority=priority,
            created_at=now,
        )
        session.add(case)
        session.flush()
        events.record(
            session, actor="shopper", command="open_case", document="case", document_id=case.id, now=now,
            after={"reason": reason, "priority": priority}, conversation_id=conversation_id,
        )  # fmt: skip
        return case.id
