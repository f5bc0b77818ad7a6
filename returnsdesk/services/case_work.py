"""Working on cases: taking and giving them to a colleague, notes, closing with a reason; and what a case is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    CaseNote,
    Claim,
    Event,
    Exchange,
    Order,
    OutboxJob,
    Refund,
    Return,
    StaffAccount,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.services import cases, deeds, events
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.timelines import Subject

OPEN: Final = "open"
NOTE_LIMIT: Final = 4000

TO_APPROVE: Final = "to_approve"
TO_INSPECT: Final = "to_inspect"
TO_RELEASE: Final = "to_release"

CLOSING_REASONS: Final = {
    "solved": "Solved",
    "answered": "Answered the shopper",
    "other_case": "Worked on in another case",
    "not_needed": "Nothing to be done",
    "no_answer": "The shopper did not answer",
}
"""Why a case is closed, by code."""

_SUMMARIES: Final = {
    TO_APPROVE: "{number} waits for a decision",
    TO_INSPECT: "The parcel of {number} is to be checked",
    TO_RELEASE: "The refund of {number} is to be released",
}


@dataclass(frozen=True)
class About:
    """What a case is about: the kind and number of a document, and the page of the console that shows it."""

    kind: str
    number: str
    address: str


@dataclass(frozen=True)
class NoteView:
    """A note of the team."""

    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class CaseSheet:
    """A case with what is known of it; `subjects` are what its timeline is made of."""

    number: int
    reason: str
    priority: str
    status: str
    summary: str
    conversation_id: str | None
    order_number: str | None
    customer_id: int | None
    assigned_to: str | None
    assignee: str | None
    created_at: datetime
    closed_at: datetime | None
    closed_because: str | None
    about: About | None
    notes: tuple[NoteView, ...]
    subjects: tuple[Subject, ...]


def sheet(session: Session, number: int) -> CaseSheet:
    """Everything about a case; raises `NotFound`."""
    case = session.get(Case, number)
    if case is None:
        raise NotFound("CASE_UNKNOWN", f"there is no case {number}")
    order = session.get(Order, case.order_id) if case.order_id else None
    notes = session.scalars(
        select(CaseNote).where(CaseNote.case_id == number).order_by(CaseNote.id)
    )
    subjects: list[Subject] = [("case", case.id)]
    if case.document and case.document_id:
        subjects.append((case.document, case.document_id))
    return CaseSheet(
        number=case.id,
        reason=case.reason,
        priority=case.priority,
        status=case.status,
        summary=case.summary,
        conversation_id=case.conversation_id,
        order_number=order.number if order else None,
        customer_id=order.customer_id if order else None,
        assigned_to=case.assigned_to,
        assignee=deeds.name_of(session, case.assigned_to) if case.assigned_to else None,
        created_at=case.created_at,
        closed_at=case.closed_at,
        closed_because=_closed_because(session, case),
        about=about(session, case.document, case.document_id),
        notes=tuple(NoteView(deeds.name_of(session, n.author), n.text, n.at) for n in notes),
        subjects=tuple(subjects),
    )


def about(session: Session, document: str | None, document_id: int | None) -> About | None:
    """The number and page of what a case is about; None for a conversation, or what is not there any more."""
    if document is None or document_id is None:
        return None
    if document == "return":
        found = session.get(Return, document_id)
        return _return(found) if found else None
    if document == "claim":
        claim = session.get(Claim, document_id)
        return _claim(claim) if claim else None
    if document == "withdrawal":
        withdrawal = session.get(Withdrawal, document_id)
        return (
            About("withdrawal", withdrawal.number, f"/console/withdrawals/{withdrawal.number}")
            if withdrawal
            else None
        )
    if document in ("refund", "exchange"):
        part = session.get(Refund if document == "refund" else Exchange, document_id)
        owner = part and (part.return_ or part.claim)
        if owner is None:
            return None
        return _return(owner) if isinstance(owner, Return) else _claim(owner)
    if document == "outbox_job":
        job = session.get(OutboxJob, document_id)
        return About("job", str(job.id), f"/console/jobs/{job.id}") if job else None
    return None


def assign(
    database: Database,
    number: int,
    assigned_to: str | None,
    *,
    expected: str | None,
    actor: str,
    now: datetime,
) -> None:
    """Give a case to a colleague by mail address, or put it back on the list with None.

    `expected` is who had it when the form was made. Raises `Conflict` when somebody else has it meanwhile, `NotAllowed`
    for a closed case, `NotFound` for an unknown case or colleague.
    """
    with database.write() as session:
        case = _locked(session, number)
        if case.status != OPEN:
            raise NotAllowed("CASE_CLOSED", f"case {number} is {case.status}")
        if case.assigned_to == assigned_to:
            return
        if case.assigned_to != expected:
            who = deeds.name_of(session, case.assigned_to) if case.assigned_to else "nobody"
            raise Conflict("CASE_TAKEN", f"the case is with {who} now")
        if assigned_to is not None:
            _require_colleague(session, assigned_to)
        case.assigned_to = assigned_to
        command = "assign_case" if assigned_to else "release_case"
        _record(session, case, command, actor, now, {"assigned_to": assigned_to})


def take_return(
    database: Database, rma_number: str, *, email: str, actor: str, now: datetime
) -> int:
    """Take the work that a return waits for: its case is opened if it has none, and given to `email`.

    Gives the case's number. Raises `NotAllowed` when the return waits for nobody, `Conflict` when a colleague has it.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number)
        reasons = documents.WAITING_CASES.get(document.status)
        if reasons is None:
            raise NotAllowed(
                "NOTHING_WAITS",
                f"{document.rma_number} is {document.status}: nothing waits for you",
            )
        case = session.scalars(
            select(Case)
            .where(
                Case.document == "return",
                Case.document_id == document.id,
                Case.reason.in_(reasons),
                Case.status == OPEN,
            )
            .order_by(Case.id)
            .limit(1)
        ).one_or_none()
        if case is None:
            case = _open_about_return(session, document, reasons[0], now)
        if case.assigned_to not in (None, email):
            name = deeds.name_of(session, case.assigned_to)
            raise Conflict("CASE_TAKEN", f"{name} has taken it meanwhile")
        if case.assigned_to is None:
            case.assigned_to = email
            _record(session, case, "assign_case", actor, now, {"assigned_to": email})
        return int(case.id)


def add_note(
    database: Database, number: int, text: str, *, author: str, actor: str, now: datetime
) -> None:
    """Write a note on a case, open or closed. Raises `ServiceError` for no text or too long a one."""
    with database.write() as session:
        _write_note(session, _locked(session, number), text, author=author, actor=actor, now=now)


def close(
    database: Database,
    number: int,
    reason: str,
    *,
    note: str,
    author: str,
    actor: str,
    now: datetime,
) -> None:
    """Close a case and keep why; `note` says more, where there is more to say.

    Raises `NotAllowed` when it is closed already, or is a takeover, which ends when the person leaves.
    """
    if reason not in CLOSING_REASONS:
        raise ServiceError("REASON_UNKNOWN", "choose why the case is closed")
    with database.write() as session:
        case = _locked(session, number)
        if case.status != OPEN:
            raise NotAllowed("CASE_CLOSED", f"case {number} is {case.status}")
        if note.strip():
            _write_note(session, case, note, author=author, actor=actor, now=now)
        cases.close(session, case, actor=actor, now=now, reason=reason)


def _write_note(
    session: Session, case: Case, text: str, *, author: str, actor: str, now: datetime
) -> None:
    text = text.strip()
    if not text or len(text) > NOTE_LIMIT:
        raise ServiceError("TEXT_INVALID", f"a note has 1 to {NOTE_LIMIT} characters")
    session.add(CaseNote(case_id=case.id, author=author, text=text, at=now))
    _record(session, case, "note_case", actor, now, {})


def _closed_because(session: Session, case: Case) -> str | None:
    row = session.scalars(
        select(Event)
        .where(
            Event.document == "case", Event.document_id == case.id, Event.command == "close_case"
        )
        .order_by(Event.id.desc())
        .limit(1)
    ).one_or_none()
    return CLOSING_REASONS.get(row.after.get("reason", "")) if row is not None else None


def _open_about_return(session: Session, document: Return, reason: str, now: datetime) -> Case:
    number = cases.open_about_return(
        session,
        document,
        reason=reason,
        summary=_SUMMARIES[reason].format(number=document.rma_number),
        dedupe_key=f"{reason}-{document.id}-{now.isoformat()}",
        now=now,
    )
    return session.get(Case, number)


def _require_colleague(session: Session, email: str) -> None:
    found = session.scalar(
        select(StaffAccount.id).where(StaffAccount.email == email, StaffAccount.is_active)
    )
    if found is None:
        raise NotFound("STAFF_UNKNOWN", f"there is no active account {email}")


def _locked(session: Session, number: int) -> Case:
    case = session.get(Case, number, with_for_update=True)
    if case is None:
        raise NotFound("CASE_UNKNOWN", f"there is no case {number}")
    return case


def _record(
    session: Session, case: Case, command: str, actor: str, now: datetime, after: dict[str, object]
) -> None:
    events.record(
        session, actor=actor, command=command, document="case", document_id=case.id, now=now,
        after=after, conversation_id=case.conversation_id,
    )  # fmt: skip


def _return(document: Return) -> About:
    return About("return", document.rma_number, f"/console/returns/{document.rma_number}")


def _claim(claim: Claim) -> About:
    return About("claim", claim.number, f"/console/claims/{claim.number}")


def order_number_of(session: Session, order_id: int | None) -> str | None:
    """The number of the order that something is about."""
    number = session.scalar(select(Order.number).where(Order.id == order_id)) if order_id else None
    return str(number) if number is not None else None
