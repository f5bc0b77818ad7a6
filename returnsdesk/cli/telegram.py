"""`returnsdesk telegram`: whether the bot can be reached, and how its updates come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from telegram import User, WebhookInfo
from telegram.error import InvalidToken, TelegramError

from returnsdesk.cli.console import AsJson, moment, out, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.desk.channels.telegram.bot import ALLOWED_UPDATES, DeskBot, build_bot
from returnsdesk.desk.channels.telegram.inbox import PATH, webhook_secret
from returnsdesk.settings import Settings, load_settings

PORTS: Final = (443, 80, 88, 8443)
"""Telegram sends webhooks to no others."""


@dataclass(frozen=True)
class Status:
    """The bot, and how its updates come; `advice` says what to do about that, if anything."""

    name: str
    webhook: str
    waiting: int
    last_error: str | None
    last_error_at: datetime | None
    advice: str


app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show which bot it is, how its updates come, and what Telegram says went wrong."""
    settings = load_settings()
    status = look(settings)
    if as_json:
        write_json(asdict(status))
        return
    out.print(f"Bot:     [bold]{escape(status.name)}[/], https://t.me/{status.name[1:]}")
    out.print(f"Mode:    {settings.telegram_mode}")
    out.print(f"Webhook: {escape(status.webhook or 'none')}", soft_wrap=True)
    out.print(f"Waiting: {status.waiting} updates")
    if status.last_error:
        when = moment(status.last_error_at)
        out.print(f"Last error: {when} UTC: {escape(status.last_error)}", soft_wrap=True)
    if status.advice:
        out.print(status.advice, soft_wrap=True)


@app.command("set-webhook")
def set_webhook() -> None:
    """Have Telegram send updates to PUBLIC_URL; what waits there comes first."""
    settings = load_settings()
    url = webhook_url(settings)

    async def register(bot: DeskBot) -> None:
        await bot.set_webhook(
            url,
            secret_token=webhook_secret(settings),
            allowed_updates=list(ALLOWED_UPDATES),
            drop_pending_updates=False,
        )

    call(settings, register)
    out.print(f"Telegram sends updates to {escape(url)}.", soft_wrap=True)
    if settings.telegram_mode != "webhook":
        out.print("Set TELEGRAM_MODE=webhook and restart: the desk still asks for them by itself.")


@app.command("unset")
def unset_webhook() -> None:
    """Have Telegram send no updates any more; they wait until the desk asks for them."""
    settings = load_settings()

    async def remove(bot: DeskBot) -> None:
        await bot.delete_webhook(drop_pending_updates=False)

    call(settings, remove)
    out.print(
        "Telegram sends no updates any more; with TELEGRAM_MODE=polling the desk asks for them."
    )


def look(settings: Settings) -> Status:
    """What Telegram says of the bot; raises `CommandError`."""
    bot, webhook = call(settings, _look)
    return Status(
        name=f"@{bot.username}",
        webhook=webhook.url,
        waiting=webhook.pending_update_count,
        last_error=webhook.last_error_message,
        last_error_at=webhook.last_error_date,
        advice=_advice(settings, webhook.url),
    )


def call(settings: Settings, question: Callable[[DeskBot], Awaitable[Any]]) -> Any:
    """Ask Telegram something; raises `CommandError` with one sentence, in which the token never stands."""
    if settings.telegram_token is None or not settings.telegram_token.get_secret_value():
        raise CommandError(
            "TELEGRAM_TOKEN is empty: get a token from @BotFather and put it into .env."
        )
    try:
        return asyncio.run(_asked(build_bot(settings), question))
    except InvalidToken:
        raise CommandError(
            "Telegram does not know the TELEGRAM_TOKEN: copy it from @BotFather again."
        ) from None
    except TelegramError as error:
        text = error.message.replace(settings.telegram_token.get_secret_value(), "***")
        host = urlsplit(settings.telegram_api_url).hostname
        raise CommandError(f"Telegram at {host} did not do it: {text}") from None


def webhook_url(settings: Settings) -> str:
    """Where Telegram is to send updates; raises `CommandError` for an address that it does not take."""
    parts = urlsplit(settings.public_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme != "https" or port not in PORTS:
        numbers = ", ".join(str(each) for each in PORTS)
        raise CommandError(
            f"Telegram sends webhooks only to https addresses with port {numbers}; PUBLIC_URL is "
            f"{settings.public_url}. On a laptop keep TELEGRAM_MODE=polling, which needs no address."
        )
    return f"{settings.public_url.rstrip('/')}{PATH}"


async def _asked(bot: DeskBot, question: Callable[[DeskBot], Awaitable[Any]]) -> Any:
    try:
        return await question(bot)
    finally:
        await bot.close_connections()


async def _look(bot: DeskBot) -> tuple[User, WebhookInfo]:
    return await bot.get_me(), await bot.get_webhook_info()


def _advice(settings: Settings, url: str) -> str:
    if settings.telegram_mode == "webhook" and not url:
        return (
            "No updates come: run `returnsdesk telegram set-webhook`, or set TELEGRAM_MODE=polling."
        )
    if settings.telegram_mode == "webhook" and url != f"{settings.public_url.rstrip('/')}{PATH}":
        return (
            "Updates go to another address than PUBLIC_URL: run `returnsdesk telegram set-webhook`."
        )
    if settings.telegram_mode == "polling" and url:
        return "The desk takes the webhook away when it starts, as TELEGRAM_MODE is polling."
    return ""
