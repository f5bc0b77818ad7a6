"""What the properties share: an empty shop to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.properties.small_database import template


@pytest.fixture(scope="session")
def empty_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and nothing in them, to be copied for each example."""
    return template(tmp_path_factory.mktemp("template"))
