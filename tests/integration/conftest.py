"""What the tests of the command line share: calling it, and a database of its own for each test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from returnsdesk.cli import main
from returnsdesk.db import migrate
from returnsdesk.db.importer import import_shop
from returnsdesk.db.session import Database
from returnsdesk.services import policies
from tests.integration.small_shop import SmallShop, line, order, paid, parcel


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


def shown(call: Command, *arguments: str) -> Any:
    """What a command shows with `--json`; it has to succeed."""
    answer = call(*arguments, "--json")
    assert answer.status == 0, answer.err
    return answer.data


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


@pytest.fixture
def delivered_order(desk_database: Database, tmp_path: Path) -> None:
    """An order of three shirts and a belt, delivered days ago."""
    now = datetime.now(timezone.utc)
    shop = SmallShop(tmp_path / "shop")
    shop.orders = [
        order(
            lines=[line("L1", quantity=3), line("L2", sku="belt-85", quantity=1)],
            payments=[paid("40.00")],
            shipments=[parcel("T1", "L1", "L2")],
        )
    ]
    with desk_database.write() as session:
        version = policies.current_version(session, now).id
    import_shop(desk_database, shop.write(), policy_version_id=version, shift_to=now.date())
