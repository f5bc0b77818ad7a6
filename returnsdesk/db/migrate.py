"""Bringing a database's schema to a revision, and telling which one it has; needs no alembic.ini."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection

import returnsdesk.db.models  # noqa: F401  fills the metadata
from returnsdesk.db import message_search
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.session import Database

HEAD: Final = "head"
BASE: Final = "base"

# Rasa keeps its trackers in a table of its own making when it shares our PostgreSQL database.
_TABLES_OF_RASA: Final = frozenset({"events"})
# Any number that nothing else in this database locks with.
_MIGRATION_LOCK: Final = 7_304_215


class UnknownRevision(Exception):
    """There is no such revision of the schema; the text names those that there are."""


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    # The full-text index is made by statements of its own, which Alembic does not know of.
    is_search = bool(name) and str(name).startswith(message_search.TABLE)
    return not (kind == "table" and (name in _TABLES_OF_RASA or is_search))


COMPARE_OPTIONS: Final[dict[str, Any]] = {"compare_type": True, "include_name": _is_ours}


def upgrade(database: Database, revision: str = HEAD) -> None:
    """Bring the schema forward to `revision`; does nothing when it is there already.

    Raises `UnknownRevision`.
    """
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Bring the schema back to `revision`; what the later ones stored is lost. Raises `UnknownRevision`."""
    _run(database, command.downgrade, revision)


def current(database: Database) -> str | None:
    """The revision that the database has; None for an empty one."""
    with database.engine.connect() as connection:
        revision: str | None = _context(connection).get_current_revision()
    return revision


def head() -> str:
    """The newest revision that this code knows."""
    return str(_scripts().get_current_head())


def is_at_head(database: Database) -> bool:
    """Whether the database has the newest revision."""
    return current(database) == head()


def is_behind(database: Database, revision: str) -> bool:
    """Whether going to `revision` means going back, which loses data. Raises `UnknownRevision`."""
    known = revisions()
    wanted = head() if revision == HEAD else revision
    if wanted != BASE and wanted not in known:
        raise UnknownRevision(
            f"There is no revision {revision}; there are base, {', '.join(known)}."
        )
    present = current(database)
    if present is None:
        return False
    return wanted == BASE or known.index(wanted) < known.index(present)


def revisions() -> list[str]:
    """All revisions that this code knows, oldest first."""
    return [script.revision for script in reversed(list(_scripts().walk_revisions()))]


def differences(database: Database) -> list[Any]:
    """What the models say and the database does not have, or the reverse; empty when they are equal."""
    with database.engine.connect() as connection, warnings.catch_warnings():
        # The full-text index on PostgreSQL is over an expression, which cannot be read back for comparing.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based")
        return list(compare_metadata(_context(connection), mapper_registry.metadata))


@contextmanager
def schema_transaction(database: Database) -> Iterator[Connection]:
    """A transaction for changing the schema, one at a time even when several processes start together."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            # Rebuilding a table drops the old one, which foreign keys would forbid; checked at the end instead.
            _set_sqlite_foreign_keys(connection, enforced=False)
            connection = connection.execution_options(sqlite_begin="IMMEDIATE")
        try:
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                yield connection
                if database.is_sqlite:
                    _check_sqlite_foreign_keys(connection)
        finally:
            if database.is_sqlite:
                _set_sqlite_foreign_keys(connection, enforced=True)


def _set_sqlite_foreign_keys(connection: Connection, *, enforced: bool) -> None:
    # Through the driver's own connection: within a transaction of SQLAlchemy's the pragma does nothing.
    driver = connection.connection.dbapi_connection
    driver.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


def _check_sqlite_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise RuntimeError(
            f"the migration would leave a row of {broken[0]} without its {broken[2]}"
        )


def _run(database: Database, run: Any, revision: str) -> None:
    config = _config()
    try:
        with schema_transaction(database) as connection:
            config.attributes["connection"] = connection
            run(config, revision)
    except CommandError as error:
        raise UnknownRevision(f"The schema cannot go to revision {revision}: {error}") from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts=COMPARE_OPTIONS)
