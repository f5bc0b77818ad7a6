"""Buttons that were pressed: those of the assistant's questions, of the choice of a language, and of a rating."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from telegram import CallbackQuery, Message, Update
from telegram.constants import ParseMode

from returnsdesk.desk.channels.telegram.chats import Chats
from returnsdesk.desk.channels.telegram.presenting import (
    LANGUAGE_DATA,
    LANGUAGE_NAMES,
    RATING_DATA,
    with_choice,
)
from returnsdesk.services import conversations, feedback, telegram_chats, telegram_progress
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.errors import Conflict, NotFound
from returnsdesk.services.telegram_chats import ChatView, Pressed, message_id
from returnsdesk.texts import render


class Buttons:
    """Handlers of pressed buttons; each press is answered at once, so that nobody waits in front of a spinner."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    async def pressed(self, update: Update, _context: Any) -> None:
        """Take a choice over; a button that is of no use any more says so and changes nothing."""
        query = update.callback_query
        if query is None:
            return
        chat = await self._chats.of(update)
        data = query.data or ""
        if data.startswith(LANGUAGE_DATA):
            label = await self._set_language(update, chat, data.removeprefix(LANGUAGE_DATA))
        elif data.startswith(RATING_DATA):
            label = await self._rate(chat, data.removeprefix(RATING_DATA))
        else:
            label = await self._choose(chat, data)
        if label is None:
            text = render("telegram_button_old", chat.language)
            self._chats.quietly(query.answer(text, show_alert=True))
            self._chats.quietly(_without_buttons(query))
            return
        self._chats.quietly(query.answer())
        self._chats.quietly(_with_choice(query, label))
        if query.message is not None:
            forget = partial(telegram_progress.forget_keyboard, self._chats.database, chat.chat_id)
            await run_sync(forget, query.message.message_id)

    async def _choose(self, chat: ChatView, token: str) -> str | None:
        """Take the choice of a button as a message; None for one that is old, unknown, or of a question answered."""
        found = await run_sync(self._find, chat, token)
        if found is None:
            return None
        await self._chats.wait_for_turn(chat)
        accept = partial(
            conversations.accept,
            self._chats.database,
            chat.conversation_id,
            # One choice for each question: a second press is the same message, another button a contradiction.
            message_id=message_id(chat.chat_id, found.key),
            button=token,
            channel=TELEGRAM,
            now=self._chats.now(),
        )
        try:
            accepted = await run_sync(accept)
        except (Conflict, NotFound):
            return None
        self._chats.answer_soon(chat, accepted)
        return found.label

    def _find(self, chat: ChatView, token: str) -> Pressed | None:
        with self._chats.database.read() as session:
            return telegram_chats.pressed(session, chat.conversation_id, token)

    async def _set_language(self, update: Update, chat: ChatView, language: str) -> str | None:
        if language not in LANGUAGE_NAMES:
            return None
        await run_sync(telegram_chats.set_language, self._chats.database, chat.chat_id, language)
        await self._chats.say_text(update, render("telegram_language_set", language))
        return LANGUAGE_NAMES[language]

    async def _rate(self, chat: ChatView, score: str) -> str | None:
        if not score.isdecimal():
            return None
        rate = partial(feedback.rate, self._chats.database, chat.conversation_id, comment="")
        try:
            await run_sync(partial(rate, score=int(score), now=self._chats.now()))
        except ValueError:
            return None
        return f"{score} ⭐"


async def _with_choice(query: CallbackQuery, label: str) -> None:
    """Show what was chosen in place of the buttons."""
    message = query.message
    html = with_choice(message.text_html or "", label) if isinstance(message, Message) else None
    if html is None:
        await _without_buttons(query)
    else:
        await query.edit_message_text(html, parse_mode=ParseMode.HTML)


async def _without_buttons(query: CallbackQuery) -> None:
    if query.message is not None:
        await query.edit_message_reply_markup()
