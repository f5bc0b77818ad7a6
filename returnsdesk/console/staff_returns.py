"""Returns that the team makes for a shopper: choose items, see what the rules and the sums say, then confirm."""

from __future__ import annotations

from functools import partial
from typing import Final

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from returnsdesk.console import formats, orders
from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import Fields, Invalid
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.domain.policy import OUTCOMES, SETTLEMENTS
from returnsdesk.domain.reasons import REASONS
from returnsdesk.services import return_previews, returns
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.order_sheets import OrderSheet
from returnsdesk.services.overrides import Override
from returnsdesk.services.return_previews import ReturnPreview
from returnsdesk.services.returns import RequestedLine, ReturnRequest

CHANNEL: Final = "console"
FORM: Final = "staff-return"


async def new_return(request: Request) -> Response:
    """GET /console/orders/{number}/return: which items come back, and why."""
    return await show(request, NO_REFUSAL, 200)


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The form for a return of an order, with what was refused."""
    sheet = await run_sync(orders.find_order, desk_of(request), request.path_params["number"])
    facts = {
        "sheet": sheet,
        "refusal": refusal,
        "version": sheet.version,
        "reasons": {reason: formats.words(reason) for reason in REASONS},
    }
    return page(request, "staff_return.html", facts, status=status)


async def preview(request: Request) -> Response:
    """POST /console/orders/{number}/return/preview: findings and amounts; nothing is registered."""
    fields = Fields(await form_of(request))
    desk = desk_of(request)
    look = partial(_preview, desk, fields, request.path_params["number"])
    try:
        sheet, found = await run_sync(look)
    except Invalid as invalid:
        sentence = invalid.problems.get("", "Please look at the marked fields.")
        refusal = Refusal(FORM, sentence, invalid.problems, fields.typed())
        return await show(request, refusal, 422)
    except NotFound as error:
        raise HTTPException(404) from error
    except ServiceError as error:
        refusal = Refusal(FORM, f"That cannot be: {error}.", {}, fields.typed())
        return await show(request, refusal, 422)
    typed = {
        name: value
        for name, value in fields.typed().items()
        if name.startswith(("quantity-", "reason-", "outcome-", "sku-")) or name == "settlement"
    }
    facts = {
        "sheet": sheet,
        "preview": found,
        "typed": typed,
        "refusal": NO_REFUSAL,
        "version": fields.raw("version"),
        "is_lead": staff_of(request).may("lead"),
        "code_meaning": formats.code_meaning,
    }
    return page(request, "staff_return_preview.html", facts)


def _preview(desk: Desk, fields: Fields, number: str) -> tuple[OrderSheet, ReturnPreview]:
    sheet = orders.find_order(desk, number)
    request = _request(fields, sheet, key="preview")
    with desk.database.read() as session:
        return sheet, return_previews.preview(session, request, now=desk.clock())


def _request(fields: Fields, sheet: OrderSheet, *, key: str) -> ReturnRequest:
    """What was chosen; raises `Invalid`."""
    lines = []
    for line in sheet.lines:
        name = line.line_external_id
        if fields.raw(f"quantity-{name}") in ("", "0"):
            continue
        quantity = fields.number(f"quantity-{name}", least=1, most=line.quantity)
        reason = fields.choice(f"reason-{name}", REASONS)
        outcome = fields.choice(f"outcome-{name}", OUTCOMES)
        sku = None
        if outcome == "exchange":
            known = {sibling.sku for sibling in line.siblings}
            sku = fields.choice(f"sku-{name}", known, missing="Please choose the replacement.")
        lines.append(RequestedLine(name, quantity, reason, outcome, sku))
    if not lines and not fields.problems:
        fields.problems[""] = "Please choose at least one item: write how many pieces come back."
    settlement = fields.choice("settlement", SETTLEMENTS)
    fields.check()
    is_refund = any(line.outcome == "refund" for line in lines)
    return ReturnRequest(sheet.number, tuple(lines), settlement if is_refund else None, key)


def _create(order: Order, fields: Fields, number: str) -> str:
    """Register the return; a lead may set rules aside with a reason."""
    request = _request(fields, orders.find_order(order.desk, number), key=f"console-{order.key}")
    reason = fields.text("override", required=False)
    if reason and not order.staff.may("lead"):
        fields.problems["override"] = "Only a lead sets rules aside."
    fields.check()
    view = returns.create(
        order.database,
        request,
        actor=order.actor,
        channel=CHANNEL,
        now=order.now,
        override=Override(reason) if reason else None,
    )
    return f"/console/returns/{view.rma_number}"


FLASHES["staff-return"] = "The return is registered; the shopper is told."
_COMMAND: Final = Command(
    "create_return", "staff-return", _create, orders.subjects, show, orders.address, "order"
)


async def create(request: Request) -> Response:
    """POST /console/orders/{number}/return: register it."""
    return await perform(request, _COMMAND, request.path_params["number"])


routes: list[BaseRoute] = [
    Page("/orders/{number}/return", new_return),
    Page("/orders/{number}/return/preview", preview, methods=("POST",), name="preview_return"),
    Page("/orders/{number}/return", create, methods=("POST",), name="create_return"),
]
