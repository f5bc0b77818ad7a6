"""Reading transcripts in a browser: filtering, opening, shortcuts, hostile content, a phone, and no findings of axe."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timezone

import pytest
from playwright.async_api import Browser, Page, expect

from returnsdesk.db.session import Database
from returnsdesk.services import conversations
from returnsdesk.services.sample_conversations import id_of
from tests.browser.chat import accessibility_problems
from tests.console.conftest import Staff, logged_in_page

LIST = "/console/conversations"
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


async def ready(page: Page) -> None:
    """Wait until the page listens to keys."""
    await expect(page.get_by_role("button", name="Keyboard")).to_be_visible()


async def test_an_agent_filters_opens_and_reads(console_page: Page) -> None:
    page = console_page
    await page.goto(LIST)

    await page.get_by_label("Search").fill("flackert")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator(".line")).to_have_count(1)
    await expect(page.locator(".line mark")).to_have_text("flackert")
    assert "q=flackert" in page.url
    await page.locator(".line .words a").click()

    await expect(page).to_have_url(re.compile(r"/messages/1#m1$"))
    await expect(page.locator("#m1 .said")).to_be_in_viewport()
    behind = page.locator("#t1")
    await expect(behind.get_by_text("claims_start 0.04")).to_be_hidden()
    await behind.locator("summary").first.click()
    await expect(behind.get_by_text("claims_start 0.04")).to_be_visible()


async def test_the_list_is_walked_by_keyboard(console_page: Page) -> None:
    page = console_page
    await page.goto(LIST)
    await ready(page)

    for key in ("j", "j", "k"):
        await page.keyboard.press(key)
    await expect(page.locator("[data-line]").first).to_be_focused()
    await page.keyboard.press("o")

    await expect(page).to_have_url(re.compile(id_of("waiting-for-a-person")))
    await ready(page)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#t1")).to_have_attribute("open", "")
    await page.keyboard.press("t")
    await expect(page.get_by_label("Add a tag")).to_be_focused()
    await page.keyboard.type("rjot?")
    await expect(page.get_by_label("Add a tag")).to_have_value("rjot?")
    await page.get_by_label("Add a tag").fill("seen")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Tagged.", exact=True)).to_be_visible()
    await ready(page)
    await page.keyboard.press("r")
    await expect(page.get_by_text("Marked as reviewed.", exact=True)).to_be_visible()
    await ready(page)
    await page.keyboard.press("u")
    await expect(page).to_have_url(re.compile(r"/conversations$"))
    await ready(page)
    await page.keyboard.press("/")
    await expect(page.get_by_label("Search")).to_be_focused()


async def test_the_shortcuts_are_listed(console_page: Page) -> None:
    await console_page.goto(LIST)
    await ready(console_page)

    await console_page.keyboard.press("?")

    dialog = console_page.get_by_role("dialog", name="Keyboard")
    await expect(dialog).to_be_visible()
    await console_page.keyboard.press("j")
    await expect(console_page.locator(".is-at")).to_have_count(0)
    await console_page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


@pytest.fixture
async def without_scripts(browser: Browser, agent: Staff) -> AsyncIterator[Page]:
    async for page in logged_in_page(browser, agent, java_script_enabled=False):
        yield page


async def test_a_conversation_is_read_without_scripts(without_scripts: Page) -> None:
    await without_scripts.goto(f"{LIST}/{id_of('lamp-flickers')}")

    await expect(without_scripts.locator("#m1 .said")).to_contain_text("flackert")
    await without_scripts.locator("#t1 > summary").click()
    await expect(without_scripts.get_by_text("claims_start 0.04")).to_be_visible()


async def test_hostile_content_does_nothing_and_stays_in_its_bubble(
    console_page: Page, database: Database
) -> None:
    texts = (
        "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>",
        "\u202e" + "reversed " * 5,
        "w" * 4000,
        "<style>body{display:none}</style>",
    )
    with database.write() as session:
        row = conversations.locked(session, id_of("gift-wrap"))
        for text in texts:
            message = conversations.new_message(
                row, author="shopper", text=text, state="answered", now=NOW
            )
            message.content = {
                "image": "javascript:window.hit=1",
                "custom": {"card": "status", "links": [{"label": "x", "url": "javascript:window.hit=1"}]},
            }  # fmt: skip
            session.add(message)

    for path in (f"{LIST}/{row.id}", LIST):
        await console_page.goto(path)
        assert await console_page.evaluate("window.hit") is None
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await console_page.evaluate(wide)
        await expect(console_page.get_by_role("heading", level=1)).to_be_visible()
    assert await console_page.locator("[href^='javascript'], [src^='javascript']").count() == 0


PAGES = {
    "list": LIST,
    "filtered": f"{LIST}?q=danke&language=de&csat=5",
    "empty": f"{LIST}?q=nothingofthekind",
    "one": f"{LIST}/{id_of('lamp-flickers')}",
    "with person": f"{LIST}/{id_of('taken-over-and-solved')}",
    "print": f"{LIST}/{id_of('lamp-flickers')}/print",
}


@pytest.mark.parametrize(
    ("scheme", "names"), [("light", tuple(PAGES)), ("dark", ("filtered", "with person"))]
)
async def test_axe_finds_nothing(lead_page: Page, scheme: str, names: tuple[str, ...]) -> None:
    await lead_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    problems = {}
    for name in names:
        await lead_page.goto(PAGES[name])
        await lead_page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )
        problems[name] = await accessibility_problems(lead_page)

    assert problems == {name: [] for name in names}


@pytest.fixture
async def phone(browser: Browser, agent: Staff) -> AsyncIterator[Page]:
    screen = {"viewport": {"width": 360, "height": 700}, "has_touch": True, "is_mobile": True}
    async for page in logged_in_page(browser, agent, **screen):
        yield page


async def test_pages_fit_a_phone(phone: Page) -> None:
    for path in PAGES.values():
        await phone.goto(path)
        assert await phone.evaluate("document.documentElement.scrollWidth") <= 360, path
