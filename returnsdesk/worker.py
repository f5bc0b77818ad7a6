"""The worker: side effects that wait in the outbox, and timers; what they do stands in `returnsdesk.jobs`."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.db.session import Database
from returnsdesk.jobs import (
    codes,
    deadlines,
    differences,
    labels,
    notices,
    refunds,
    retention,
    waits,
)
from returnsdesk.jobs.context import JobContext, Timer, context_for
from returnsdesk.logs import log_to_stderr
from returnsdesk.processes import exit_with_parent
from returnsdesk.services import outbox
from returnsdesk.settings import Settings

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_AFTER_FAILURE = 5.0
BETWEEN_TIMERS = timedelta(minutes=1)

logger = logging.getLogger(__name__)


class Worker:
    """Does what is due, again and again."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, outbox.Handler],
        *,
        clock: Callable[[], datetime],
        timers: Sequence[Timer] = (),
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._timers = timers
        self._next_timers = datetime.min.replace(tzinfo=timezone.utc)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a job under way is finished first."""
        while not stop.is_set():
            pause = SECONDS_BETWEEN_LOOKS
            try:
                if self.run_once(self._clock()):
                    pause = 0
            except SQLAlchemyError as error:
                logger.warning("the database cannot be used: %s", type(error).__name__)
                pause = SECONDS_AFTER_FAILURE
            except Exception:
                logger.exception("the worker's round failed")
                pause = SECONDS_AFTER_FAILURE
            stop.wait(pause)

    def run_once(self, now: datetime) -> int:
        """Do the jobs and timers that are due; returns how many jobs were tried."""
        if now >= self._next_timers:
            self._next_timers = now + BETWEEN_TIMERS
            for timer in self._timers:
                _run_timer(timer, now)
        return outbox.run_due(self._database, self._handlers, now=now)


def handlers_for(context: JobContext) -> dict[str, outbox.Handler]:
    """What does each kind of job."""
    return {
        **codes.handlers(context),
        **refunds.handlers(context),
        **differences.handlers(context),
        **labels.handlers(context),
        **notices.handlers(context),
    }


def timers_for(context: JobContext) -> list[Timer]:
    """What is looked at once a minute."""
    return [
        *deadlines.timers(context),
        *differences.timers(context),
        *labels.timers(context),
        *waits.timers(context),
        *retention.timers(context),
    ]


def serve(settings: Settings) -> None:
    """Work in the foreground until SIGTERM or Ctrl-C; raises `SettingsError`."""
    exit_with_parent()
    log_to_stderr(settings.log_level)
    database = Database(settings.resolved_database_url)
    context = context_for(settings, database)
    if context.payments is None:
        logger.warning("no payment provider is connected; refunds wait in the outbox")
    stop = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda _number, _frame: stop.set())
    logger.info("the worker is running")
    worker = Worker(
        database,
        handlers_for(context),
        clock=lambda: datetime.now(timezone.utc),
        timers=timers_for(context),
    )
    worker.run(stop)
    database.dispose()


def _run_timer(timer: Timer, now: datetime) -> None:
    try:
        timer(now)
    except SQLAlchemyError:
        raise
    except Exception:
        # One that fails must not keep the others, or the outbox, from their work.
        logger.exception("a timer failed")
