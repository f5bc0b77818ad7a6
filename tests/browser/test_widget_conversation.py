"""The widget's conversation: typing and clicking, reloads, tabs, lost connections, restarts, log-in and log-out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from returnsdesk.db.models import Message, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services import cases, takeover
from returnsdesk.services.conversations import locked, new_message
from tests.browser.chat import Chat, accessibility_problems, answer_with_cards
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def conversation_of(database: Database) -> str:
    with database.read() as session:
        return str(session.query(Message).first().conversation_id)


def tell(database: Database, clock: Clock, author: str, text: str, content: dict[str, Any]) -> None:
    """Add a message that answers none, as notices and members of staff do."""
    with database.write() as session:
        conversation = locked(session, session.query(Message).first().conversation_id)
        row = new_message(conversation, author=author, text=text, state="sent", now=clock())
        row.content = content
        session.add(row)


async def test_the_desk_is_asked_nothing_before_the_chat_is_opened(
    page: Page, product_url: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    await page.goto(product_url, wait_until="networkidle")

    await expect(Chat(page).launcher).to_be_visible()
    assert [url for url in asked if "/api/" in url or "login-token" in url] == []


async def test_a_shopper_types_and_clicks(chat: Chat, rasa: FakeRasa) -> None:
    rasa.answer = answer_with_cards

    await chat.ask("sizes")
    await chat.button("42.5").click()

    await expect(chat.said("42.5 in black")).to_be_visible()
    assert rasa.turns[1]["choice"] == {
        "intent": "inform",
        "entities": {"choice": "42.5 in black"},
    }
    # The question was answered: its sizes can no longer be chosen.
    await expect(chat.button("42.5")).to_be_disabled()
    await expect(chat.field).to_be_focused()


async def test_the_page_offers_what_fits_it(chat: Chat, rasa: FakeRasa, database: Database) -> None:
    text = "Can I return the Fjord sneakers if it does not fit?"

    await chat.button(text).click()

    await expect(chat.said(text)).to_be_visible()
    with database.read() as session:
        message = session.query(Message).filter_by(author="shopper").one()
        assert message.content["page"] == {"product": "fjord-sneakers", "name": "Fjord sneakers"}


async def test_a_reload_in_mid_form_keeps_everything(chat: Chat, rasa: FakeRasa) -> None:
    rasa.answer = answer_with_cards
    await chat.ask("items")
    await chat.field.fill("half a sentence")

    await chat.page.reload()

    await expect(chat.said("items")).to_be_visible()
    await expect(chat.own).to_have_count(1)
    await expect(chat.field).to_have_value("half a sentence")
    await chat.panel.get_by_role("button", name="Varm wool socks").click()
    await expect(chat.said("Varm wool socks")).to_be_visible()


async def test_the_conversation_goes_along_to_other_pages(chat: Chat, desk: Served) -> None:
    await chat.ask("hello")

    await chat.page.get_by_role("link", name="Returns", exact=True).click()

    await expect(chat.page).to_have_url(f"{desk.url}/shop/returns")
    await expect(chat.said("hello")).to_be_visible()


async def test_two_tabs_show_one_conversation(chat: Chat, product_url: str) -> None:
    other = Chat(await chat.page.context.new_page())
    await other.page.goto(product_url)
    await other.open()

    await chat.ask("from the first")
    await other.ask("from the second")

    for tab in (chat, other):
        await expect(tab.said("from the first")).to_be_visible()
        await expect(tab.said("from the second")).to_be_visible()
        await expect(tab.own).to_have_count(2)


async def test_an_answer_missed_offline_comes_afterwards(chat: Chat, rasa: FakeRasa) -> None:
    await chat.ask("before")
    rasa.hold()
    await chat.say("while away")
    await expect(chat.status).to_contain_text("is writing")

    await chat.page.context.set_offline(True)
    await expect(chat.status).to_contain_text("You are offline")
    await chat.say("written offline")
    rasa.may_answer.set()
    await chat.page.context.set_offline(False)

    await expect(chat.said("while away")).to_be_visible()
    await expect(chat.said("written offline")).to_be_visible()
    await expect(chat.own).to_have_count(3)
    await expect(chat.status).to_have_text("")
    assert rasa.texts == ["before", "while away", "written offline"]


async def test_a_restart_of_the_desk_loses_nothing(
    chat: Chat, desk: Served, start_desk: Callable[..., Served], rasa: FakeRasa
) -> None:
    await chat.ask("before")

    desk.stop()
    await expect(chat.status).to_contain_text("The connection is gone")
    await expect(chat.status).to_contain_text("returns@lundlinde.example")
    await chat.say("during")
    await expect(chat.log.get_by_text("Not sent yet")).to_be_visible()
    start_desk()

    await expect(chat.said("during")).to_be_visible()
    await expect(chat.status).to_have_text("")
    await expect(chat.own).to_have_count(2)
    assert rasa.texts == ["before", "during"]


async def test_a_desk_that_is_away_leaves_the_page_alone(
    page: Page, product_url: str, desk: Served, start_desk: Callable[..., Served]
) -> None:
    await page.goto(product_url)
    chat = Chat(page)
    await expect(chat.launcher).to_be_visible()
    desk.stop()

    await page.get_by_role("link", name="white").hover()
    await chat.open()
    await chat.say("kept for later")

    await expect(chat.status).to_contain_text("The connection is gone")
    await expect(chat.own).to_contain_text("kept for later")
    start_desk()
    await expect(chat.said("kept for later")).to_be_visible()


async def test_a_session_that_is_over_begins_anew_and_says_so(chat: Chat, desk: Served) -> None:
    await chat.ask("long ago")
    token = await chat.page.evaluate(
        "desk => JSON.parse(localStorage.getItem(`returnsdesk:${desk}`)).token", desk.url
    )
    ended = await chat.page.request.delete(
        f"{desk.url}/api/session", headers={"Authorization": f"Bearer {token}"}
    )
    assert ended.ok

    await expect(chat.log.get_by_text("The earlier conversation has ended")).to_be_visible()
    await expect(chat.said("long ago")).to_have_count(0)
    await chat.ask("again")


async def test_a_new_conversation_closes_the_old_one_in_every_tab(
    chat: Chat, product_url: str
) -> None:
    await chat.ask("old")
    other = Chat(await chat.page.context.new_page())
    await other.page.goto(product_url)
    await other.open()
    await expect(other.said("old")).to_be_visible()

    await chat.button("New conversation").click()
    await chat.panel.get_by_role("group").get_by_role("button", name="New conversation").click()

    await expect(chat.said("old")).to_have_count(0)
    await expect(other.said("old")).to_have_count(0)
    await other.ask("fresh")
    await expect(chat.said("fresh")).to_be_visible()


async def test_the_transcript_can_be_downloaded(chat: Chat) -> None:
    await chat.ask("keep this")

    async with chat.page.expect_download() as download:
        await chat.button("Download transcript").click()

    text = read(await (await download.value).path())
    assert re.search(r"\[.+\] You: keep this\n\n\[.+\] Assistant: You said: keep this\n", text)


async def test_the_shop_knows_who_is_logged_in_and_log_out_resets(
    page: Page, desk: Served, database: Database
) -> None:
    await page.goto(f"{desk.url}/shop/account")
    await page.get_by_role("button", name="Aoife Byrne").click()
    chat = Chat(page)
    async with page.expect_response("**/api/session") as opened:
        await chat.open()
    assert (await (await opened.value).json())["signed_in"] is True
    await chat.ask("my secret")
    await chat.button("Close chat").click()

    await page.get_by_role("button", name="Log out Aoife").click()
    await chat.open()

    await expect(chat.button("Where is my refund?")).to_be_visible()
    await chat.ask("somebody else")
    await expect(chat.log.get_by_text("my secret")).to_have_count(0)
    with database.read() as session:
        ids = {row.conversation_id for row in session.query(Message)}
    assert len(ids) == 2


async def test_an_unread_answer_is_told_on_the_launcher(chat: Chat, rasa: FakeRasa) -> None:
    rasa.hold()
    await chat.say("slow one")
    await expect(chat.status).to_contain_text("is writing")
    await chat.page.keyboard.press("Escape")

    rasa.may_answer.set()

    await expect(chat.page.get_by_role("button", name="Open chat, 1 new messages")).to_be_visible()


async def test_what_was_said_while_the_chat_was_closed_is_told_on_the_next_page(
    chat: Chat, desk: Served, database: Database, clock: Clock
) -> None:
    await chat.ask("hello")
    await chat.button("Close chat").click()
    await chat.page.goto("about:blank")
    tell(database, clock, "assistant", "Your label is ready.", {})
    tell(database, clock, "system", "", {"kind": "rating", "score": 5, "comment": ""})

    await chat.page.goto(f"{desk.url}/shop/returns")

    launcher = chat.page.get_by_role("button", name="Open chat, 1 new messages")
    await expect(launcher).to_have_text("1")
    assert await accessibility_problems(chat.page) == []
    await launcher.click()
    await expect(chat.log.get_by_text("Your label is ready.")).to_be_visible()
    await chat.button("Close chat").click()
    await chat.page.reload()
    await expect(chat.page.get_by_role("button", name="Open chat", exact=True)).to_be_visible()


async def test_a_label_can_be_downloaded_in_the_chat(
    chat: Chat, desk: Served, database: Database, clock: Clock
) -> None:
    await chat.ask("hello")
    label = {
        "url": "/track/t/label.pdf",
        "qr_url": "/static/shop/fjord-sneakers.svg",
        "rma_number": "RMA-7",
    }

    tell(database, clock, "assistant", "Your label is ready.", {"label": label})
    tell(database, clock, "assistant", "No code.", {"label": {**label, "qr_url": None}})
    hostile = {**label, "url": "javascript:document.title='taken'"}
    tell(database, clock, "assistant", "Hostile.", {"label": hostile})

    await expect(chat.log.get_by_text("Hostile.")).to_be_visible()
    await expect(chat.log.get_by_role("heading", name="RMA-7")).to_have_count(3)
    links = chat.log.get_by_role("link", name="Download label")
    await expect(links).to_have_count(2)
    await expect(links.first).to_have_attribute("href", f"{desk.url}/track/t/label.pdf")
    await expect(chat.log.get_by_role("img", name="QR")).to_have_count(2)
    # The link is reached by keys; the hostile one is none to be reached.
    await chat.button("Send a photo").focus()
    await chat.page.keyboard.press("Shift+Tab")
    await expect(links.last).to_be_focused()
    for scheme in ("light", "dark"):
        await chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await accessibility_problems(chat.page) == []


async def test_the_page_can_name_order_and_product_by_attributes(
    page: Page, desk: Served, other_shop: str, rasa: FakeRasa
) -> None:
    await page.goto(other_shop)
    await page.evaluate(
        """desk => {
            document.querySelector('returns-desk-chat').remove();
            const chat = document.createElement('returns-desk-chat');
            Object.assign(chat.dataset, { desk, order: 'LL-10234', product: 'fjord-sneakers' });
            document.body.append(chat);
        }""",
        desk.url,
    )
    chat = Chat(page)
    await chat.open()

    await chat.button("I want to return something from order LL-10234").click()
    await expect(chat.said("I want to return something from order LL-10234")).to_be_visible()

    assert rasa.turns[0]["page"] == {"order": "LL-10234", "product": "fjord-sneakers"}


async def test_an_order_page_tells_which_order_it_shows(
    page: Page, desk: Served, rasa: FakeRasa
) -> None:
    await page.goto(f"{desk.url}/shop/account")
    await page.get_by_role("button", name="Aoife Byrne").click()
    await page.locator("a[href^='/shop/orders/']").first.click()
    await page.wait_for_url("**/shop/orders/*")
    number = page.url.rpartition("/")[2]
    chat = Chat(page)
    await chat.open()

    await chat.ask("how do I return this?")
    await page.evaluate("ReturnsDesk.setContext({ order: 'LL-10201', price: '0' })")
    await chat.ask("and this?")

    # What a page says is passed on as it is, somebody else's order too; it is the actions that open nothing by it.
    assert [turn["page"] for turn in rasa.turns] == [{"order": number}, {"order": "LL-10201"}]
    assert await accessibility_problems(page) == []


async def test_another_shops_page_embeds_it_under_a_strict_policy(
    page: Page, desk: Served, other_shop: str, rasa: FakeRasa
) -> None:
    rasa.answer = answer_with_cards
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    await page.goto(other_shop)
    chat = Chat(page)
    await chat.open()
    await chat.ask("items")

    await expect(chat.log.get_by_role("img")).to_have_count(0)
    assert await chat.log.locator("img").evaluate("image => image.decode().then(() => true)")
    assert await chat.panel.evaluate("panel => getComputedStyle(panel).position") == "fixed"
    await page.reload()
    await expect(chat.said("items")).to_be_visible()
    assert complaints == []


async def test_a_page_that_is_not_allowed_gets_words_and_nothing_else(
    browser: Browser, desk: Served, foreign_shop: str, rasa: FakeRasa
) -> None:
    context = await browser.new_context(locale="en-GB")
    chat = Chat(await context.new_page())
    await chat.page.goto(foreign_shop)
    await chat.open()

    await chat.say("let me in")

    await expect(chat.status).to_contain_text("The connection is gone")
    assert rasa.turns == []
    await context.close()


async def test_a_rating_is_kept_with_its_comment(
    chat: Chat, rasa: FakeRasa, database: Database
) -> None:
    rasa.answer = answer_with_cards
    await chat.ask("rating")

    await chat.panel.get_by_role("button", name="4 of 5").click()
    await chat.panel.get_by_role("textbox", name="Anything to add?").fill("quick <b>help</b>")
    await chat.log.get_by_role("button", name="Send").click()

    await expect(chat.panel.get_by_role("textbox", name="Anything to add?")).to_have_count(0)
    await expect(chat.log.get_by_text("Thank you!")).to_be_visible()
    with database.read() as session:
        row = session.query(Message).filter_by(author="system").one()
        assert row.content == {"kind": "rating", "score": 4, "comment": "quick <b>help</b>"}
    # It is asked once: neither in the chat nor when a new one is begun.
    await chat.page.reload()
    await expect(chat.said("rating")).to_be_visible()
    await chat.button("New conversation").click()
    await expect(chat.panel.get_by_text("Start anew?")).to_be_visible()
    await expect(chat.panel.get_by_role("button", name="4 of 5")).to_have_count(0)


async def test_who_needed_a_person_is_not_asked_to_rate(
    chat: Chat, database: Database, clock: Clock
) -> None:
    await chat.ask("this is a disgrace")
    conversation_id = conversation_of(database)
    cases.open_case(database, conversation_id, "complaint", "a disgrace", now=clock())

    async with chat.page.expect_response("**/api/rating") as asked:
        await chat.button("New conversation").click()

    assert await (await asked.value).json() == {"is_welcome": False}
    await expect(chat.panel.get_by_text("Start anew?")).to_be_visible()
    await expect(chat.panel.get_by_role("button", name="5 of 5")).to_have_count(0)


async def test_a_person_joins_talks_and_leaves(
    chat: Chat, database: Database, clock: Clock, rasa: FakeRasa
) -> None:
    with database.write() as session:
        session.add(
            StaffAccount(
                email="anna@shop.example",
                name="Anna",
                role="agent",
                password_hash="-",
                is_active=True,
                created_at=clock(),
            )
        )
    await chat.ask("hello")
    conversation_id = conversation_of(database)
    joined = (database, conversation_id, "anna@shop.example")

    takeover.join(*joined, now=clock())
    await expect(chat.log.get_by_text("Anna has joined the chat.")).to_be_visible()
    await chat.say("for Anna")
    await expect(chat.own).to_have_count(2)
    takeover.say(*joined, "Let me look.", now=clock())
    await expect(chat.log.locator(".agent .name")).to_have_text("Anna")
    await expect(chat.log.locator(".agent .bubble")).to_have_text("Let me look.")
    # Who is writing keeps the place where they write.
    await expect(chat.field).to_be_focused()
    for scheme in ("light", "dark"):
        await chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await accessibility_problems(chat.page) == []
    takeover.leave(*joined, now=clock())
    await expect(chat.log.get_by_text("Anna has left the chat.")).to_be_visible()

    await chat.ask("for the assistant")
    assert rasa.texts == ["hello", "for the assistant"]
