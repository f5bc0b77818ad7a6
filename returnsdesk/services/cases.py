"""Cases: matters that wait for a person of the support team."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Message, Return
from returnsdesk.db.session import Database
from returnsdesk.services import conversation_state, conversation_subject, events
from returnsdesk.services.errors import NotFound


def open_case(
    database: Database,
    conversation_id: str,
    reason: str,
    summary: str,
    *,
    now: datetime,
    priority: str = "normal",
) -> int:
    """Open a case on a conversation, or find the one that already waits for somebody to take it; its number."""
    with database.write() as session:
        existing = session.scalars(
            select(Case)
            .where(
                Case.conversation_id == conversation_id,
                Case.status == "open",
                # A document's case is decided elsewhere, and one that a person keeps makes nobody else look.
                Case.document.is_(None),
                Case.assigned_to.is_(None),
            )
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
        conversation_subject.came_of_it(session, conversation_id, conversation_subject.CASE)
        return _opened(session, case, actor="shopper")


def open_about(
    session: Session,
    *,
    reason: str,
    summary: str,
    document: str,
    document_id: int,
    order_id: int | None,
    conversation_id: str | None,
    dedupe_key: str,
    now: datetime,
    priority: str = "normal",
) -> int:
    """Open a case about a document within the caller's transaction; the same `dedupe_key` opens it once."""
    existing = session.scalar(select(Case.id).where(Case.dedupe_key == dedupe_key))
    if existing is not None:
        return int(existing)
    case = Case(
        conversation_id=conversation_id,
        reason=reason,
        summary=summary,
        status="open",
        priority=priority,
        created_at=now,
        order_id=order_id,
        document=document,
        document_id=document_id,
        dedupe_key=dedupe_key,
    )
    return _opened(session, case, actor="system")


def open_about_return(
    session: Session,
    document: Return,
    *,
    reason: str,
    summary: str,
    dedupe_key: str,
    now: datetime,
    priority: str = "normal",
) -> int:
    """`open_about` a return."""
    return open_about(
        session,
        reason=reason,
        summary=summary,
        document="return",
        document_id=document.id,
        order_id=document.order_id,
        conversation_id=document.conversation_id,
        dedupe_key=dedupe_key,
        now=now,
        priority=priority,
    )


def _opened(session: Session, case: Case, *, actor: str) -> int:
    """Store a case and log that it was opened; returns its number."""
    session.add(case)
    session.flush()
    conversation_state.settle(session, case.conversation_id)
    events.record(
        session, actor=actor, command="open_case", document="case", document_id=case.id, now=case.created_at,
        after={"reason": case.reason, "priority": case.priority}, conversation_id=case.conversation_id,
    )  # fmt: skip
    return case.id


def close_about(
    session: Session,
    *,
    document: str,
    document_id: int,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Close the open cases about a document within the caller's transaction; with `reason` only those of it."""
    waiting = select(Case).where(
        Case.document == document, Case.document_id == document_id, Case.status == "open"
    )
    if reason is not None:
        waiting = waiting.where(Case.reason == reason)
    for case in session.scalars(waiting):
        close(session, case, actor=actor, now=now)


@dataclass(frozen=True)
class CaseView:
    """A case as lists show it."""

    number: int
    reason: str
    priority: str
    status: str
    summary: str
    conversation_id: str | None
    created_at: datetime


def open_cases(session: Session) -> list[CaseView]:
    """The cases that wait, urgent ones first, then by age."""
    rows = session.scalars(select(Case).where(Case.status == "open").order_by(Case.created_at))
    views = [_view(case) for case in rows]
    return sorted(views, key=lambda view: view.priority != "high")


def transcript(
    session: Session, case_number: int
) -> tuple[CaseView, list[tuple[datetime, str, str]]]:
    """A case with its conversation so far: when, who, what. Raises `NotFound`."""
    case = session.get(Case, case_number)
    if case is None:
        raise NotFound("CASE_UNKNOWN", f"there is no case {case_number}")
    rows = session.scalars(
        select(Message).where(Message.conversation_id == case.conversation_id).order_by(Message.seq)
    )
    return _view(case), [(row.created_at, row.author, row.text) for row in rows]


def close_case(database: Database, case_number: int, *, actor: str, now: datetime) -> CaseView:
    """Take a case off the list; a second call changes nothing. Raises `NotFound`."""
    with database.write() as session:
        case = session.get(Case, case_number, with_for_update=True)
        if case is None:
            raise NotFound("CASE_UNKNOWN", f"there is no case {case_number}")
        if case.status == "open":
            close(session, case, actor=actor, now=now)
        return _view(case)


def close(
    session: Session, case: Case, *, actor: str, now: datetime, reason: str | None = None
) -> None:
    """Take an open case off the list within the caller's transaction; `reason` is kept with the event."""
    case.status, case.closed_at = "closed", now
    conversation_state.settle(session, case.conversation_id)
    events.record(
        session, actor=actor, command="close_case", document="case", document_id=case.id, now=now,
        before={"status": "open"}, after={"status": "closed", **({"reason": reason} if reason else {})},
        conversation_id=case.conversation_id,
    )  # fmt: skip


def _view(case: Case) -> CaseView:
    return CaseView(
        number=case.id,
        reason=case.reason,
        priority=case.priority,
        status=case.status,
        summary=case.summary,
        conversation_id=case.conversation_id,
        created_at=case.created_at,
    )
