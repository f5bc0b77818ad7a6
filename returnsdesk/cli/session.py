"""What commands start with: the settings, the database in a usable state, demo mode, and the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from returnsdesk.cli.errors import CommandError
from returnsdesk.db import migrate
from returnsdesk.db.session import Database
from returnsdesk.settings import Settings, load_settings


def now() -> datetime:
    """The present moment, which commands hand on to the services."""
    return datetime.now(timezone.utc)


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[Database]:
    """The configured database, at its newest schema.

    Raises `CommandError` that says what to do when it is not there or its schema is another.
    """
    settings = settings or load_settings()
    url = settings.resolved_database_url
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        raise CommandError(f"There is no database at {file} yet; run `returnsdesk migrate`.")
    database = Database(url)
    try:
        revision = migrate.current(database)
        if revision is None:
            raise CommandError("The database has no tables yet; run `returnsdesk migrate`.")
        if revision != migrate.head():
            raise CommandError(
                f"The database's schema is at {revision} and this program needs {migrate.head()};"
                " run `returnsdesk migrate`."
            )
        yield database
    finally:
        database.dispose()


def require_demo_mode(settings: Settings, what: str) -> None:
    """Raise `CommandError` outside demo mode; `what` is the doing, such as "moving returns along"."""
    if not settings.demo_mode:
        raise CommandError(
            f"{what[:1].upper()}{what[1:]} by hand is for the demo only; DEMO_MODE is off here."
        )
