"""A stand-in for Rasa's turn endpoint whose behaviour a test sets: it answers, refuses, hangs or is not there."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.desk.serving import Served

Replies = list[dict[str, Any]]


def echo(turn: dict[str, Any]) -> Replies:
    return [{"text": f"You said: {turn['text']}"}]


class FakeRasa:
    """Rasa as the desk sees it; `turns` are the requests that came, each message's answer is kept and repeated."""

    def __init__(self, port: int, token: str) -> None:
        self.answer: Callable[[dict[str, Any]], Replies] = echo
        self.trace: dict[str, Any] = {"intent": "greet", "confidence": 0.9, "slots": {}}
        self.status = 200
        self.error = {"error": "told_so"}
        self.on_turn: Callable[[], None] = lambda: None
        self.turns: list[dict[str, Any]] = []
        self.most_at_once = 0
        self.most_of_one_conversation = 0
        # Cleared: turns hang until it is set.
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.hung = threading.Event()
        self._token = token
        self._kept: dict[str, Replies] = {}
        self._under_way: Counter[str] = Counter()
        routes = [
            Route("/webhooks/desk/turn", self._turn, methods=["POST"]),
            Route("/webhooks/desk/ready", self._ready, methods=["GET"]),
        ]
        self.served = Served(Starlette(routes=routes), port)

    def break_action(self) -> None:
        """Answer as Rasa does when an action fails in an action server that is up."""
        self.status = 503
        self.error = {"error": "action_failed", "detail": "action_refunds_status: HTTP 500"}

    @property
    def texts(self) -> list[str]:
        return [turn["text"] for turn in self.turns]

    def hold(self) -> None:
        self.hung.clear()
        self.may_answer.clear()

    async def _turn(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self._token}":
            return JSONResponse({"error": "unauthorized"}, 401)
        turn = await request.json()
        self.turns.append(turn)
        self.on_turn()
        if self.status != 200:
            return JSONResponse(self.error, self.status)
        self._under_way[turn["conversation_id"]] += 1
        self.most_at_once = max(self.most_at_once, sum(self._under_way.values()))
        self.most_of_one_conversation = max(
            self.most_of_one_conversation, *self._under_way.values()
        )
        try:
            while not self.may_answer.is_set():
                self.hung.set()
                await asyncio.sleep(0.01)
        finally:
            self._under_way[turn["conversation_id"]] -= 1
        if turn["message_id"] not in self._kept:
            self._kept[turn["message_id"]] = self.answer(turn)
        return JSONResponse({"replies": self._kept[turn["message_id"]], "trace": self.trace})

    async def _ready(self, _request: Request) -> Response:
        return JSONResponse({"status": "ready", "model": "fake"}, self.status)
