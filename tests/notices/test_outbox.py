"""The outbox: each job once, pauses that count for nothing, and dead jobs that a person sees and tries again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from returnsdesk.db.models import Case, Event, OutboxJob
from returnsdesk.services import dead_letters, outbox
from returnsdesk.services.errors import NotAllowed, NotFound
from tests.notices.sending import on_each_database
from tests.services.shop import NOW

KIND = "test_job"
WORKERS = 6


def add(database: Any, *keys: str, **more: Any) -> None:
    with database.write() as session:
        for key in keys:
            outbox.add(session, KIND, {"key": key, **more}, dedupe_key=key, now=NOW)


def job_of(database: Any, key: str = "one") -> OutboxJob:
    with database.read() as session:
        job = session.scalars(select(OutboxJob).where(OutboxJob.dedupe_key == key)).one()
        session.expunge(job)
        return job


def run(database: Any, work: Any, now: datetime = NOW, limit: int = 50) -> int:
    return outbox.run_due(
        database, {KIND: lambda payload, key, at: work(key)}, now=now, limit=limit
    )


def fail(_key: str) -> None:
    raise RuntimeError("out of order")


def run_until_dead(database: Any, work: Any = fail) -> datetime:
    now = NOW
    for _ in range(outbox.MAX_ATTEMPTS):
        now += timedelta(seconds=outbox.LONGEST_RETRY_SECONDS)
        run(database, work, now)
    return now


@on_each_database
def test_several_transactions_write_a_job_once(database: Any) -> None:
    barrier = threading.Barrier(WORKERS)

    def write(_worker: int) -> None:
        with database.write() as session:
            if not database.is_sqlite:
                # There one transaction writes at a time, and the others wait before they begin.
                session.execute(select(1))
                barrier.wait()
            for key in ("one", "two"):
                outbox.add(session, KIND, {}, dedupe_key=key, now=NOW)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(write, range(WORKERS)))

    with database.read() as session:
        assert session.scalar(select(func.count(OutboxJob.id))) == 2


@on_each_database
def test_several_workers_do_each_job_once(database: Any) -> None:
    keys = [f"job-{number}" for number in range(40)]
    add(database, *keys)
    done: list[str] = []
    barrier = threading.Barrier(WORKERS)

    def work(_worker: int) -> int:
        barrier.wait()
        return run(database, done.append)

    with ThreadPoolExecutor(WORKERS) as pool:
        tried = sum(pool.map(work, range(WORKERS)))

    assert sorted(done) == sorted(keys)
    assert tried == len(keys)


def test_a_job_that_is_to_wait_has_not_failed(database: Any) -> None:
    add(database, "one")

    def later(_key: str) -> None:
        raise outbox.RetryLater(90)

    run(database, later)

    job = job_of(database)
    assert (job.state, job.attempts, job.due_at) == ("waiting", 0, NOW + timedelta(seconds=90))
    assert run(database, later, NOW + timedelta(seconds=89)) == 0


def test_a_job_that_keeps_failing_is_set_aside_for_a_person_once(database: Any) -> None:
    add(database, "one")

    now = run_until_dead(database)

    assert (job_of(database).state, job_of(database).last_error) == ("dead", "out of order")
    assert run(database, fail, now + timedelta(days=1)) == 0
    with database.read() as session:
        case = session.scalars(select(Case)).one()
        assert (case.reason, case.priority, case.document) == ("job_dead", "high", "outbox_job")
        assert case.document_id == job_of(database).id


def test_a_job_that_is_given_up_is_not_urgent(database: Any) -> None:
    add(database, "one")

    def give_up(_key: str) -> None:
        raise outbox.GiveUp("no such mailbox")

    run(database, give_up)

    assert job_of(database).state == "dead"
    with database.read() as session:
        assert session.scalars(select(Case)).one().priority == "normal"


def test_a_dead_job_is_tried_again_with_all_its_tries_and_its_case_is_closed(
    database: Any,
) -> None:
    add(database, "one")
    now = run_until_dead(database)
    done: list[str] = []

    view = dead_letters.retry(database, job_of(database).id, actor="agent x", now=now)
    run(database, done.append, now)

    assert (view.state, view.attempts) == ("waiting", 0)
    assert done == ["one"]
    with database.read() as session:
        assert session.scalars(select(Case)).one().status == "closed"
        event = session.scalars(select(Event).where(Event.command == "retry_job")).one()
        assert (event.actor, event.before["state"]) == ("agent x", "dead")


def test_a_job_that_dies_again_opens_a_case_again(database: Any) -> None:
    add(database, "one")
    now = run_until_dead(database)
    dead_letters.retry(database, job_of(database).id, actor="agent x", now=now)
    for _ in range(outbox.MAX_ATTEMPTS):
        run(database, fail, now)
        now += timedelta(seconds=outbox.LONGEST_RETRY_SECONDS)

    with database.read() as session:
        states = list(session.scalars(select(Case.status).order_by(Case.id)))
    assert states == ["closed", "open"]


def test_all_dead_jobs_are_tried_again_and_no_others(database: Any) -> None:
    add(database, "one", "two")
    now = run_until_dead(database)
    add(database, "three")

    assert dead_letters.retry_all_dead(database, actor="cli", now=now) == 2
    assert dead_letters.retry_all_dead(database, actor="cli", now=now) == 0


def test_a_job_that_is_done_or_unknown_is_not_tried_again(database: Any) -> None:
    add(database, "one")
    run(database, lambda key: None)

    with pytest.raises(NotAllowed, match="done"):
        dead_letters.retry(database, job_of(database).id, actor="cli", now=NOW)
    with pytest.raises(NotFound, match="no job 999"):
        dead_letters.retry(database, 999, actor="cli", now=NOW)


def test_a_worker_that_was_overtaken_changes_nothing(database: Any) -> None:
    add(database, "one")
    late = NOW + timedelta(seconds=outbox.CLAIM_SECONDS)

    def slow(_key: str) -> None:
        run(database, lambda key: None, late)
        raise RuntimeError("too late")

    run(database, slow)

    job = job_of(database)
    assert (job.state, job.last_error) == ("done", None)


def test_a_worker_that_was_overtaken_by_a_failure_changes_nothing(database: Any) -> None:
    add(database, "one")
    late = NOW + timedelta(seconds=outbox.CLAIM_SECONDS)

    def slow(_key: str) -> None:
        run(database, fail, late)
        raise RuntimeError("too late")

    run(database, slow)

    job = job_of(database)
    assert (job.attempts, job.last_error) == (2, "out of order")
    assert job.due_at == late + timedelta(seconds=2 * outbox.FIRST_RETRY_SECONDS)


def test_a_round_ends_before_its_clock_is_wrong(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, "one", "two", "three")
    clock = iter([0.0, 1.0, float(outbox.LONGEST_ROUND_SECONDS) + 2])
    monkeypatch.setattr(outbox, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    done: list[str] = []

    assert run(database, done.append) == 1
    assert done == ["one"]


def test_secrets_of_a_job_are_not_shown(database: Any) -> None:
    add(database, "one", code="123456", email="anna@mail.example")

    with database.read() as session:
        (shown,) = dead_letters.jobs(session)

    assert shown.payload == {"key": "one", "code": "***", "email": "anna@mail.example"}


def test_dead_jobs_are_listed_apart(database: Any) -> None:
    add(database, "one", "two")
    with database.write() as session:
        session.execute(update(OutboxJob).where(OutboxJob.dedupe_key == "two").values(state="dead"))
    add(database, "three")
    run(database, lambda key: None, limit=1)

    with database.read() as session:
        waiting = [job.key for job in dead_letters.jobs(session)]
        dead = [job.key for job in dead_letters.jobs(session, is_dead=True)]
    assert (waiting, dead) == (["two", "three"], ["two"])
