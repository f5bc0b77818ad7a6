"""The timer that deletes what is kept only for a time; it looks once an hour."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Final

from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import retention

BETWEEN_LOOKS: Final = timedelta(hours=1)

logger = logging.getLogger(__name__)


def timers(context: JobContext) -> list[Timer]:
    """The timer of this module."""
    next_look = datetime.min.replace(tzinfo=timezone.utc)

    def look(now: datetime) -> None:
        nonlocal next_look
        if now < next_look:
            return
        next_look = now + BETWEEN_LOOKS
        done = retention.forget_old(context.database, context.settings, now=now)
        if done:
            logger.info("deleted because of their age: %s", done)

    return [look]
