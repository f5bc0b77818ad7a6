"""Refunds: those to be released, and parts that the payment service refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.cases import as_number
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import Fields
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import refund_lists, timelines
from returnsdesk.services import refunds as refund_commands
from returnsdesk.services.timelines import Subject

KIND: Final = "refund"


async def refunds_page(request: Request) -> Response:
    """GET /console/refunds: what waits to be released, was refused, or is on its way."""
    return await show(request, NO_REFUSAL, 200)


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of all refunds that need the team, with what was refused."""
    facts = await run_sync(_facts, desk_of(request))
    shown = {**facts, "refusal": refusal, "is_lead": staff_of(request).may("lead")}
    return page(request, "refunds.html", shown, status=status)


def _facts(desk: Desk) -> dict[str, Any]:
    with desk.database.read() as session:
        failed = refund_lists.parts_in(session, "failed")
        versions = {
            each.part.id: timelines.last_event_id(
                session, refund_lists.subjects_of(session, each.part.id)
            )
            for each in failed
        }
        return {
            "to_release": refund_lists.to_release(session),
            "failed": failed,
            "versions": versions,
            "on_the_way": refund_lists.parts_in(session, "sending", "pending"),
            "version": 0,
        }


def _retry(order: Order, fields: Fields, number: str) -> str:
    """Ask the payment service for a refused part once more."""
    refund_commands.retry_part(order.database, as_number(number), actor=order.actor, now=order.now)
    return _owner(order, number)


def _as_credit(order: Order, fields: Fields, number: str) -> str:
    """Pay a refused part as store credit, when the shopper agreed."""
    refund_commands.replace_failed_part(
        order.database,
        as_number(number),
        settlement="store_credit",
        actor=order.actor,
        now=order.now,
    )
    return _owner(order, number)


def _owner(order: Order, number: str) -> str:
    with order.database.read() as session:
        return refund_lists.part_of(session, as_number(number)).address


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a part are about."""
    return refund_lists.subjects_of(session, as_number(number))


def address(number: str) -> str:
    """The page of the refunds."""
    return "/console/refunds"


Work = Callable[[Order, Fields, str], str]

_COMMANDS: Final[tuple[tuple[str, Work, str], ...]] = (
    ("retry", _retry, "The part is asked for again."),
    ("credit", _as_credit, "The part goes back as store credit."),
)


def _command_route(path: str, work: Work, said: str) -> Page:
    key = f"refund-{path}"
    FLASHES[key] = said
    command = Command(path, key, work, subjects, show, address, KIND)

    async def endpoint(request: Request) -> Response:
        return await perform(request, command, request.path_params["number"])

    endpoint.__doc__ = work.__doc__
    return Page(
        f"/refunds/{{number}}/{path}",
        endpoint,
        role="lead",
        methods=("POST",),
        name=f"refund_{path}",
    )


routes: list[BaseRoute] = [
    Page("/refunds", refunds_page),
    *(_command_route(*each) for each in _COMMANDS),
]
