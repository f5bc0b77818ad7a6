"""Handling: stored updates go through the handlers of python-telegram-bot, those of a chat in their order."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from telegram import Update
from telegram.error import BadRequest, NetworkError, RetryAfter
from telegram.ext import (
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    MessageHandler,
    filters,
)

from returnsdesk.desk.channels.telegram.bot import DeskApplication
from returnsdesk.desk.channels.telegram.buttons import Buttons
from returnsdesk.desk.channels.telegram.chats import Chats, in_work, said_id
from returnsdesk.desk.channels.telegram.commands import Commands
from returnsdesk.desk.channels.telegram.incoming import Incoming
from returnsdesk.desk.channels.telegram.lanes import ChatKey, Leases
from returnsdesk.desk.channels.telegram.memberships import Memberships
from returnsdesk.desk.refusals import known_language
from returnsdesk.services import telegram_chats, telegram_inbox
from returnsdesk.services.telegram_inbox import WaitingUpdate
from returnsdesk.texts import render

_FIRST_PAUSE_SECONDS: Final = 0.2
_GROWTH: Final = 4

logger = logging.getLogger(__name__)


class _NotAnUpdate(Exception):
    """What was stored is not of the Bot API's form, and never will be."""


class Handling:
    """Takes waiting updates up; one that keeps failing is set aside, so that its chat goes on."""

    def __init__(
        self, application: DeskApplication, chats: Chats, leases: Leases, bot_id: int
    ) -> None:
        self._application = application
        self._chats = chats
        self._leases = leases
        self._bot_id = bot_id
        self._errors: dict[int, Exception] = {}
        add_handlers(application, chats)
        application.add_error_handler(self._keep_error)

    async def run(self, chat_id: ChatKey) -> None:
        """Handle what waits of a chat; None stands for updates of no chat."""
        if chat_id is None or chat_id < 0:
            await self._handle_all(chat_id)
            return
        first = await self._next(chat_id)
        if first is None:
            return
        open_chat = partial(telegram_chats.open_chat, self._chats.database, chat_id)
        language = _language_in(first.payload) or self._chats.desk.settings.default_language
        await run_sync(partial(open_chat, language, now=self._chats.now()))
        async with self._leases.holding(chat_id) as is_held:
            if is_held:
                await self._handle_all(chat_id)

    async def _handle_all(self, chat_id: ChatKey) -> None:
        update = await self._next(chat_id)
        while update is not None and await self._handle(update):
            update = await self._next(chat_id)

    async def _next(self, chat_id: ChatKey) -> WaitingUpdate | None:
        def find() -> WaitingUpdate | None:
            with self._chats.database.read() as session:
                return telegram_inbox.next_waiting(session, chat_id, bot_id=self._bot_id)

        return await run_sync(find)

    async def _handle(self, update: WaitingUpdate) -> bool:
        """Handle one update; False if it has to wait for Telegram, and the chat's later ones with it."""
        token = in_work.set(update)
        try:
            await self._process(update)
        except SQLAlchemyError:
            raise
        except (NetworkError, RetryAfter) as error:
            if not isinstance(error, BadRequest):
                return False
            await self._count_failure(update, error)
        except Exception as error:
            await self._count_failure(update, error)
        else:
            await run_sync(telegram_inbox.mark_done, self._chats.database, update)
        finally:
            in_work.reset(token)
        return True

    async def _process(self, stored: WaitingUpdate) -> None:
        try:
            update = Update.de_json(stored.payload, self._chats.bot)
        except Exception as error:
            raise _NotAnUpdate(type(error).__name__) from error
        await self._application.process_update(update)
        failure = self._errors.pop(update.update_id, None)
        if failure is not None:
            raise failure

    async def _count_failure(self, update: WaitingUpdate, error: Exception) -> None:
        is_hopeless = isinstance(error, _NotAnUpdate)
        count = partial(telegram_inbox.mark_attempt, self._chats.database, update)
        is_over = await run_sync(partial(count, is_hopeless=is_hopeless))
        # Without the text of the error, which may hold what the shopper wrote.
        what = f"update {update.update_id} of Telegram"
        if is_over:
            logger.error("%s is set aside: %s", what, type(error).__name__, exc_info=error)
            if is_hopeless:
                await self._answer_unreadable(update)
            return
        logger.warning("%s is tried again: %s", what, type(error).__name__)
        await asyncio.sleep(_FIRST_PAUSE_SECONDS * _GROWTH**update.attempts)

    async def _answer_unreadable(self, update: WaitingUpdate) -> None:
        """A message of a kind that the library does not know yet: the shopper hears what works here."""
        chat_id = update.chat_id
        if chat_id is None or chat_id < 0 or not isinstance(update.payload.get("message"), dict):
            return
        database, now = self._chats.database, self._chats.now()
        language = _language_in(update.payload) or self._chats.desk.settings.default_language
        chat = await run_sync(
            partial(telegram_chats.open_chat, database, chat_id, language, now=now)
        )
        text = render("telegram_unreadable", chat.language)
        answer_id = said_id(update.update_id)
        say = partial(telegram_chats.say, database, chat_id, text, said_id=answer_id, now=now)
        self._chats.desk.feed.tell(await run_sync(say))

    async def _keep_error(self, update: object, context: Any) -> None:
        if isinstance(update, Update):
            self._errors[update.update_id] = context.error


def add_handlers(application: DeskApplication, chats: Chats) -> None:
    """Which kind of update goes where; the first that fits takes it."""
    incoming, commands, memberships = Incoming(chats), Commands(chats), Memberships(chats)
    # Said to somebody's business account, or where the bot is only mentioned: not said to us.
    elsewhere = filters.UpdateType.BUSINESS_MESSAGES | filters.UpdateType.GUEST_MESSAGE
    application.add_handler(MessageHandler(elsewhere, incoming.nothing))
    application.add_handler(MessageHandler(~filters.ChatType.PRIVATE, memberships.group))
    application.add_handler(MessageHandler(filters.UpdateType.EDITED_MESSAGE, incoming.edited))
    for name, handler in commands.handlers().items():
        application.add_handler(CommandHandler(name, handler))
    application.add_handler(MessageHandler(filters.COMMAND, commands.help))
    application.add_handler(MessageHandler(filters.PHOTO | filters.Document.IMAGE, incoming.photo))
    application.add_handler(MessageHandler(filters.TEXT, incoming.text))
    application.add_handler(MessageHandler(filters.StatusUpdate.ALL, incoming.nothing))
    application.add_handler(MessageHandler(filters.ALL, incoming.unreadable))
    application.add_handler(CallbackQueryHandler(Buttons(chats).pressed))
    application.add_handler(
        ChatMemberHandler(memberships.changed, ChatMemberHandler.MY_CHAT_MEMBER)
    )


def _language_in(payload: dict[str, Any]) -> str | None:
    """The language of who sent an update, read where nothing has checked its form yet."""
    for part in payload.values():
        sender = part.get("from") if isinstance(part, dict) else None
        if isinstance(sender, dict):
            return known_language(sender.get("language_code"))
    return None
