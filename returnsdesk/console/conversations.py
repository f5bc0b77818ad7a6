"""Transcripts: the list of conversations with its filters, one conversation to read, and taking them away as files."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from returnsdesk.console import takeover
from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.rendering import FLASHES, back_to, page, templates
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.domain.intents import INTENTS
from returnsdesk.domain.mentions import KINDS
from returnsdesk.services import (
    audit,
    conversation_labels,
    conversation_reading,
    conversation_surroundings,
    saved_views,
    staff,
    transcript_export,
    transcript_filters,
    transcripts,
)
from returnsdesk.services.conversation_subject import OUTCOMES
from returnsdesk.services.errors import Conflict, NotFound, ServiceError
from returnsdesk.settings import LANGUAGES

_LIST = "/console/conversations"
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}

Facts = dict[str, Any]

FLASHES |= {
    "tagged": "Tagged.",
    "untagged": "The tag is gone.",
    "noted": "The note is kept.",
    "reviewed": "Marked as reviewed.",
    "unreviewed": "No longer marked as reviewed.",
    "assigned": "Assigned.",
    "unread": "Marked as unread for you.",
    "view_saved": "The view is saved.",
    "view_removed": "The view is deleted.",
}


async def conversations_list(request: Request) -> Response:
    """GET /console/conversations: the list, narrowed by what stands in the address."""
    return page(request, "conversations.html", await run_sync(_list_facts, request))


async def conversation(request: Request) -> Response:
    """GET /console/conversations/{id}: one conversation, as the shopper saw it and with what lay behind."""
    return await _reading_page(request)


async def message(request: Request) -> Response:
    """GET /console/conversations/{id}/messages/{seq}: the permanent address of a message."""
    seq = request.path_params["seq"]
    return await _reading_page(request, around=seq)


async def printed(request: Request) -> Response:
    """GET /console/conversations/{id}/print: a conversation to be printed, or kept as PDF by the browser."""
    facts = await run_sync(_print_facts, request, _id(request))
    return page(request, "conversation_print.html", facts)


async def export_one(request: Request) -> Response:
    """GET /console/conversations/{id}/export.{kind}: one conversation as CSV or JSON lines."""
    desk, conversation_id, kind = desk_of(request), _id(request), request.path_params["kind"]
    await run_sync(_require, desk, conversation_id, kind)
    detail = {"kind": kind}
    await run_sync(partial(_audit, request, audit.EXPORT, conversation_id, detail))
    rows = transcript_export.rows_of_one(desk.database, conversation_id)
    return _file(transcript_export.written(rows, kind), kind, f"conversation-{conversation_id[:8]}")


async def export_list(request: Request) -> Response:
    """GET /console/conversations/export.{kind}: all messages of the conversations that the filters leave."""
    kind = request.path_params["kind"]
    if kind not in transcript_export.KINDS:
        raise HTTPException(404)
    desk, member = desk_of(request), staff_of(request)
    filters, _ = transcript_filters.read(request.query_params)
    detail = {"kind": kind, "filters": sorted(filters.as_query())}
    await run_sync(partial(_audit, request, audit.EXPORT, "", detail))
    rows = transcript_export.rows_of_list(desk.database, filters, reader_id=member.id)
    return _file(transcript_export.written(rows, kind), kind, "conversations")


async def add_tag(request: Request) -> Response:
    """POST /console/conversations/{id}/tags: add a tag."""
    return await _change(request, "tagged", conversation_labels.tag, "tag")


async def remove_tag(request: Request) -> Response:
    """POST /console/conversations/{id}/tags/remove: take a tag away."""
    return await _change(request, "untagged", conversation_labels.untag, "tag")


async def add_note(request: Request) -> Response:
    """POST /console/conversations/{id}/notes: keep a note."""
    form = await form_of(request)
    add = partial(conversation_labels.add_note, key=str(form.get("key", "")))
    return await _change(request, "noted", add, "text")


async def review(request: Request) -> Response:
    """POST /console/conversations/{id}/review: mark as reviewed, or take that back."""
    is_reviewed = (await form_of(request)).get("reviewed") == "yes"
    set_reviewed = partial(conversation_labels.review, is_reviewed=is_reviewed)
    return await _change(request, "reviewed" if is_reviewed else "unreviewed", set_reviewed)


async def assign(request: Request) -> Response:
    """POST /console/conversations/{id}/assign: give the conversation to somebody, or to nobody."""
    seen = str((await form_of(request)).get("seen", ""))
    return await _change(request, "assigned", partial(conversation_labels.assign, seen=seen), "to")


async def mark_unread(request: Request) -> Response:
    """POST /console/conversations/{id}/unread: unread again, for oneself."""
    desk, conversation_id = desk_of(request), _id(request)
    await run_sync(_require, desk, conversation_id)
    forget = conversation_labels.mark_unread
    await run_sync(forget, desk.database, conversation_id, staff_of(request).id)
    return back_to(_LIST, "unread")


async def save_view(request: Request) -> Response:
    """POST /console/conversations/views: keep the filters of the list under a name."""
    desk, member, form = desk_of(request), staff_of(request), await form_of(request)
    query = {name: str(form.get(name, "")) for name in transcript_filters.NAMES}
    save = partial(
        saved_views.save,
        desk.database,
        str(form.get("name", "")),
        query,
        is_shared=form.get("shared") == "yes",
        account_id=member.id,
        actor=member.email,
        now=desk.clock(),
    )
    try:
        view = await run_sync(save)
    except ServiceError as error:
        facts = await run_sync(_list_facts, request, query)
        facts["problems"] = (_sentence(error), *facts["problems"])
        return page(request, "conversations.html", facts, status=422)
    return back_to(f"{_LIST}?{view.query}", "view_saved")


async def remove_view(request: Request) -> Response:
    """POST /console/conversations/views/{view_id}/delete: delete a view of one's own."""
    desk, member = desk_of(request), staff_of(request)
    remove = partial(
        saved_views.remove,
        desk.database,
        request.path_params["view_id"],
        account_id=member.id,
        actor=member.email,
        now=desk.clock(),
    )
    try:
        await run_sync(remove)
    except NotFound as error:
        raise HTTPException(404) from error
    return back_to(_LIST, "view_removed")


async def _change(
    request: Request, said: str, command: Callable[..., Any], field: str | None = None
) -> Response:
    """Run a command on the conversation with a field of the form; what refuses it is said on the page."""
    desk, member, form = desk_of(request), staff_of(request), await form_of(request)
    given = [str(form.get(field, ""))] if field else []
    run = partial(
        command, desk.database, _id(request), *given, actor=member.email, now=desk.clock()
    )
    try:
        await run_sync(run)
    except NotFound as error:
        if error.code == "CONVERSATION_UNKNOWN":
            raise HTTPException(404) from error
        return await _reading_page(request, problem=_sentence(error), status=422)
    except Conflict as error:
        return await _reading_page(request, problem=_sentence(error), status=409)
    except ServiceError as error:
        return await _reading_page(request, problem=_sentence(error), status=422)
    return back_to(f"{_LIST}/{_id(request)}", said)


def _sentence(error: ServiceError) -> str:
    words = _REFUSALS.get(error.code, "That was refused; nothing was changed.")
    return words.format(**error.facts)


_REFUSALS = {
    "TAG_INVALID": "A tag has up to 40 letters, figures, blanks or .:/+- and begins with a letter or figure.",
    "TOO_MANY_TAGS": "There are 20 tags already. Take one away first.",
    "NOTE_INVALID": "A note has 1 to 4000 characters.",
    "ASSIGNED_MEANWHILE": "This was given to {to} meanwhile. Nothing was changed; look again and decide anew.",
    "STAFF_UNKNOWN": "There is no active account of that address.",
    "NAME_INVALID": "A view needs a name of up to 80 characters.",
    "NOTHING_TO_SAVE": "There are no filters to save. Set some first.",
    "TOO_MANY_VIEWS": "There are 50 views of yours already. Delete one first.",
}


def _id(request: Request) -> str:
    return str(request.path_params["conversation_id"])


def _require(desk: Desk, conversation_id: str, kind: str = "csv") -> None:
    with desk.database.read() as session:
        _found(session, conversation_id)
    if kind not in transcript_export.KINDS:
        raise HTTPException(404)


def _found(session: Any, conversation_id: str) -> Any:
    found = conversation_reading.find(session, conversation_id)
    if found is None:
        raise HTTPException(404)
    return found


def _audit(request: Request, action: str, conversation_id: str, detail: Mapping[str, Any]) -> None:
    desk = desk_of(request)
    audit.record(
        desk.database,
        actor=staff_of(request).email,
        action=action,
        subject="conversation" if conversation_id else "conversations",
        subject_id=conversation_id,
        detail=detail,
        now=desk.clock(),
    )


def _file(parts: Any, kind: str, name: str) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}.{kind}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return StreamingResponse(parts, headers=headers, media_type=_TYPES[kind])


def _list_facts(request: Request, query: Mapping[str, str] | None = None) -> Facts:
    desk, member = desk_of(request), staff_of(request)
    given = request.query_params if query is None else query
    filters, problems = transcript_filters.read(given)
    before = transcripts.place_in(given.get("before", ""))
    after = transcripts.place_in(given.get("after", "")) if before is None else None
    with desk.database.read() as session:
        found = transcripts.page(session, filters, reader_id=member.id, before=before, after=after)
        counts = transcript_filters.counts_by_state(session)
        views = saved_views.views_for(session, member.id)
        tags = conversation_labels.known_tags(session)
        team = [each for each in staff.list_all(session) if each.is_active]
    own = filters.as_query()
    return {
        "found": found,
        "filters": filters,
        "query": own,
        "address": lambda **changed: _address(filters.as_query(**changed)),
        "state_counts": counts,
        "views": views,
        "present_view": urlencode(own),
        "tags": tags,
        "team": team,
        "problems": problems,
        "now": desk.clock(),
        "channels": transcript_filters.CHANNELS,
        "languages": LANGUAGES,
        "outcomes": OUTCOMES,
        "intents": INTENTS,
        "options": lambda values: [(str(each), words(each)) for each in values],
        "is_narrowed": any(name not in ("state", "q", "unread") for name in own),
    }


def _address(query: Mapping[str, str]) -> str:
    return f"{_LIST}?{urlencode(query)}" if query else _LIST


async def _reading_page(
    request: Request, *, around: int | None = None, problem: str = "", status: int = 200
) -> Response:
    conversation_id = _id(request)
    facts = await run_sync(partial(_reading_facts, request, conversation_id, around=around))
    facts |= {"problem": problem, "form_key": secrets.token_urlsafe(12)}
    facts |= await takeover.live_facts(request, conversation_id)
    return page(request, "conversation.html", facts, status=status)


def _reading_facts(request: Request, conversation_id: str, *, around: int | None = None) -> Facts:
    desk, member = desk_of(request), staff_of(request)
    with desk.database.read() as session:
        row = _found(session, conversation_id)
        if around is not None and not 1 <= around <= row.last_seq:
            raise HTTPException(404)
        facts: Facts = {
            "conversation": conversation_reading.head_of(row),
            "reading": conversation_reading.read(session, row, around=around),
            "labels": conversation_labels.labels_of(session, row),
            "around": conversation_surroundings.around(session, row),
            "team": [each for each in staff.list_all(session) if each.is_active],
            "tags": conversation_labels.known_tags(session),
            "intents": INTENTS,
            "entity_kinds": KINDS,
            "marked_seq": around,
            "own_address": desk.settings.public_url.rstrip("/"),
        }
    head = facts["conversation"]
    conversation_labels.mark_read(desk.database, head.id, member.id, head.last_seq)
    _audit(request, audit.READ, head.id, {"messages": head.last_seq})
    return facts


def _print_facts(request: Request, conversation_id: str) -> Facts:
    with desk_of(request).database.read() as session:
        row = _found(session, conversation_id)
        facts: Facts = {
            "conversation": conversation_reading.head_of(row),
            "messages": conversation_reading.whole(session, row),
            "labels": conversation_labels.labels_of(session, row),
            "around": conversation_surroundings.around(session, row),
            "own_address": desk_of(request).settings.public_url.rstrip("/"),
            "now": desk_of(request).clock(),
        }
    _audit(request, audit.EXPORT, facts["conversation"].id, {"kind": "print"})
    return facts


def ago(at: Any, now: Any) -> str:
    """How long ago something was, in the shortest words: 5 min, 3 h, 12 d."""
    minutes = max(0, int((now - at).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


def words(value: object) -> str:
    """A name of the code in words: with_person is "with person"."""
    return str(value or "").replace("_", " ")


templates.env.filters["ago"] = ago
templates.env.filters["words"] = words

_ONE = "/conversations/{conversation_id}"

routes = [
    Page("/conversations", conversations_list),
    Page("/conversations/export.{kind}", export_list, role="lead"),
    Page("/conversations/views", save_view, methods=("POST",)),
    Page("/conversations/views/{view_id:int}/delete", remove_view, methods=("POST",)),
    Page(_ONE, conversation),
    Page(f"{_ONE}/messages/{{seq:int}}", message),
    Page(f"{_ONE}/print", printed),
    Page(f"{_ONE}/export.{{kind}}", export_one),
    Page(f"{_ONE}/tags", add_tag, methods=("POST",)),
    Page(f"{_ONE}/tags/remove", remove_tag, methods=("POST",)),
    Page(f"{_ONE}/notes", add_note, methods=("POST",)),
    Page(f"{_ONE}/review", review, methods=("POST",)),
    Page(f"{_ONE}/assign", assign, methods=("POST",)),
    Page(f"{_ONE}/unread", mark_unread, methods=("POST",)),
]
