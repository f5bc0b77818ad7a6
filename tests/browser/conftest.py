"""The demo shop with the widget on its pages: a desk with the sample shop behind it, and a fake Rasa."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Conversation
from returnsdesk.db.session import Database
from returnsdesk.services import conversation_erasure, sample_shop
from returnsdesk.settings import Settings, load_settings
from tests.browser.chat import Chat
from tests.desk.conftest import clock, desk, rasa, start_desk  # noqa: F401
from tests.desk.serving import Served
from tests.servers.browser import MILLISECONDS_TO_APPEAR
from tests.servers.processes import free_port

expect.set_options(timeout=MILLISECONDS_TO_APPEAR)


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the sample shop, where nobody has said anything yet; tests work on copies."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    database = Database(f"sqlite:///{path}")
    mapper_registry.metadata.create_all(database.engine)
    sample_shop.seed(database, now=datetime.now(timezone.utc))
    with database.write() as session:
        conversation_erasure.erase(session, session.scalars(select(Conversation.id)).all())
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture
def other_shop_port() -> int:
    """Port of a shop that is not the desk's own."""
    return free_port()


@pytest.fixture
def desk_settings(tmp_path: Path, other_shop_port: int) -> Settings:
    port = free_port()
    return load_settings(
        database_url=f"sqlite:///{tmp_path / 'desk.db'}",
        var_dir=tmp_path / "var",
        desk_port=port,
        public_url=f"http://127.0.0.1:{port}",
        rasa_port=free_port(),
        allowed_origins=f"http://127.0.0.1:{other_shop_port}",
    )


@pytest.fixture
def database(desk_settings: Settings, seeded_file: Path) -> Iterator[Database]:
    shutil.copy(seeded_file, desk_settings.resolved_database_url.removeprefix("sqlite:///"))
    database = Database(desk_settings.resolved_database_url)
    yield database
    database.dispose()


@pytest.fixture
def product_url(desk: Served) -> str:  # noqa: F811
    return f"{desk.url}/shop/products/fjord-sneakers"


@pytest.fixture
async def chat(page: Page, product_url: str) -> Chat:
    """The chat, opened on a product's page."""
    await page.goto(product_url)
    chat = Chat(page)
    await chat.open()
    return chat


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[Page]:
    """A page on a small phone."""
    context = await browser.new_context(
        locale="en-GB", viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(MILLISECONDS_TO_APPEAR)
    yield await context.new_page()
    await context.close()


@pytest.fixture
def other_shop(desk: Served, other_shop_port: int) -> Iterator[str]:  # noqa: F811
    """Address of a page of another origin that the desk allows, under a policy that names the desk and no more."""
    served = _shop_page(desk, other_shop_port)
    served.start()
    yield served.url
    served.stop()


@pytest.fixture
def foreign_shop(desk: Served) -> Iterator[str]:  # noqa: F811
    """Address of a page whose origin the desk does not know."""
    served = _shop_page(desk, free_port())
    served.start()
    yield served.url
    served.stop()


def _shop_page(served_desk: Served, port: int) -> Served:
    policy = "; ".join(
        f"{name} {served_desk.url}" for name in ("script-src", "connect-src", "img-src")
    )
    page = f"""<!doctype html><html lang="en"><title>A shop</title>
        <main><h1>A shop</h1></main><script src="{served_desk.url}/widget.js" async></script></html>"""

    async def answer(_request: Request) -> HTMLResponse:
        headers = {"Content-Security-Policy": f"default-src 'none'; {policy}"}
        return HTMLResponse(page, headers=headers)

    return Served(Starlette(routes=[Route("/", answer)]), port)
