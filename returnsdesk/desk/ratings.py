"""Ratings: how a shopper found the conversation, in one tap and an optional line."""

from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web_sessions import sender, session_of
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import cleaned, read_json
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import feedback

COMMENT_LIMIT = 1000


async def rate(request: Request) -> Response:
    """POST /api/rating {"score": 1 to 5, "comment"?: text}: keep it; sent again, it replaces what was sent before."""
    desk = desk_of(request)
    conversation = await sender(request)
    body = await read_json(request)
    score, comment = body.get("score"), body.get("comment", "")
    if type(score) is not int or not isinstance(comment, str):
        raise Refusal(422, "bad_request", language=conversation.language)
    if not feedback.LOWEST_SCORE <= score <= feedback.HIGHEST_SCORE:
        raise Refusal(422, "bad_request", language=conversation.language)
    comment = cleaned(comment)[:COMMENT_LIMIT]
    keep = partial(feedback.rate, desk.database, conversation.id, score=score, comment=comment)
    await run_sync(partial(keep, now=desk.clock()))
    return JSONResponse({"score": score}, headers={"Cache-Control": "no-store"})


async def rating(request: Request) -> Response:
    """GET /api/rating: whether a rating is welcome; not twice, and not while a person has to solve the matter."""
    conversation = (await session_of(request)).conversation
    is_welcome = await run_sync(_is_welcome, desk_of(request), conversation.id)
    return JSONResponse({"is_welcome": is_welcome}, headers={"Cache-Control": "no-store"})


routes = [
    Route("/api/rating", rate, methods=["POST"]),
    Route("/api/rating", rating, methods=["GET"]),
]


def _is_welcome(desk: Desk, conversation_id: str) -> bool:
    with desk.database.read() as session:
        return feedback.is_rating_welcome(session, conversation_id)
