"""The web channel: sessions, messages, history and live events for chats on the shop's pages and the desk's own."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import anyio
from anyio.to_thread import run_sync
from pydantic import BaseModel, StrictStr, ValidationError, constr, root_validator
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.db.session import Database
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import TEXT_LIMIT, cleaned, read_json
from returnsdesk.desk.rates import TokenBuckets
from returnsdesk.desk.refusals import Refusal, known_language, preferred_language
from returnsdesk.desk.sessions import decoded
from returnsdesk.desk.widget import words
from returnsdesk.services import conversations, identity
from returnsdesk.services.conversations import ConversationView, MessageView, News
from returnsdesk.services.errors import Conflict, NotFound

PAGE_LENGTH = 200
RECONNECT_MS = 1000
PING_SECONDS = 15

_NO_STORE = {"Cache-Control": "no-store"}
_BUTTON = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PAGE_FACTS = ("page", "product", "name", "order")
_PAGE_FACT_LENGTH = 200
_SHOWN = ("buttons", "image", "custom", "kind", "label", "person")


class MessageBody(BaseModel):
    """A message as the browser sends it: a text or a button's token, and an id of the browser's choice."""

    message_id: constr(strict=True, regex=r"^[A-Za-z0-9_.:-]{1,80}\Z")  # type: ignore[valid-type]
    text: StrictStr | None = None
    button: StrictStr | None = None

    @root_validator(skip_on_failure=True)
    def _one_of_both(cls, values: dict[str, Any]) -> dict[str, Any]:
        if (values["text"] is None) == (values["button"] is None):
            raise ValueError("either text or button")
        return values


@dataclass(frozen=True)
class OpenSession:
    """A session that was checked: its conversation, and when it runs out (seconds since 1970)."""

    conversation: ConversationView
    ends_at: float


async def open_session(request: Request) -> Response:
    """POST /api/session: begin a conversation, or go on with the one of a valid token."""
    desk = desk_of(request)
    _spend(desk.sessions_of_address, _address(request))
    body = await read_json(request)
    login_token = body.get("login_token")
    present = await _present_session(request)
    conversation = present.conversation if present else None
    if conversation and isinstance(login_token, str):
        customer = (decoded(login_token, None) or {}).get("sub", "")
        check = partial(_is_proven_by_another, desk.database, conversation.id, customer)
        if await run_sync(check):
            # Somebody else uses this browser now and must not read what was said before.
            conversation = None
    is_resumed = conversation is not None
    if conversation is None:
        conversation = await _begin(desk, _language(request, body))
    if isinstance(login_token, str):
        sign_in = partial(identity.sign_in, desk.database, conversation.id, login_token)
        await run_sync(partial(sign_in, key=desk.settings.shop_login_key, now=desk.clock()))
    language = _language(request, body)
    return await _session_answer(desk, conversation, is_resumed=is_resumed, page_language=language)


async def end_session(request: Request) -> Response:
    """DELETE /api/session: log out. What was proven is forgotten, the old conversation closes, a new one begins."""
    desk = desk_of(request)
    old = (await session_of(request)).conversation
    await run_sync(identity.forget, desk.database, old.id)
    await run_sync(partial(conversations.end, desk.database, old.id, now=desk.clock()))
    desk.feed.tell(old.id)
    conversation = await _begin(desk, old.language)
    return await _session_answer(
        desk, conversation, is_resumed=False, page_language=conversation.language
    )


async def post_message(request: Request) -> Response:
    """POST /api/messages: keep a message (202), or find the row that it was kept in before (200)."""
    desk = desk_of(request)
    conversation = await sender(request)
    body = await read_json(request)
    message = _checked(body, conversation.language)
    accept = partial(
        conversations.accept,
        desk.database,
        conversation.id,
        message_id=message.message_id,
        text=message.text or "",
        button=message.button,
        page=_page(body.get("context")),
        now=desk.clock(),
    )
    try:
        accepted = await run_sync(accept)
    except NotFound:
        raise Refusal(401, "session_over", language=conversation.language) from None
    except Conflict as conflict:
        raise Refusal(409, conflict.code.lower(), language=conversation.language) from None
    if accepted.is_new:
        desk.feed.tell(conversation.id)
        desk.turns.wake(conversation.id)
    return JSONResponse({"seq": accepted.seq}, 202 if accepted.is_new else 200, _NO_STORE)


async def sender(request: Request) -> ConversationView:
    """The conversation that a request sends something to; raises `Refusal` without one, or if it sends too fast."""
    desk = desk_of(request)
    _spend(desk.messages_of_address, _address(request))
    conversation = (await session_of(request)).conversation
    _spend(desk.messages_of_session, conversation.id, conversation.language)
    return conversation


async def history(request: Request) -> Response:
    """GET /api/history?after=: up to 200 messages after a number, oldest first."""
    desk = desk_of(request)
    conversation = (await session_of(request)).conversation
    after = _number(request.query_params.get("after"), conversation.language)
    news = await run_sync(_read_news, desk.database, conversation.id, after)
    last_shown = news.messages[-1].seq if news.messages else news.last_seq
    body = {
        "messages": [message_data(message) for message in news.messages],
        "last_seq": news.last_seq,
        "has_more": last_shown < news.last_seq,
        "typing": news.is_answering,
        "language": conversation.language,
    }
    return JSONResponse(body, headers=_NO_STORE)


async def events(request: Request) -> Response:
    """GET /api/events: what is new, as server-sent events; `Last-Event-ID` or ?after= says what is known already."""
    desk = desk_of(request)
    session = await session_of(request, is_in_query=True)
    conversation = session.conversation
    last_seen = request.headers.get("last-event-id") or request.query_params.get("after")
    after = _number(last_seen, conversation.language)
    if desk.feed.listeners_of(conversation.id) >= desk.rates.streams_of_session:
        raise _too_fast(RECONNECT_MS * 5 / 1000, conversation.language)
    closing = anyio.Event()
    return EventSourceResponse(
        _stream(desk, session, after, closing),
        ping=PING_SECONDS,
        shutdown_event=closing,
        shutdown_grace_period=1,
    )


routes = [
    Route("/api/session", open_session, methods=["POST"]),
    Route("/api/session", end_session, methods=["DELETE"]),
    Route("/api/messages", post_message, methods=["POST"]),
    Route("/api/history", history, methods=["GET"]),
    Route("/api/events", events, methods=["GET"]),
]


def message_data(message: MessageView) -> dict[str, Any]:
    """A message as browsers get it: text, and what the assistant showed with it."""
    shown = {name: message.content[name] for name in _SHOWN if name in message.content}
    data = {
        "seq": message.seq,
        "author": message.author,
        "text": message.text,
        "at": instant(message.at),
        **shown,
    }
    if message.message_id is not None:
        data["message_id"] = message.message_id
    return data


def instant(moment: datetime) -> str:
    """An instant as ISO 8601 in UTC."""
    return moment.isoformat().replace("+00:00", "Z")


async def _stream(
    desk: Desk, session: OpenSession, after: int, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Everything after a number, then whatever comes, until the session ends or the desk closes."""
    conversation_id = session.conversation.id
    seen, was_answering = after, False
    yield ServerSentEvent(comment="open", retry=RECONNECT_MS)
    with desk.feed.listening(conversation_id) as changed:
        while True:
            # Cleared before the look: what changes during it wakes us once more.
            changed.clear()
            news = await run_sync(_read_news, desk.database, conversation_id, seen)
            for message in news.messages:
                yield _event("message", message_data(message), id_=message.seq)
                seen = message.seq
            if news.messages and seen < news.last_seq:
                continue
            if news.is_answering != was_answering:
                was_answering = news.is_answering
                yield _event("typing", {"typing": was_answering})
            if news.is_ended:
                yield _event("ended", {})
                return
            seconds_left = session.ends_at - desk.clock().timestamp()
            if not await _is_changed(changed, closing, seconds_left):
                return


async def _is_changed(changed: asyncio.Event, closing: anyio.Event, seconds: float) -> bool:
    """Wait for a change; False when the desk closes or the time is up."""
    waiting = [asyncio.create_task(event.wait()) for event in (changed, closing)]
    try:
        await asyncio.wait(waiting, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return changed.is_set() and not closing.is_set()


def _event(kind: str, data: dict[str, Any], id_: int | None = None) -> ServerSentEvent:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(text, event=kind, id=None if id_ is None else str(id_))


async def _begin(desk: Desk, language: str) -> ConversationView:
    start = partial(conversations.start, desk.database, channel="web", language=language)
    return await run_sync(partial(start, now=desk.clock()))


async def _session_answer(
    desk: Desk, conversation: ConversationView, *, is_resumed: bool, page_language: str
) -> Response:
    token, expires_at = desk.tokens.issue(conversation.id, desk.clock())
    is_signed_in = await run_sync(_is_signed_in, desk, conversation.id)
    body = {
        "token": token,
        "expires_at": instant(expires_at),
        "conversation_id": conversation.id,
        "language": conversation.language,
        "signed_in": is_signed_in,
        "resumed": is_resumed,
        # The page may speak another language than the conversation has come to.
        "words": await run_sync(words, page_language),
    }
    return JSONResponse(body, 200 if is_resumed else 201, _NO_STORE)


async def session_of(request: Request, *, is_in_query: bool = False) -> OpenSession:
    """The request's session; raises `Refusal` without one."""
    session = await _present_session(request, is_in_query=is_in_query)
    if session is None:
        headers = {"WWW-Authenticate": 'Bearer realm="chat"'}
        raise Refusal(401, "session_over", headers=headers)
    return session


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
    conversation_id, ends_at = read
    conversation = await run_sync(_find, desk.database, conversation_id)
    if conversation is None or conversation.ended_at is not None:
        return None
    return OpenSession(conversation, ends_at)


def _checked(body: dict[str, Any], language: str) -> MessageBody:
    try:
        message = MessageBody.parse_obj(body)
    except ValidationError:
        raise Refusal(422, "bad_request", language=language) from None
    if message.button is not None and not _BUTTON.fullmatch(message.button):
        raise Refusal(409, "button_unknown", language=language)
    if message.text is not None:
        message.text = cleaned(message.text)
        if not message.text:
            raise Refusal(422, "text_empty", language=language)
        if len(message.text) > TEXT_LIMIT:
            raise Refusal(422, "text_too_long", language=language, limit=TEXT_LIMIT)
    return message


def _page(context: object) -> dict[str, str]:
    """What the shop's page said of itself; nobody has checked it, so it opens nothing."""
    if not isinstance(context, dict):
        return {}
    told = {name: context.get(name) for name in _PAGE_FACTS}
    texts = {
        name: cleaned(text)[:_PAGE_FACT_LENGTH]
        for name, text in told.items()
        if isinstance(text, str)
    }
    return {name: text for name, text in texts.items() if text}


def _language(request: Request, body: dict[str, Any]) -> str:
    asked = known_language(body.get("language"))
    preferred = preferred_language(request.headers.get("accept-language", ""))
    return asked or preferred or desk_of(request).settings.default_language


def _number(text: str | None, language: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 9:
        raise Refusal(422, "bad_request", language=language)
    return int(text)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _spend(buckets: TokenBuckets, key: str, language: str | None = None) -> None:
    seconds = buckets.take(key, asyncio.get_running_loop().time())
    if seconds:
        raise _too_fast(seconds, language)


def _too_fast(seconds: float, language: str | None) -> Refusal:
    wait = math.ceil(seconds)
    return Refusal(
        429, "too_fast", language=language, headers={"Retry-After": str(wait)}, seconds=wait
    )


def _find(database: Database, conversation_id: str) -> ConversationView | None:
    with database.read() as session:
        return conversations.find(session, conversation_id)


def _read_news(database: Database, conversation_id: str, after: int) -> News:
    with database.read() as session:
        return conversations.news(session, conversation_id, after=after, limit=PAGE_LENGTH)


def _is_proven_by_another(database: Database, conversation_id: str, customer: str) -> bool:
    with database.read() as session:
        return conversations.is_proven_by_another(session, conversation_id, customer)


def _is_signed_in(desk: Desk, conversation_id: str) -> bool:
    with desk.database.read() as session:
        return identity.scope_of(session, conversation_id, desk.clock()) is not None
