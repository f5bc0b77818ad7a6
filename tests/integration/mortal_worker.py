"""A real worker in a process of its own, which can be told at which step to be killed.

Started from a fork server that has everything imported: each worker is a new process within milliseconds.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy import event

from returnsdesk.db.session import Database
from returnsdesk.jobs.context import context_for
from returnsdesk.services.outbox import Handler
from returnsdesk.settings import load_settings
from returnsdesk.worker import Worker, handlers_for

KILLED = -signal.SIGKILL
SECONDS_TO_END = 60

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Step:
    """Where the worker dies: before its n-th commit, or when a handler begins or has ended; nowhere by default.

    A job's commits are: it is claimed; its result is stored (in as many steps as that takes); it is marked done.
    """

    before_commit: int = 0
    handler: str = ""


def start(kind: str, settings: Mapping[str, Any], now: datetime, step: Step) -> BaseProcess:
    """A worker that does one round of the jobs of a kind at `now`."""
    process = _PROCESSES.Process(target=_work, args=(kind, dict(settings), now, step))
    process.start()
    return process


def end_of(process: BaseProcess) -> int:
    """How a worker ended: 0, or `KILLED`."""
    process.join(SECONDS_TO_END)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("the worker did not come to an end")
    return process.exitcode


def _work(kind: str, settings: dict[str, Any], now: datetime, step: Step) -> None:
    logging.disable(logging.CRITICAL)
    chosen = load_settings(_env_file=None, **settings)
    database = Database(chosen.resolved_database_url)
    if step.before_commit:
        commits = count(1)

        def die_in_time(_connection: Any) -> None:
            if next(commits) == step.before_commit:
                _die()

        event.listen(database.engine, "commit", die_in_time)
    handler = handlers_for(context_for(chosen, database))[kind]
    worker = Worker(database, {kind: _mortal(handler, step)}, clock=lambda: now)
    worker.run_once(now)
    database.dispose()


def _mortal(handler: Handler, step: Step) -> Handler:
    def handle(payload: dict[str, Any], key: str, now: datetime) -> None:
        if step.handler == "begins":
            _die()
        handler(payload, key, now)
        if step.handler == "ended":
            _die()

    return handle


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill(process: BaseProcess) -> None:
    """Kill -9, from outside."""
    process.kill()
    process.join()


def kills_before(
    process: Callable[[], BaseProcess], work: Callable[..., Any]
) -> Callable[..., Any]:
    """`work` of a server, which kills the worker that asks for it, once, before it has done anything."""
    return _deadly(process, work, before=True)


def kills_after(process: Callable[[], BaseProcess], work: Callable[..., Any]) -> Callable[..., Any]:
    """`work` of a server, which kills the worker that asks for it, once, when it has done it and not yet said so."""
    return _deadly(process, work, before=False)


def _deadly(
    process: Callable[[], BaseProcess], work: Callable[..., Any], *, before: bool
) -> Callable[..., Any]:
    left = [1]

    def deadly(*arguments: Any) -> Any:
        is_last = bool(left) and left.pop()
        if is_last and before:
            kill(process())
        result = work(*arguments)
        if is_last and not before:
            kill(process())
        return result

    return deadly
