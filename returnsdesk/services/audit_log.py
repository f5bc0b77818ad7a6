"""Looking through the audit log: filters, pages, and what who may see of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import AuditEntry, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services.staff_sessions import StaffMember

PER_PAGE: Final = 50
MOST_EXPORTED: Final = 100_000
_READ_AT_ONCE: Final = 1_000
_DELETED_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class AuditFilter:
    """What is looked for; empty fields hold back nothing. Days are in UTC, both included."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    subject_id: str = ""
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class EntryView:
    """An entry as lists show it."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    subject_id: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Entries:
    """A page of entries, the latest first; `next_before` asks for the page after it, None for the last."""

    entries: tuple[EntryView, ...]
    next_before: int | None


def page_of(
    session: Session, reader: StaffMember, wanted: AuditFilter, *, before: int | None = None
) -> Entries:
    """The entries that a member of the team may see: an admin all, a lead those of agents and their own."""
    query = _query(reader, wanted).limit(PER_PAGE + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    rows = session.scalars(query).all()
    shown = tuple(_view(row) for row in rows[:PER_PAGE])
    return Entries(shown, shown[-1].id if len(rows) > PER_PAGE else None)


def all_of(database: Database, reader: StaffMember, wanted: AuditFilter) -> Iterator[EntryView]:
    """All that `page_of` shows on its pages, for a file; no more than `MOST_EXPORTED`.

    Each thousand is read in a transaction of its own, for a slow download must not hold one open.
    """
    before, number = None, 0
    while number < MOST_EXPORTED:
        query = _query(reader, wanted).limit(_READ_AT_ONCE)
        if before is not None:
            query = query.where(AuditEntry.id < before)
        with database.read() as session:
            entries = [_view(row) for row in session.scalars(query)]
        yield from entries
        number += len(entries)
        if len(entries) < _READ_AT_ONCE:
            return
        before = entries[-1].id


def actors(session: Session, reader: StaffMember) -> list[str]:
    """Addresses of the accounts whose entries the reader may see, for a choice."""
    query = select(StaffAccount.email).order_by(StaffAccount.email)
    if not reader.may("admin"):
        query = query.where(or_(StaffAccount.role == "agent", StaffAccount.id == reader.id))
    return list(session.scalars(query))


def forget_old(database: Database, *, before: datetime) -> int:
    """Delete entries from before an instant; returns how many."""
    deleted = 0
    while True:
        with database.write() as session:
            ids = session.scalars(
                select(AuditEntry.id).where(AuditEntry.at < before).limit(_DELETED_AT_ONCE)
            ).all()
            session.execute(
                delete(AuditEntry)
                .where(AuditEntry.id.in_(ids))
                .execution_options(synchronize_session=False)
            )
        deleted += len(ids)
        if len(ids) < _DELETED_AT_ONCE:
            return deleted


def _query(reader: StaffMember, wanted: AuditFilter) -> Any:
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    if not reader.may("admin"):
        agents = select(StaffAccount.email).where(StaffAccount.role == "agent")
        query = query.where(or_(AuditEntry.actor.in_(agents), AuditEntry.actor == reader.email))
    for column, value in (
        (AuditEntry.actor, wanted.actor),
        (AuditEntry.action, wanted.action),
        (AuditEntry.subject, wanted.subject),
        (AuditEntry.subject_id, wanted.subject_id),
    ):
        if value:
            query = query.where(column == value)
    if wanted.first_day:
        query = query.where(AuditEntry.at >= _begin_of(wanted.first_day))
    if wanted.last_day and wanted.last_day < date.max:
        query = query.where(AuditEntry.at < _begin_of(wanted.last_day + timedelta(days=1)))
    return query


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.utc)


def _view(row: AuditEntry) -> EntryView:
    return EntryView(
        row.id, row.at, row.actor, row.action, row.subject, row.subject_id, dict(row.detail)
    )
