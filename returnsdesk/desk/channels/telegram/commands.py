"""Commands of the chat: /start, /help and the others, and the list of them that Telegram shows in each language."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from telegram import BotCommand, Update

from returnsdesk import formatting
from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.bot import DeskBot
from returnsdesk.desk.channels.telegram.chats import Chats, said_id
from returnsdesk.desk.channels.telegram.presenting import LANGUAGES_CARD
from returnsdesk.services import chat_links, chat_wishes, conversations, telegram_chats
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.errors import Conflict
from returnsdesk.services.telegram_chats import ChatView, message_id
from returnsdesk.settings import LANGUAGES
from returnsdesk.texts import render

SHOWN: Final = (
    "status", "person", "new", "language", "notices", "stop", "link", "unlink", "help",
)  # fmt: skip
"""The commands in the menu; /start stands on Telegram's own button."""

_CODES: Final = {"nb": ("nb", "no")}
# What a command stands for, as the buttons of the main topics do: intent, and the choice that goes with it.
_TOPICS: Final = {"person": "handover_person", "status": "returns_status"}
_WISHES: Final = {"stop": chat_wishes.NOTICES_OFF, "notices": chat_wishes.NOTICES}

logger = logging.getLogger(__name__)

Handler = Callable[[Update, Any], Coroutine[Any, Any, None]]


class Commands:
    """Handlers of the commands."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    def handlers(self) -> dict[str, Handler]:
        """The handler of each command."""
        return {
            "start": self.start,
            "help": self.help,
            "language": self.language,
            "new": self.new,
            "link": self.link,
            "unlink": self.unlink,
            **{name: partial(self._topic, name) for name in _TOPICS},
            **{name: partial(self._wish, name) for name in _WISHES},
        }

    async def start(self, update: Update, context: Any) -> None:
        """Open a link that was made on the web, or have the assistant say hello."""
        chat = await self._chats.of(update)
        if context.args:
            redeem = partial(chat_links.redeem, self._database, str(context.args[0]))
            redeemed = await run_sync(
                partial(
                    redeem,
                    chat_id=chat.chat_id,
                    message_id=_id(update, chat),
                    language=chat.language,
                    now=self._chats.now(),
                )
            )
            for conversation_id in (redeemed.conversation_id, *redeemed.others):
                self._chats.desk.feed.tell(conversation_id)
            return
        await self._accept(update, chat, {"intent": "greet", "entities": {}})

    async def help(self, update: Update, _context: Any) -> None:
        """The commands, in a few lines; also for a command that there is not."""
        chat = await self._chats.of(update)
        text = render("telegram_help", chat.language, shop=self._chats.desk.settings.shop_name)
        await self._chats.say_text(update, text, command=_text(update))

    async def language(self, update: Update, _context: Any) -> None:
        """The languages as buttons."""
        chat = await self._chats.of(update)
        await self._chats.say_text(
            update,
            render("telegram_language_question", chat.language),
            command=_text(update),
            content={"custom": {"card": LANGUAGES_CARD}},
        )

    async def new(self, update: Update, _context: Any) -> None:
        """Begin a new conversation and ask nothing."""
        chat = await self._chats.of(update)
        begin = partial(
            telegram_chats.begin_anew,
            self._database,
            chat.chat_id,
            render("telegram_new", chat.language),
            said_id=said_id(update.update_id),
            command=_text(update),
            now=self._chats.now(),
        )
        for conversation_id in await run_sync(begin):
            self._chats.desk.feed.tell(conversation_id)

    async def link(self, update: Update, _context: Any) -> None:
        """Say whose account the chat is linked with."""
        chat = await self._chats.of(update)
        show = partial(
            chat_links.show,
            self._database,
            chat.chat_id,
            message_id=_id(update, chat),
            text=_text(update),
            day=await run_sync(_linked_day, self._database, chat),
            now=self._chats.now(),
        )
        self._chats.desk.feed.tell(await run_sync(show))

    async def unlink(self, update: Update, _context: Any) -> None:
        """Part the chat from its account."""
        chat = await self._chats.of(update)
        unlink = partial(
            chat_links.unlink,
            self._database,
            chat.chat_id,
            message_id=_id(update, chat),
            text=_text(update),
            now=self._chats.now(),
        )
        parted = await run_sync(unlink)
        for conversation_id in (parted.conversation_id, *parted.others):
            self._chats.desk.feed.tell(conversation_id)

    async def _topic(self, name: str, update: Update, _context: Any) -> None:
        """What the button of a main topic does."""
        intent = _TOPICS[name]
        choice = {"intent": intent, "entities": {"choice": f"topic:{intent}"}}
        await self._accept(update, await self._chats.of(update), choice)

    async def _wish(self, name: str, update: Update, _context: Any) -> None:
        """What the desk does without the assistant."""
        choice = {chat_wishes.DESK: _WISHES[name]}
        await self._accept(update, await self._chats.of(update), choice)

    async def _accept(self, update: Update, chat: ChatView, choice: dict[str, Any]) -> None:
        await self._chats.wait_for_turn(chat)
        accept = partial(
            conversations.accept,
            self._database,
            chat.conversation_id,
            message_id=_id(update, chat),
            text=_text(update),
            choice=choice,
            channel=TELEGRAM,
            now=self._chats.now(),
        )
        try:
            accepted = await run_sync(accept)
        except Conflict:
            return
        self._chats.answer_soon(chat, accepted)

    @property
    def _database(self) -> Database:
        return self._chats.database


async def register(bot: DeskBot, default_language: str) -> None:
    """Tell Telegram the commands in every language; raises what Telegram raises."""
    await bot.set_my_commands(_menu(default_language))
    for language in LANGUAGES:
        for code in _CODES.get(language, (language,)):
            await bot.set_my_commands(_menu(language), language_code=code)


def _menu(language: str) -> list[BotCommand]:
    return [BotCommand(name, render(f"telegram_command_{name}", language)) for name in SHOWN]


def _linked_day(database: Database, chat: ChatView) -> str:
    with database.read() as session:
        since = chat_links.linked_since(session, chat.chat_id)
    return formatting.far_day(since.date(), chat.language) if since else ""


def _id(update: Update, chat: ChatView) -> str:
    number = update.effective_message.message_id if update.effective_message else update.update_id
    return message_id(chat.chat_id, number)


def _text(update: Update) -> str:
    """The command as it was sent, without what follows it: a link's token is nobody's business."""
    text = (update.effective_message.text if update.effective_message else None) or "/"
    return text.split(maxsplit=1)[0][:100]
