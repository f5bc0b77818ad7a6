"""Links into Telegram: for the conversation of a browser's session, and for a shop's own account page."""

from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web_sessions import instant, sender, spend_of_address
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import read_json
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import chat_links
from returnsdesk.services.chat_links import OneTimeLink
from returnsdesk.services.errors import NotFound


async def make_link(request: Request) -> Response:
    """POST /api/telegram-link: a link that opens once, for the session's conversation or for who is logged in.

    With a session's token it carries the conversation over; with a `login_token` of the shop in the body, and no
    session, it links the account alone.
    """
    desk = desk_of(request)
    is_of_session = "authorization" in request.headers
    link = await (_of_session(request) if is_of_session else _of_customer(request))
    body = {"url": address_of(desk, link), "expires_at": instant(link.expires_at)}
    return JSONResponse(body, 201, {"Cache-Control": "no-store"})


async def _of_session(request: Request) -> OneTimeLink:
    desk, conversation = desk_of(request), await sender(request)
    _require_bot(desk, conversation.language)
    make = partial(chat_links.make_for_conversation, desk.database, conversation.id)
    try:
        return await run_sync(partial(make, now=desk.clock()))
    except NotFound:
        raise Refusal(401, "session_over", language=conversation.language) from None


async def _of_customer(request: Request) -> OneTimeLink:
    desk = desk_of(request)
    spend_of_address(request)
    token = (await read_json(request)).get("login_token")
    _require_bot(desk, None)
    link = await link_of_customer(desk, token) if isinstance(token, str) else None
    if link is None:
        raise Refusal(403, "login_refused")
    return link


async def link_of_customer(desk: Desk, login_token: str) -> OneTimeLink | None:
    """A link for whom the shop's log-in token names; None if it names nobody, is forged or old."""
    make = partial(chat_links.make_for_customer, desk.database, login_token)
    return await run_sync(partial(make, key=desk.settings.shop_login_key, now=desk.clock()))


def address_of(desk: Desk, link: OneTimeLink) -> str:
    """The address that opens the bot's chat with a link."""
    return f"https://t.me/{desk.telegram_username}?start={link.token}"


routes = [Route("/api/telegram-link", make_link, methods=["POST"])]


def _require_bot(desk: Desk, language: str | None) -> None:
    if not desk.telegram_username:
        raise Refusal(503, "telegram_away", language=language)
