"""Returns: the list with filters and search, the page of one, and the commands that its state allows."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Final
from urllib.parse import urlencode

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from returnsdesk.console import formats, return_commands, shopper_words
from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.commands import NO_REFUSAL, Command, Refusal, perform
from returnsdesk.console.forms import NAME_FIELD, Fields, Invalid
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.console.return_commands import Work
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.domain.reasons import REASONS
from returnsdesk.services import audit, labels, return_lists, return_sheets, timelines
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotFound
from returnsdesk.services.return_lists import Filters
from returnsdesk.services.return_sheets import ReturnSheet
from returnsdesk.services.timelines import Subject

KIND: Final = "return"
_LONGEST_FILTER: Final = 254

# Path, what is done, the role from which it may be, and the sentence that is said then.
_COMMANDS: Final[tuple[tuple[str, Work, str, str], ...]] = (
    ("approve", return_commands.approve, "agent", "The return is approved; the shopper is told."),
    ("decline", return_commands.decline, "agent", "The return is declined; the shopper is told."),
    ("hold", return_commands.hold, "agent", "The return is on hold; the shopper is told."),
    ("resume", return_commands.resume, "agent", "The return goes on."),
    ("receive", return_commands.receive, "agent", "The parcel is marked as received."),
    ("lost", return_commands.report_lost, "agent", "The parcel is reported lost; a case is open."),
    ("accept-lost", return_commands.accept_lost, "agent", "The parcel counts as arrived well."),
    ("inspect", return_commands.inspect, "agent", "What was found is kept."),
    ("close-short", return_commands.close_short, "agent", "The inspection is finished."),
    ("release", return_commands.release_refund, "agent", "The refund is on its way."),
    ("cancel", return_commands.cancel, "agent", "The return is cancelled."),
    ("reopen", return_commands.reopen, "agent", "The return is open again."),
    ("reopen-anyway", return_commands.reopen_anyway, "lead", "The return is open again, as an exception."),
    ("extend", return_commands.extend, "agent", "The shopper has more time."),
    ("label", return_commands.renew_label, "agent", "A new label is being made."),
    ("ship", return_commands.ship, "agent", "The replacement is on its way."),
    ("choose", return_commands.choose_again, "agent", "The other replacement is reserved."),
    ("convert", return_commands.convert, "agent", "Money goes back in place of the replacement."),
    ("waive", return_commands.waive, "lead", "The difference is waived."),
    ("take", return_commands.take, "agent", "It is yours."),
)  # fmt: skip


async def returns_list(request: Request) -> Response:
    """GET /console/returns: returns that fit the filters, latest first."""
    desk, query = desk_of(request), request.query_params
    filters = Filters(
        **{name: query.get(name, "").strip()[:_LONGEST_FILTER] for name in asdict(Filters())}
    )

    def look() -> return_lists.Page:
        with desk.database.read() as session:
            return return_lists.latest(
                session, filters, now=desk.clock(), cursor=query.get("after")
            )

    found = await run_sync(look)
    if filters.search and len(found.rows) == 1 and "after" not in query:
        row = found.rows[0]
        if row.rma_number == filters.search.upper():
            return RedirectResponse(f"/console/returns/{row.rma_number}", 303)
    chosen = {name: value for name, value in asdict(filters).items() if value}
    following = found.next_cursor and urlencode({**chosen, "after": found.next_cursor})
    facts = {
        "rows": found.rows,
        "filters": filters,
        "following": following,
        "statuses": return_lists.STATUSES,
        "reasons": REASONS,
        "is_filtered": bool(chosen),
    }
    return page(request, "returns.html", facts)


async def return_page(request: Request) -> Response:
    """GET /console/returns/{number}: everything about a return."""
    desk, staff = desk_of(request), staff_of(request)
    response = await show(request, NO_REFUSAL, 200)
    note = partial(
        audit.record,
        desk.database,
        actor=staff.email,
        action=audit.READ,
        subject=KIND,
        subject_id=request.path_params["number"].upper(),
        now=desk.clock(),
    )
    await run_sync(note)
    return response


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of a return, with what was refused."""
    sheet, has_label = await run_sync(_sheet, desk_of(request), request.path_params["number"])
    now = desk_of(request).clock()
    facts = {
        "sheet": sheet,
        "view": sheet.view,
        "currency": sheet.view.currency,
        "refusal": refusal,
        "version": sheet.version,
        "has_label": has_label,
        "today": now.date(),
        "now": now,
        "is_lead": staff_of(request).may("lead"),
        "decline_codes": return_commands.DECLINE_CODES,
        "hold_codes": return_commands.HOLD_CODES,
        "grades": return_commands.GRADES,
        "code_meaning": formats.code_meaning,
    }
    return page(request, "return.html", facts, status=status)


def _sheet(desk: Desk, number: str) -> tuple[ReturnSheet, bool]:
    now = desk.clock()
    with desk.database.read() as session:
        try:
            sheet = return_sheets.sheet(session, number, now=now)
        except NotFound as error:
            raise HTTPException(404) from error
        return sheet, labels.label_of(session, number, now=now) is not None


async def label(request: Request) -> Response:
    """GET /console/returns/{number}/label.pdf: the label as the shopper has it."""
    desk = desk_of(request)

    def look() -> bytes | None:
        with desk.database.read() as session:
            found = labels.label_of(session, request.path_params["number"], now=desk.clock())
        return found.pdf if found is not None else None

    pdf = await run_sync(look)
    if pdf is None:
        raise HTTPException(404)
    headers = {"Content-Disposition": "inline", "Cache-Control": "no-store"}
    return Response(pdf, media_type="application/pdf", headers=headers)


async def decline_preview(request: Request) -> Response:
    """POST /console/returns/{number}/decline/preview: what the shopper will read; nothing is changed."""
    return await _preview(request, "declined", "decline", return_commands.DECLINE_CODES)


async def hold_preview(request: Request) -> Response:
    """POST /console/returns/{number}/hold/preview: what the shopper will read; nothing is changed."""
    return await _preview(request, "on_hold", "hold", return_commands.HOLD_CODES)


async def _preview(request: Request, event: str, path: str, codes: dict[str, str]) -> Response:
    fields = Fields(await form_of(request))
    sheet, _ = await run_sync(_sheet, desk_of(request), request.path_params["number"])
    try:
        return_commands.decision(fields, codes)
    except Invalid as invalid:
        refusal = Refusal(
            fields.raw(NAME_FIELD),
            "Nothing was changed. Please look at the marked fields.",
            invalid.problems,
            fields.typed(),
        )
        return await show(request, refusal, 422)
    number = sheet.view.rma_number
    return await shopper_words.preview(
        request,
        event=event,
        title=f"{path.capitalize()} {number}",
        number=number,
        order_number=sheet.view.order_number,
        language=sheet.language,
        back=address(number),
        action=f"{address(number)}/{path}",
        button="Decline and tell the shopper" if path == "decline" else "Hold and tell the shopper",
    )


def address(number: str) -> str:
    """The page of a return."""
    return f"/console/returns/{number.strip().upper()}"


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a return's page are about."""
    document = documents.by_number(session, number)
    if document is None:
        raise NotFound("RETURN_UNKNOWN", f"there is no return {number}")
    return timelines.of_return(document)


def _command_route(path: str, work: Work, role: str, said: str) -> Page:
    key = f"return-{path}"
    FLASHES[key] = said
    command = Command(path, key, work, subjects, show, address, KIND)

    async def endpoint(request: Request) -> Response:
        return await perform(request, command, request.path_params["number"])

    endpoint.__doc__ = work.__doc__
    return Page(
        f"/returns/{{number}}/{path}", endpoint, role=role, methods=("POST",), name=f"return_{path}"
    )


routes: list[BaseRoute] = [
    Page("/returns", returns_list),
    Page("/returns/{number}", return_page),
    Page("/returns/{number}/label.pdf", label, name="return_label"),
    Page("/returns/{number}/decline/preview", decline_preview, methods=("POST",)),
    Page("/returns/{number}/hold/preview", hold_preview, methods=("POST",)),
    *(_command_route(*each) for each in _COMMANDS),
]
