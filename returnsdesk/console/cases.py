"""Cases: what waits for the team, queue by queue, and the page of one case."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from returnsdesk.console import formats  # noqa: F401
from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import Fields
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, case_work, staff, timelines, work_queues
from returnsdesk.services.case_work import CaseSheet
from returnsdesk.services.errors import NotFound
from returnsdesk.services.timelines import Moment, Subject

KIND: Final = "case"
_LARGEST: Final = 2**31 - 1
MINE, NOBODY = "mine", "nobody"


async def cases_list(request: Request) -> Response:
    """GET /console/cases: what waits, urgent first, of one queue or of all."""
    desk, member, query = desk_of(request), staff_of(request), request.query_params
    queue = query.get("queue", "")
    whose = query.get("whose", "")
    queue = queue if queue in work_queues.QUEUES else ""
    whose = whose if whose in (MINE, NOBODY) else ""

    def look() -> tuple[dict[str, int], work_queues.Page]:
        with desk.database.read() as session:
            return work_queues.counts(session), work_queues.waiting(
                session,
                queue or None,
                now=desk.clock(),
                assigned_to=member.email if whose == MINE else None,
                is_unassigned=whose == NOBODY,
                cursor=query.get("after"),
            )

    counts, found = await run_sync(look)
    chosen = {name: value for name, value in (("queue", queue), ("whose", whose)) if value}
    following = found.next_cursor and urlencode({**chosen, "after": found.next_cursor})
    facts = {
        "queues": work_queues.QUEUES,
        "counts": counts,
        "total": sum(counts.values()),
        "queue": queue,
        "whose": whose,
        "items": found.items,
        "following": following,
        "now": desk.clock(),
    }
    return page(request, "cases.html", facts)


async def case_page(request: Request) -> Response:
    """GET /console/cases/{number}: a case with what it is about and what can be done."""
    response = await show(request, NO_REFUSAL, 200)
    desk = desk_of(request)
    note = partial(
        audit.record,
        desk.database,
        actor=staff_of(request).email,
        action=audit.READ,
        subject=KIND,
        subject_id=request.path_params["number"],
        now=desk.clock(),
    )
    await run_sync(note)
    return response


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of a case, with what was refused."""
    desk = desk_of(request)
    facts = await run_sync(_facts, desk, request.path_params["number"])
    return page(
        request,
        "case.html",
        {
            **facts,
            "refusal": refusal,
            "closing_reasons": case_work.CLOSING_REASONS,
            "now": desk.clock(),
            "is_lead": staff_of(request).may("lead"),
        },
        status=status,
    )


def _facts(desk: Desk, number: str) -> dict[str, Any]:
    with desk.database.read() as session:
        try:
            case = case_work.sheet(session, as_number(number))
        except NotFound as error:
            raise HTTPException(404) from error
        due_on = work_queues.promised_day(session, case.about, desk.clock())
        return {
            "case": case,
            "due_on": due_on,
            "is_late": due_on is not None and desk.clock().date() > due_on,
            "version": timelines.last_event_id(session, _own(case)),
            "timeline": _timeline(session, case),
            "colleagues": _colleagues(session),
        }


def _timeline(session: Session, case: CaseSheet) -> list[Moment]:
    return timelines.timeline(session, case.subjects)


def _colleagues(session: Session) -> dict[str, str]:
    accounts = sorted(staff.list_all(session), key=lambda account: account.name)
    return {account.email: account.name for account in accounts if account.is_active}


def _own(case: CaseSheet) -> list[Subject]:
    return [("case", case.number)]


def as_number(text: str) -> int:
    """The number in an address; raises `NotFound` for what is none."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:12]) <= _LARGEST:
        raise NotFound("CASE_UNKNOWN", f"there is no case {text[:12]}")
    return int(text)


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a case's page are about."""
    return _own(case_work.sheet(session, as_number(number)))


def address(number: str) -> str:
    """The page of a case."""
    return f"/console/cases/{number}"


def _take(order: Order, fields: Fields, number: str) -> None:
    """Take the case."""
    _assign(order, fields, number, order.staff.email)


def _give(order: Order, fields: Fields, number: str) -> None:
    """Give the case to a colleague."""
    with order.database.read() as session:
        known = _colleagues(session)
    email = fields.choice("assigned_to", known, missing="Please choose a colleague.")
    fields.check()
    _assign(order, fields, number, email)


def _release(order: Order, fields: Fields, number: str) -> None:
    """Put the case back on the list."""
    _assign(order, fields, number, None)


def _assign(order: Order, fields: Fields, number: str, email: str | None) -> None:
    case_work.assign(
        order.database,
        as_number(number),
        email,
        expected=fields.raw("expected") or None,
        actor=order.actor,
        now=order.now,
    )


def _note(order: Order, fields: Fields, number: str) -> None:
    """Write a note."""
    text = fields.text("text", longest=case_work.NOTE_LIMIT, missing="Please write the note.")
    fields.check()
    case_work.add_note(
        order.database,
        as_number(number),
        text,
        author=order.staff.email,
        actor=order.actor,
        now=order.now,
    )


def _close(order: Order, fields: Fields, number: str) -> None:
    """Close the case with a reason."""
    reason = fields.choice(
        "reason", case_work.CLOSING_REASONS, missing="Please say why it is closed."
    )
    note = fields.text("note", required=False, longest=case_work.NOTE_LIMIT)
    fields.check()
    case_work.close(
        order.database,
        as_number(number),
        reason,
        note=note,
        author=order.staff.email,
        actor=order.actor,
        now=order.now,
    )


Work = Callable[[Order, Fields, str], None]

_COMMANDS: Final[tuple[tuple[str, Work, str], ...]] = (
    ("take", _take, "The case is yours."),
    ("give", _give, "The case was given to your colleague."),
    ("release", _release, "The case is back on the list."),
    ("notes", _note, "The note is kept."),
    ("close", _close, "The case is closed."),
)


def _command_route(path: str, work: Work, said: str) -> Page:
    key = f"case-{path}"
    FLASHES[key] = said
    command = Command(path, key, work, subjects, show, address, KIND)

    async def endpoint(request: Request) -> Response:
        return await perform(request, command, request.path_params["number"])

    endpoint.__doc__ = work.__doc__
    return Page(f"/cases/{{number}}/{path}", endpoint, methods=("POST",), name=f"case_{path}")


routes: list[BaseRoute] = [
    Page("/cases", cases_list),
    Page("/cases/{number}", case_page),
    *(_command_route(*each) for each in _COMMANDS),
]
