"""The waiting list: who waits for a person, since when and why."""

from __future__ import annotations

from datetime import datetime

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page
from returnsdesk.console.rendering import page, templates
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import live_marks, waiting
from returnsdesk.services.support_hours import SupportHours

REASONS = {
    "asked_for_person": "Asked for a person",
    "complaint": "Complaint",
    "could_not_answer": "The assistant could not answer",
}
"""Why a conversation waits, in words; any other reason is shown as it is called."""


async def waiting_list(request: Request) -> Response:
    """GET /console/waiting: conversations that wait for a person, urgent ones first, then the longest wait."""
    return page(request, "waiting.html", await run_sync(_facts, desk_of(request)))


def waited(since: datetime, now: datetime) -> str:
    """How long a wait is, in its two largest units; live.js counts on in the same words."""
    seconds = max(0, int((now - since).total_seconds()))
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    first = next((index for index, (value, _) in enumerate(parts) if value), len(parts) - 1)
    return " ".join(f"{value} {unit}" for value, unit in parts[first : first + 2])


templates.env.filters["waited"] = waited

routes = [Page("/waiting", waiting_list)]


def _facts(desk: Desk) -> dict[str, object]:
    now, hours = desk.clock(), SupportHours.of(desk.settings)
    with desk.database.read() as session:
        marks = live_marks.read(session, (), now=now)
        entries = waiting.listed(session, now=now)
    return {
        "entries": [entry for entry in entries if not entry.kept_by],
        "kept": [entry for entry in entries if entry.kept_by],
        "marks": marks,
        "reasons": REASONS,
        "is_open": hours.is_open(now),
        "next_opening": hours.next_opening(now),
        "now": now,
    }
