"""A headless Chromium for the whole run, and a fresh page in it for each test that asks.

Playwright's asynchronous API is used, never the synchronous one: that one keeps an event loop running in the main
thread, in which no asynchronous test can then run. Tests with a page are therefore `async def`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.servers.programs import CHROMIUM

FLAGS = (
    # Chromium's own sandbox refuses to run as root, which containers are.
    "--no-sandbox",
    "--disable-gpu",
    # Nothing but the page under test may use the network.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS_TO_APPEAR = 15_000


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    return CHROMIUM.require()


@pytest.fixture(scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """A browser of this run alone; `browser.new_context(...)` makes a visitor with another language or screen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a new visitor; an uncaught error of its scripts fails the test."""
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/Amsterdam")
    context.set_default_timeout(MILLISECONDS_TO_APPEAR)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await context.close()
    assert errors == []
