"""Sessions of browsers: beginning, going on, logging out, and which conversation a request belongs to."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.db.session import Database
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import read_json
from returnsdesk.desk.rates import TokenBuckets
from returnsdesk.desk.refusals import Refusal, known_language, preferred_language
from returnsdesk.desk.sessions import decoded
from returnsdesk.desk.widget import words
from returnsdesk.services import browser_sessions, conversations, identity
from returnsdesk.services.conversations import ConversationView

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class OpenSession:
    """A session that was checked: its conversation, when it runs out (seconds since 1970), since when it counts."""

    conversation: ConversationView
    ends_at: float
    issued_at: datetime


async def open_session(request: Request) -> Response:
    """POST /api/session: begin a conversation, or go on with the one of a valid token.

    A shopper who is logged in at the shop and has linked a chat goes on with the chat's conversation.
    """
    desk = desk_of(request)
    spend_of_address(request)
    body = await read_json(request)
    login_token = body.get("login_token")
    present = await _present_session(request)
    if (
        present
        and isinstance(login_token, str)
        and await _is_of_another(desk, present, login_token)
    ):
        # Somebody else uses this browser now and must not read what was said before.
        present = None
    conversation = present.conversation if present else None
    if isinstance(login_token, str):
        conversation = await _shared(desk, conversation, login_token) or conversation
    is_resumed = conversation is not None
    if conversation is None:
        conversation = await _begin(desk, _language(request, body))
    is_proven = False
    if isinstance(login_token, str):
        sign_in = partial(identity.sign_in, desk.database, conversation.id, login_token)
        is_proven = await run_sync(
            partial(sign_in, key=desk.settings.shop_login_key, now=desk.clock())
        )
    # A session that only goes on is no younger than it was.
    since = present.issued_at if present and is_resumed and not is_proven else None
    language = _language(request, body)
    return await _session_answer(
        desk, conversation, is_resumed=is_resumed, page_language=language, since=since
    )


async def end_session(request: Request) -> Response:
    """DELETE /api/session: log out, or with {"fresh": true} begin anew. What the browser had open opens no more.

    What was proven is forgotten and the conversation closes, unless it goes on in a chat.
    """
    desk = desk_of(request)
    session = await session_of(request)
    is_fresh = (await read_json(request)).get("fresh") is True
    old = session.conversation
    leave = partial(browser_sessions.leave, desk.database, old.id, begins_anew=is_fresh)
    followed = await run_sync(partial(leave, now=desk.clock()))
    desk.feed.tell(old.id)
    conversation = followed or await _begin(desk, old.language)
    since = session.issued_at if followed else None
    if followed:
        desk.feed.tell(followed.id)
    return await _session_answer(
        desk, conversation, is_resumed=False, page_language=conversation.language, since=since
    )


async def sender(request: Request) -> ConversationView:
    """The conversation that a request sends something to; raises `Refusal` without one, or if it sends too fast."""
    desk = desk_of(request)
    _spend(desk.messages_of_address, _address(request))
    conversation = (await session_of(request)).conversation
    _spend(desk.messages_of_session, conversation.id, conversation.language)
    return conversation


async def session_of(request: Request, *, is_in_query: bool = False) -> OpenSession:
    """The request's session; raises `Refusal` without one."""
    session = await _present_session(request, is_in_query=is_in_query)
    if session is None:
        headers = {"WWW-Authenticate": 'Bearer realm="chat"'}
        raise Refusal(401, "session_over", headers=headers)
    return session


def is_open(desk: Desk, session: OpenSession) -> bool:
    """Whether a session that was checked before still opens its conversation."""
    return _find(desk, session.conversation.id, session.issued_at) is not None


def spend_of_address(request: Request) -> None:
    """Count a request that begins something at its address; raises `Refusal` if there are too many."""
    _spend(desk_of(request).sessions_of_address, _address(request))


def instant(moment: datetime) -> str:
    """An instant as ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


routes = [
    Route("/api/session", open_session, methods=["POST"]),
    Route("/api/session", end_session, methods=["DELETE"]),
]


async def _shared(
    desk: Desk, present: ConversationView | None, login_token: str
) -> ConversationView | None:
    """The conversation of the chat that is linked with who is logged in; the one that is left for it closes."""
    open_shared = partial(
        browser_sessions.open_shared,
        desk.database,
        login_token,
        present.id if present else None,
        key=desk.settings.shop_login_key,
        now=desk.clock(),
    )
    shared = await run_sync(open_shared)
    if shared is None:
        return None
    if shared.left is not None:
        desk.feed.tell(shared.left)
    return shared.conversation


async def _is_of_another(desk: Desk, session: OpenSession, login_token: str) -> bool:
    customer = (decoded(login_token, None) or {}).get("sub", "")
    return await run_sync(_is_proven_by_another, desk.database, session.conversation.id, customer)


async def _begin(desk: Desk, language: str) -> ConversationView:
    start = partial(conversations.start, desk.database, channel="web", language=language)
    return await run_sync(partial(start, now=desk.clock()))


async def _session_answer(
    desk: Desk,
    conversation: ConversationView,
    *,
    is_resumed: bool,
    page_language: str,
    since: datetime | None,
) -> Response:
    token, expires_at = desk.tokens.issue(conversation.id, desk.clock(), since=since)
    is_signed_in = await run_sync(_is_signed_in, desk, conversation.id)
    body = {
        "token": token,
        "expires_at": instant(expires_at),
        "conversation_id": conversation.id,
        "language": conversation.language,
        "signed_in": is_signed_in,
        "resumed": is_resumed,
        # The page may speak another language than the conversation has come to.
        "words": await run_sync(words, page_language, bool(desk.telegram_username)),
    }
    return JSONResponse(body, 200 if is_resumed else 201, _NO_STORE)


async def _present_session(request: Request, *, is_in_query: bool = False) -> OpenSession | None:
    """The request's session; None if it is missing, forged, has run out or was ended."""
    desk = desk_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        # A browser's EventSource cannot send headers of its own.
        token = request.query_params.get("session", "") if is_in_query else ""
    read = desk.tokens.read(token.strip(), desk.clock())
    if read is None:
        return None
    issued_at = datetime.fromtimestamp(read.issued_at, timezone.utc)
    conversation = await run_sync(_find, desk, read.subject, issued_at)
    return OpenSession(conversation, read.ends_at, issued_at) if conversation else None


def _language(request: Request, body: dict[str, Any]) -> str:
    asked = known_language(body.get("language"))
    preferred = preferred_language(request.headers.get("accept-language", ""))
    return asked or preferred or desk_of(request).settings.default_language


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _spend(buckets: TokenBuckets, key: str, language: str | None = None) -> None:
    seconds = buckets.take(key, asyncio.get_running_loop().time())
    if seconds:
        raise too_fast(seconds, language)


def too_fast(seconds: float, language: str | None) -> Refusal:
    """The refusal of what comes too often, with how long to wait."""
    wait = math.ceil(seconds)
    return Refusal(
        429, "too_fast", language=language, headers={"Retry-After": str(wait)}, seconds=wait
    )


def _find(desk: Desk, conversation_id: str, issued_at: datetime) -> ConversationView | None:
    with desk.database.read() as session:
        return browser_sessions.find(
            session, conversation_id, issued_at=issued_at, now=desk.clock()
        )


def _is_proven_by_another(database: Database, conversation_id: str, customer: str) -> bool:
    with database.read() as session:
        return conversations.is_proven_by_another(session, conversation_id, customer)


def _is_signed_in(desk: Desk, conversation_id: str) -> bool:
    with desk.database.read() as session:
        return identity.scope_of(session, conversation_id, desk.clock()) is not None
