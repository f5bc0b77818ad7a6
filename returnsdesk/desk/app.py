"""The desk as a web application: its parts put together, its routes and what surrounds each request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from returnsdesk.console.app import create_console
from returnsdesk.db.session import Database
from returnsdesk.desk import (
    health,
    hooks,
    labels,
    photos,
    ratings,
    telegram_links,
    tracking,
    transcripts,
    widget,
)
from returnsdesk.desk.channels import web, web_sessions
from returnsdesk.desk.channels.telegram import inbox as telegram_inbox
from returnsdesk.desk.channels.telegram.channel import TelegramChannel
from returnsdesk.desk.context import Desk, Rates
from returnsdesk.desk.demo import pages, payments
from returnsdesk.desk.guards import OriginGuard, SafeHeaders, ShopPagesMayAsk, allowed_origins
from returnsdesk.desk.live import LiveFeed
from returnsdesk.desk.rasa_client import RasaClient
from returnsdesk.desk.refusals import Refusal, on_error
from returnsdesk.desk.sessions import SessionTokens
from returnsdesk.desk.shop import pages as shop_pages
from returnsdesk.desk.turns import SECONDS_UNTIL_NOTICE, Clock, Patience, Turns
from returnsdesk.settings import Settings


def utc_now() -> datetime:
    """The present moment; the one place where the desk reads the clock."""
    return datetime.now(timezone.utc)


def create_app(
    settings: Settings,
    *,
    clock: Clock = utc_now,
    rates: Rates | None = None,
    seconds_until_notice: float = SECONDS_UNTIL_NOTICE,
    patience: Patience | None = None,
) -> Starlette:
    """The application; the database's schema has to be in place when it starts."""
    database = Database(settings.resolved_database_url)
    rasa = RasaClient(settings.rasa_port, settings.rasa_channel_token)
    feed = LiveFeed(database)
    desk = Desk(
        settings=settings,
        database=database,
        rasa=rasa,
        feed=feed,
        turns=Turns(
            database,
            rasa,
            feed,
            clock=clock,
            seconds_until_notice=seconds_until_notice,
            patience=patience,
        ),
        tokens=SessionTokens(settings.derived_secret("web-session")),
        clock=clock,
        rates=rates or (Rates.lifted() if settings.lift_rate_limits else Rates()),
    )
    app = Starlette(
        routes=[
            *web.routes,
            *web_sessions.routes,
            *telegram_links.routes,
            *photos.routes,
            *ratings.routes,
            *widget.routes,
            *tracking.routes,
            *transcripts.routes,
            *health.routes,
            *hooks.routes,
            *telegram_inbox.routes,
            *labels.routes,
            create_console(desk),
            *([*pages.routes, *payments.routes, *shop_pages.routes] if settings.demo_mode else []),
        ],
        middleware=_middleware(settings),
        exception_handlers={Refusal: on_error, HTTPException: on_error, Exception: on_error},
        lifespan=_lifespan,
    )
    app.state.desk = desk
    token = settings.telegram_token
    has_bot = token is not None and bool(token.get_secret_value())
    app.state.telegram = TelegramChannel(desk) if has_bot else None
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    origins = allowed_origins(settings)
    return [
        Middleware(SafeHeaders),
        Middleware(OriginGuard, origins=origins, default_language=settings.default_language),
        Middleware(
            ShopPagesMayAsk,
            allow_origins=sorted(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After"],
            max_age=600,
        ),
    ]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    desk: Desk = app.state.desk
    background = [
        asyncio.create_task(desk.turns.sweep()),
        asyncio.create_task(desk.feed.watch()),
    ]
    telegram: TelegramChannel | None = app.state.telegram
    if telegram is not None:
        telegram.start()
    try:
        yield
    finally:
        if telegram is not None:
            await telegram.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await desk.turns.stop()
        await desk.rasa.close()
        desk.database.dispose()
