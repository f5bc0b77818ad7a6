"""A loopback Telegram: the Bot API over HTTP as core.telegram.org/bots/api has it, and people who talk to the bot.

    with serve_telegram() as telegram:      # TELEGRAM_API_URL = telegram.url, TELEGRAM_TOKEN = telegram.token
        robin = telegram.user("nl")
        robin.says("waar is mijn geld?")
        robin.reads("RMA-1006")
        robin.presses("Ja")

It refuses what Telegram refuses, in Telegram's words. `telegram.fails("sendMessage", Fault(429, retry_after=1))` plans
faults, `telegram.goes_away()` ends all connections. By hand: `python -m tests.servers.telegram --port 8190`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.telegram.books import TOKEN, Chat
from tests.servers.telegram.server import Fault, TelegramServer
from tests.servers.telegram.users import Query, User, buttons_of, group_chat, text_of

__all__ = [
    "TOKEN",
    "Chat",
    "FakeTelegram",
    "Fault",
    "Query",
    "User",
    "buttons_of",
    "serve_telegram",
    "text_of",
]


class FakeTelegram(TelegramServer):
    """The server, and the people on it."""

    def user(
        self,
        language: str | None = "en",
        first_name: str = "Robin",
        group: Chat | None = None,
    ) -> User:
        """Somebody new, whose app is set to a language; in a group if one is given."""
        return User(self.books, language, first_name, group)

    def group(self, title: str = "Family", kind: str = "group") -> Chat:
        """A group, supergroup or channel with the bot in it."""
        return group_chat(self.books, title, kind)


@contextmanager
def serve_telegram(port: int | None = None, *, local: bool = True) -> Iterator[FakeTelegram]:
    """A Telegram of one's own, until the block ends."""
    telegram = FakeTelegram(port, local=local)
    telegram.start()
    try:
        yield telegram
    finally:
        telegram.stop()
