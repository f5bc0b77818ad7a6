"""Withdrawals: the list by deadline, and the page of one: open its return, name its order, refuse it."""

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

from returnsdesk.console import shopper_words
from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import NAME_FIELD, Fields, Invalid
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, claim_sheets, timelines, withdrawal_returns, withdrawals
from returnsdesk.services.errors import NotFound
from returnsdesk.services.timelines import Subject

KIND: Final = "withdrawal"
_TOLD: Final = "The shopper has to be told why."
STATUSES: Final = ("declared", "return_opened", "refunded", "refused")


async def withdrawals_list(request: Request) -> Response:
    """GET /console/withdrawals: withdrawals, latest first."""
    desk, query = desk_of(request), request.query_params
    status = query.get("status", "declared")
    status = status if status in STATUSES else ""

    def look() -> claim_sheets.Page:
        with desk.database.read() as session:
            return claim_sheets.latest_withdrawals(session, status, cursor=query.get("after"))

    found = await run_sync(look)
    following = found.next_cursor and urlencode(
        {"status": status or "all", "after": found.next_cursor}
    )
    facts = {
        "rows": found.rows,
        "status": status,
        "statuses": STATUSES,
        "following": following,
        "now": desk.clock(),
    }
    return page(request, "withdrawals.html", facts)


async def withdrawal_page(request: Request) -> Response:
    """GET /console/withdrawals/{number}: a declaration with its deadlines."""
    response = await show(request, NO_REFUSAL, 200)
    desk = desk_of(request)
    note = partial(
        audit.record,
        desk.database,
        actor=staff_of(request).email,
        action=audit.READ,
        subject=KIND,
        subject_id=request.path_params["number"].upper(),
        now=desk.clock(),
    )
    await run_sync(note)
    return response


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of a withdrawal, with what was refused."""
    facts = await run_sync(_facts, desk_of(request), request.path_params["number"])
    return page(request, "withdrawal.html", {**facts, "refusal": refusal}, status=status)


def _facts(desk: Desk, number: str) -> dict[str, Any]:
    with desk.database.read() as session:
        try:
            sheet = claim_sheets.withdrawal_sheet(session, number)
        except NotFound as error:
            raise HTTPException(404) from error
        return {"sheet": sheet, "view": sheet.view, "version": sheet.version}


async def refuse_preview(request: Request) -> Response:
    """POST /console/withdrawals/{number}/refuse/preview: what the shopper will read; nothing is changed."""
    fields = Fields(await form_of(request))
    facts = await run_sync(_facts, desk_of(request), request.path_params["number"])
    fields.text("text", missing=_TOLD)
    try:
        fields.check()
    except Invalid as invalid:
        refusal = Refusal(
            fields.raw(NAME_FIELD), "Nothing was changed.", invalid.problems, fields.typed()
        )
        return await show(request, refusal, 422)
    view = facts["view"]
    return await shopper_words.preview(
        request,
        event="withdrawal_refused",
        title=f"Refuse {view.number}",
        number=view.number,
        order_number=view.order_number or view.order_number_given,
        language=view.language,
        back=address(view.number),
        action=f"{address(view.number)}/refuse",
        button="Refuse and tell the shopper",
    )


def _open_return(order: Order, fields: Fields, number: str) -> None:
    """Open the return; an order is named where nobody knew which it is."""
    named = fields.text("order_number", required=False, longest=60)
    fields.check()
    try:
        withdrawal_returns.open_return(
            order.database, number, actor=order.actor, now=order.now, order_number=named or None
        )
    except NotFound as error:
        if error.code != "ORDER_UNKNOWN":
            raise
        raise Invalid({"order_number": "There is no such order."}) from error


def _refuse(order: Order, fields: Fields, number: str) -> None:
    """Refuse it with the words that the shopper reads."""
    text = fields.text("text", missing=_TOLD)
    fields.check()
    withdrawals.refuse(order.database, number, text, actor=order.actor, now=order.now)


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a withdrawal's page are about."""
    withdrawal = withdrawals.by_number(session, number)
    if withdrawal is None:
        raise NotFound("WITHDRAWAL_UNKNOWN", f"there is no withdrawal {number}")
    return timelines.of_withdrawal(withdrawal)


def address(number: str) -> str:
    """The page of a withdrawal."""
    return f"/console/withdrawals/{number.strip().upper()}"


Work = Callable[[Order, Fields, str], None]

_COMMANDS: Final[tuple[tuple[str, Work, str], ...]] = (
    (
        "open-return",
        _open_return,
        "What can come back has its return; a case is open for the rest.",
    ),
    ("refuse", _refuse, "The withdrawal is refused; the shopper is told."),
)


def _command_route(path: str, work: Work, said: str) -> Page:
    key = f"withdrawal-{path}"
    FLASHES[key] = said
    command = Command(path, key, work, subjects, show, address, KIND)

    async def endpoint(request: Request) -> Response:
        return await perform(request, command, request.path_params["number"])

    endpoint.__doc__ = work.__doc__
    return Page(
        f"/withdrawals/{{number}}/{path}", endpoint, methods=("POST",), name=f"withdrawal_{path}"
    )


routes: list[BaseRoute] = [
    Page("/withdrawals", withdrawals_list),
    Page("/withdrawals/{number}", withdrawal_page),
    Page("/withdrawals/{number}/refuse/preview", refuse_preview, methods=("POST",)),
    *(_command_route(*each) for each in _COMMANDS),
]
