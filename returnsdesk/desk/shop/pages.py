"""The demo shop's routes: its front, products, a shopper's orders, the returns page, logging in and out."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from returnsdesk.desk import telegram_links
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.demo.shoppers import shoppers
from returnsdesk.desk.guards import PAGE_POLICY
from returnsdesk.desk.incoming import cleaned
from returnsdesk.desk.refusals import Refusal
from returnsdesk.desk.sessions import SessionTokens
from returnsdesk.desk.shop import catalogue
from returnsdesk.desk.shop.catalogue import Visitor
from returnsdesk.formatting import money
from returnsdesk.services import chat_links, identity, policies

COOKIE = "demo_shopper"

_SHOP = Path(__file__).resolve().parent
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
    # With no-referrer a browser sends its own forms' origin as "null", which the desk refuses.
    "Referrer-Policy": "same-origin",
}
_FORM_LIMIT = 1000

Found = TypeVar("Found")
templates = Jinja2Templates(directory=_SHOP / "templates")


async def front(request: Request) -> Response:
    """GET /shop: all products."""
    cards = await _read(request, catalogue.products)
    return await _page(request, "front.html", {"products": cards})


async def product(request: Request) -> Response:
    """GET /shop/products/<id>?colour=: one product with its sizes and its size chart."""
    colour = request.query_params.get("colour")
    read = partial(catalogue.product, product_id=request.path_params["product_id"], colour=colour)
    found = await _read(request, read)
    if found is None:
        raise Refusal(404, "not_found")
    context = {"product": found.card.product_id, "name": found.card.name}
    return await _page(request, "product.html", {"product": found}, context)


async def account(request: Request) -> Response:
    """GET /shop/account: a shopper's orders, or whom to log in as."""
    customer = await _shopper(request)
    if customer is None:
        players = await _read(request, shoppers)
        return await _page(request, "login.html", {"shoppers": players})
    own = await _read(request, partial(catalogue.orders, customer_id=customer.customer_id))
    has_telegram = bool(desk_of(request).telegram_username)
    return await _page(request, "account.html", {"orders": own, "has_telegram": has_telegram})


async def order(request: Request) -> Response:
    """GET /shop/orders/<number>: one of the shopper's own orders."""
    customer = await _shopper(request)
    if customer is None:
        return RedirectResponse("/shop/account", 303)
    number = request.path_params["number"]
    found = await _read(
        request, partial(catalogue.order, customer_id=customer.customer_id, number=number)
    )
    if found is None:
        raise Refusal(404, "not_found")
    return await _page(request, "order.html", {"order": found}, {"order": found.number})


async def returns_page(request: Request) -> Response:
    """GET /shop/returns: the returns policy in force, as the shop tells it."""
    policy = await run_sync(policies.active_policy)
    fees = [
        money(amount, currency, catalogue.LANGUAGE)
        for currency, amount in policy.fees.return_by_currency.items()
    ]
    return await _page(request, "returns.html", {"policy": policy, "fees": fees})


async def log_in(request: Request) -> Response:
    """POST /shop/login: be one of the demo's shoppers."""
    desk = desk_of(request)
    body = await request.body()
    if len(body) > _FORM_LIMIT:
        raise Refusal(413, "too_large")
    form = parse_qs(body.decode("utf-8", "replace"))
    wanted = cleaned(form.get("customer", [""])[0])
    customer = await _read(request, partial(catalogue.visitor, wanted=wanted))
    if customer is None:
        raise Refusal(404, "not_found")
    token, _ = _tokens(desk).issue(customer.external_id, desk.clock())
    response = RedirectResponse("/shop/account", 303)
    is_https = desk.settings.public_url.startswith("https:")
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=is_https)
    return response


async def log_out(_request: Request) -> Response:
    """POST /shop/logout: be nobody again; the chat forgets the shopper when it is opened next."""
    response = RedirectResponse("/shop", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def login_token(request: Request) -> Response:
    """GET /shop/login-token: what a shop's backend signs for the shopper who is logged in, null for nobody."""
    desk = desk_of(request)
    customer = await _shopper(request)
    token = None
    if customer is not None:
        key = desk.settings.shop_login_key
        token = identity.shop_login_token(customer.external_id, key=key, now=desk.clock())
    return JSONResponse({"login_token": token}, headers={"Cache-Control": "no-store"})


async def telegram(request: Request) -> Response:
    """POST /shop/telegram: a one-time link into Telegram for the shopper who is logged in, asked for by their button.

    The page is kept by nobody, and tells no other site its address.
    """
    desk = desk_of(request)
    customer = await _shopper(request)
    if customer is None:
        return RedirectResponse("/shop/account", 303)
    if not desk.telegram_username:
        raise Refusal(503, "telegram_away")
    key = desk.settings.shop_login_key
    token = identity.shop_login_token(customer.external_id, key=key, now=desk.clock())
    link = await telegram_links.link_of_customer(desk, token)
    if link is None:
        raise Refusal(403, "login_refused")
    facts = {"address": telegram_links.address_of(desk, link), "minutes": chat_links.MINUTES}
    return await _page(request, "telegram.html", facts)


routes: list[BaseRoute] = [
    Route("/shop", front, methods=["GET"]),
    Route("/shop/products/{product_id}", product, methods=["GET"]),
    Route("/shop/account", account, methods=["GET"]),
    Route("/shop/orders/{number}", order, methods=["GET"]),
    Route("/shop/returns", returns_page, methods=["GET"]),
    Route("/shop/login", log_in, methods=["POST"]),
    Route("/shop/logout", log_out, methods=["POST"]),
    Route("/shop/telegram", telegram, methods=["POST"]),
    Route("/shop/login-token", login_token, methods=["GET"]),
    Mount("/shop/static", StaticFiles(directory=_SHOP / "static")),
]


async def _page(
    request: Request,
    template: str,
    facts: dict[str, Any],
    context: dict[str, str] | None = None,
) -> Response:
    customer = await _shopper(request)
    settings = desk_of(request).settings
    shown = {
        "shop_name": settings.shop_name,
        "customer": customer,
        "chat_language": customer.language if customer else catalogue.LANGUAGE,
        "chat_context": json.dumps(context or {}, ensure_ascii=False),
        "contact": settings.mail_from,
        **facts,
    }
    return templates.TemplateResponse(request, template, shown, headers=_HEADERS)


async def _shopper(request: Request) -> Visitor | None:
    desk = desk_of(request)
    read = _tokens(desk).read(request.cookies.get(COOKIE, ""), desk.clock())
    if read is None:
        return None
    return await _read(request, partial(catalogue.visitor, wanted=read.subject))


async def _read(request: Request, read: Callable[[Session], Found]) -> Found:
    database = desk_of(request).database

    def within_session() -> Found:
        with database.read() as session:
            return read(session)

    return await run_sync(within_session)


def _tokens(desk: Desk) -> SessionTokens:
    return SessionTokens(desk.settings.derived_secret("demo-shop"))
