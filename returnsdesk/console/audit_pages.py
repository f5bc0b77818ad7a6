"""The audit log's pages: who of the team has read, revealed, exported or changed what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.csv_files import csv_file
from returnsdesk.console.rendering import page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, audit_log
from returnsdesk.services.audit_log import AuditFilter
from returnsdesk.services.staff_sessions import StaffMember

ACTIONS = {
    audit.READ: "read",
    audit.REVEAL: "revealed",
    audit.EXPORT: "exported",
    audit.CHANGE: "changed",
    audit.ERASE: "erased",
    audit.LOG_IN: "logged in",
    audit.LOG_OUT: "logged out",
}
_LARGEST_ID = 2**31 - 1


async def audit_page(request: Request) -> Response:
    """GET /console/audit: the latest entries first, narrowed by the filters in the address."""
    desk, member = desk_of(request), staff_of(request)
    wanted, before = _wanted(request), _number(request.query_params.get("before", ""))

    def facts() -> dict[str, Any]:
        with desk.database.read() as session:
            found = audit_log.page_of(session, member, wanted, before=before)
            return {"found": found, "actors": audit_log.actors(session, member)}

    filters = _as_query(wanted)
    shown = {
        **await run_sync(facts),
        "wanted": wanted,
        "actions": ACTIONS,
        "query": urlencode(filters),
        "is_first": before is None,
        "page_link": page_link,
    }
    return page(request, "audit.html", shown)


async def audit_csv(request: Request) -> Response:
    """GET /console/audit.csv: all that the filters leave, as a file; that it was taken is an entry of its own."""
    desk, member, wanted = desk_of(request), staff_of(request), _wanted(request)

    def record() -> None:
        audit.record(
            desk.database,
            actor=member.email,
            action=audit.EXPORT,
            subject="audit",
            detail={"filters": sorted(_as_query(wanted))},
            now=desk.clock(),
        )

    await run_sync(record)
    header = ("at", "actor", "action", "subject", "subject_id", "detail")
    return csv_file("audit", header, _rows(desk, member, wanted))


def page_link(subject: str, subject_id: str) -> str:
    """Address of the page of what an entry is about; empty where there is none."""
    folders = {
        "conversation": "conversations",
        "case": "cases",
        "return": "returns",
        "order": "orders",
        "claim": "claims",
        "withdrawal": "withdrawals",
    }
    known = subject in folders and subject_id
    return f"/console/{folders[subject]}/{subject_id}" if known else ""


def _rows(desk: Desk, member: StaffMember, wanted: AuditFilter) -> Iterator[tuple[object, ...]]:
    for entry in audit_log.all_of(desk.database, member, wanted):
        detail = "; ".join(f"{name}: {value}" for name, value in entry.detail.items())
        yield entry.at, entry.actor, entry.action, entry.subject, entry.subject_id, detail


def _wanted(request: Request) -> AuditFilter:
    given = request.query_params
    return AuditFilter(
        actor=given.get("actor", "").strip(),
        action=given.get("action", "").strip(),
        subject=given.get("subject", "").strip(),
        subject_id=given.get("subject_id", "").strip(),
        first_day=_day(given.get("from", "")),
        last_day=_day(given.get("to", "")),
    )


def _as_query(wanted: AuditFilter) -> dict[str, str]:
    values = {
        "actor": wanted.actor,
        "action": wanted.action,
        "subject": wanted.subject,
        "subject_id": wanted.subject_id,
        "from": wanted.first_day.isoformat() if wanted.first_day else "",
        "to": wanted.last_day.isoformat() if wanted.last_day else "",
    }
    return {name: value for name, value in values.items() if value}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    # What is no number, or one that no row can have, is left out like a filter that is empty.
    is_number = text.isascii() and text.isdigit() and len(text) < 11
    return int(text) if is_number and int(text) <= _LARGEST_ID else None


routes = [
    Page("/audit", audit_page, role="lead"),
    Page("/audit.csv", audit_csv, role="lead"),
]
