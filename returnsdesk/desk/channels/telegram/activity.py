"""The sign of typing: shown in a chat for as long as the assistant works on an answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from telegram.constants import ChatAction
from telegram.error import TelegramError

from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.bot import DeskBot
from returnsdesk.services import conversations

# Telegram shows it for five seconds, or until a message comes.
_SECONDS_BETWEEN: Final = 4.0
_MOST_TIMES: Final = 15


class TypingSigns:
    """Says that an answer is under way; whatever goes wrong with that is of no matter."""

    def __init__(self, bot: DeskBot, database: Database) -> None:
        self._bot = bot
        self._database = database
        self._showing: dict[int, asyncio.Task[None]] = {}

    def begin(self, chat_id: int, conversation_id: str) -> None:
        """Show it until the conversation's messages are answered."""
        if chat_id not in self._showing:
            task = asyncio.create_task(self._show(chat_id, conversation_id))
            self._showing[chat_id] = task
            task.add_done_callback(lambda _: self._showing.pop(chat_id, None))

    async def stop(self) -> None:
        """Show nothing any more."""
        tasks = list(self._showing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _show(self, chat_id: int, conversation_id: str) -> None:
        for _ in range(_MOST_TIMES):
            try:
                if not await run_sync(partial(self._is_answering, conversation_id)):
                    return
                await self._bot.send_chat_action(chat_id, ChatAction.TYPING)
            except (TelegramError, SQLAlchemyError):
                return
            await asyncio.sleep(_SECONDS_BETWEEN)

    def _is_answering(self, conversation_id: str) -> bool:
        with self._database.read() as session:
            waiting = conversations.next_waiting(session, conversation_id)
            return waiting is not None and not conversations.is_told_of_delay(
                session, conversation_id
            )
