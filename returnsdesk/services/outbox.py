"""The transactional outbox: side effects written with the change that calls for them, done by the worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import OutboxJob
from returnsdesk.db.session import Database

MAX_ATTEMPTS = 12
FIRST_RETRY_SECONDS = 5
LONGEST_RETRY_SECONDS = 1800
# A worker that dies in a job leaves it claimed; after this it is due again. Handlers are idempotent by the job's key.
CLAIM_SECONDS = 120

Handler = Callable[[dict[str, Any], str, datetime], None]
logger = logging.getLogger(__name__)


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
    exists = session.scalar(select(OutboxJob.id).where(OutboxJob.dedupe_key == dedupe_key))
    if exists is None:
        session.add(
            OutboxJob(
                kind=kind,
                payload=payload,
                dedupe_key=dedupe_key,
                state="waiting",
                due_at=due_at or now,
                created_at=now,
            )
        )


def run_due(
    database: Database, handlers: Mapping[str, Handler], *, now: datetime, limit: int = 50
) -> int:
    """Do the jobs that are due, oldest first; returns how many were tried.

    A handler gets the payload, the job's dedupe key (to make its own effect idempotent) and the time. What it raises
    is kept with the job, which is tried again later with growing pauses and set aside as dead after the last try.
    """
    tried = 0
    for job_id in _due(database, handlers, now, limit):
        if not _claim(database, job_id, now):
            continue
        tried += 1
        _run(database, job_id, handlers, now)
    return tried


def _due(
    database: Database, handlers: Mapping[str, Handler], now: datetime, limit: int
) -> list[int]:
    with database.read() as session:
        return list(
            session.scalars(
                select(OutboxJob.id)
                .where(
                    OutboxJob.state == "waiting",
                    OutboxJob.due_at <= now,
                    OutboxJob.kind.in_(handlers),
                )
                .order_by(OutboxJob.due_at, OutboxJob.id)
                .limit(limit)
            )
        )


def _claim(database: Database, job_id: int, now: datetime) -> bool:
    """Take a job for this worker by pushing its due time ahead; another worker then finds nothing due."""
    with database.write() as session:
        result = session.execute(
            update(OutboxJob)
            .where(OutboxJob.id == job_id, OutboxJob.state == "waiting", OutboxJob.due_at <= now)
            .values(due_at=now + timedelta(seconds=CLAIM_SECONDS), attempts=OutboxJob.attempts + 1)
            .execution_options(synchronize_session=False)
        )
        return bool(result.rowcount == 1)


def _run(database: Database, job_id: int, handlers: Mapping[str, Handler], now: datetime) -> None:
    with database.read() as session:
        job = session.get(OutboxJob, job_id)
        kind, payload, key, attempts = job.kind, dict(job.payload), job.dedupe_key, job.attempts
    try:
        handlers[kind](payload, key, now)
    except Exception as error:
        logger.warning(
            "outbox job %s (%s) failed at try %s: %s", job_id, kind, attempts, type(error).__name__
        )
        _keep_failure(database, job_id, attempts, str(error), now)
        return
    with database.write() as session:
        job = session.get(OutboxJob, job_id)
        # What a job carried (a code, an address) is of no use once it is done.
        job.state, job.payload = "done", {}


def _keep_failure(
    database: Database, job_id: int, attempts: int, error: str, now: datetime
) -> None:
    pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1))
    with database.write() as session:
        job = session.get(OutboxJob, job_id)
        job.last_error = error[:2000]
        job.state = "dead" if attempts >= MAX_ATTEMPTS else "waiting"
        job.due_at = now + timedelta(seconds=pause)
