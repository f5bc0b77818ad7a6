"""Connections and transactions: one way to read, one way to write, alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

BUSY_TIMEOUT_MS = 15_000


class Database:
    """An engine and its transactions.

    `write()` commits at the end of the block and rolls back on any exception. On SQLite it takes the write lock at
    once (`BEGIN IMMEDIATE`), so that what a command has read cannot change under it before it writes; on PostgreSQL
    commands lock the rows they depend on with `SELECT ... FOR UPDATE`.
    """

    def __init__(self, url: str) -> None:
        """Prepare an engine for `url`; nothing is connected yet."""
        self.url = url
        self.engine = _make_engine(url)
        self._sessions = sessionmaker(self.engine, future=True, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the file database is in use."""
        return bool(self.engine.dialect.name == "sqlite")

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that changes data."""
        with self._sessions() as session, session.begin():
            session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent look at the data; nothing is kept of what the block changes."""
        with self._sessions() as session:
            try:
                yield session
            finally:
                session.rollback()

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _make_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, future=True, pool_pre_ping=True, pool_size=10, max_overflow=20)
    path = url.removeprefix("sqlite:///")
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, future=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` chooses their kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _use_write_ahead_log(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


@retry(
    retry=retry_if_exception_type(OperationalError),
    stop=stop_after_delay(BUSY_TIMEOUT_MS / 1000),
    wait=wait_random(0.01, 0.1),
    reraise=True,
)
def _use_write_ahead_log(cursor: Any) -> None:
    # SQLite does not wait its busy time-out for this: processes that open a new file together would fail.
    cursor.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {kind}")
