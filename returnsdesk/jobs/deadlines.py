"""Timers of the return's life: what expires, what is late, what needs a reminder or a person."""

from __future__ import annotations

import logging
from datetime import datetime

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
        try:
            returns.expire(database, rma_number, now=now)
        except ServiceError as error:
            # Scanned or cancelled since the look.
            logger.info("%s was not expired: %s", rma_number, error)
