"""The small shop in an SQLite database, with settings of its own; tests of concurrency ask for both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from returnsdesk.settings import Settings, load_settings
from tests.services.shop import database, shop

__all__ = ["database", "shop"]


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An SQLite file, unless the test asks for the databases by `on_each_database`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a shop whose links go to its own address."""
    return load_settings(
        var_dir=tmp_path / "var",
        secret_key="key-of-these-tests",
        public_url="https://retour.lundlinde.example",
    )
