"""The console's own pages on a laptop and a phone, light and dark: nothing sticks out, axe finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chat import accessibility_problems
from tests.console.conftest import Staff, logged_in_page

LAPTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PAGES = ("/console/account", "/console/team", "/console/audit", "/console/privacy")


async def overhang(page: Any) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_and_can_be_read_by_everybody(
    browser: Browser, admin: Staff, screen: dict[str, Any], scheme: str
) -> None:
    async for page in logged_in_page(browser, admin, color_scheme=scheme, **screen):
        for path in PAGES:
            await page.goto(path)
            assert await overhang(page) <= 0, path
            assert await accessibility_problems(page) == [], path
        await page.get_by_label("E-mail address").fill("priya.nair@mail.example")
        await page.get_by_role("button", name="Look").click()
        await expect(page.get_by_role("button", name="Erase for good")).to_be_visible()
        assert await overhang(page) <= 0
        assert await accessibility_problems(page) == []


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])
async def test_the_log_in_fits(browser: Browser, visitor: Staff, screen: dict[str, Any]) -> None:
    async for page in logged_in_page(browser, visitor, **screen):
        await page.goto("/console/login")
        assert await overhang(page) <= 0
        assert await accessibility_problems(page) == []


async def test_a_colleague_works_without_scripts_on_a_phone(
    browser: Browser, visitor: Staff
) -> None:
    async for page in logged_in_page(browser, visitor, java_script_enabled=False, **PHONE):
        await page.goto("/console/audit")
        await page.get_by_label("E-mail address").fill("henrik@lundlinde.example")
        await page.get_by_label("Password").fill("returns-demo")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
        menu = page.get_by_role("navigation", name="Console, as a menu")
        await expect(menu).to_be_hidden()
        await page.locator("summary", has_text="Menu").click()
        await expect(menu.get_by_role("link", name="Audit")).to_have_attribute(
            "aria-current", "page"
        )
        await menu.get_by_role("link", name="Your account").click()
        await page.get_by_role("button", name="Log out everywhere").click()
        await expect(page.get_by_text("You are logged out wherever")).to_be_visible()


async def test_the_first_stop_of_the_keyboard_skips_to_the_page(
    browser: Browser, agent: Staff
) -> None:
    async for page in logged_in_page(browser, agent):
        await page.goto("/console/account")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
