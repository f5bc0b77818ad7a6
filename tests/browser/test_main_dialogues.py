"""The main dialogues in a real browser on the demo shop's pages, with the whole product behind them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import select

from returnsdesk.db.models import Exchange, Order, Return
from tests.browser.chat import Chat
from tests.servers.product import Product, product_in

# A turn of the whole product on a busy machine.
MILLISECONDS_TO_ANSWER = 60_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product whose orders no other test has touched."""
    with product_in(tmp_path_factory.mktemp("browsed")) as started:
        yield started


async def logged_in(page: Page, shop: Product, name: str, order: str) -> Chat:
    """The chat of a customer who is logged in at the shop, opened on an order's page."""
    await page.goto(f"{shop.settings.public_url}/shop/account")
    await page.get_by_role("button", name=name).click()
    await page.goto(f"{shop.settings.public_url}/shop/orders/{order}")
    chat = Chat(page)
    await chat.open()
    return chat


async def appears(found: Locator) -> None:
    await expect(found.last).to_be_visible(timeout=MILLISECONDS_TO_ANSWER)


def returns_of(shop: Product, order: str) -> list[tuple[str, str | None]]:
    """What is registered for an order: how it is settled, and the state of its exchange."""
    with shop.database.read() as session:
        rows = session.execute(
            select(Return.settlement, Exchange.status)
            .join(Order, Order.id == Return.order_id)
            .outerjoin(Exchange, Exchange.return_id == Return.id)
            .where(Order.number == order)
        )
        return [(settlement, status) for settlement, status in rows]


async def test_where_is_my_refund_is_answered_from_the_record(page: Page, shop: Product) -> None:
    chat = await logged_in(page, shop, "Priya Nair", "LL-10201")

    await chat.say("where is my refund?")

    await appears(chat.log.get_by_text("RMA-1006"))


async def test_a_return_by_typing_survives_a_reload_in_its_middle(
    page: Page, shop: Product
) -> None:
    chat = await logged_in(page, shop, "Aoife Byrne", "LL-10234")
    await chat.say("how do I return the socks?")
    await appears(chat.button("Changed my mind"))

    await page.reload()
    chat = Chat(page)
    if await chat.launcher.is_visible():
        await chat.open()
    await chat.say("changed my mind")
    await appears(chat.log.get_by_text("Shall I register"))
    assert returns_of(shop, "LL-10234") == []
    await chat.say("yes")

    await appears(chat.log.get_by_text("is registered under RMA-"))
    assert returns_of(shop, "LL-10234") == [("original", None)]
    # The worker has it made, and the chat is told.
    await appears(chat.panel.get_by_role("link", name="Download the label"))


async def test_an_exchange_by_clicking(page: Page, shop: Product) -> None:
    chat = await logged_in(page, shop, "Eoin Murphy", "LL-10243")
    await chat.say("the pyjamas are too small, can I swap them for the next size?")
    await appears(chat.log.get_by_text("sold out at the moment: 110"))

    await chat.panel.get_by_role("button", name="116").click()
    await appears(chat.button("Yes, please do that"))
    assert returns_of(shop, "LL-10243") == []
    await chat.button("Yes, please do that").click()

    await appears(chat.log.get_by_text("is registered under RMA-"))
    assert returns_of(shop, "LL-10243") == [(None, "held")]
