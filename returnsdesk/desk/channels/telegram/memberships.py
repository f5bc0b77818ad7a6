"""Where the bot is and may write: private chats that block it or take it back, and groups, which it leaves."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from telegram import ChatMember, Update
from telegram.constants import ChatType
from telegram.error import BadRequest, Forbidden

from returnsdesk.desk.channels.telegram.chats import Chats, chat_of, in_work, language_of
from returnsdesk.services import telegram_chats, telegram_inbox
from returnsdesk.texts import render

_IN_GROUP = (ChatMember.MEMBER, ChatMember.ADMINISTRATOR, ChatMember.RESTRICTED)

logger = logging.getLogger(__name__)


class Memberships:
    """Handlers of what is no message of a shopper to us alone."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    async def changed(self, update: Update, _context: Any) -> None:
        """The bot was blocked or taken back by a shopper, or added to a group."""
        change = update.my_chat_member
        if change is None:
            return
        status = change.new_chat_member.status
        if change.chat.type != ChatType.PRIVATE:
            if status in _IN_GROUP:
                await self.group(update, _context)
            return
        if status == ChatMember.BANNED:
            block = partial(telegram_chats.note_blocked, self._chats.database, change.chat.id)
            await run_sync(partial(block, now=self._chats.now()))
        elif status == ChatMember.MEMBER:
            await run_sync(telegram_chats.note_unblocked, self._chats.database, change.chat.id)

    async def group(self, update: Update, _context: Any) -> None:
        """A group: say once that we talk in private, and leave. Orders are nothing for others to read."""
        chat_id = chat_of(update)
        try:
            if await run_sync(self._is_first):
                text = render("telegram_group", language_of(update, self._chats.desk))
                await self._chats.bot.send_message(chat_id, text)
            await self._chats.bot.leave_chat(chat_id)
        except (BadRequest, Forbidden) as refusal:
            # Out of it already, or not allowed to write there.
            logger.info("a group was left: %s", refusal.message)

    def _is_first(self) -> bool:
        with self._chats.database.read() as session:
            return telegram_inbox.is_first_of_chat(session, in_work.get())
