"""How updates come: by webhook, or by asking for them. They are stored first; only then Telegram is told so."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from telegram.error import Conflict, RetryAfter, TelegramError

from returnsdesk.desk.channels.telegram.bot import POLL_SECONDS, DeskBot, seconds_of
from returnsdesk.settings import Settings

PATH: Final = "/hooks/telegram"
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the header's name
BYTES_LIMIT: Final = 1024 * 1024

_LONGEST_PAUSE_SECONDS: Final = 10.0
_CONFLICT_PAUSE_SECONDS: Final = 5.0

Store = Callable[[list[dict[str, Any]]], Awaitable[None]]
logger = logging.getLogger(__name__)


def webhook_secret(settings: Settings) -> str:
    """What Telegram shows with each update, so that nobody else can send any."""
    return settings.derived_secret("telegram-webhook")


async def webhook(request: Request) -> Response:
    """POST /hooks/telegram: 200 once the update is stored; 403 without the secret, and nothing is looked at then."""
    channel = getattr(request.app.state, "telegram", None)
    if channel is None or not channel.takes_webhooks:
        return _answer(404, "no updates are taken here")
    shown = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(shown.encode(), webhook_secret(channel.settings).encode()):
        logger.warning("an update without Telegram's secret was refused")
        return _answer(403, "the secret is wrong")
    body = await _read(request)
    if body is None:
        return _answer(413, f"an update has at most {BYTES_LIMIT} bytes")
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        update = None
    if not isinstance(update, dict):
        return _answer(400, "that is no update")
    await channel.store([update])
    return JSONResponse({"ok": True})


routes = [Route(PATH, webhook, methods=["POST"])]


class Polling:
    """Asks Telegram for updates, again and again."""

    def __init__(self, bot: DeskBot, store: Store) -> None:
        self._bot = bot
        self._store = store
        # Tells Telegram that everything before is stored. Once it knows, nothing has to be said: numbers may begin anew
        # after a quiet week, and a higher one would throw new updates away.
        self._offset: int | None = None
        self._failures = 0

    async def run(self) -> None:
        """Poll until cancelled, whatever is away meanwhile."""
        while True:
            pause = await self._try()
            if pause:
                await asyncio.sleep(pause)

    async def _try(self) -> float:
        """Ask once; gives the seconds to wait before the next time."""
        try:
            await self._poll()
        except Conflict:
            self._note("another program asks for this bot's updates, or it has a webhook")
            return _CONFLICT_PAUSE_SECONDS
        except RetryAfter as error:
            return seconds_of(error)
        except (TelegramError, SQLAlchemyError) as error:
            self._note(type(error).__name__)
            return float(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self._failures, 8)))
        except Exception:
            logger.exception("asking for updates failed")
            return _LONGEST_PAUSE_SECONDS
        self._note_return()
        return 0.0

    async def _poll(self) -> None:
        updates = await self._bot.raw_updates(self._offset, seconds=POLL_SECONDS)
        numbers = [each["update_id"] for each in updates if type(each.get("update_id")) is int]
        if updates:
            await self._store(updates)
        self._offset = max(numbers) + 1 if numbers else None

    def _note(self, reason: str) -> None:
        if not self._failures:
            logger.warning("Telegram gives no updates: %s", reason)
        self._failures += 1

    def _note_return(self) -> None:
        if self._failures:
            logger.warning("Telegram gives updates again")
            self._failures = 0


async def _read(request: Request) -> bytes | None:
    """The body; None as soon as it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BYTES_LIMIT:
            return None
    return bytes(body)


def _answer(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status, {"Cache-Control": "no-store"})
