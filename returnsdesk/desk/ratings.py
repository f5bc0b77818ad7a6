"""Ratings: how a shopper found the conversation, in one tap and an optional line."""

from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web import sender
from returnsdesk.desk.context import desk_of
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


routes = [Route("/api/rating", rate, methods=["POST"])]
