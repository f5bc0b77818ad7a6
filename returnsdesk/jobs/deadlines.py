"""Timers of the return's life: what expires, what is late, what needs a reminder or a person."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from returnsdesk.db.session import Database
from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import deadlines, return_moves
from returnsdesk.services.errors import ServiceError

logger = logging.getLogger(__name__)


def timers(context: JobContext) -> list[Timer]:
    """All timers of this module; each does so much in a run that the outbox does not wait for it."""
    looks = (
        remind_to_post,
        expire_overdue_returns,
        report_lost_parcels,
        report_late_inspections,
        report_late_reviews,
        report_withdrawals_to_pay,
    )
    return [_timer(look, context.database) for look in looks]


def remind_to_post(database: Database, *, now: datetime) -> None:
    """Remind shoppers whose parcel is not posted yet."""
    with database.read() as session:
        due = deadlines.reminders_due(session, now)
    for reminder in due:
        _unless_moved_on(partial(deadlines.remind, database, reminder, now=now))


def expire_overdue_returns(database: Database, *, now: datetime) -> None:
    """End the returns that were not posted in time."""
    with database.read() as session:
        overdue = return_moves.overdue(session, now)
    for rma_number in overdue[: deadlines.PER_LOOK]:
        _unless_moved_on(partial(return_moves.expire, database, rma_number, now=now))


def report_lost_parcels(database: Database, *, now: datetime) -> None:
    """Have parcels traced that no carrier has reported for long."""
    with database.read() as session:
        silent = return_moves.unheard_of(session, now)
    for rma_number in silent[: deadlines.PER_LOOK]:
        command = partial(return_moves.report_lost, database, rma_number, actor="system", now=now)
        _unless_moved_on(command)


def report_late_inspections(database: Database, *, now: datetime) -> None:
    """Own up to a promise that was not kept, and have a person see to the parcel."""
    with database.read() as session:
        late = deadlines.late_inspections(session, now)
    for rma_number in late:
        _unless_moved_on(partial(deadlines.report_late_inspection, database, rma_number, now=now))


def report_late_reviews(database: Database, *, now: datetime) -> None:
    """Make requests urgent that wait for a look for too long."""
    with database.read() as session:
        late = deadlines.late_reviews(session, now)
    for rma_number in late:
        _unless_moved_on(partial(deadlines.report_late_review, database, rma_number, now=now))


def report_withdrawals_to_pay(database: Database, *, now: datetime) -> None:
    """Have withdrawals paid back before the law's last day."""
    with database.read() as session:
        due = deadlines.withdrawals_to_pay(session, now)
    for number in due:
        _unless_moved_on(partial(deadlines.report_withdrawal_due, database, number, now=now))


def _timer(look: Callable[..., None], database: Database) -> Timer:
    return lambda now: look(database, now=now)


def _unless_moved_on(command: Callable[[], object]) -> None:
    """Run a command on what a look found due; it may have been scanned, cancelled or done since."""
    try:
        command()
    except ServiceError as error:
        logger.info("a deadline no longer applied: %s", error)
