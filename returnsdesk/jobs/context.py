"""What jobs work with: the database, the settings and the clients of outside systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from returnsdesk.clients.carrier import Carrier
from returnsdesk.clients.carriers import carrier_for
from returnsdesk.clients.mail import Mailer, mailer_for
from returnsdesk.clients.payment import PaymentClient, payments_for
from returnsdesk.db.session import Database
from returnsdesk.settings import Settings

Timer = Callable[[datetime], None]
"""Looks for what has become due; called again and again with the present instant (UTC), and idempotent."""


@dataclass(frozen=True)
class JobContext:
    """Handed to every module of jobs; `payments` is None where no provider is connected: refunds wait.

    `carrier` is None where no labels are made: shoppers send by a carrier of their own.
    """

    settings: Settings
    database: Database
    mailer: Mailer
    payments: PaymentClient | None
    carrier: Carrier | None = None


def context_for(settings: Settings, database: Database) -> JobContext:
    """The clients that the settings choose; raises `SettingsError`."""
    return JobContext(
        settings=settings,
        database=database,
        mailer=mailer_for(settings),
        payments=payments_for(settings),
        carrier=carrier_for(settings),
    )
