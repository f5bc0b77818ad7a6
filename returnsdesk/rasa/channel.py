"""The one input channel of Rasa: the desk's loopback calls, one per turn, answered with replies and trace."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse
from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.rasa.action_calls import ActionBroken, ActionCallFailed, ActionEndpoint
from returnsdesk.rasa.agent import DeskAgent, DeskProcessor, TurnFailed
from returnsdesk.rasa.tracker_store import TrackerConflict, TrackerUnreadable
from returnsdesk.rasa.turns import (
    BadTurn,
    TurnRequest,
    read_request,
    replies,
    trace,
    turn_events,
    user_message,
)

logger = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024
TURN_SECONDS = 30.0
"""Longest turn, all its actions together; the desk has to wait a little longer than this."""


class TurnRefused(Exception):
    """A turn that is answered with an error; nothing of it was saved."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


class DeskChannel(InputChannel):
    """Takes turns from the desk alone, which knows the token.

    503 means: nothing was saved, send the same message again. 500 means: it would fail again the same way. A 503 with
    the error `action_failed` may be either: the action server is up and one of its actions answers with an error.
    """

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("The desk channel in credentials.yml needs a token.")
        self._token = token.encode()

    @classmethod
    def name(cls) -> str:
        """Part of the address: /webhooks/desk/."""
        return "desk"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> DeskChannel:
        """The channel as `credentials.yml` sets it; raises `ValueError` without a token."""
        return cls(str((credentials or {}).get("token") or ""))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The two routes; `on_new_message` is not used, for it gives no tracker back."""
        blueprint = Blueprint("desk_channel")

        @blueprint.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            return await self._answer_turn(request)

        @blueprint.get("/ready")
        async def ready(request: Request) -> HTTPResponse:
            if not self._knows_token(request):
                return _error(401, "unauthorized", "the bearer token is missing or wrong")
            agent = _agent(request)
            if agent is None:
                return _json({"status": "starting"}, 503)
            return _json({"status": "ready", "model": agent.model_name})

        return blueprint

    def _knows_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            # Sanic hands on bytes that are no text as surrogates.
            given.strip().encode("utf-8", "surrogateescape"),
            self._token,
        )

    async def _answer_turn(self, request: Request) -> HTTPResponse:
        if not self._knows_token(request):
            return _error(401, "unauthorized", "the bearer token is missing or wrong")
        if len(request.body) > BODY_LIMIT:
            return _error(413, "too_large", f"the body is larger than {BODY_LIMIT} bytes")
        try:
            turn = read_request(request.body)
        except BadTurn as error:
            return _error(400, "bad_request", str(error))
        agent = _agent(request)
        if agent is None:
            return _error(503, "starting", "no model is loaded yet")
        try:
            return _json(await _run(agent, turn))
        except TurnRefused as refusal:
            logger.error("turn %s: %s (%s)", turn.message_id, refusal.error, refusal.detail)
            return _error(refusal.status, refusal.error, refusal.detail)
        except Exception:
            logger.exception("turn %s failed", turn.message_id)
            return _error(500, "turn_failed", "the dialogue failed; the reason is in the log")


async def _run(agent: DeskAgent, turn: TurnRequest) -> dict[str, Any]:
    if agent.processor is None:
        raise TurnRefused(503, "starting", "no model is loaded yet")
    try:
        tracker = await asyncio.wait_for(_run_locked(agent, agent.processor, turn), TURN_SECONDS)
    except ActionCallFailed as error:
        is_broken = isinstance(error, ActionBroken) and await _is_up(agent)
        kind = "action_failed" if is_broken else "actions_unavailable"
        raise TurnRefused(503, kind, str(error)) from error
    except asyncio.TimeoutError as error:
        raise TurnRefused(503, "turn_timed_out", f"not done in {TURN_SECONDS:g} s") from error
    except LockError as error:
        raise TurnRefused(503, "conversation_busy", "an earlier turn is still running") from error
    except TrackerConflict as error:
        raise TurnRefused(503, "conversation_changed", str(error)) from error
    except SQLAlchemyError as error:
        raise TurnRefused(503, "store_unavailable", type(error).__name__) from error
    except TrackerUnreadable as error:
        raise TurnRefused(500, "conversation_unreadable", str(error)) from error
    except TurnFailed as error:
        raise TurnRefused(500, "turn_failed", str(error)) from error
    events = turn_events(tracker, turn.message_id)
    said = replies(events)
    if not said:
        logger.error("turn %s ended without a reply", turn.message_id)
    return {"replies": said, "trace": trace(tracker, events)}


async def _run_locked(
    agent: DeskAgent, processor: DeskProcessor, turn: TurnRequest
) -> DialogueStateTracker:
    if turn.choice is not None and turn.choice.intent not in processor.domain.intents:
        raise TurnRefused(400, "bad_request", f"unknown intent {turn.choice.intent!r}")
    async with agent.lock_store.lock(turn.conversation_id, wait_time_in_seconds=0.1):
        return await processor.run_turn(user_message(turn), turn.language)


async def _is_up(agent: DeskAgent) -> bool:
    endpoint = agent.action_endpoint
    return isinstance(endpoint, ActionEndpoint) and await endpoint.is_up()


def _agent(request: Request) -> DeskAgent | None:
    # Only the product's own agent reports failures; see returnsdesk/rasa/agent.py.
    agent = getattr(request.app.ctx, "agent", None)
    return agent if isinstance(agent, DeskAgent) and agent.is_ready() else None


def _json(body: dict[str, Any], status: int = 200) -> HTTPResponse:
    return response.json(body, status=status, dumps=json.dumps)


def _error(status: int, error: str, detail: str) -> HTTPResponse:
    return _json({"error": error, "detail": detail}, status)
