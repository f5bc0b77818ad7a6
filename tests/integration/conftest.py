"""What the tests of the command line share: calling it, and a database of its own for each test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from returnsdesk.cli import main
from returnsdesk.db import migrate
from returnsdesk.db.session import Database


@dataclass(frozen=True)
class Answer:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What a command with `--json` wrote."""
        return json.loads(self.out)


Command = Callable[..., Answer]


@pytest.fixture
def returnsdesk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Call the command line as a terminal would, on a database and a folder for state of this test alone."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'desk.db'}")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["returnsdesk", *arguments])
        status: Any = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        written = capsys.readouterr()
        return Answer(int(status or 0), written.out, written.err)

    return call


@pytest.fixture
def desk_database(returnsdesk: Command, tmp_path: Path) -> Iterator[Database]:
    """The migrated database that the commands of this test work on."""
    database = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    migrate.upgrade(database)
    yield database
    database.dispose()
