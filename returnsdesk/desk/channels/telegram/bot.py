"""The bot as the desk uses it: python-telegram-bot without its updater, as the updates come through our own inbox."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from telegram.error import RetryAfter
from telegram.ext import AIORateLimiter, Application, ApplicationBuilder, ExtBot
from telegram.request import HTTPXRequest

from returnsdesk.settings import Settings

POLL_SECONDS: Final = 25
ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")

_CONNECT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 10.0
_UPLOAD_SECONDS: Final = 20.0
_CONNECTIONS: Final = 64

DeskApplication = Application[Any, Any, Any, Any, Any, Any]


class DeskBot(ExtBot[int]):
    """The bot, with updates as Telegram wrote them."""

    async def raw_updates(self, offset: int | None, *, seconds: int) -> list[dict[str, Any]]:
        """Wait for updates; one that cannot be read stops no other, as it is stored before it is read."""
        answer = await self._post(
            "getUpdates",
            {"offset": offset, "timeout": seconds, "allowed_updates": list(ALLOWED_UPDATES)},
            read_timeout=seconds + _ANSWER_SECONDS,
        )
        return (
            [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []
        )

    async def close_connections(self) -> None:
        """End all connections; `shutdown` leaves those of a bot that never reached Telegram open."""
        for request in self._request:
            await request.shutdown()


def build_bot(settings: Settings) -> DeskBot:
    """The bot of TELEGRAM_TOKEN; nothing is connected yet."""
    if settings.telegram_token is None:
        raise ValueError("TELEGRAM_TOKEN is empty")
    # Spans of time as the library's next version gives them; otherwise it warns at each.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    url = settings.telegram_api_url.rstrip("/")
    return DeskBot(
        settings.telegram_token.get_secret_value(),
        base_url=f"{url}/bot",
        base_file_url=f"{url}/file/bot",
        request=_request(url, _CONNECTIONS),
        get_updates_request=_request(url, 1),
        # A chat that is asked to wait waits by its row, and holds no other chat up.
        rate_limiter=AIORateLimiter(max_retries=0),
    )


def build_application(bot: DeskBot) -> DeskApplication:
    """The application around a bot; handlers are added by who handles updates."""
    # It writes a traceback whenever a chat is asked to wait, which is no fault.
    logging.getLogger("telegram.ext.AIORateLimiter").setLevel(logging.CRITICAL)
    return ApplicationBuilder().bot(bot).updater(None).build()


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram wants to be left alone."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def bot_id_of(settings: Settings) -> int:
    """The bot's id, which its token begins with; 0 for a token of no known form."""
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    number = token.partition(":")[0]
    return int(number) if number.isdecimal() and len(number) < 19 else 0


def _request(url: str, connections: int) -> HTTPXRequest:
    host = urlsplit(url).hostname or ""
    return HTTPXRequest(
        connection_pool_size=connections,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_ANSWER_SECONDS,
        write_timeout=_ANSWER_SECONDS,
        pool_timeout=_ANSWER_SECONDS,
        media_write_timeout=_UPLOAD_SECONDS,
        # A proxy of the environment may lead to Telegram, never to a server on this machine.
        httpx_kwargs={"trust_env": host not in ("127.0.0.1", "localhost", "::1")},
    )
