"""Live news of conversations: whoever listens is woken when a conversation's rows have changed.

Rows are the truth; a wake-up only says that it is worth looking. What this process changes is told at once, what
another process changes is seen at the next look at the table.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.db.session import Database
from returnsdesk.services import conversations

SECONDS_BETWEEN_LOOKS = 1.0
_IDS_PER_QUERY = 500

logger = logging.getLogger(__name__)


class LiveFeed:
    """Who listens to which conversation, within this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._marks: dict[str, conversations.Mark] = {}
        self._followers: list[Callable[[str], None]] = []

    def listeners_of(self, conversation_id: str) -> int:
        """How many listen to a conversation."""
        return len(self._listeners.get(conversation_id, ()))

    @contextmanager
    def listening(self, conversation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at every change of the conversation; the listener clears it."""
        changed = asyncio.Event()
        self._listeners.setdefault(conversation_id, set()).add(changed)
        try:
            yield changed
        finally:
            self._listeners[conversation_id].discard(changed)
            if not self._listeners[conversation_id]:
                del self._listeners[conversation_id]
                self._marks.pop(conversation_id, None)

    def follow(self, follower: Callable[[str], None]) -> None:
        """Call `follower` with the id of each conversation that this process changes."""
        self._followers.append(follower)

    def tell(self, conversation_id: str) -> None:
        """Wake all who listen to the conversation."""
        for follower in self._followers:
            follower(conversation_id)
        for changed in self._listeners.get(conversation_id, ()):
            changed.set()

    async def watch(self) -> None:
        """Look at the table again and again for what other processes have changed; ends when cancelled."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                await self._look()
            except SQLAlchemyError as error:
                logger.warning("live news cannot be read: %s", type(error).__name__)

    async def _look(self) -> None:
        ids = list(self._listeners)
        for start in range(0, len(ids), _IDS_PER_QUERY):
            marks = await run_sync(self._read_marks, ids[start : start + _IDS_PER_QUERY])
            for conversation_id, mark in marks.items():
                if conversation_id in self._listeners and self._marks.get(conversation_id) != mark:
                    self._marks[conversation_id] = mark
                    self.tell(conversation_id)

    def _read_marks(self, ids: list[str]) -> dict[str, conversations.Mark]:
        with self._database.read() as session:
            return conversations.marks(session, ids)
