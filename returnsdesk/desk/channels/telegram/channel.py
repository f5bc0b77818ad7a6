"""The Telegram channel as a part of the running desk: it starts, stays up whatever Telegram does, and ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from telegram.error import InvalidToken, RetryAfter, TelegramError

from returnsdesk.desk.channels.telegram import commands
from returnsdesk.desk.channels.telegram.activity import TypingSigns
from returnsdesk.desk.channels.telegram.bot import (
    bot_id_of,
    build_application,
    build_bot,
    seconds_of,
)
from returnsdesk.desk.channels.telegram.chats import Chats
from returnsdesk.desk.channels.telegram.delivery import Delivery
from returnsdesk.desk.channels.telegram.handling import Handling
from returnsdesk.desk.channels.telegram.inbox import Polling
from returnsdesk.desk.channels.telegram.lanes import Lanes, Leases
from returnsdesk.desk.context import Desk
from returnsdesk.services import telegram_inbox, telegram_progress
from returnsdesk.services.chats import chat_of_conversation
from returnsdesk.settings import Settings

SECONDS_BETWEEN_SWEEPS: Final = 1.0
SECONDS_TO_FINISH: Final = 2.0
WEBHOOK: Final = "webhook"

_LONGEST_PAUSE_SECONDS: Final = 10.0
_BETWEEN_CLEANINGS: Final = timedelta(hours=1)

logger = logging.getLogger(__name__)


class TelegramChannel:
    """The bot with all that works for it in this process."""

    def __init__(self, desk: Desk) -> None:
        self.settings: Settings = desk.settings
        self._desk = desk
        self._bot_id = bot_id_of(desk.settings)
        self._bot = build_bot(desk.settings)
        self._application = build_application(self._bot)
        self._leases = Leases(desk.database, desk.clock)
        self._typing = TypingSigns(self._bot, desk.database)
        self._chats = Chats(desk, self._bot, self._typing)
        handling = Handling(self._application, self._chats, self._leases, self._bot_id)
        delivery = Delivery(self._bot, desk.database, desk.settings, self._leases, desk.clock)
        self._handling = Lanes("updates", handling.run)
        self._delivery = Lanes("delivery", delivery.run)
        self._is_connected = False
        self._news: set[asyncio.Task[None]] = set()
        self._background: list[asyncio.Task[None]] = []
        self._cleaned_at = desk.clock()

    @property
    def takes_webhooks(self) -> bool:
        """Whether updates come by webhook."""
        return self.settings.telegram_mode == WEBHOOK

    def start(self) -> None:
        """Begin to work; what needs Telegram waits until it can be reached."""
        self._desk.feed.follow(self._on_news)
        self._background = [
            asyncio.create_task(self._run()),
            asyncio.create_task(self._leases.keep()),
        ]

    async def stop(self) -> None:
        """End; what is not done is left to the next process."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.gather(
            self._handling.stop(SECONDS_TO_FINISH), self._delivery.stop(SECONDS_TO_FINISH)
        )
        for task in self._news:
            task.cancel()
        await asyncio.gather(*self._news, return_exceptions=True)
        await self._typing.stop()
        await self._chats.stop()
        await self._leases.release_all()
        await self._bot.close_connections()

    async def store(self, updates: list[dict[str, Any]]) -> None:
        """Keep updates and have them handled; raises what the database raises."""
        store = partial(telegram_inbox.store, self._desk.database, self._bot_id, updates)
        for chat_id in await run_sync(partial(store, now=self._desk.clock())):
            if self._is_connected:
                self._handling.wake(chat_id)

    async def _run(self) -> None:
        await self._connect()
        self._is_connected = True
        work = [self._sweep(), self._register_commands()]
        if not self.takes_webhooks:
            work.append(self._poll())
        await asyncio.gather(*work)

    async def _connect(self) -> None:
        """Reach Telegram for the first time, however long that takes."""
        await _until_done(self._application.initialize, "chats wait")
        self._desk.telegram_username = self._bot.username
        logger.info("Telegram knows the bot as @%s", self._bot.username)

    async def _poll(self) -> None:
        # Telegram gives no updates to who asks as long as there is a webhook.
        await _until_done(self._bot.delete_webhook, "no updates are asked for yet")
        await Polling(self._bot, self.store).run()

    async def _register_commands(self) -> None:
        register = partial(commands.register, self._bot, self.settings.default_language)
        await _until_done(register, "commands are not registered yet")

    async def _sweep(self) -> None:
        """Take up, again and again, what waits and nobody works on."""
        while True:
            try:
                await self._look()
            except SQLAlchemyError as error:
                logger.warning("chats cannot be read: %s", type(error).__name__)
            except Exception:
                logger.exception("looking for what waits failed")
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)

    async def _look(self) -> None:
        for waiting in await run_sync(self._find_waiting):
            if not self._handling.is_running(waiting):
                self._handling.wake(waiting)
        for due in await run_sync(self._find_due):
            if not self._delivery.is_running(due):
                self._delivery.wake(due)
        await self._clean()

    async def _clean(self) -> None:
        now = self._desk.clock()
        if now - self._cleaned_at >= _BETWEEN_CLEANINGS:
            self._cleaned_at = now
            forget = partial(telegram_inbox.forget_handled, self._desk.database, now=now)
            await run_sync(forget)

    def _find_waiting(self) -> list[int | None]:
        with self._desk.database.read() as session:
            return telegram_inbox.chats_waiting(session, bot_id=self._bot_id)

    def _find_due(self) -> list[int]:
        with self._desk.database.read() as session:
            return telegram_progress.due_chats(
                session, owner=self._leases.owner, now=self._desk.clock()
            )

    def _on_news(self, conversation_id: str) -> None:
        """A conversation has changed in this process: its chat need not wait for the next sweep."""
        if self._is_connected:
            task = asyncio.create_task(self._deliver(conversation_id))
            self._news.add(task)
            task.add_done_callback(self._news.discard)

    async def _deliver(self, conversation_id: str) -> None:
        try:
            chat_id = await run_sync(self._chat_of, conversation_id)
        except SQLAlchemyError:
            return
        if chat_id is not None:
            self._delivery.wake(chat_id)

    def _chat_of(self, conversation_id: str) -> int | None:
        with self._desk.database.read() as session:
            chat = chat_of_conversation(session, conversation_id)
            return chat.chat_id if chat else None


async def _until_done(call: Callable[[], Awaitable[object]], meanwhile: str) -> None:
    """Call Telegram until it answers; `meanwhile` says what that means for the operator."""
    failures = 0
    while (pause := await _try(call, meanwhile, failures)) is not None:
        failures += 1
        await asyncio.sleep(pause)


async def _try(
    call: Callable[[], Awaitable[object]], meanwhile: str, failures: int
) -> float | None:
    """Call Telegram once; gives the seconds to wait before the next try, None if none is needed."""
    try:
        await call()
    except RetryAfter as error:
        return seconds_of(error)
    except TelegramError as error:
        if failures == 0:
            _note_unreachable(error, meanwhile)
        return float(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(failures, 8)))
    return None


def _note_unreachable(error: TelegramError, meanwhile: str) -> None:
    if isinstance(error, InvalidToken):
        # Without the error's text, which has the token in it.
        logger.error("Telegram does not know the TELEGRAM_TOKEN: copy it from BotFather again")
    else:
        logger.warning("Telegram cannot be reached, %s: %s", meanwhile, type(error).__name__)
