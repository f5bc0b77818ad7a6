"""The chat page in a real browser: what a shopper does there, and what it says when the desk is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from returnsdesk.settings import Settings
from returnsdesk.texts import render
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page_url(desk: Served) -> str:
    return f"http://localhost:{desk.port}/"


def with_buttons(turn: dict[str, Any]) -> list[dict[str, Any]]:
    choice = {"intent": "inform", "entities": {}}
    titles = ("43 in navy", "44 in black")
    return [
        {
            "text": f"You said: {turn['text']}",
            "image": "/static/shop/fjord-sneakers.svg",
            "buttons": [{"title": title, "payload": choice} for title in titles],
        }
    ]


async def begin(page: Page, url: str, name: str = "Aoife Byrne") -> None:
    await page.goto(url)
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_role("log")).to_be_visible()


async def say(page: Page, text: str) -> None:
    await page.get_by_role("textbox").fill(text)
    await page.keyboard.press("Enter")


async def test_a_customer_chats_by_typing_and_by_buttons(
    page: Page, page_url: str, rasa: FakeRasa
) -> None:
    rasa.answer = with_buttons
    await begin(page, page_url)

    await say(page, "too small")
    await page.get_by_role("button", name="43 in navy").click()

    log = page.get_by_role("log")
    await expect(log.get_by_text("You said: 43 in navy")).to_be_visible()
    assert rasa.texts == ["too small", "43 in navy"]
    assert rasa.turns[1]["choice"] == {"intent": "inform", "entities": {}}
    # Only the question that is open can be answered by a button.
    await expect(page.get_by_role("button", name="44 in black")).to_have_count(1)
    await expect(log.locator("img").first).to_have_js_property("complete", True)
    assert await log.locator("img").first.evaluate("image => image.naturalWidth > 0")


async def test_a_reload_keeps_the_conversation(page: Page, page_url: str, rasa: FakeRasa) -> None:
    rasa.answer = with_buttons
    await begin(page, page_url)
    await say(page, "too small")
    await expect(page.get_by_role("button", name="43 in navy")).to_be_visible()

    await page.reload()

    log = page.get_by_role("log")
    await expect(log.get_by_text("You said: too small")).to_be_visible()
    await expect(log.locator(".message.shopper")).to_have_count(1)
    await page.get_by_role("button", name="43 in navy").click()
    await expect(log.get_by_text("You said: 43 in navy")).to_be_visible()


async def test_two_tabs_show_the_same_conversation(page: Page, page_url: str) -> None:
    await begin(page, page_url)
    other = await page.context.new_page()
    await other.goto(page_url)

    await say(page, "written in the first tab")

    for tab in (page, other):
        await expect(tab.get_by_text("You said: written in the first tab")).to_be_visible()
        await expect(tab.locator(".message.shopper")).to_have_count(1)


async def test_typing_is_shown_and_a_delay_is_told(
    page: Page, page_url: str, rasa: FakeRasa
) -> None:
    rasa.hold()
    await begin(page, page_url)

    await say(page, "hello")

    await expect(page.get_by_role("status")).to_have_text(render("desk_page_typing", "en"))
    await expect(page.get_by_text(render("desk_delayed", "en"))).to_be_visible()
    rasa.may_answer.set()
    await expect(page.get_by_text("You said: hello")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("")


async def test_while_the_desk_is_away_nothing_is_lost_and_the_page_says_so(
    page: Page, page_url: str, desk: Served, start_desk: Callable[..., Served], rasa: FakeRasa
) -> None:
    await begin(page, page_url)
    await say(page, "before")
    await expect(page.get_by_text("You said: before")).to_be_visible()
    desk.stop()
    await expect(page.get_by_role("status")).to_have_text(render("desk_page_reconnecting", "en"))

    await say(page, "meanwhile")
    await expect(page.get_by_text(render("desk_page_unsent", "en"))).to_be_visible()
    start_desk()

    await expect(page.get_by_text("You said: meanwhile")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("status")).to_have_text("")
    assert rasa.texts == ["before", "meanwhile"]
    await expect(page.locator(".message.shopper")).to_have_count(2)


async def test_hostile_words_are_only_words(page: Page, page_url: str) -> None:
    await begin(page, page_url)

    await say(page, "<img src=x onerror=\"document.title='broken'\"><b>bold</b>")

    await expect(page.get_by_text("You said: <img src=x")).to_be_visible()
    await expect(page.get_by_role("log").locator("b")).to_have_count(0)
    assert await page.title() != "broken"


async def test_a_text_of_the_greatest_length_is_sent(
    page: Page, page_url: str, rasa: FakeRasa
) -> None:
    rasa.answer = lambda turn: [{"text": f"That were {len(turn['text'])} characters"}]
    await begin(page, page_url)

    await say(page, "ż" * 4000)

    await expect(page.get_by_text("That were 4000 characters")).to_be_visible()


async def test_leaving_logs_out_in_every_tab(page: Page, page_url: str) -> None:
    await begin(page, page_url)
    other = await page.context.new_page()
    await other.goto(page_url)
    await expect(other.get_by_role("log")).to_be_visible()

    await page.get_by_role("button", name="Leave").click()

    for tab in (page, other):
        await expect(tab.get_by_role("button", name="Aoife Byrne")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Aoife Byrne")).to_be_visible()


async def test_a_guest_begins_without_logging_in(
    page: Page, page_url: str, desk_settings: Settings
) -> None:
    await begin(page, page_url, name="A guest")

    await say(page, "hello")

    await expect(page.get_by_text("You said: hello")).to_be_visible()


async def test_a_session_that_is_over_leads_back_to_the_choice(
    page: Page, page_url: str, desk: Served, visit: Callable[..., Shopper]
) -> None:
    await begin(page, page_url)
    await page.evaluate(
        "localStorage.setItem('returnsdesk.demo-chat', JSON.stringify({token: 'old', language:"
        " 'en', unsent: [], shopper: {customer: '', name: 'x', stories: []}}))"
    )

    await page.reload()

    await expect(page.get_by_role("button", name="Aoife Byrne")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_is_wider_than_the_screen(
    browser: Browser, page_url: str, rasa: FakeRasa, width: int
) -> None:
    rasa.answer = lambda _turn: [
        {"text": "x" * 300, "buttons": [{"title": "y" * 120, "payload": {"intent": "z"}}]}
    ]
    context = await browser.new_context(viewport={"width": width, "height": 700})
    page = await context.new_page()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    await page.goto(page_url)
    await expect(page.get_by_role("button", name="Aoife Byrne")).to_be_visible()
    assert await page.evaluate(overflow) == 0
    await begin(page, page_url)
    await say(page, "w" * 200)
    await expect(page.get_by_role("button", name="y" * 120)).to_be_visible()
    assert await page.evaluate(overflow) == 0
    # The field to write in stays in view.
    await expect(page.get_by_role("textbox")).to_be_in_viewport()
    await context.close()
