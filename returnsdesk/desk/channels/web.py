"""The web channel: messages, history and live events for chats on the shop's pages and the desk's own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
from anyio.to_thread import run_sync
from pydantic import BaseModel, StrictStr, ValidationError, constr, root_validator
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web_sessions import (
    OpenSession,
    instant,
    is_open,
    sender,
    session_of,
    too_fast,
)
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import TEXT_LIMIT, cleaned, read_json
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import conversations
from returnsdesk.services.chat_wishes import CHAT_ONLY, NOTICES_QUESTION
from returnsdesk.services.conversations import MessageView, News
from returnsdesk.services.errors import Conflict, NotFound

PAGE_LENGTH = 200
RECONNECT_MS = 1000
PING_SECONDS = 15

_NO_STORE = {"Cache-Control": "no-store"}
_BUTTON = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PAGE_FACTS = ("page", "product", "name", "order")
_PAGE_FACT_LENGTH = 200
_NOBODY_TYPES: dict[str, Any] = {"typing": False}
# What is said to the chat that shares the conversation, and of no use in a browser.
_NOT_SHOWN = (CHAT_ONLY, NOTICES_QUESTION)
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


async def history(request: Request) -> Response:
    """GET /api/history?after=: up to 200 messages after a number, oldest first."""
    desk = desk_of(request)
    conversation = (await session_of(request)).conversation
    after = _number(request.query_params.get("after"), conversation.language)
    news = await run_sync(_read_news, desk, conversation.id, after)
    last_shown = news.messages[-1].seq if news.messages else news.last_seq
    body = {
        "messages": [message_data(message) for message in news.messages if _is_shown(message)],
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
        raise too_fast(RECONNECT_MS * 5 / 1000, conversation.language)
    closing = anyio.Event()
    return EventSourceResponse(
        _stream(desk, session, after, closing),
        ping=PING_SECONDS,
        shutdown_event=closing,
        shutdown_grace_period=1,
    )


routes = [
    Route("/api/messages", post_message, methods=["POST"]),
    Route("/api/history", history, methods=["GET"]),
    Route("/api/events", events, methods=["GET"]),
]


def _is_shown(message: MessageView) -> bool:
    return message.content.get("kind") not in _NOT_SHOWN


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
    if message.message_id is not None and message.author == "shopper":
        data["message_id"] = message.message_id
    return data


async def _stream(
    desk: Desk, session: OpenSession, after: int, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    """Everything after a number, then whatever comes, until the session ends or the desk closes."""
    conversation_id = session.conversation.id
    seen, typing = after, _NOBODY_TYPES
    yield ServerSentEvent(comment="open", retry=RECONNECT_MS)
    with desk.feed.listening(conversation_id) as changed:
        while True:
            # Cleared before the look: what changes during it wakes us once more.
            changed.clear()
            news = await run_sync(_read_news, desk, conversation_id, seen)
            if not await run_sync(is_open, desk, session):
                yield _event("ended", {})
                return
            for message in news.messages:
                if _is_shown(message):
                    yield _event("message", message_data(message), id_=message.seq)
                seen = message.seq
            if news.messages and seen < news.last_seq:
                continue
            if _typing(news) != typing:
                typing = _typing(news)
                yield _event("typing", typing)
            now = desk.clock().timestamp()
            seconds_left = session.ends_at - now
            # A sign of typing that is not renewed ends by itself.
            until = news.typing_until.timestamp() - now if news.typing_until else seconds_left
            if not await _is_changed(changed, closing, min(seconds_left, until)) and (
                closing.is_set() or seconds_left <= until
            ):
                return


def _typing(news: News) -> dict[str, Any]:
    """Who is writing: the assistant, a person by name, or nobody."""
    if news.typist:
        return {"typing": True, "name": news.typist}
    return {"typing": True} if news.is_answering else _NOBODY_TYPES


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


def _number(text: str | None, language: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 9:
        raise Refusal(422, "bad_request", language=language)
    return int(text)


def _read_news(desk: Desk, conversation_id: str, after: int) -> News:
    with desk.database.read() as session:
        return conversations.news(
            session, conversation_id, after=after, limit=PAGE_LENGTH, now=desk.clock()
        )
