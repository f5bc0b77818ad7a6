"""Saved views: filters of the list of conversations under a name, of one's own or shared with the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import SavedView, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services import audit, transcript_filters
from returnsdesk.services.errors import NotFound, ServiceError

LONGEST_NAME: Final = 80
MOST_VIEWS: Final = 50
_LONGEST_QUERY: Final = 1000


@dataclass(frozen=True)
class View:
    """A saved view; `query` is what follows the question mark in the list's address."""

    id: int
    name: str
    query: str
    is_shared: bool
    is_own: bool
    owner: str


def views_for(session: Session, account_id: int) -> list[View]:
    """One's own views and those that others share, by name."""
    rows = session.execute(
        select(SavedView, StaffAccount.name)
        .join(StaffAccount, StaffAccount.id == SavedView.account_id)
        .where(or_(SavedView.account_id == account_id, SavedView.is_shared))
        .order_by(func.lower(SavedView.name), SavedView.id)
    )
    return [
        View(row.id, row.name, row.query, row.is_shared, row.account_id == account_id, owner)
        for row, owner in rows
    ]


def save(
    database: Database,
    name: str,
    query: Mapping[str, str],
    *,
    is_shared: bool,
    account_id: int,
    actor: str,
    now: datetime,
) -> View:
    """Keep the filters of an address; a view of one's own of that name is replaced.

    Raises `ServiceError` for an empty or too long name (NAME_INVALID), no filters (NOTHING_TO_SAVE), too many views.
    """
    name = " ".join(name.replace("\x00", "").split())
    if not name or len(name) > LONGEST_NAME:
        raise ServiceError("NAME_INVALID", f"a name has 1 to {LONGEST_NAME} characters")
    filters, _ = transcript_filters.read(query)
    written = urlencode(filters.as_query())
    if not written or len(written) > _LONGEST_QUERY:
        raise ServiceError("NOTHING_TO_SAVE", "there are no filters to save")
    with database.write() as session:
        own = select(SavedView).where(SavedView.account_id == account_id)
        row = session.scalars(own.where(SavedView.name == name)).one_or_none()
        if row is None:
            if len(session.scalars(own).all()) >= MOST_VIEWS:
                raise ServiceError("TOO_MANY_VIEWS", f"there are {MOST_VIEWS} views already")
            row = SavedView(account_id=account_id, name=name, created_at=now)
            session.add(row)
        row.query, row.is_shared = written, is_shared
        session.flush()
        _recorded(session, row.id, actor, now, saved=True, shared=is_shared)
        return View(row.id, row.name, row.query, row.is_shared, True, "")


def remove(database: Database, view_id: int, *, account_id: int, actor: str, now: datetime) -> None:
    """Delete a view of one's own; raises `NotFound` for any other."""
    with database.write() as session:
        row = session.get(SavedView, view_id)
        if row is None or row.account_id != account_id:
            raise NotFound("VIEW_UNKNOWN", f"there is no view {view_id} of this account")
        session.delete(row)
        _recorded(session, view_id, actor, now, removed=True)


def query_of(view: View) -> dict[str, str]:
    """The filters of a view as they stand in an address."""
    return dict(parse_qsl(view.query))


def _recorded(session: Session, view_id: int, actor: str, now: datetime, **detail: object) -> None:
    audit.recorded(
        session,
        actor=actor,
        action=audit.CHANGE,
        subject="saved_view",
        subject_id=view_id,
        detail=detail,
        now=now,
    )
