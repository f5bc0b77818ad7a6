"""Timers of the return's life: what expires, what is late, what needs a reminder or a person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from returnsdesk.db.session import Database
from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import returns
from returnsdesk.services.errors import ServiceError

logger = logging.getLogger(__name__)


def timers(context: JobContext) -> list[Timer]:
    """All timers of this module."""
    return [lambda now: expire_overdue_returns(context.database, now=now)]


def expire_overdue_returns(database: Database, *, now: datetime) -> None:
    """End the returns that were not posted in time."""
    with database.read() as session:
        overdue = returns.overdue(session, now)
    for rma_number in overdue:
        _unless_moved_on(partial(returns.expire, database, rma_number, now=now))


def _unless_moved_on(command: Callable[[], object]) -> None:
    """Run a command on what a look found due; it may have been scanned, cancelled or done since."""
    try:
        command()
    except ServiceError as error:
        logger.info("a deadline no longer applied: %s", error)
