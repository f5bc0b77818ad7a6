"""The two databases that the product runs on, for rules that must hold on both."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of this test alone; a test that asks runs once on each kind."""
    if request.param == "postgresql":
        # Asked for by name so that the runs on SQLite start no server.
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'test.db'}"
