"""Rules of the command line as a whole: it answers at once, knows its commands, and fails in one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from returnsdesk.cli.bench import Measurements
from returnsdesk.cli.commands import COMMANDS
from returnsdesk.cli.errors import sentence_for
from returnsdesk.cli.lazy import Entry, load
from returnsdesk.db import migrate
from tests.integration.conftest import Command

ALL_ENTRIES = {**COMMANDS, **{f"bench {name}": each for name, each in Measurements.entries.items()}}


def test_help_lists_every_command_with_its_line(returnsdesk: Command) -> None:
    answer = returnsdesk("--help")

    assert answer.status == 0
    for name, entry in COMMANDS.items():
        assert name in answer.out
        assert entry.help.split(",")[0][:40] in answer.out


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['returnsdesk', '--help']\n"
        "from returnsdesk.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'rasa', 'tensorflow', 'sqlalchemy', 'alembic', 'starlette', 'pydantic', 'yaml'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "import" in run.stdout
    assert run.stderr.strip() == "heavy: []"


@pytest.mark.parametrize(
    ("name", "entry"), [pytest.param(*item, id=item[0]) for item in ALL_ENTRIES.items()]
)
def test_line_in_the_list_is_the_first_of_the_commands_own_help(name: str, entry: Entry) -> None:
    command = load(name, entry)

    first = (command.help or "").strip().partition("\n")[0]
    # A group of commands is described by its callback, if it has one.
    assert first in (entry.help, "")
    assert hasattr(command, "commands") or first


def test_unknown_command_is_answered_with_the_nearest_one(returnsdesk: Command) -> None:
    answer = returnsdesk("migrat")

    assert answer.status == 2
    assert "migrate" in answer.err


def test_version_is_the_packages(returnsdesk: Command) -> None:
    assert returnsdesk("--version").out.startswith("returnsdesk 0.")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DESK_PORT", "eighty", "DESK_PORT in the environment or .env cannot be used"),
        ("DATABASE_URL", "postgresql://desk@127.0.0.1:1/desk", "The database cannot be used"),
        ("DATABASE_URL", "sqlite:////nowhere/desk.db", "There is no database at /nowhere/desk.db"),
    ],
)
def test_expected_error_is_one_sentence_and_no_traceback(
    returnsdesk: Command,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(variable, value)

    answer = returnsdesk("order", "LL-1")

    assert answer.status == 1
    assert answer.out == ""
    assert answer.err.startswith(sentence)
    assert answer.err.count("\n") == 1


def test_error_of_the_program_itself_is_not_hidden() -> None:
    assert sentence_for(KeyError("bug")) is None


def test_database_without_tables_is_told_how_to_get_them(
    returnsdesk: Command, tmp_path: Path
) -> None:
    (tmp_path / "desk.db").touch()

    answer = returnsdesk("order", "LL-1")

    assert answer.status == 1
    assert answer.err == "The database has no tables yet; run `returnsdesk migrate`.\n"


def test_migrate_brings_the_schema_up_once(returnsdesk: Command) -> None:
    assert returnsdesk("migrate", "--json").data["before"] is None

    again = returnsdesk("migrate", "--json").data

    assert again["before"] == again["after"] == migrate.head()
    assert "already" in returnsdesk("migrate").out


def test_migrate_asks_before_data_is_lost(
    returnsdesk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    returnsdesk("migrate")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    refused = returnsdesk("migrate", "--to", "base")

    assert refused.status == 1
    assert returnsdesk("migrate", "--json").data["before"] == migrate.head()
    assert returnsdesk("migrate", "--to", "base", "--yes", "--json").data["after"] is None


def test_migrate_to_an_unknown_revision_is_one_sentence(returnsdesk: Command) -> None:
    returnsdesk("migrate")

    answer = returnsdesk("migrate", "--to", "0099")

    there_are = ", ".join(["base", *migrate.revisions()])
    assert answer.status == 1
    assert answer.err == f"There is no revision 0099; there are {there_are}.\n"


def test_policy_that_ships_can_be_used(returnsdesk: Command) -> None:
    answer = returnsdesk("policy", "check")

    assert (answer.status, answer.out) == (0, "policy.yml can be used.\n")


def test_bench_of_the_import_counts_every_record(returnsdesk: Command) -> None:
    first, again = returnsdesk("bench", "import", "--json").data

    assert first["records"] == again["records"] > 50
    assert first["records_per_second"] > 0
