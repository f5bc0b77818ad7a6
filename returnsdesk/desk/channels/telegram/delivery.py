"""Delivery: each chat is sent what its conversation has more, part by part, whatever Telegram does meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from anyio.to_thread import run_sync
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from returnsdesk.clients.labels_pdf import qr_png
from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.bot import DeskBot, seconds_of
from returnsdesk.desk.channels.telegram.lanes import ChatKey, Leases
from returnsdesk.desk.channels.telegram.pictures import NoPicture, sendable
from returnsdesk.desk.channels.telegram.presenting import (
    Keyboard,
    LabelPart,
    Part,
    Picture,
    PicturesPart,
    TextPart,
    parts_of,
)
from returnsdesk.desk.turns import Clock
from returnsdesk.services import cases, labels, links, telegram_chats, telegram_progress
from returnsdesk.services.labels import LabelFile
from returnsdesk.services.telegram_progress import Outgoing
from returnsdesk.settings import Settings

NOT_DELIVERED: Final = "not_delivered"
"""Reason of the case that is opened when Telegram refuses a text for good."""

TRIES_OF_PICTURES: Final = 2
_GONE: Final = ("chat not found", "user is deactivated", "user not found", "peer_id_invalid")
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)

logger = logging.getLogger(__name__)


class Delivery:
    """Sends what waits; the rows of a conversation are what there is to send."""

    def __init__(
        self, bot: DeskBot, database: Database, settings: Settings, leases: Leases, clock: Clock
    ) -> None:
        self._bot = bot
        self._database = database
        self._settings = settings
        self._leases = leases
        self._clock = clock
        # The turn that the chat's present buttons belong to: two questions of one turn stand side by side.
        self._turns_of_keyboards: dict[int, int | None] = {}

    async def run(self, chat_id: ChatKey) -> None:
        """Send a chat what it has not been sent yet, until there is no more or it cannot be sent now."""
        if chat_id is None:
            return
        async with self._leases.holding(chat_id) as is_held:
            while is_held:
                waiting = partial(telegram_progress.next_outgoing, self._database, chat_id)
                row = await run_sync(partial(waiting, now=self._clock()))
                if row is None or not await self._send_row(row):
                    return

    async def _send_row(self, row: Outgoing) -> bool:
        """Send the parts that are missing; False if the chat has to wait."""
        parts = parts_of(row, self._settings.public_url)
        for place in range(row.parts_sent, len(parts)):
            try:
                keyboard_id = await self._send(row, parts[place])
            except TelegramError as error:
                await self._note_failure(row, error)
                return False
            mark = partial(telegram_progress.mark_part, self._database, row, place + 1)
            await run_sync(partial(mark, keyboard_message_id=keyboard_id))
            if keyboard_id is not None:
                await self._take_old_keyboard_away(row)
        done = partial(telegram_progress.mark_sent, self._database, row.chat_id)
        await run_sync(done, row.conversation_id, row.seq)
        return True

    async def _note_failure(self, row: Outgoing, error: TelegramError) -> None:
        """Keep when to try again; raises nothing, so that a chat in trouble touches no other."""
        if isinstance(error, RetryAfter):
            wait = seconds_of(error)
            postpone = partial(telegram_progress.postpone, self._database, row, wait)
            await run_sync(partial(postpone, now=self._clock()))
        elif _is_gone(error):
            logger.info("chat %s cannot be written to any more", row.chat_id)
            block = partial(telegram_chats.note_blocked, self._database, row.chat_id)
            await run_sync(partial(block, now=self._clock()))
        else:
            if not row.failures:
                logger.warning("Telegram took nothing for a chat: %s", type(error).__name__)
            failed = partial(telegram_progress.mark_failed, self._database, row)
            await run_sync(partial(failed, now=self._clock()))

    async def _send(self, row: Outgoing, part: Part) -> int | None:
        """Send a part; gives Telegram's number of the message where its buttons answer a question."""
        if isinstance(part, TextPart):
            return await self._send_text(row, part)
        if isinstance(part, LabelPart):
            await self._send_label(row, part)
            return None
        try:
            await self._send_pictures(row, part)
        except TelegramError as error:
            if isinstance(error, RetryAfter) or _is_gone(error):
                raise
            if _is_outage(error) and row.failures < TRIES_OF_PICTURES:
                raise
            # The text that follows says the same: it must not wait for pictures.
            logger.warning("pictures were left out: %s", type(error).__name__)
        return None

    async def _send_text(self, row: Outgoing, part: TextPart) -> int | None:
        send = partial(
            self._bot.send_message,
            row.chat_id,
            link_preview_options=_NO_PREVIEW,
            reply_markup=markup(part.keyboard),
        )
        try:
            sent: Message | None = await send(text=part.html, parse_mode=ParseMode.HTML)
        except BadRequest as refusal:
            if _is_gone(refusal):
                raise
            logger.warning("Telegram refused a text with marks: %s", refusal.message)
            sent = await self._send_plain(row, part, send)
        return sent.message_id if sent is not None and part.is_question else None

    async def _send_plain(
        self, row: Outgoing, part: TextPart, send: Callable[..., Awaitable[Message]]
    ) -> Message | None:
        """The same without marks; a text that is refused even so is passed to a person, and the chat goes on."""
        try:
            return await send(text=part.plain)
        except BadRequest as refusal:
            if _is_gone(refusal):
                raise
            logger.error("message %s of a chat cannot be sent: %s", row.seq, refusal.message)
            open_case = partial(
                cases.open_case,
                self._database,
                row.conversation_id,
                NOT_DELIVERED,
                part.plain[:500],
            )
            await run_sync(partial(open_case, now=self._clock()))
            return None

    async def _send_pictures(self, row: Outgoing, part: PicturesPart) -> None:
        pairs = [(await self._sendable(each), each.caption) for each in part.pictures]
        found = [(content, caption) for content, caption in pairs if content is not None]
        if len(found) == 1:
            content, caption = found[0]
            await self._bot.send_photo(row.chat_id, content, caption=caption or None)
        elif found:
            album = [
                InputMediaPhoto(content, caption=caption or None) for content, caption in found
            ]
            await self._bot.send_media_group(row.chat_id, album)

    async def _sendable(self, picture: Picture) -> str | bytes | None:
        try:
            return await sendable(picture.address, self._settings)
        except NoPicture as reason:
            logger.info("a picture is left out: %s", reason)
            return None

    async def _send_label(self, row: Outgoing, part: LabelPart) -> None:
        label = await run_sync(self._find_label, part.token)
        if label is None:
            return
        name = label.rma_number
        try:
            if part.is_code and label.qr_text:
                picture = await run_sync(qr_png, label.qr_text)
                await self._bot.send_photo(
                    row.chat_id, picture, caption=name, filename=f"{name}.png"
                )
            elif not part.is_code:
                paper = InputFile(label.pdf, filename=f"{name}.pdf")
                await self._bot.send_document(row.chat_id, paper, caption=name)
        except BadRequest as refusal:
            if _is_gone(refusal):
                raise
            # The text has the link to it.
            logger.warning("Telegram refused a label: %s", refusal.message)

    def _find_label(self, token: str) -> LabelFile | None:
        now = self._clock()
        rma_number = links.rma_number_in(self._settings, token, now=now)
        if rma_number is None:
            return None
        with self._database.read() as session:
            return labels.label_of(session, rma_number, now=now)

    async def _take_old_keyboard_away(self, row: Outgoing) -> None:
        """Buttons of an earlier question cannot be pressed any more once there is a new one."""
        earlier_turn = self._turns_of_keyboards.get(row.chat_id)
        self._turns_of_keyboards[row.chat_id] = row.reply_to_id
        is_same_turn = row.reply_to_id is not None and row.reply_to_id == earlier_turn
        if row.keyboard_message_id is None or is_same_turn:
            return
        try:
            await self._bot.edit_message_reply_markup(row.chat_id, row.keyboard_message_id)
        except TelegramError as error:
            # Pressing one of them says that they are old.
            logger.info("old buttons were not taken away: %s", type(error).__name__)


def markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    """Telegram's shape of buttons."""
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(key.label, callback_data=key.data) for key in row]
            for row in keyboard
        ]
    )


def _is_outage(error: TelegramError) -> bool:
    """Whether nothing was taken and it may work in a moment; what timed out may have been taken."""
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest | TimedOut)


def _is_gone(error: TelegramError) -> bool:
    return isinstance(error, Forbidden) or (
        isinstance(error, BadRequest) and any(reason in error.message.lower() for reason in _GONE)
    )
