"""A database of one example: a copy of an empty file, quick because it need not survive a power cut."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import event

from returnsdesk.db.base import Base
from returnsdesk.db.session import Database


def template(folder: Path) -> Path:
    """A file with all tables of the product."""
    file = folder / "template.db"
    database = Database(f"sqlite:///{file}")
    Base.metadata.create_all(database.engine)
    database.dispose()
    return file


class SmallDatabase:
    """The database as the services use it, and a second look at its tables that shares none of their code."""

    def __init__(self, empty: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="returnsdesk-example-")
        self.folder = Path(self._temporary.name)
        self._file = Path(shutil.copy(empty, self.folder / "shop.db"))
        self.database = self._opened()
        self._look = sqlite3.connect(self._file, isolation_level=None)
        self._look.row_factory = sqlite3.Row

    def restart(self) -> None:
        """What a restart of all processes leaves of the connections: nothing."""
        self.database.dispose()
        self.database = self._opened()

    def close(self) -> None:
        """Remove everything."""
        self._look.close()
        self.database.dispose()
        self._temporary.cleanup()

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What a query finds now."""
        return [dict(row) for row in self._look.execute(query, values)]

    def values(self, query: str, **values: Any) -> list[Any]:
        """The first column of what a query finds now."""
        return [row[0] for row in self._look.execute(query, values)]

    def commits(self) -> int:
        """A number that changes whenever somebody else has changed anything."""
        return int(self._look.execute("PRAGMA data_version").fetchone()[0])

    def _opened(self) -> Database:
        database = Database(f"sqlite:///{self._file}")
        event.listen(database.engine, "connect", _without_waiting_for_the_disk)
        return database


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = OFF")
