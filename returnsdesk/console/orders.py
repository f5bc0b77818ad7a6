"""Orders and customers, with their data masked; a coupon as an apology."""

from __future__ import annotations

from functools import partial
from typing import Final

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.cases import as_number
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import Fields
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, order_sheets
from returnsdesk.services import credits as store_credits
from returnsdesk.services.errors import NotFound
from returnsdesk.services.order_sheets import CustomerSheet, OrderSheet
from returnsdesk.services.timelines import Subject


async def order_page(request: Request) -> Response:
    """GET /console/orders/{number}: an order with what hangs on it."""
    response = await show(request, NO_REFUSAL, 200)
    await _note_read(request, "order", request.path_params["number"])
    return response


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of an order, with what was refused."""
    sheet = await run_sync(find_order, desk_of(request), request.path_params["number"])
    facts = {
        "sheet": sheet,
        "currency": sheet.currency,
        "version": sheet.version,
        "refusal": refusal,
        "is_lead": staff_of(request).may("lead"),
    }
    return page(request, "order.html", facts, status=status)


def find_order(desk: Desk, number: str) -> OrderSheet:
    """The order of an address; 404 where there is none."""
    with desk.database.read() as session:
        try:
            return order_sheets.order_sheet(session, number, now=desk.clock())
        except NotFound as error:
            raise HTTPException(404) from error


async def customer_page(request: Request) -> Response:
    """GET /console/customers/{id}: a customer with orders, returns and conversations."""
    desk, customer_id = desk_of(request), request.path_params["customer_id"]

    def look() -> CustomerSheet:
        with desk.database.read() as session:
            try:
                return order_sheets.customer_sheet(session, as_number(customer_id))
            except NotFound as error:
                raise HTTPException(404) from error

    sheet = await run_sync(look)
    await _note_read(request, "customer", customer_id)
    return page(request, "customer.html", {"sheet": sheet})


async def _note_read(request: Request, subject: str, subject_id: str) -> None:
    desk = desk_of(request)
    note = partial(
        audit.record,
        desk.database,
        actor=staff_of(request).email,
        action=audit.READ,
        subject=subject,
        subject_id=subject_id,
        now=desk.clock(),
    )
    await run_sync(note)


def _give_coupon(order: Order, fields: Fields, number: str) -> None:
    """Give the buyer a coupon; it never counts as money paid back."""
    with order.database.read() as session:
        currency = order_sheets.order_of(session, number).currency
    amount = fields.amount("amount", currency)
    reason = fields.text("reason", longest=500, missing="Please say why; it is kept.")
    fields.check()
    store_credits.give_coupon(
        order.database,
        number,
        amount,
        reason=reason,
        actor=order.actor,
        now=order.now,
        idempotency_key=f"console-{order.key}",
    )


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of an order's page are about."""
    return order_sheets.subjects_of(session, number)


def address(number: str) -> str:
    """The page of an order."""
    return f"/console/orders/{number}"


FLASHES["order-coupon"] = "The coupon is made; its code stands below."
_COUPON: Final = Command("coupon", "order-coupon", _give_coupon, subjects, show, address, "order")


async def give_coupon(request: Request) -> Response:
    """POST /console/orders/{number}/coupon: give the buyer a coupon."""
    return await perform(request, _COUPON, request.path_params["number"])


routes: list[BaseRoute] = [
    Page("/orders/{number}", order_page),
    Page("/orders/{number}/coupon", give_coupon, role="lead", methods=("POST",)),
    Page("/customers/{customer_id}", customer_page),
]
