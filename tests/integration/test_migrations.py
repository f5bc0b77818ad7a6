"""Rules of the schema's migrations, on both databases: they lead where the models are, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from returnsdesk.db import migrate
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.session import Database
from returnsdesk.settings import PROJECT_ROOT

TABLES = set(mapper_registry.metadata.tables)

# The full-text index on PostgreSQL is over an expression; test_search looks at it.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.dispose()


def tables_in(database: Database) -> set[str]:
    names = inspect(database.engine).get_table_names()
    return {name for name in names if not name.startswith("message_search")} - {"alembic_version"}


def constraints_in(database: Database) -> dict[str, dict[str, Any]]:
    """Everything that guards each table, also checks and conditions of indexes, which Alembic does not compare."""
    look = inspect(database.engine)
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in look.get_columns(name)
            },
            "checks": {
                check["name"]: "".join(check["sqltext"].split())
                for check in look.get_check_constraints(name)
            },
            "uniques": {
                unique["name"]: tuple(unique["column_names"])
                for unique in look.get_unique_constraints(name)
            },
            "indexes": {
                index["name"]: (
                    tuple(index["column_names"]),
                    bool(index["unique"]),
                    [f"{key}={value}" for key, value in index["dialect_options"].items()],
                )
                for index in look.get_indexes(name)
            },
            "foreign keys": {
                key["name"]: (tuple(key["constrained_columns"]), key["referred_table"])
                for key in look.get_foreign_keys(name)
            },
        }
        for name in tables_in(database)
    }


def test_upgrade_of_an_empty_database_makes_every_table(database: Database) -> None:
    assert migrate.current(database) is None

    migrate.upgrade(database)

    assert tables_in(database) == TABLES
    assert migrate.current(database) == migrate.head()
    assert migrate.is_at_head(database)


def test_models_equal_migrations(database: Database) -> None:
    migrate.upgrade(database)

    assert migrate.differences(database) == []


def test_migrations_make_the_same_constraints_as_the_models(database: Database) -> None:
    migrate.upgrade(database)
    migrated = constraints_in(database)
    migrate.downgrade(database, migrate.BASE)
    mapper_registry.metadata.create_all(database.engine)

    assert migrated == constraints_in(database)
    assert migrated["unit_claims"]["checks"]
    live = migrated["unit_claims"]["indexes"]["uq_unit_claims_live_unit"]
    assert "released" in str(live)


def test_a_table_that_the_models_do_not_have_is_a_difference(database: Database) -> None:
    migrate.upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)"))

    assert [difference[0] for difference in migrate.differences(database)] == ["remove_table"]


def test_a_column_of_another_type_is_a_difference(postgres_url: str) -> None:
    # On SQLite a column's type cannot be changed in place.
    database = Database(postgres_url)
    migrate.upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE orders ALTER COLUMN number TYPE TEXT"))

    assert migrate.differences(database)[0][0][0] == "modify_type"
    database.dispose()


def test_downgrade_to_base_leaves_no_table(database: Database) -> None:
    migrate.upgrade(database)

    migrate.downgrade(database, migrate.BASE)

    assert tables_in(database) == set()
    assert migrate.current(database) is None


def test_upgrade_after_downgrade_makes_the_schema_again(database: Database) -> None:
    migrate.upgrade(database)
    migrate.downgrade(database, migrate.BASE)

    migrate.upgrade(database)

    assert migrate.differences(database) == []


def test_second_upgrade_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    before = constraints_in(database)
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO products (external_id, names, final_sale, hygiene, personalised)"
                " VALUES ('kept', '{}', false, false, false)"
            )
        )

    migrate.upgrade(database)

    assert constraints_in(database) == before
    with database.read() as session:
        assert session.execute(text("SELECT external_id FROM products")).scalars().all() == ["kept"]


def test_processes_that_start_together_migrate_once(database: Database) -> None:
    command = [sys.executable, "-m", "returnsdesk", "migrate"]
    environment = {**os.environ, "DATABASE_URL": database.url}

    started = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    ended = [process.communicate() for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0], ended
    assert migrate.is_at_head(database)


def test_tracker_table_of_rasa_is_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE events (id INTEGER PRIMARY KEY, data TEXT)"))
    migrate.upgrade(database)

    assert migrate.differences(database) == []
    migrate.downgrade(database, migrate.BASE)
    assert tables_in(database) == {"events"}


def test_unknown_revision_is_refused_and_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)

    with pytest.raises(migrate.UnknownRevision, match="9999"):
        migrate.upgrade(database, "9999")
    with pytest.raises(migrate.UnknownRevision, match="9999"):
        migrate.is_behind(database, "9999")

    assert migrate.is_at_head(database)


def test_only_a_revision_below_the_present_one_is_behind(database: Database) -> None:
    assert not migrate.is_behind(database, migrate.BASE)

    migrate.upgrade(database)

    assert migrate.is_behind(database, migrate.BASE)
    assert not migrate.is_behind(database, migrate.HEAD)
    assert not migrate.is_behind(database, migrate.head())


def test_foreign_keys_are_enforced_again_after_a_migration(database: Database) -> None:
    migrate.upgrade(database)

    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as session:
        session.execute(
            text(
                "INSERT INTO variants (product_id, sku, options, price_minor, currency, position)"
                " VALUES (999, 'S', '{}', 1, 'EUR', 0)"
            )
        )


def test_alembic_of_developers_sees_the_same_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'developer.db'}"
    migrate.upgrade(Database(url))

    run = subprocess.run(
        [sys.executable, "-m", "alembic", "check"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "No new upgrade operations detected" in run.stdout
