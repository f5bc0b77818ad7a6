"""The demo's routes: the chat page, the shop's log-in that it stands in for, the mailbox and product pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from returnsdesk.clients.mail import ReceivedMail, mail_folder
from returnsdesk.desk.channels.web_sessions import instant
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.demo.shoppers import Shopper, find_customer, guest, shoppers
from returnsdesk.desk.guards import PAGE_POLICY
from returnsdesk.desk.incoming import cleaned, read_json
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import identity
from returnsdesk.settings import LANGUAGES
from returnsdesk.texts import render

PICTURES = Path(__file__).resolve().parents[2] / "db" / "sample_shop" / "pictures"

_DESK = Path(__file__).resolve().parents[1]
_PICTURE_KINDS = {"svg": "image/svg+xml", "png": "image/png"}
_PICTURE_NAME = re.compile(r"[a-z0-9-]{1,80}")
_PAGE_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
# An SVG is a document: opened by itself it must not run anything.
_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "public, max-age=3600",
}
_WORDS = (
    "welcome",
    "where_refund",
    "how_return",
    "other_size",
    "log",
    "write",
    "send",
    "you",
    "assistant",
    "typing",
    "connecting",
    "reconnecting",
    "unsent",
    "refused",
)

templates = Jinja2Templates(directory=_DESK / "templates")


async def chat_page(request: Request) -> Response:
    """GET /: whom to play, and the chat. ?find= looks for more shoppers."""
    desk = desk_of(request)
    wanted = cleaned(request.query_params.get("find", ""))[:100]
    found, visitor = await run_sync(_read_shoppers, desk, wanted)
    shop_name = desk.settings.shop_name
    data = {
        "shoppers": [shopper.as_data() for shopper in (*found, visitor)],
        "words": {language: _words(language, shop_name) for language in LANGUAGES},
    }
    context = {
        "shop_name": shop_name,
        "shoppers": found,
        "guest": visitor,
        "wanted": wanted,
        "data": data,
    }
    return templates.TemplateResponse(request, "chat.html", context, headers=_PAGE_HEADERS)


async def login_token(request: Request) -> Response:
    """POST /demo/login-token: what the shop's own backend would sign for a shopper who is logged in there."""
    desk = desk_of(request)
    wanted = (await read_json(request)).get("customer")
    if not isinstance(wanted, str):
        raise Refusal(422, "bad_request")
    external_id = await run_sync(_find_external_id, desk, cleaned(wanted))
    if external_id is None:
        raise Refusal(404, "not_found")
    key = desk.settings.shop_login_key
    token = identity.shop_login_token(external_id, key=key, now=desk.clock())
    return JSONResponse({"login_token": token}, headers={"Cache-Control": "no-store"})


async def mailbox(request: Request) -> Response:
    """GET /demo/mail: the mail that was sent, newest first; as JSON for those who ask for it."""
    desk = desk_of(request)
    mails = await run_sync(mail_folder(desk.settings).mails)
    if "application/json" in request.headers.get("accept", ""):
        body = {"mails": [_mail_data(mail) for mail in mails]}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})
    context = {
        "shop_name": desk.settings.shop_name,
        "mails": mails,
        "is_real": bool(desk.settings.smtp_url),
    }
    return templates.TemplateResponse(request, "mailbox.html", context, headers=_PAGE_HEADERS)


async def picture(request: Request) -> Response:
    """GET /static/shop/<product>.svg: a product's picture; as .png for channels that show no drawings."""
    name, kind = request.path_params["name"], request.path_params["kind"]
    media_type = _PICTURE_KINDS.get(kind)
    path = PICTURES / f"{name}.{kind}"
    if media_type is None or not _PICTURE_NAME.fullmatch(name) or not await run_sync(path.is_file):
        raise Refusal(404, "not_found")
    return FileResponse(path, media_type=media_type, headers=_PICTURE_HEADERS)


routes: list[BaseRoute] = [
    Route("/", chat_page, methods=["GET"]),
    Route("/demo/login-token", login_token, methods=["POST"]),
    Route("/demo/mail", mailbox, methods=["GET"]),
    Route("/static/shop/{name}.{kind}", picture, methods=["GET"]),
    Mount("/static/desk", StaticFiles(directory=_DESK / "static")),
]


def _words(language: str, shop_name: str) -> dict[str, str]:
    facts = {"welcome": {"shop": shop_name}}
    return {word: render(f"desk_page_{word}", language, **facts.get(word, {})) for word in _WORDS}


def _mail_data(mail: ReceivedMail) -> dict[str, Any]:
    return {
        "name": mail.name,
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "sent_at": instant(mail.sent_at) if mail.sent_at else None,
    }


def _read_shoppers(desk: Desk, wanted: str) -> tuple[list[Shopper], Shopper]:
    with desk.database.read() as session:
        return shoppers(session, wanted), guest(session)


def _find_external_id(desk: Desk, wanted: str) -> str | None:
    with desk.database.read() as session:
        customer = find_customer(session, wanted)
        return customer.external_id if customer else None
