"""The widget's way into Telegram: shown where there is a bot, and a link for one shopper alone."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from playwright.async_api import Page, expect

from returnsdesk.db.session import Database
from returnsdesk.services import chat_links
from tests.browser.chat import Chat, accessibility_problems
from tests.desk.serving import Served

PHONE = 8001


@pytest.fixture(autouse=True)
def bot(desk: Served) -> Any:
    """The desk's bot, by its name alone."""
    context: Any = desk.app
    context.state.desk.telegram_username = "lund_linde_bot"
    return context.state.desk


def tap(database: Database, address: str) -> chat_links.Redeemed:
    """Open a link in a chat."""
    now = datetime.now(timezone.utc)
    token = address.partition("?start=")[2]
    return chat_links.redeem(
        database, token, chat_id=PHONE, message_id="tg-8001-1", language="en", now=now
    )


async def test_the_link_opens_telegram_and_tells_it_nothing_else(chat: Chat) -> None:
    await chat.button("Continue on Telegram").click()

    link = chat.log.get_by_role("link", name="Open Telegram")
    await expect(link).to_be_focused()
    address = await link.get_attribute("href")
    assert address.startswith("https://t.me/lund_linde_bot?start=")
    assert (await link.get_attribute("rel"), await link.get_attribute("target")) == (
        "noopener noreferrer",
        "_blank",
    )
    await expect(chat.log.get_by_text("It works once, within 15 minutes")).to_be_visible()


async def test_each_press_gives_a_link_of_its_own(chat: Chat) -> None:
    for count in (1, 2):
        await chat.button("Continue on Telegram").click()
        await expect(chat.log.get_by_role("link", name="Open Telegram")).to_have_count(count)
    links = await chat.log.get_by_role("link", name="Open Telegram").all()
    assert len({await link.get_attribute("href") for link in links}) == 2


async def test_a_link_is_not_kept_with_the_page(chat: Chat, page: Page) -> None:
    await chat.button("Continue on Telegram").click()
    await expect(chat.log.get_by_role("link", name="Open Telegram")).to_be_visible()
    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

    assert "t.me" not in kept


async def test_without_a_bot_there_is_no_way_in(bot: Any, page: Page, product_url: str) -> None:
    bot.telegram_username = ""
    await page.goto(product_url)
    chat = Chat(page)
    await chat.open()

    await expect(chat.button("New conversation")).to_be_visible()
    await expect(chat.button("Continue on Telegram")).to_have_count(0)


async def test_a_bot_that_is_away_is_told_of_in_words(bot: Any, chat: Chat) -> None:
    await expect(chat.button("Continue on Telegram")).to_be_visible()
    bot.telegram_username = ""
    await chat.button("Continue on Telegram").click()

    await expect(chat.log.get_by_text("Telegram cannot be reached")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("nl-NL", "Verder op Telegram"),
        ("de-DE", "Auf Telegram weiterschreiben"),
        ("nb-NO", "Fortsett på Telegram"),
        ("pl-PL", "Kontynuuj w Telegramie"),
    ],
)
async def test_it_speaks_the_widgets_language(
    page: Page, product_url: str, language: str, label: str
) -> None:
    await page.route("**/shop/products/*", lambda route: _speaking(route, language))
    await page.goto(product_url)
    await page.locator(".launcher").click()

    await expect(page.get_by_role("dialog").get_by_role("button", name=label)).to_be_visible()


async def _speaking(route: Any, language: str) -> None:
    response = await route.fetch()
    body = (await response.text()).replace('data-language="en"', f'data-language="{language}"')
    await route.fulfill(response=response, body=body)


async def test_a_guests_browser_begins_anew_once_the_chat_has_the_conversation(
    chat: Chat, database: Database
) -> None:
    await chat.ask("hello there")
    await chat.button("Continue on Telegram").click()
    link = chat.log.get_by_role("link", name="Open Telegram")
    address = await link.get_attribute("href")

    tap(database, address)

    await expect(chat.log.get_by_text("The earlier conversation has ended.")).to_be_visible()
    await expect(chat.said("hello there")).to_have_count(0)


async def test_the_chat_with_the_way_in_is_accessible(chat: Chat, page: Page) -> None:
    await chat.button("Continue on Telegram").click()
    await expect(chat.log.get_by_role("link", name="Open Telegram")).to_be_visible()

    assert await accessibility_problems(page) == []
