"""The desk's web application over the small shop, called within the test: fixtures for tests of what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from returnsdesk.desk.app import create_app
from returnsdesk.settings import Settings
from tests.services.shop import NOW


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what a report and a link change is tested on all with the services."""
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A browser or a carrier at the desk of the module's `settings`."""
    app = create_app(settings, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield client
    app.state.desk.database.dispose()
