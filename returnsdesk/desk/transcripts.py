"""A conversation as a text file for the shopper who had it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web_sessions import session_of
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.formatting import LOCALES
from returnsdesk.services import conversations, feedback
from returnsdesk.services.conversations import ConversationView, MessageView
from returnsdesk.texts import render

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="chat.txt"',
}


async def transcript(request: Request) -> Response:
    """GET /api/transcript?zone=: everything that was said, with times in the browser's zone (UTC if it is unknown)."""
    conversation = (await session_of(request)).conversation
    zone = _zone(request.query_params.get("zone", ""))
    text = await run_sync(_written, desk_of(request), conversation, zone)
    return PlainTextResponse(text, headers=_HEADERS)


routes = [Route("/api/transcript", transcript, methods=["GET"])]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _written(desk: Desk, conversation: ConversationView, zone: ZoneInfo) -> str:
    with desk.database.read() as session:
        said = conversations.transcript(session, conversation.id)
    lines = [
        _line(message, conversation.language, zone)
        for message in said
        if message.content.get("kind") != feedback.RATING
    ]
    return "\n\n".join(lines) + "\n"


def _line(message: MessageView, language: str, zone: ZoneInfo) -> str:
    at = format_datetime(message.at, "medium", tzinfo=zone, locale=LOCALES[language])
    text = message.text or str(message.content.get("image", ""))
    return f"[{at}] {_author(message, language)}{text}"


def _author(message: MessageView, language: str) -> str:
    if message.author == "system":
        return ""
    if message.author == "agent":
        name = message.content.get("custom", {}).get("name")
        return f"{name or render('desk_page_agent', language)}: "
    word = "you" if message.author == "shopper" else "assistant"
    return f"{render(f'desk_page_{word}', language)}: "
