"""Improving the assistant: what it missed, what messages meant, examples and scenarios to take over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.rendering import FLASHES, back_to, page, templates
from returnsdesk.db.session import Database
from returnsdesk.desk.context import desk_of
from returnsdesk.domain.intents import INTENTS
from returnsdesk.domain.mentions import KINDS
from returnsdesk.services import (
    audit,
    corrections,
    example_export,
    missed_messages,
    scenario_export,
)
from returnsdesk.services.corrections import Mark
from returnsdesk.services.errors import Conflict, NotFound, ServiceError
from returnsdesk.services.example_export import Example
from returnsdesk.settings import LANGUAGES

HOME: Final = "/console/improve"
PERIODS: Final = (7, 30, 90)
GROUPS_SHOWN: Final = 20
OF_A_GROUP: Final = 200
"""So many messages of a group are judged at once; the others stay in the queue."""

_LARGEST_ID: Final = 2**31 - 1

FLASHES["judged"] = "Kept. Nothing is learned from it before a person takes it over."
FLASHES["judgement_undone"] = "Taken back. The message waits to be looked at again."
FLASHES["nothing_to_export"] = "There is nothing new to export."

templates.env.globals["intents"] = INTENTS
templates.env.globals["entity_kinds"] = KINDS

_SENTENCES: Final = {
    "VALUE_NOT_IN_TEXT": "A value has to be written as it stands in the message.",
    "INTENT_UNKNOWN": "Choose what the shopper meant.",
    "ENTITY_UNKNOWN": "There is no such kind of value.",
}


async def queue_page(request: Request) -> Response:
    """GET /console/improve: messages that were not understood, or not surely, in groups of like ones."""
    days, language = _days(request), _language(request)
    since = desk_of(request).clock() - timedelta(days=days)
    queue = await run_sync(_queue, desk_of(request).database, since, language)
    shown = {
        "queue": queue,
        "groups": queue.groups[:GROUPS_SHOWN],
        "further": max(0, len(queue.groups) - GROUPS_SHOWN),
        "most": missed_messages.MOST,
        "of_a_group": OF_A_GROUP,
        "days": days,
        "language": language,
        "periods": PERIODS,
        "languages": LANGUAGES,
        "query": request.url.query,
    }
    return page(request, "improve.html", shown)


async def judge_group(request: Request) -> Response:
    """POST /console/improve/groups: say of the ticked messages of a group what they meant."""
    desk, form = desk_of(request), await form_of(request)
    ids = [_id(each) for each in form.getlist("message")]
    back = _back(form)
    if not ids:
        return back_to(back)
    command = partial(
        corrections.judge_all, desk.database, ids, _intent(form), actor=staff_of(request).email,
        now=desk.clock(),
    )  # fmt: skip
    return await _taken(request, command, back)


async def judge_one(request: Request) -> Response:
    """POST /console/improve/corrections: say what one message meant, leave it out, or take the judgement back."""
    desk, form = desk_of(request), await form_of(request)
    message_id, back = _id(form.get("message")), _back(form)
    facts: dict[str, Any] = {
        "version": str(form.get("version", "")),
        "actor": staff_of(request).email,
        "now": desk.clock(),
    }
    if form.get("action") == "undo":
        undo = partial(corrections.undo, desk.database, message_id, **facts)
        return await _taken(request, undo, back, said="judgement_undone")
    intent = _intent(form)
    # What is left out of the examples needs no values.
    marks = _marks(form) if intent is not None and "kind" in form else None
    judge = partial(corrections.judge, desk.database, message_id, intent, marks, **facts)
    return await _taken(request, judge, back)


async def judged_page(request: Request) -> Response:
    """GET /console/improve/judged: what was judged, how it stands beside the examples, and what to export."""
    only_new = request.query_params.get("all") != "1"
    found = await run_sync(_examples, desk_of(request).database, only_new)
    shown = {
        "examples": list(reversed(found)),
        "only_new": only_new,
        "count": sum(each.standing == example_export.NEW for each in found),
        "new": example_export.NEW,
    }
    return page(request, "improve_judged.html", shown)


async def export_examples(request: Request) -> Response:
    """POST /console/improve/export: the archive of examples; those in it count as exported from then on."""
    desk, form = desk_of(request), await form_of(request)
    found = await run_sync(_examples, desk.database, form.get("all") != "1")
    files = example_export.as_files(found)
    if not files:
        return back_to(f"{HOME}/judged", said="nothing_to_export")
    note = partial(
        example_export.note_exported, desk.database, [each.message_id for each in found],
        actor=staff_of(request).email, now=desk.clock(),
    )  # fmt: skip
    archive = await run_sync(example_export.as_archive, files)
    await run_sync(note)
    return _file(archive, "application/zip", f"examples-{desk.clock():%Y-%m-%d}.zip")


async def scenario(request: Request) -> Response:
    """GET /console/improve/scenarios/{id}.yml: a conversation as a test scenario."""
    desk, conversation_id = desk_of(request), request.path_params["conversation_id"]
    read = partial(_scenario, desk.database, conversation_id, keeps_texts=desk.settings.demo_mode)
    try:
        written = await run_sync(read)
    except NotFound as error:
        raise HTTPException(404) from error
    except ServiceError:
        facts = {
            "sentence": "The assistant has answered nothing in this conversation; there is nothing to play again.",
            "back": f"/console/conversations/{conversation_id}",
        }
        return page(request, "improve_refused.html", facts, status=409)
    note = partial(
        audit.record, desk.database, actor=staff_of(request).email, action=audit.EXPORT,
        subject="conversation", subject_id=conversation_id, detail={"as": "scenario"}, now=desk.clock(),
    )  # fmt: skip
    await run_sync(note)
    return _file(written.encode(), "application/yaml; charset=utf-8", f"{conversation_id[:8]}.yml")


async def _taken(
    request: Request, command: Callable[[], object], back: str, said: str = "judged"
) -> Response:
    try:
        await run_sync(command)
    except NotFound as error:
        raise HTTPException(404) from error
    except Conflict as error:
        return page(
            request, "improve_refused.html", {**_meanwhile(error), "back": back}, status=409
        )
    except ServiceError as error:
        sentence = _SENTENCES.get(error.code, "This cannot be kept.")
        return page(
            request, "improve_refused.html", {"sentence": sentence, "back": back}, status=400
        )
    address, mark, place = back.partition("#")
    answer = back_to(address, said)
    # What is said belongs before the place on the page.
    answer.headers["location"] += f"{mark}{place}"
    return answer


def _meanwhile(error: Conflict) -> dict[str, str]:
    who = error.facts.get("corrected_by")
    if who is None:
        return {"sentence": "The judgement was taken back meanwhile. Nothing was changed."}
    meant = error.facts.get("intent")
    what = f"it means {meant}" if meant else "it is left out of the examples"
    return {"sentence": f"{who} has looked at this message meanwhile: {what}. Nothing was changed."}


def _back(form: FormData) -> str:
    """Where the form came from: a page of the console, never another site."""
    wanted = str(form.get("back", ""))
    return wanted if wanted.startswith("/console/") and "\\" not in wanted else HOME


def _intent(form: FormData) -> str | None:
    return None if form.get("action") == "leave_out" else str(form.get("intent", ""))


def _marks(form: FormData) -> list[Mark]:
    pairs = zip(form.getlist("kind"), form.getlist("value"), strict=False)
    return [Mark(str(kind), str(value)) for kind, value in pairs if str(value).strip()]


def _id(given: object) -> int:
    text = str(given)
    if not text.isascii() or not text.isdigit() or int(text[:12]) > _LARGEST_ID:
        raise HTTPException(404)
    return int(text[:12])


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else PERIODS[1]


def _language(request: Request) -> str | None:
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else None


def _queue(database: Database, since: Any, language: str | None) -> missed_messages.Queue:
    with database.read() as session:
        return missed_messages.queue(session, since=since, language=language)


def _examples(database: Database, only_new: bool) -> list[Example]:
    with database.read() as session:
        return example_export.examples(session, only_unexported=only_new)


def _scenario(database: Database, conversation_id: str, *, keeps_texts: bool) -> str:
    with database.read() as session:
        return scenario_export.as_scenario(session, conversation_id, keeps_texts=keeps_texts)


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=media_type, headers=headers)


routes = [
    Page("/improve", queue_page, role="lead", name="improve"),
    Page("/improve/groups", judge_group, role="lead", methods=("POST",)),
    Page("/improve/corrections", judge_one, methods=("POST",)),
    Page("/improve/judged", judged_page, role="lead"),
    Page("/improve/export", export_examples, role="lead", methods=("POST",)),
    Page("/improve/scenarios/{conversation_id}.yml", scenario, role="lead"),
]
