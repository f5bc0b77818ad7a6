"""The transactional outbox: side effects written with the change that calls for them, done by the worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import OutboxJob
from returnsdesk.db.session import Database
from returnsdesk.services import cases

WAITING: Final = "waiting"
DONE: Final = "done"
DEAD: Final = "dead"

JOB_DEAD: Final = "job_dead"
"""Reason of the case that is opened for a job which is not tried any more."""
JOB: Final = "outbox_job"
"""What cases and events call a job."""

MAX_ATTEMPTS: Final = 12
FIRST_RETRY_SECONDS: Final = 5
LONGEST_RETRY_SECONDS: Final = 1800
# A worker that dies in a job leaves it claimed; after this it is due again. Handlers are idempotent by the job's key.
CLAIM_SECONDS: Final = 120
# A round ends after this, so that the next job is claimed by a clock that is right again.
LONGEST_ROUND_SECONDS: Final = 20

Handler = Callable[[dict[str, Any], str, datetime], None]
logger = logging.getLogger(__name__)


class RetryLater(Exception):
    """Raised by a handler: now is not the time, and that counts for no failure."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        """`seconds` is how long to wait, for example what a provider asked for."""
        super().__init__(reason or f"to be tried again in {seconds:g} s")
        self.seconds = seconds


class GiveUp(Exception):
    """Raised by a handler: trying again cannot help, as with a mailbox that is not there."""

    def __init__(self, reason: str, *, is_urgent: bool = False) -> None:
        """`is_urgent` says that a person must see to it soon."""
        super().__init__(reason)
        self.is_urgent = is_urgent


def add(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    dedupe_key: str,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Write a job in the caller's transaction; the same `dedupe_key` is never written twice."""
    if session.scalar(select(OutboxJob.id).where(OutboxJob.dedupe_key == dedupe_key)) is not None:
        return
    job = OutboxJob(
        kind=kind,
        payload=payload,
        dedupe_key=dedupe_key,
        state=WAITING,
        due_at=due_at or now,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError:
        logger.debug("job %s was written by another transaction meanwhile", dedupe_key)


def run_due(
    database: Database, handlers: Mapping[str, Handler], *, now: datetime, limit: int = 50
) -> int:
    """Do the jobs that are due, oldest first; returns how many were tried.

    A handler gets the payload, the job's dedupe key (to make its own effect idempotent) and the time. What it raises
    is kept with the job, which is tried again later with growing pauses and set aside as dead after the last try;
    a person gets a case then. Any number of workers may run this at once: each job is claimed by one of them.
    """
    started = time.monotonic()
    tried = 0
    for job_id in _due(database, handlers, now, limit):
        if time.monotonic() - started > LONGEST_ROUND_SECONDS:
            break
        attempt = _claim(database, job_id, now)
        if attempt is None:
            continue
        tried += 1
        _run(database, job_id, attempt, handlers, now)
    return tried


def _due(
    database: Database, handlers: Mapping[str, Handler], now: datetime, limit: int
) -> list[int]:
    with database.read() as session:
        return list(
            session.scalars(
                select(OutboxJob.id)
                .where(
                    OutboxJob.state == WAITING,
                    OutboxJob.due_at <= now,
                    OutboxJob.kind.in_(handlers),
                )
                .order_by(OutboxJob.due_at, OutboxJob.id)
                .limit(limit)
            )
        )


def _claim(database: Database, job_id: int, now: datetime) -> int | None:
    """Take a job by pushing its due time ahead, so that others find nothing due; gives the number of the try."""
    with database.write() as session:
        result = session.execute(
            update(OutboxJob)
            .where(OutboxJob.id == job_id, OutboxJob.state == WAITING, OutboxJob.due_at <= now)
            .values(due_at=now + timedelta(seconds=CLAIM_SECONDS), attempts=OutboxJob.attempts + 1)
            .execution_options(synchronize_session=False)
        )
        if result.rowcount != 1:
            return None
        return int(session.scalar(select(OutboxJob.attempts).where(OutboxJob.id == job_id)))


def _run(
    database: Database, job_id: int, attempt: int, handlers: Mapping[str, Handler], now: datetime
) -> None:
    with database.read() as session:
        job = session.get(OutboxJob, job_id)
        kind, payload, key = job.kind, dict(job.payload), job.dedupe_key
    try:
        handlers[kind](payload, key, now)
    except RetryLater as pause:
        _postpone(database, job_id, attempt, pause, now)
    except GiveUp as reason:
        logger.warning("outbox job %s (%s) is given up", job_id, kind)
        priority = "high" if reason.is_urgent else "normal"
        _set_aside(database, job_id, attempt, str(reason), priority=priority, now=now)
    except Exception as error:
        logger.warning(
            "outbox job %s (%s) failed at try %s: %s", job_id, kind, attempt, type(error).__name__
        )
        if attempt >= MAX_ATTEMPTS:
            _set_aside(database, job_id, attempt, str(error), priority="high", now=now)
        else:
            _keep_failure(database, job_id, attempt, str(error), now)
    else:
        # What a job carried (a code, an address) is of no use once it is done.
        with database.write() as session:
            session.execute(
                update(OutboxJob)
                .where(OutboxJob.id == job_id)
                .values(state=DONE, payload={})
                .execution_options(synchronize_session=False)
            )


def _postpone(
    database: Database, job_id: int, attempt: int, pause: RetryLater, now: datetime
) -> None:
    with database.write() as session:
        job = _as_claimed(session, job_id, attempt)
        if job is not None:
            job.attempts = attempt - 1
            job.due_at = now + timedelta(seconds=max(pause.seconds, 1))
            job.last_error = str(pause)[:2000]


def _keep_failure(database: Database, job_id: int, attempt: int, error: str, now: datetime) -> None:
    pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
    with database.write() as session:
        job = _as_claimed(session, job_id, attempt)
        if job is not None:
            job.last_error, job.due_at = error[:2000], now + timedelta(seconds=pause)


def _set_aside(
    database: Database, job_id: int, attempt: int, error: str, *, priority: str, now: datetime
) -> None:
    """Stop trying, and let a person know of it."""
    with database.write() as session:
        job = _as_claimed(session, job_id, attempt)
        if job is None:
            return
        job.state, job.last_error, job.due_at = DEAD, error[:2000], now
        cases.open_about(
            session,
            reason=JOB_DEAD,
            summary=f"The job {job.kind} ({job.dedupe_key}) is not tried any more: {error[:300]}",
            document=JOB,
            document_id=job.id,
            order_id=None,
            conversation_id=None,
            dedupe_key=f"job-dead-{job.id}-{now.isoformat()}",
            now=now,
            priority=priority,
        )


def _as_claimed(session: Session, job_id: int, attempt: int) -> OutboxJob | None:
    """The job, unless another worker has done it or taken it over since."""
    job: OutboxJob | None = session.scalars(
        select(OutboxJob)
        .where(OutboxJob.id == job_id, OutboxJob.state == WAITING, OutboxJob.attempts == attempt)
        .with_for_update()
    ).one_or_none()
    return job
