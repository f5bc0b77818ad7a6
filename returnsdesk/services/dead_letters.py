"""Jobs of the outbox as operators see them: those that wait, those that are set aside as dead, and trying again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import OutboxJob
from returnsdesk.db.session import Database
from returnsdesk.services import cases, events
from returnsdesk.services.errors import NotAllowed, NotFound
from returnsdesk.services.outbox import DEAD, DONE, JOB, JOB_DEAD, WAITING

# What a payload may carry that nobody but its addressee is to read.
_SECRETS: Final = frozenset({"code"})


@dataclass(frozen=True)
class JobView:
    """A job of the outbox; `due_at` is when it is tried next, or when it was set aside."""

    id: int
    kind: str
    state: str
    key: str
    payload: Mapping[str, Any]
    attempts: int
    due_at: datetime
    created_at: datetime
    last_error: str | None


def jobs(session: Session, *, is_dead: bool = False, limit: int = 200) -> list[JobView]:
    """Jobs that are not done, longest waiting first; with `is_dead` only those that are not tried any more."""
    wanted = select(OutboxJob).where(
        OutboxJob.state == DEAD if is_dead else OutboxJob.state.in_((WAITING, DEAD))
    )
    return [
        _view(job)
        for job in session.scalars(wanted.order_by(OutboxJob.due_at, OutboxJob.id).limit(limit))
    ]


def job(session: Session, job_id: int) -> JobView:
    """One job, also one that is done; raises `NotFound`."""
    return _view(_found(session.get(OutboxJob, job_id), job_id))


def retry(database: Database, job_id: int, *, actor: str, now: datetime) -> JobView:
    """Try a dead job, or one that pauses after a failure, again at once, with all its tries before it.

    Raises `NotFound`, and `NotAllowed` for a job that is done.
    """
    with database.write() as session:
        found = _found(session.get(OutboxJob, job_id, with_for_update=True), job_id)
        if found.state == DONE:
            raise NotAllowed("JOB_DONE", f"job {job_id} is done")
        _try_again(session, found, actor, now)
        return _view(found)


def retry_all_dead(database: Database, *, actor: str, now: datetime) -> int:
    """Try all dead jobs again, after an outage for example; returns how many there were."""
    with database.write() as session:
        dead = session.scalars(
            select(OutboxJob).where(OutboxJob.state == DEAD).with_for_update()
        ).all()
        for each in dead:
            _try_again(session, each, actor, now)
        return len(dead)


def _try_again(session: Session, found: OutboxJob, actor: str, now: datetime) -> None:
    before = {"state": found.state, "attempts": found.attempts}
    found.state, found.attempts, found.due_at = WAITING, 0, now
    events.record(
        session, actor=actor, command="retry_job", document=JOB, document_id=found.id, now=now,
        before=before, after={"state": WAITING, "attempts": 0},
    )  # fmt: skip
    cases.close_about(
        session, document=JOB, document_id=found.id, reason=JOB_DEAD, actor=actor, now=now
    )


def _found(row: OutboxJob | None, job_id: int) -> OutboxJob:
    if row is None:
        raise NotFound("JOB_UNKNOWN", f"there is no job {job_id}")
    return row


def _view(row: OutboxJob) -> JobView:
    return JobView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        key=row.dedupe_key,
        payload={name: "***" if name in _SECRETS else value for name, value in row.payload.items()},
        attempts=row.attempts,
        due_at=row.due_at,
        created_at=row.created_at,
        last_error=row.last_error,
    )
