"""News for open pages of the console: GET /console/events, server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

import anyio
from anyio.to_thread import run_sync
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, session_token, staff_of
from returnsdesk.console.board import Board
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import staff_sessions, waiting
from returnsdesk.services.live_marks import Marks
from returnsdesk.services.staff_sessions import StaffMember

RECONNECT_MS: Final = 1000
PING_SECONDS: Final = 15
SECONDS_BETWEEN_CHECKS: Final = 3.0
"""How long after a session was revoked its streams may go on."""

MOST_STREAMS: Final = 30
"""Of one session at one process; a browser opens one for each page."""

BETWEEN_HEARTBEATS: Final = timedelta(seconds=10)
"""How often a page is told that the desk is there, and colleagues that the page is."""


def board_of(request: Request) -> Board:
    """The board of this process, made with the first page that asks."""
    state = request.app.state
    if not hasattr(state, "board"):
        state.board = Board(desk_of(request))
        state.streams = Counter()
    board: Board = state.board
    return board


async def events(request: Request) -> Response:
    """GET /console/events?conversation=: how many wait, and marks that change with what lists and pages show.

    An event is sent at once unless `Last-Event-ID` names the present state, then at every change. The page asks for
    itself again when a mark that concerns it has changed, so nothing can be missed between two events.
    """
    board = board_of(request)
    streams: Counter[str] = request.app.state.streams
    token = session_token(request)
    if streams[token] >= MOST_STREAMS:
        raise HTTPException(429)
    closing = anyio.Event()
    return EventSourceResponse(
        _Stream(request, board, streams, token, closing).events(),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        ping=PING_SECONDS,
        shutdown_event=closing,
        shutdown_grace_period=1,
    )


routes = [Page("/events", events)]


class _Stream:
    """One open page of a member of the team."""

    def __init__(
        self,
        request: Request,
        board: Board,
        streams: Counter[str],
        token: str,
        closing: anyio.Event,
    ) -> None:
        self._desk: Desk = desk_of(request)
        self._board = board
        self._streams = streams
        self._token = token
        self._closing = closing
        self._member: StaffMember = staff_of(request)
        self._conversation_id = request.query_params.get("conversation") or None
        self._sent = request.headers.get("last-event-id", "")

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The present state, then every change, until the session ends, the page is left or the desk closes."""
        self._streams[self._token] += 1
        try:
            yield ServerSentEvent(comment="open", retry=RECONNECT_MS)
            with self._board.watching(self._conversation_id) as woken:
                async for event in self._changes(woken):
                    yield event
        finally:
            self._streams[self._token] -= 1
            await self._look_away()

    async def _changes(self, woken: asyncio.Event) -> AsyncIterator[ServerSentEvent]:
        sign_at = alive_at = self._desk.clock()
        while not self._closing.is_set():
            woken.clear()
            if self._conversation_id and self._desk.clock() >= sign_at:
                sign_at = self._desk.clock() + BETWEEN_HEARTBEATS
                await run_sync(self._look_at)
                self._board.poke()
            if self._desk.clock() >= alive_at:
                # A comment would do for proxies, but scripts are not told of one.
                alive_at = self._desk.clock() + BETWEEN_HEARTBEATS
                yield ServerSentEvent("{}", event="alive")
            if not await run_sync(self._is_valid):
                yield ServerSentEvent("{}", event="ended")
                return
            marks = self._board.marks
            state = _state(marks, self._conversation_id) if marks is not None else None
            if state is not None and state["id"] != self._sent:
                self._sent = state["id"]
                yield ServerSentEvent(json.dumps(state), event="state", id=state["id"])
            await self._wait(woken)

    async def _wait(self, woken: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (woken, self._closing)]
        try:
            await asyncio.wait(
                waits, timeout=SECONDS_BETWEEN_CHECKS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for each in waits:
                each.cancel()

    def _is_valid(self) -> bool:
        # Only looked up: an open page alone keeps no session alive.
        with self._desk.database.read() as session:
            found = staff_sessions.find(session, self._token, now=self._desk.clock())
        return found is not None and found.id == self._member.id

    def _look_at(self) -> None:
        waiting.look_at(
            self._desk.database,
            str(self._conversation_id),
            self._member.id,
            now=self._desk.clock(),
        )

    async def _look_away(self) -> None:
        if not self._conversation_id:
            return
        look_away = partial(
            waiting.look_away, self._desk.database, self._conversation_id, self._member.id
        )
        # The page is gone, and with it whoever would wait for this.
        with anyio.CancelScope(shield=True):
            await run_sync(look_away)
        self._board.poke()


def _state(marks: Marks, conversation_id: str | None) -> dict[str, Any] | None:
    """What a page is told; None as long as the board has not looked at its conversation."""
    state: dict[str, Any] = {"waiting": marks.waiting, "lists": marks.lists}
    parts = [str(marks.waiting), marks.lists]
    if conversation_id is not None:
        mark = marks.conversations.get(conversation_id)
        if mark is None:
            return None
        state["conversation"], state["typist"] = mark.mark, mark.typist
        parts += [mark.mark, mark.typist or ""]
    return {**state, "id": "-".join(parts)}
