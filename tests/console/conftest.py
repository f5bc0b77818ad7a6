"""The console of a desk with the sample shop, served over HTTP; an agent, a lead and an admin who are logged in."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from playwright.async_api import Browser, Page, expect

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.session import Database
from returnsdesk.services import sample_shop, staff
from returnsdesk.settings import Settings, load_settings
from tests.desk.conftest import clock, desk, rasa, shopper, start_desk, visit  # noqa: F401
from tests.desk.serving import Served
from tests.servers.browser import MILLISECONDS_TO_APPEAR
from tests.servers.processes import free_port

SECONDS = 20
PASSWORD = "returns-demo"
AGENT = "mila@lundlinde.example"
LEAD = "henrik@lundlinde.example"
ADMIN = "astrid@lundlinde.example"
SHOP_ORIGIN = "https://shop.example"

expect.set_options(timeout=MILLISECONDS_TO_APPEAR)


class Staff:
    """A member of the team at a browser without scripts: `get` and `post` speak to the console."""

    def __init__(self, url: str, email: str = "", password: str = PASSWORD) -> None:
        self.url = url
        self.email = email
        self.client = httpx.Client(
            base_url=url, timeout=SECONDS, trust_env=False, headers={"Accept": "text/html,*/*"}
        )
        if email:
            answer = self.log_in(email, password)
            assert answer.status_code == 303, answer.text

    def log_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        form = {"email": email, "password": password}
        return self.client.post("/console/login", data=form)

    @property
    def csrf(self) -> str:
        """The token that forms of this session carry, as every page has it."""
        page = self.client.get("/console/account").text
        found = re.search(r'data-csrf="([0-9a-f]+)"', page)
        assert found is not None, page
        return found.group(1)

    def get(self, path: str, **parameters: object) -> httpx.Response:
        """GET a page; redirects are given back as they are."""
        return self.client.get(path, params=parameters or None)  # type: ignore[arg-type]

    def post(self, path: str, *, files: Any = None, **fields: Any) -> httpx.Response:
        """Send a form of a page of this session."""
        form = {"csrf": self.csrf, **fields}
        return self.client.post(path, data=form, files=files)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords hashed with as little effort as argon2 allows: hundreds of log-ins are no work then."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "_hasher", quick)
        yield


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory, quick_passwords: None) -> Path:
    """A database file with the sample shop; tests work on copies."""
    path = tmp_path_factory.mktemp("console") / "shop.db"
    database = Database(f"sqlite:///{path}")
    mapper_registry.metadata.create_all(database.engine)
    sample_shop.seed(database, now=datetime.now(timezone.utc))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture
def desk_settings(tmp_path: Path) -> Settings:
    port = free_port()
    return load_settings(
        database_url=f"sqlite:///{tmp_path / 'desk.db'}",
        var_dir=tmp_path / "var",
        desk_port=port,
        public_url=f"http://127.0.0.1:{port}",
        rasa_port=free_port(),
        allowed_origins=SHOP_ORIGIN,
    )


@pytest.fixture
def database(desk_settings: Settings, seeded_file: Path) -> Iterator[Database]:
    shutil.copy(seeded_file, desk_settings.resolved_database_url.removeprefix("sqlite:///"))
    database = Database(desk_settings.resolved_database_url)
    yield database
    database.dispose()


@pytest.fixture
def console(desk: Served) -> Served:  # noqa: F811
    """The desk that serves the console, with a fake Rasa behind it."""
    return desk


@pytest.fixture
def visitor(console: Served) -> Iterator[Staff]:
    """Somebody who is not logged in."""
    member = Staff(console.url)
    yield member
    member.client.close()


@pytest.fixture
def agent(console: Served) -> Iterator[Staff]:
    member = Staff(console.url, AGENT)
    yield member
    member.client.close()


@pytest.fixture
def lead(console: Served) -> Iterator[Staff]:
    member = Staff(console.url, LEAD)
    yield member
    member.client.close()


@pytest.fixture
def admin(console: Served) -> Iterator[Staff]:
    member = Staff(console.url, ADMIN)
    yield member
    member.client.close()


@pytest.fixture
async def console_page(browser: Browser, agent: Staff) -> AsyncIterator[Page]:
    """A browser page in which the agent is logged in; `page.goto("/console/...")`. Errors of scripts fail the test."""
    async for page in logged_in_page(browser, agent):
        yield page


@pytest.fixture
async def lead_page(browser: Browser, lead: Staff) -> AsyncIterator[Page]:
    """The same for the lead."""
    async for page in logged_in_page(browser, lead):
        yield page


@pytest.fixture
async def admin_page(browser: Browser, admin: Staff) -> AsyncIterator[Page]:
    """The same for the admin."""
    async for page in logged_in_page(browser, admin):
        yield page


async def logged_in_page(browser: Browser, member: Staff, **screen: object) -> AsyncIterator[Page]:
    """A page with the session of a member of the team; `screen` are options of `browser.new_context`."""
    options = {"locale": "en-GB", "timezone_id": "Europe/Amsterdam", **screen}
    context = await browser.new_context(base_url=member.url, **options)  # type: ignore[arg-type]
    context.set_default_timeout(MILLISECONDS_TO_APPEAR)
    await context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": f"{member.url}{cookie.path}"}
         for cookie in member.client.cookies.jar]
    )  # fmt: skip
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await context.close()
    assert errors == []
