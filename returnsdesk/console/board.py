"""What open pages of the console are told as it happens: one look at the database a second for all pages of a process.

Rows are the truth. What this process changes is looked at at once, what another changes at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.desk.context import Desk
from returnsdesk.services import live_marks
from returnsdesk.services.live_marks import Marks

SECONDS_BETWEEN_LOOKS: Final = 1.0
_SECONDS_AFTER_A_CHANGE: Final = 0.05
"""A change is often followed by more of them: a message, its answer, the case that it opens."""

logger = logging.getLogger(__name__)


class Board:
    """The latest marks of this process, and who is to be woken when they change; looks only while somebody listens."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: dict[asyncio.Event, str | None] = {}
        self._looking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.marks: Marks | None = None
        desk.feed.follow(lambda _conversation_id: self._changed.set())

    def poke(self) -> None:
        """Look at once: something was changed here."""
        self._changed.set()

    @contextmanager
    def watching(self, conversation_id: str | None) -> Iterator[asyncio.Event]:
        """An event that is set when marks have changed, with those of a conversation; the listener clears it."""
        woken = asyncio.Event()
        self._listeners[woken] = conversation_id
        if self._looking is None or self._looking.done():
            self.marks = None
            self._looking = asyncio.create_task(self._look_on())
        self.poke()
        try:
            yield woken
        finally:
            del self._listeners[woken]
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look_on(self) -> None:
        while True:
            self._changed.clear()
            try:
                marks = await run_sync(
                    self._read, {each for each in self._listeners.values() if each}
                )
            except SQLAlchemyError as error:
                logger.warning("the console's news cannot be read: %s", type(error).__name__)
            else:
                self._take(marks)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), SECONDS_BETWEEN_LOOKS)
                await asyncio.sleep(_SECONDS_AFTER_A_CHANGE)

    def _take(self, marks: Marks) -> None:
        if marks != self.marks:
            self.marks = marks
            for woken in self._listeners:
                woken.set()

    def _read(self, conversation_ids: set[str]) -> Marks:
        with self._desk.database.read() as session:
            return live_marks.read(session, conversation_ids, now=self._desk.clock())
