"""Claims: the list, and the page of one with its evidence, on which the team decides."""

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

from returnsdesk.console import photos, shopper_words
from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import NAME_FIELD, Fields, Invalid
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import (
    audit,
    claim_decisions,
    claim_sheets,
    claims,
    exchanges,
    timelines,
)
from returnsdesk.services.errors import NotFound
from returnsdesk.services.timelines import Subject

KIND: Final = "claim"
_TOLD: Final = "The shopper has to be told why."
STATUSES: Final = ("undecided", "open", "need_evidence", "approved", "resolved", "denied")
RESOLUTIONS: Final = {
    claim_decisions.REFUND: "Pay all of it back",
    claim_decisions.REPLACEMENT: "Send a replacement",
    claim_decisions.KEEP: "Pay a part back; the shopper keeps it",
    claim_decisions.BOTH: "Replace the chosen items, pay the others back",
}


async def claims_list(request: Request) -> Response:
    """GET /console/claims: claims, latest first."""
    desk, query = desk_of(request), request.query_params
    status = query.get("status", "undecided")
    status = status if status in STATUSES else ""

    def look() -> claim_sheets.Page:
        with desk.database.read() as session:
            return claim_sheets.latest(session, status, cursor=query.get("after"))

    found = await run_sync(look)
    following = found.next_cursor and urlencode({"status": status, "after": found.next_cursor})
    facts = {
        "rows": found.rows,
        "status": status,
        "statuses": STATUSES,
        "following": following,
    }
    return page(request, "claims.html", facts)


async def claim_page(request: Request) -> Response:
    """GET /console/claims/{number}: a claim with its photos."""
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
    """The page of a claim, with what was refused."""
    facts = await run_sync(_facts, desk_of(request), request.path_params["number"])
    shown = {
        **facts,
        "refusal": refusal,
        "resolutions": RESOLUTIONS,
        "is_lead": staff_of(request).may("lead"),
    }
    return page(request, "claim.html", shown, status=status)


def _facts(desk: Desk, number: str) -> dict[str, Any]:
    with desk.database.read() as session:
        try:
            sheet = claim_sheets.sheet(session, number)
        except NotFound as error:
            raise HTTPException(404) from error
        return {
            "sheet": sheet,
            "view": sheet.view,
            "currency": sheet.view.currency,
            "version": sheet.version,
        }


async def deny_preview(request: Request) -> Response:
    """POST /console/claims/{number}/deny/preview: what the shopper will read; nothing is changed."""
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
        event="claim_denied",
        title=f"Decline {view.number}",
        number=view.number,
        order_number=view.order_number,
        language=facts["sheet"].language,
        back=address(view.number),
        action=f"{address(view.number)}/deny",
        button="Decline and tell the shopper",
    )


def _approve(order: Order, fields: Fields, number: str) -> None:
    """Approve the claim with a remedy."""
    with order.database.read() as session:
        view = claims.find(session, number)
    if view is None:
        raise NotFound("CLAIM_UNKNOWN", f"there is no claim {number}")
    resolution = fields.choice("resolution", RESOLUTIONS, missing="Please choose a remedy.")
    amount = None
    if resolution == claim_decisions.KEEP or fields.raw("amount"):
        amount = fields.amount("amount", view.currency)
    skus = {
        line.line_external_id: fields.raw(f"sku-{line.line_external_id}") or line.sku
        for line in view.lines
        if resolution == claim_decisions.REPLACEMENT
        or fields.is_ticked(f"replace-{line.line_external_id}")
    }
    if resolution == claim_decisions.BOTH and not 0 < len(skus) < len(view.lines):
        fields.problems["resolution"] = "Tick some of the items that are replaced, not all of them."
    fields.check()
    is_replacing = resolution in (claim_decisions.REPLACEMENT, claim_decisions.BOTH)
    claim_decisions.approve(
        order.database,
        number,
        resolution,
        actor=order.actor,
        now=order.now,
        keep_item=fields.raw("goods") == "keep",
        amount_minor=amount,
        skus=skus or None if is_replacing else None,
    )


def _deny(order: Order, fields: Fields, number: str) -> None:
    """Decline the claim with the words that the shopper reads."""
    text = fields.text("text", missing=_TOLD)
    fields.check()
    claim_decisions.deny(order.database, number, text, actor=order.actor, now=order.now)


def _ship(order: Order, fields: Fields, number: str) -> None:
    """Send the replacement."""
    tracking = fields.text("tracking", longest=80, missing="Please write the tracking number.")
    fields.check()
    with order.database.read() as session:
        view = claims.find(session, number)
    if view is None or view.exchange is None:
        raise NotFound("CLAIM_UNKNOWN", f"{number} has no replacement")
    exchanges.ship_for_claim(
        order.database, view.exchange.number, tracking, actor=order.actor, now=order.now
    )


def _add_evidence(order: Order, fields: Fields, number: str) -> None:
    """Add photos that came another way."""
    uploads = fields.files("photos")
    if not uploads:
        raise Invalid({"photos": "Please choose a photo."})
    with photos.kept(order.desk.settings.var_dir, uploads, field="photos") as photo_ids:
        for photo_id in photo_ids:
            claims.add_evidence(order.database, number, photo_id, actor=order.actor, now=order.now)


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a claim's page are about."""
    claim = claims.by_number(session, number)
    if claim is None:
        raise NotFound("CLAIM_UNKNOWN", f"there is no claim {number}")
    return timelines.of_claim(claim)


def address(number: str) -> str:
    """The page of a claim."""
    return f"/console/claims/{number.strip().upper()}"


Work = Callable[[Order, Fields, str], None]

_COMMANDS: Final[tuple[tuple[str, Work, str], ...]] = (
    ("approve", _approve, "The claim is approved; the shopper is told."),
    ("deny", _deny, "The claim is declined; the shopper is told."),
    ("ship", _ship, "The replacement is on its way."),
    ("evidence", _add_evidence, "The photo is kept."),
)


def _command_route(path: str, work: Work, said: str) -> Page:
    key = f"claim-{path}"
    FLASHES[key] = said
    command = Command(path, key, work, subjects, show, address, KIND)

    async def endpoint(request: Request) -> Response:
        return await perform(request, command, request.path_params["number"])

    endpoint.__doc__ = work.__doc__
    return Page(f"/claims/{{number}}/{path}", endpoint, methods=("POST",), name=f"claim_{path}")


routes: list[BaseRoute] = [
    Page("/claims", claims_list),
    Page("/claims/{number}", claim_page),
    Page("/claims/{number}/deny/preview", deny_preview, methods=("POST",)),
    *(_command_route(*each) for each in _COMMANDS),
]
