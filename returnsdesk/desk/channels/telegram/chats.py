"""What the handlers of updates share: the chat that an update belongs to, and saying something in it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from telegram import Update
from telegram.error import TelegramError

from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.activity import TypingSigns
from returnsdesk.desk.channels.telegram.bot import DeskBot
from returnsdesk.desk.context import Desk
from returnsdesk.desk.refusals import known_language
from returnsdesk.services import telegram_chats
from returnsdesk.services.conversations import Accepted
from returnsdesk.services.telegram_chats import ChatView
from returnsdesk.services.telegram_inbox import WaitingUpdate
from returnsdesk.texts import render

in_work: ContextVar[WaitingUpdate] = ContextVar("in_work")
"""The stored update that is being handled."""


@dataclass
class Chats:
    """Chats as handlers work with them."""

    desk: Desk
    bot: DeskBot
    typing: TypingSigns
    _quiet: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def database(self) -> Database:
        """Where chats are kept."""
        return self.desk.database

    def now(self) -> datetime:
        """The present moment."""
        return self.desk.clock()

    async def of(self, update: Update) -> ChatView:
        """The chat of an update, with a conversation that goes on; a shopper who writes can be reached again."""
        chat_id = chat_of(update)
        open_chat = partial(telegram_chats.open_chat, self.database, chat_id)
        chat = await run_sync(partial(open_chat, language_of(update, self.desk), now=self.now()))
        await run_sync(telegram_chats.note_unblocked, self.database, chat_id)
        return chat

    async def say(self, update: Update, key: str, **facts: object) -> None:
        """Say a text of `data/responses` in the chat's language."""
        chat = await self.of(update)
        await self.say_text(update, render(key, chat.language, **facts))

    async def say_text(
        self,
        update: Update,
        text: str,
        *,
        command: str | None = None,
        content: dict[str, Any] | None = None,
    ) -> None:
        """Say a text once for an update, however often that is handled; in answer to a command, if it is one."""
        say = partial(
            telegram_chats.say,
            self.database,
            chat_of(update),
            text,
            said_id=said_id(update.update_id),
            command=command,
            content=content,
            now=self.now(),
        )
        self.desk.feed.tell(await run_sync(say))

    def answer_soon(self, chat: ChatView, accepted: Accepted) -> None:
        """Have a stored message answered; one that was stored before is looked after as well."""
        if accepted.is_new:
            self.desk.feed.tell(chat.conversation_id)
        self.desk.turns.wake(chat.conversation_id)
        self.typing.begin(chat.chat_id, chat.conversation_id)

    async def wait_for_turn(self, chat: ChatView) -> None:
        """Let a shopper who writes faster than one can wait; nothing of it is lost."""
        buckets = self.desk.messages_of_session
        now = asyncio.get_running_loop().time
        # There is no event for time that passes.
        while seconds := buckets.take(chat.conversation_id, now()):  # noqa: ASYNC110
            await asyncio.sleep(seconds)

    def quietly(self, call: Coroutine[Any, Any, object]) -> None:
        """Have a call to Telegram done beside everything else; it is a courtesy and may fail."""
        task = asyncio.create_task(_ignoring_errors(call))
        self._quiet.add(task)
        task.add_done_callback(self._quiet.discard)

    async def stop(self) -> None:
        """Give up what is under way."""
        tasks = list(self._quiet)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chat_of(update: Update) -> int:
    """The private chat of an update; a button may come without the message that it stood on."""
    if update.effective_chat is not None:
        return update.effective_chat.id
    if update.effective_user is not None:
        return update.effective_user.id
    raise ValueError("the update belongs to no chat")


def language_of(update: Update, desk: Desk) -> str:
    """The language of who sent an update, as far as Telegram says so and we speak it."""
    user = update.effective_user
    spoken = known_language(user.language_code) if user else None
    return spoken or desk.settings.default_language


def said_id(update_id: int) -> str:
    """Under which id the answer to an update is kept."""
    return f"tg-u{update_id}"


async def _ignoring_errors(call: Coroutine[Any, Any, object]) -> None:
    try:
        await call
    except TelegramError:
        return
