"""Canned answers as leads keep them: a list, and a form for each answer with its five languages."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.rendering import FLASHES, back_to, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import cleaned
from returnsdesk.services import audit, canned_answers
from returnsdesk.services.canned_answers import Answer
from returnsdesk.services.errors import ServiceError

_LIST = "/console/canned"
LANGUAGE_NAMES = {"en": "English", "nl": "Dutch", "de": "German", "nb": "Norwegian", "pl": "Polish"}

FLASHES.update(
    {
        "canned_saved": "The answer is kept.",
        "canned_removed": "The answer is gone.",
        "canned_added": "The standard answers are there now.",
    }
)


async def canned_list(request: Request) -> Response:
    """GET /console/canned: all canned answers."""
    answers = await run_sync(_read, desk_of(request))
    known = {answer.name for answer in answers}
    missing = [name for name in canned_answers.standard() if name not in known]
    facts = {"answers": answers, "languages": LANGUAGE_NAMES, "has_missing": bool(missing)}
    return page(request, "canned.html", facts)


async def canned_form(request: Request) -> Response:
    """GET /console/canned/edit?name=: one answer, or an empty form."""
    name = request.query_params.get("name", "")
    answers = {answer.name: answer for answer in await run_sync(_read, desk_of(request))}
    if name and name not in answers:
        raise HTTPException(404)
    return _form(request, answers.get(name, Answer("", {})), old_name=name)


async def canned_save(request: Request) -> Response:
    """POST /console/canned/edit: keep an answer."""
    desk, form = desk_of(request), await form_of(request)
    name, old_name = cleaned(str(form.get("name") or "")), str(form.get("old_name") or "")
    texts = {each: cleaned(str(form.get(f"text_{each}") or "")) for each in LANGUAGE_NAMES}
    actor = staff_of(request).email
    save = partial(
        canned_answers.save,
        desk.database,
        name,
        texts,
        old_name=old_name or None,
        actor=actor,
        now=desk.clock(),
    )
    try:
        await run_sync(save)
    except ServiceError as error:
        return _form(
            request, Answer(name, texts), old_name=old_name, problem=str(error), status=422
        )
    await _audit(request, "save", name)
    return back_to(_LIST, "canned_saved")


async def canned_remove(request: Request) -> Response:
    """POST /console/canned/remove: take an answer away; a second time changes nothing."""
    name = str((await form_of(request)).get("name") or "")
    await run_sync(canned_answers.remove, desk_of(request).database, name)
    await _audit(request, "remove", name)
    return back_to(_LIST, "canned_removed")


async def canned_standard(request: Request) -> Response:
    """POST /console/canned/standard: add the standard answers that are missing."""
    desk, actor = desk_of(request), staff_of(request).email
    add = partial(canned_answers.add_standard, desk.database, actor=actor, now=desk.clock())
    await run_sync(add)
    await _audit(request, "add_standard", "")
    return back_to(_LIST, "canned_added")


routes = [
    Page("/canned", canned_list, role="lead"),
    Page("/canned/edit", canned_form, role="lead"),
    Page("/canned/edit", canned_save, role="lead", methods=("POST",)),
    Page("/canned/remove", canned_remove, role="lead", methods=("POST",)),
    Page("/canned/standard", canned_standard, role="lead", methods=("POST",)),
]


def _form(
    request: Request, answer: Answer, *, old_name: str, problem: str = "", status: int = 200
) -> Response:
    facts: dict[str, Any] = {
        "answer": answer,
        "old_name": old_name,
        "problem": problem,
        "languages": LANGUAGE_NAMES,
        "gaps": canned_answers.GAPS,
        "longest_name": canned_answers.LONGEST_NAME,
        "longest_text": canned_answers.LONGEST_TEXT,
    }
    return page(request, "canned_edit.html", facts, status=status)


def _read(desk: Desk) -> list[Answer]:
    with desk.database.read() as session:
        return canned_answers.listed(session)


async def _audit(request: Request, what: str, name: str) -> None:
    desk = desk_of(request)
    record = partial(
        audit.record,
        desk.database,
        actor=staff_of(request).email,
        action=audit.CHANGE,
        subject="canned_answer",
        subject_id=name,
        detail={"what": what},
        now=desk.clock(),
    )
    await run_sync(record)
