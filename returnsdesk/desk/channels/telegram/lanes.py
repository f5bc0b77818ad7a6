"""One thing after the other for each chat, all chats side by side; and which chats this process serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.db.session import Database
from returnsdesk.desk.turns import Clock
from returnsdesk.services import telegram_chats, telegram_progress

ChatKey = int | None
logger = logging.getLogger(__name__)


class Lanes:
    """Runs `work` for whichever chat is woken; once more if it is woken while running."""

    def __init__(self, name: str, work: Callable[[ChatKey], Awaitable[None]]) -> None:
        self._name = name
        self._work = work
        self._running: dict[ChatKey, asyncio.Task[None]] = {}
        self._woken: set[ChatKey] = set()
        self._is_stopping = False

    def wake(self, chat_id: ChatKey) -> None:
        """See to it that the chat is looked at."""
        if self._is_stopping:
            return
        self._woken.add(chat_id)
        if chat_id not in self._running:
            self._running[chat_id] = asyncio.create_task(self._run(chat_id))

    def is_running(self, chat_id: ChatKey) -> bool:
        """Whether the chat is being looked at."""
        return chat_id in self._running

    async def stop(self, seconds: float) -> None:
        """Give what is nearly done a moment, and leave the rest to the next process."""
        self._is_stopping = True
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, chat_id: ChatKey) -> None:
        try:
            while chat_id in self._woken and not self._is_stopping:
                self._woken.discard(chat_id)
                await self._work(chat_id)
        except SQLAlchemyError as error:
            # The rows wait in the table; the next sweep takes them up.
            logger.warning("Telegram, %s: %s", self._name, type(error).__name__)
        except Exception:
            logger.exception("Telegram, %s failed", self._name)
        finally:
            self._woken.discard(chat_id)
            del self._running[chat_id]


class Leases:
    """The chats that this process serves, as long as any of its work is about them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.owner = str(uuid4())
        self._users: dict[int, int] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    @asynccontextmanager
    async def holding(self, chat_id: int) -> AsyncIterator[bool]:
        """Serve a chat while the block runs; False where another process serves it."""
        if not await self._begin(chat_id):
            yield False
            return
        try:
            yield True
        finally:
            await self._end(chat_id)

    async def keep(self) -> None:
        """Renew the leases again and again; ends when cancelled."""
        while True:
            await asyncio.sleep(telegram_chats.LEASE.total_seconds() / 4)
            if not self._users:
                continue
            renew = partial(telegram_progress.renew, self._database, list(self._users))
            try:
                await run_sync(partial(renew, owner=self.owner, now=self._clock()))
            except SQLAlchemyError as error:
                logger.warning("leases on chats were not renewed: %s", type(error).__name__)

    async def release_all(self) -> None:
        """Leave every chat to other processes."""
        try:
            await run_sync(partial(telegram_progress.release_all, self._database, owner=self.owner))
        except SQLAlchemyError as error:
            logger.warning("chats could not be handed back: %s", type(error).__name__)

    async def _begin(self, chat_id: int) -> bool:
        async with self._locks.setdefault(chat_id, asyncio.Lock()):
            if chat_id not in self._users:
                claim = partial(telegram_chats.claim, self._database, chat_id, owner=self.owner)
                if not await run_sync(partial(claim, now=self._clock())):
                    return False
            self._users[chat_id] = self._users.get(chat_id, 0) + 1
            return True

    async def _end(self, chat_id: int) -> None:
        async with self._locks[chat_id]:
            self._users[chat_id] -= 1
            if self._users[chat_id]:
                return
            del self._users[chat_id]
            release = partial(telegram_chats.release, self._database, chat_id, owner=self.owner)
            await run_sync(release)
