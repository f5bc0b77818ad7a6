"""The admin's page about a shopper's data: what is stored, handing it out, erasing it."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.rendering import page
from returnsdesk.desk.context import desk_of
from returnsdesk.services import audit, erasure, person_export
from returnsdesk.services.errors import Conflict, NotFound

NOTHING_STORED = "Nothing is stored about this address or customer id."
BUSY = "A message of theirs is being answered just now. Please try again in a minute."
NOT_CONFIRMED = "That was not the same address or customer id; nothing was erased."


async def privacy_page(request: Request) -> Response:
    """GET /console/privacy: asks for whom; how long what is kept."""
    return _shown(request)


async def look(request: Request) -> Response:
    """POST /console/privacy: what is stored about a shopper. Their address is for no log, so it is in no address."""
    desk, who = desk_of(request), await _who(request)

    def preview() -> erasure.Preview:
        found = erasure.preview(desk.database, desk.settings, who)
        audit.record(
            desk.database,
            actor=staff_of(request).email,
            action=audit.READ,
            subject="customer",
            subject_id=found.subject_id,
            now=desk.clock(),
        )
        return found

    try:
        found = await run_sync(preview)
    except NotFound:
        return _shown(request, status=404, who=who, wrong=NOTHING_STORED)
    return _shown(request, who=who, found=found)


async def erase(request: Request) -> Response:
    """POST /console/privacy/erase: erase, once the address was typed again; sent twice, there is nothing left."""
    desk, who = desk_of(request), await _who(request)
    confirmed = str((await form_of(request)).get("confirmed", "")).strip()
    if confirmed != who:
        show = partial(erasure.preview, desk.database, desk.settings, who)
        try:
            found = await run_sync(show)
        except NotFound:
            return _shown(request, status=404, who=who, wrong=NOTHING_STORED)
        return _shown(request, status=422, who=who, found=found, wrong=NOT_CONFIRMED)
    command = partial(
        erasure.erase,
        desk.database,
        desk.settings,
        who,
        actor=staff_of(request).email,
        now=desk.clock(),
    )
    try:
        done = await run_sync(command)
    except NotFound:
        return _shown(request, status=404, who=who, wrong=NOTHING_STORED)
    except Conflict:
        return _shown(request, status=409, who=who, wrong=BUSY)
    return _shown(request, done=done)


async def export(request: Request) -> Response:
    """POST /console/privacy/export: everything that is stored about a shopper, as a JSON file."""
    desk, who = desk_of(request), await _who(request)

    def made() -> str:
        found = person_export.export(
            desk.database,
            desk.settings,
            who,
            actor=staff_of(request).email,
            now=desk.clock(),
        )
        return person_export.as_json(found)

    try:
        text = await run_sync(made)
    except NotFound:
        return _shown(request, status=404, who=who, wrong=NOTHING_STORED)
    headers = {"Content-Disposition": 'attachment; filename="stored-about-you.json"'}
    return Response(text, media_type="application/json", headers=headers)


async def _who(request: Request) -> str:
    return str((await form_of(request)).get("who", "")).strip()[:254]


def _shown(request: Request, *, status: int = 200, **facts: Any) -> Response:
    settings = desk_of(request).settings
    shown = {
        "keep_conversations": settings.keep_conversations_days,
        "keep_audit": settings.keep_audit_days,
        **facts,
    }
    return page(request, "privacy.html", shown, status=status)


routes = [
    Page("/privacy", privacy_page, role="admin"),
    Page("/privacy", look, role="admin", methods=("POST",), name="look_at_person"),
    Page("/privacy/erase", erase, role="admin", methods=("POST",), name="erase_person"),
    Page("/privacy/export", export, role="admin", methods=("POST",), name="export_person"),
]
