"""The demo's payment page: where a link of the stand-in leads, with a button that counts as paying."""

from __future__ import annotations

from dataclasses import dataclass

from anyio.to_thread import run_sync
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from returnsdesk import formatting
from returnsdesk.clients.payment import embedded_payments
from returnsdesk.db.models import Exchange
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.demo.pages import templates
from returnsdesk.desk.guards import PAGE_POLICY
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import differences

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
    # A form sent from a page without referrer has no origin either, and would be refused.
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class _Bill:
    exchange_number: str
    amount: str


async def page(request: Request) -> Response:
    """GET /demo/pay/{reference}: what is to be paid, and a button."""
    desk, reference = desk_of(request), request.path_params["reference"]
    bill = await run_sync(_find, desk, reference)
    is_paid = await run_sync(embedded_payments(desk.settings).is_paid, reference)
    context = {"shop_name": desk.settings.shop_name, "bill": bill, "is_paid": is_paid}
    return templates.TemplateResponse(request, "demo_pay.html", context, headers=_HEADERS)


async def pay(request: Request) -> Response:
    """POST /demo/pay/{reference}: count it as paid; the worker finds out, as it would from a provider."""
    desk, reference = desk_of(request), request.path_params["reference"]
    await run_sync(_find, desk, reference)
    await run_sync(embedded_payments(desk.settings).mark_paid, reference)
    return RedirectResponse(request.url.path, status_code=303)


routes: list[BaseRoute] = [
    Route("/demo/pay/{reference}", page, methods=["GET"]),
    Route("/demo/pay/{reference}", pay, methods=["POST"]),
]


def _find(desk: Desk, reference: str) -> _Bill:
    """The exchange that a link is for; the reference is a file's name only once it is known to be one of ours."""
    with desk.database.read() as session:
        exchange = session.scalars(
            select(Exchange).where(Exchange.payment_reference == reference)
        ).one_or_none()
        if exchange is None or exchange.return_ is None:
            raise Refusal(404, "not_found")
        amount_minor = differences.amount_due(session, exchange)
        amount = formatting.money(amount_minor, exchange.return_.currency, "en")
        return _Bill(exchange.number, amount)
