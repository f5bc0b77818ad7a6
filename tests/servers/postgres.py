"""A private PostgreSQL server, and a fresh empty database in it for each test that asks."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg2
import pytest

from tests.servers.processes import free_port, running
from tests.servers.programs import POSTGRES

# Nothing here has to outlive the run, so nothing waits for a disk.
FAST_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
)


@dataclass(frozen=True)
class PostgresServer:
    """A running server; anybody on this machine may connect as its superuser `postgres`."""

    port: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def url(self, database: str) -> str:
        """The address of a database as SQLAlchemy and the product's settings take it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, template: str = "template0") -> str:
        """Make a database and return its name; `template` may be a prepared one that nobody is connected to."""
        name = f"test_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, together with connections that a test left open."""
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def answers(self) -> bool:
        """Whether the server accepts connections."""
        try:
            psycopg2.connect(self.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this run alone, stopped and removed at its end."""
    # PostgreSQL refuses to run as root.
    account = _unprivileged_account() if os.geteuid() == 0 else None
    with _folder_of(account) as folder:
        postgres = POSTGRES.require()
        data = folder / "data"
        _make_cluster(postgres.with_name("initdb"), data, account)
        server = PostgresServer(free_port())
        settings = [f"port={server.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        options = [part for setting in (*settings, *FAST_SETTINGS) for part in ("-c", setting)]
        with running(
            [postgres, "-D", data, *options],
            answers=server.answers,
            log=folder / "log",
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for open connections.
            stop_signal=signal.SIGINT,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
        ):
            yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of this test alone."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _unprivileged_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def _folder_of(account: pwd.struct_passwd | None) -> Iterator[Path]:
    # Not pytest's own temporary folder: that is closed to other accounts.
    with tempfile.TemporaryDirectory(prefix="returnsdesk-postgres-") as name:
        if account:
            os.chown(name, account.pw_uid, account.pw_gid)
        yield Path(name)


def _make_cluster(initdb: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    # C.UTF-8 sorts by code point on every machine and still knows the case of letters such as Ø.
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    try:
        subprocess.run(
            [initdb, "-D", data, *options],
            capture_output=True,
            text=True,
            check=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.CalledProcessError as error:
        pytest.fail(f"initdb failed: {error.stderr.strip()}", pytrace=False)
    except PermissionError:
        pytest.fail(
            f"PostgreSQL refuses to run as root, and other accounts may not read {initdb}: install PostgreSQL with"
            " the system's packages, or move the project to a folder that everybody may read.",
            pytrace=False,
        )
