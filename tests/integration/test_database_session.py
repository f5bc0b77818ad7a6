"""Connections to SQLite: several that open a new file at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import text

from returnsdesk.db.session import Database

AT_ONCE = 8
ROUNDS = 60


def test_processes_that_open_a_new_file_together_all_get_in(tmp_path: Path) -> None:
    together = threading.Barrier(AT_ONCE)

    def open_and_write(path: Path) -> str:
        database = Database(f"sqlite:///{path}")
        together.wait()
        with database.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS opened (id INTEGER)"))
            mode = session.execute(text("PRAGMA journal_mode")).scalar_one()
        database.dispose()
        return str(mode)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(ROUNDS):
            modes = list(pool.map(open_and_write, [tmp_path / f"{number}.db"] * AT_ONCE))
            assert modes == ["wal"] * AT_ONCE
