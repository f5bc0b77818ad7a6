"""What shoppers send into a chat: texts, buttons, photos, changes of what they wrote, and what cannot be read here."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from datetime import timedelta
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from telegram import Message, Update
from telegram.error import BadRequest, TelegramError

from returnsdesk.desk.channels.telegram.chats import Chats, chat_of, in_work
from returnsdesk.desk.incoming import TEXT_LIMIT, cleaned
from returnsdesk.desk.photos import BYTES_LIMIT, NAME_LIMIT, NotAPicture, keep
from returnsdesk.services import conversations, feedback, telegram_chats
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.errors import Conflict, NotFound
from returnsdesk.services.photo_files import folder
from returnsdesk.services.telegram_chats import ChatView, message_id
from returnsdesk.texts import render

PATIENCE_WITH_PHOTOS: Final = timedelta(minutes=10)
"""A photo that Telegram has not handed over by then is asked for again from the shopper."""

_MEGABYTE: Final = 1024 * 1024
_ALBUMS_KEPT: Final = 1000


class Incoming:
    """Handlers of what shoppers send."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats
        # Albums come as one message for each photo; that they have arrived is said once.
        self._albums: OrderedDict[str, None] = OrderedDict()

    async def text(self, update: Update, _context: Any) -> None:
        """A text is a message like one that was typed on the web."""
        message = _message(update)
        await self._take_text(update, message.text or "", str(message.message_id))

    async def photo(self, update: Update, _context: Any) -> None:
        """A photo is kept as on the web; its caption is a message after it."""
        message = _message(update)
        if await self._take_photo(update, message) and message.caption:
            await self._take_text(update, message.caption, f"{message.message_id}-caption")

    async def edited(self, update: Update, _context: Any) -> None:
        """A change counts where nobody has looked at the message yet; otherwise we say that it came too late."""
        message = _message(update)
        text, number = message.text, str(message.message_id)
        if message.caption is not None:
            text, number = message.caption, f"{number}-caption"
        if text is None or not cleaned(text):
            return
        chat = await self._chats.of(update)
        correct = partial(
            telegram_chats.correct,
            self._chats.database,
            chat.chat_id,
            message_id(chat.chat_id, number),
            cleaned(text)[:TEXT_LIMIT],
            now=self._chats.now(),
        )
        try:
            became = await run_sync(correct)
        except NotFound:
            # Written before the present conversation began, or not a message that is kept.
            became = telegram_chats.TOO_LATE
        if became == telegram_chats.TOO_LATE:
            await self._chats.say(update, "telegram_edit_too_late")
        elif became != telegram_chats.UNCHANGED:
            self._chats.desk.feed.tell(chat.conversation_id)

    async def unreadable(self, update: Update, _context: Any) -> None:
        """Voice messages, stickers, films and the like: say what works here."""
        await self._chats.say(update, "telegram_unreadable")

    async def nothing(self, _update: Update, _context: Any) -> None:
        """A notice of Telegram itself, such as a pinned message."""

    async def _take_text(self, update: Update, text: str, number: str) -> None:
        text = cleaned(text)
        if not text:
            await self._chats.say(update, "telegram_unreadable")
            return
        if len(text) > TEXT_LIMIT:
            await self._chats.say(update, "desk_text_too_long", limit=TEXT_LIMIT)
            return
        chat = await self._chats.of(update)
        await self._chats.wait_for_turn(chat)
        accept = partial(
            conversations.accept,
            self._chats.database,
            chat.conversation_id,
            message_id=message_id(chat.chat_id, number),
            text=text,
            channel=TELEGRAM,
            now=self._chats.now(),
        )
        try:
            accepted = await run_sync(accept)
        except Conflict:
            # Known already, and edited since.
            return
        self._chats.answer_soon(chat, accepted)

    async def _take_photo(self, update: Update, message: Message) -> bool:
        """Keep a photo; False where the shopper was told why it was not."""
        chat = await self._chats.of(update)
        try:
            content = await self._download(message)
        except BadRequest:
            # The file is gone, or larger than a bot is given.
            content = None
        except TelegramError:
            if self._chats.now() - in_work.get().received_at < PATIENCE_WITH_PHOTOS:
                raise
            await self._chats.say(update, "telegram_photo_not_had")
            return False
        if content is None:
            await self._chats.say(
                update, "telegram_photo_too_large", megabytes=BYTES_LIMIT // _MEGABYTE
            )
            return False
        return await self._keep_photo(update, message, chat, content)

    async def _keep_photo(
        self, update: Update, message: Message, chat: ChatView, content: bytes
    ) -> bool:
        photo_id = secrets.token_hex(16)
        path = folder(self._chats.desk.settings.var_dir) / f"{photo_id}.jpg"
        try:
            await run_sync(keep, content, path)
        except NotAPicture:
            await self._chats.say(update, "desk_photo_unreadable")
            return False
        is_further = self._is_further_of_album(message.media_group_id)
        name = message.document.file_name if message.document else None
        add = partial(
            feedback.add_photo,
            self._chats.database,
            chat.conversation_id,
            message_id=message_id(chat.chat_id, message.message_id),
            name=cleaned(name or "")[:NAME_LIMIT],
            address=f"/api/photos/{photo_id}",
            reply="" if is_further else render("desk_photo_received", chat.language),
            channel=TELEGRAM,
            now=self._chats.now(),
        )
        accepted = await run_sync(add)
        if accepted.is_new:
            self._chats.desk.feed.tell(chat.conversation_id)
        else:
            await run_sync(path.unlink)
        return True

    async def _download(self, message: Message) -> bytes | None:
        """The file of a photo in its largest size; None for one that is too large."""
        found = message.document or (message.photo[-1] if message.photo else None)
        if found is None or (found.file_size or 0) > BYTES_LIMIT:
            return None
        file = await found.get_file()
        if (file.file_size or 0) > BYTES_LIMIT:
            return None
        content = bytes(await file.download_as_bytearray())
        return content if len(content) <= BYTES_LIMIT else None

    def _is_further_of_album(self, album: str | None) -> bool:
        if album is None:
            return False
        is_known = album in self._albums
        self._albums[album] = None
        while len(self._albums) > _ALBUMS_KEPT:
            self._albums.popitem(last=False)
        return is_known


def _message(update: Update) -> Message:
    message = update.effective_message
    if message is None:
        raise ValueError(f"update {update.update_id} of chat {chat_of(update)} has no message")
    return message
