"""Timer about shoppers who wait for a person: a kind word when nobody has been free for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import waiting
from returnsdesk.services.support_hours import SupportHours


def timers(context: JobContext) -> list[Timer]:
    """Tells those who have waited long within the support hours, once each."""
    hours = SupportHours.of(context.settings)
    after = timedelta(minutes=context.settings.support_notice_minutes)

    def notice_long_waits(now: datetime) -> None:
        waiting.notice_long_waits(context.database, hours, after=after, now=now)

    return [notice_long_waits]
