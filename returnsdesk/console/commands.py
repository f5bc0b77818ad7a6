"""Commands from forms: done once however often they are sent, never on a page that is out of date."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import form_of, staff_of
from returnsdesk.console.forms import KEY_FIELD, NAME_FIELD, VERSION_FIELD, Fields, Invalid
from returnsdesk.console.rendering import back_to
from returnsdesk.db.session import Database
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, deeds, sent_forms, timelines
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.staff_sessions import StaffMember
from returnsdesk.services.timelines import Subject

_SECONDS_TO_WAIT: Final = 10.0
_PAUSE: Final = 0.05
_LONGEST_KEY: Final = 64


@dataclass(frozen=True)
class Order:
    """Who gives a command, on what, and when; `actor` is what the event log keeps."""

    desk: Desk
    staff: StaffMember
    now: datetime
    key: str

    @property
    def database(self) -> Database:
        """The desk's database."""
        return self.desk.database

    @property
    def actor(self) -> str:
        """A member of staff by name, as the services know one."""
        return f"{deeds.AGENT}{self.staff.email}"


@dataclass(frozen=True)
class Change:
    """What somebody did to a document after a page of it was made."""

    who: str
    what: str
    at: datetime


@dataclass(frozen=True)
class Refusal:
    """What a page says about a form that was not taken; `typed` is what was in the form named `form`."""

    form: str = ""
    sentence: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    changes: Sequence[Change] = ()

    def of(self, form: str, name: str) -> str:
        """The sentence for a field of a form."""
        return self.problems.get(name, "") if form == self.form else ""

    def value(self, form: str, name: str, default: object = "") -> str:
        """What was typed into a field of a form, else what stands there at first."""
        if form == self.form and name in self.typed:
            return self.typed[name]
        return "" if default is None else str(default)


NO_REFUSAL: Final = Refusal()

Show = Callable[[Request, Refusal, int], Awaitable[Response]]
"""Shows the document's page again, with what was refused and the status of the answer."""


@dataclass(frozen=True)
class Command:
    """A command on one document. `work` reads the form and does it; it gives the address to go on to, or None.

    `subjects` are the documents that a form of it is about; `is_possible` says whether the present state allows it.
    """

    name: str
    said: str
    work: Callable[[Order, Fields, str], str | None]
    subjects: Callable[[Session, str], list[Subject]]
    show: Show
    address: Callable[[str], str]
    kind: str


async def perform(request: Request, command: Command, number: str) -> Response:
    """Do what a form asks for, once; a page of the document says why where it is not done."""
    form = await form_of(request)
    fields = Fields(form)
    desk, staff = desk_of(request), staff_of(request)
    key = fields.raw(KEY_FIELD)
    if not 8 <= len(key) <= _LONGEST_KEY:
        raise HTTPException(403)
    order = Order(desk, staff, desk.clock(), key)
    earlier = await _earlier(order)
    if earlier is not None:
        if earlier:
            return back_to(earlier, said=command.said)
        refusal = Refusal(
            fields.raw(NAME_FIELD),
            "This form was sent before and was cut off. Please look at what is there now.",
        )
        return await command.show(request, refusal, 409)
    try:
        address = await run_sync(partial(_do, order, command, fields, number))
    except BaseException as error:
        await run_sync(partial(sent_forms.forget, desk.database, key, staff.id))
        return await _refused(request, command, fields, number, error)
    await run_sync(partial(sent_forms.finish, desk.database, key, staff.id, address))
    return back_to(address, said=command.said)


class Stale(Exception):
    """A colleague or the shopper has changed the document since the form was made."""

    def __init__(self, changes: Sequence[Change]) -> None:
        """Keep what was changed."""
        super().__init__("stale")
        self.changes = changes


def _do(order: Order, command: Command, fields: Fields, number: str) -> str:
    changes = _changes(order, command, fields, number)
    if changes:
        raise Stale(changes)
    address = command.work(order, fields, number)
    audit.record(
        order.database,
        actor=order.staff.email,
        action=audit.CHANGE,
        subject=command.kind,
        subject_id=number,
        detail={"command": command.name},
        now=order.now,
    )
    return address or command.address(number)


def _changes(order: Order, command: Command, fields: Fields, number: str) -> list[Change]:
    """What people did since the form was made; what carriers, timers and the worker do is no reason to refuse."""
    given = fields.raw(VERSION_FIELD)
    if not given.isdecimal() or len(given) > 15:
        raise Invalid({"": "The form is not complete. Please load the page again."})
    with order.database.read() as session:
        subjects = command.subjects(session, number)
        return changes_since(session, subjects, int(given), by_people=True)


def changes_since(
    session: Session, subjects: list[Subject], version: int, *, by_people: bool
) -> list[Change]:
    """What was done to documents after an event, oldest first; with `by_people` by the team and the shopper alone."""
    rows = timelines.events_of(session, subjects, after=version)
    kept = [row for row in rows if not by_people or row.actor not in ("system", "carrier")]
    return [
        Change(
            deeds.name_of(session, row.actor),
            deeds.deed_of(row.document, row.command, row.after),
            row.at,
        )
        for row in kept
    ]


async def _refused(
    request: Request, command: Command, fields: Fields, number: str, error: BaseException
) -> Response:
    refusal = Refusal(fields.raw(NAME_FIELD), typed=fields.typed())
    if isinstance(error, Stale):
        return await command.show(request, _with(refusal, changes=error.changes), 409)
    if isinstance(error, Invalid):
        sentence = error.problems.get("", "Nothing was changed. Please look at the marked fields.")
        return await command.show(
            request, _with(refusal, sentence=sentence, problems=error.problems), 422
        )
    if isinstance(error, NotFound) and error.code in _UNKNOWN:
        raise HTTPException(404) from error
    if isinstance(error, ServiceError):
        is_conflict = isinstance(error, NotAllowed | Conflict)
        changes = await run_sync(partial(_all_changes, request, command, fields, number))
        said = _with(
            refusal,
            sentence=f"{_sentence(error)} Nothing was changed.",
            changes=changes if is_conflict else (),
        )
        return await command.show(request, said, 409 if is_conflict else 422)
    raise error


def _all_changes(request: Request, command: Command, fields: Fields, number: str) -> list[Change]:
    given = fields.raw(VERSION_FIELD)
    with desk_of(request).database.read() as session:
        subjects = command.subjects(session, number)
        return changes_since(
            session, subjects, int(given) if given.isdecimal() else 0, by_people=False
        )


# Of these a page of their own says that there is nothing; other records that are missing are a matter of the form.
_UNKNOWN: Final = frozenset(
    {"RETURN_UNKNOWN", "CLAIM_UNKNOWN", "WITHDRAWAL_UNKNOWN", "CASE_UNKNOWN", "JOB_UNKNOWN"}
) | {"REFUND_UNKNOWN", "CUSTOMER_UNKNOWN", "ORDER_UNKNOWN"}


def _sentence(error: ServiceError) -> str:
    text = str(error).strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _with(refusal: Refusal, **more: Any) -> Refusal:
    return Refusal(**{**refusal.__dict__, **more})


async def _earlier(order: Order) -> str | None:
    """Where the same form led to before: None when it is new, empty when that is not known."""
    begin = partial(sent_forms.begin, order.database, order.key, order.staff.id, now=order.now)
    found = await run_sync(begin)
    waited = 0.0
    while found is not None and found.result is None and waited < _SECONDS_TO_WAIT:
        # The first one is still at work.
        await asyncio.sleep(_PAUSE)
        waited += _PAUSE
        look = partial(sent_forms.look, order.database, order.key, order.staff.id)
        found = await run_sync(look) or await run_sync(begin)
    return None if found is None else (found.result or "")
