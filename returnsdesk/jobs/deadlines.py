"""Timers of the return's life: what expires, what is late, what needs a reminder or a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from returnsdesk.db.session import Database
from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import deadlines, return_moves
from returnsdesk.services.errors import ServiceError

logger = logging.getLogger(__name__)

Due = TypeVar("Due")


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
    _for_each_due(database, deadlines.reminders_due, deadlines.remind, now)


def expire_overdue_returns(database: Database, *, now: datetime) -> None:
    """End the returns that were not posted in time."""
    _for_each_due(database, return_moves.overdue, return_moves.expire, now)


def report_lost_parcels(database: Database, *, now: datetime) -> None:
    """Have parcels traced that no carrier has reported for long."""
    report = partial(return_moves.report_lost, actor="system")
    _for_each_due(database, return_moves.unheard_of, report, now)


def report_late_inspections(database: Database, *, now: datetime) -> None:
    """Own up to a promise that was not kept, and have a person see to the parcel."""
    _for_each_due(database, deadlines.late_inspections, deadlines.report_late_inspection, now)


def report_late_reviews(database: Database, *, now: datetime) -> None:
    """Make requests urgent that wait for a look for too long."""
    _for_each_due(database, deadlines.late_reviews, deadlines.report_late_review, now)


def report_withdrawals_to_pay(database: Database, *, now: datetime) -> None:
    """Have withdrawals paid back before the law's last day."""
    _for_each_due(database, deadlines.withdrawals_to_pay, deadlines.report_withdrawal_due, now)


def _timer(look: Callable[..., None], database: Database) -> Timer:
    return lambda now: look(database, now=now)


def _for_each_due(
    database: Database,
    find: Callable[[Session, datetime], Sequence[Due]],
    command: Callable[..., object],
    now: datetime,
) -> None:
    """Run a command on each of what a look finds due, as far as one run goes."""
    with database.read() as session:
        found = find(session, now)
    for due in found[: deadlines.PER_LOOK]:
        _unless_moved_on(partial(command, database, due, now=now))


def _unless_moved_on(command: Callable[[], object]) -> None:
    """Run a command on what a look found due; it may have been scanned, cancelled or done since."""
    try:
        command()
    except ServiceError as error:
        logger.info("a deadline no longer applied: %s", error)
