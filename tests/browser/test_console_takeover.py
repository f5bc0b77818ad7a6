"""A person takes over: shopper and agent in two browsers, live, until the assistant has the conversation again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from returnsdesk.db.models import Conversation
from returnsdesk.db.session import Database
from returnsdesk.services import cases, takeover
from tests.browser.chat import Chat, accessibility_problems
from tests.console.talks import let_nobody_wait, now
from tests.desk.fake_rasa import FakeRasa, echo
from tests.desk.serving import Served
from tests.servers.browser import MILLISECONDS_TO_APPEAR

AGENT, LEAD = "mila@lundlinde.example", "henrik@lundlinde.example"
AGENT_NAME, LEAD_NAME = re.compile("Mila"), re.compile("Henrik")
PASSWORD = "returns-demo"

LogIn = Callable[[str], Awaitable[Page]]


@pytest.fixture(autouse=True)
def passes_on(rasa: FakeRasa, database: Database) -> None:
    """The assistant opens a case when the shopper asks for a person."""
    let_nobody_wait(database)

    def answer(turn: dict[str, Any]) -> list[dict[str, Any]]:
        if "person" not in turn["text"]:
            return echo(turn)
        number = cases.open_case(
            database, turn["conversation_id"], "asked_for_person", turn["text"], now=now()
        )
        return [{"text": f"I have passed this on. Your case number is {number}."}]

    rasa.answer = answer


@pytest.fixture
async def log_in(browser: Browser, desk: Served) -> AsyncIterator[LogIn]:
    """Open a browser of a member of the team."""
    contexts, errors = [], []

    async def open_console(email: str) -> Page:
        context = await browser.new_context(locale="en-GB", base_url=desk.url)
        context.set_default_timeout(MILLISECONDS_TO_APPEAR)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto("/console/login?next=/console/waiting")
        await page.get_by_label("E-mail address").fill(email)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Waiting for a person")).to_be_visible()
        return page

    yield open_console
    for context in contexts:
        await context.close()
    assert errors == []


def field(page: Page) -> Locator:
    return page.get_by_label("Message to the shopper")


def title(page: Page) -> Locator:
    return page.locator("#live-title")


async def asked(chat: Chat) -> None:
    await chat.say("I want to talk to a person")
    await expect(chat.log.get_by_text("Your case number is")).to_be_visible()


async def to_conversation(page: Page) -> None:
    await page.get_by_role("link", name="Asked for a person").click()
    await expect(title(page)).to_have_text("Waiting for a person")


async def test_a_shopper_is_helped_by_a_person_and_handed_back(
    chat: Chat, log_in: LogIn, rasa: FakeRasa
) -> None:
    agent = await log_in(AGENT)
    await expect(agent.get_by_text("Nobody is waiting.")).to_be_visible()

    # The list, its count and the title follow without a reload.
    await asked(chat)
    await expect(agent.get_by_role("link", name="Asked for a person")).to_be_visible()
    await expect(agent).to_have_title(re.compile(r"^\(1\) "))
    await agent.get_by_role("button", name="Join").click()
    await expect(title(agent)).to_have_text("You have this conversation")
    await expect(agent).not_to_have_title(re.compile(r"^\("))
    await expect(chat.log.get_by_text("has joined the chat")).to_be_visible()

    # Each sees that the other writes, and what.
    await field(agent).press_sequentially("Good morning")
    await expect(chat.status).to_have_text(re.compile("^Mila .* is writing …$"))
    await field(agent).press("Enter")
    await expect(chat.log.locator(".agent .bubble")).to_have_text("Good morning")
    await expect(chat.status).to_have_text("")
    await expect(field(agent)).to_have_value("")
    await chat.say("My lamp is <b>broken</b>")
    await expect(agent.locator("#messages")).to_contain_text("My lamp is <b>broken</b>")
    assert await accessibility_problems(agent) == []

    # A canned answer, then back to the assistant.
    await agent.get_by_label("Canned answer").select_option("Ask for a photo")
    await agent.get_by_role("button", name="Insert").click()
    await expect(field(agent)).to_have_value(re.compile("^Could you send a photo"))
    await field(agent).press("Control+Enter")
    await expect(chat.log.get_by_text("Could you send a photo")).to_be_visible()
    await agent.get_by_role("button", name="Hand back, solved").click()
    await expect(title(agent)).to_have_text("The assistant answers")
    await expect(chat.log.get_by_text("I am the assistant and answer here again")).to_be_visible()
    await chat.ask("thank you")
    assert rasa.texts == ["I want to talk to a person", "thank you"]


async def test_of_two_agents_with_the_page_open_one_has_it_and_the_other_sees_who(
    chat: Chat, log_in: LogIn
) -> None:
    await asked(chat)
    one, other = await log_in(AGENT), await log_in(LEAD)
    for page in (one, other):
        await to_conversation(page)
    await expect(one.locator("[data-looking]")).to_contain_text(LEAD_NAME)

    await asyncio.gather(
        *(page.get_by_role("button", name="Join").click() for page in (one, other))
    )

    own = re.compile("You have this conversation")
    colleagues = re.compile(r"(Mila|Henrik) .*has this conversation")
    await expect(title(one)).to_have_text(re.compile(f"{own.pattern}|{colleagues.pattern}"))
    await expect(title(other)).to_have_text(re.compile(f"{own.pattern}|{colleagues.pattern}"))
    texts = [await title(page).inner_text() for page in (one, other)]
    assert sum(bool(own.search(text)) for text in texts) == 1
    await expect(chat.log.get_by_text("has joined the chat")).to_have_count(1)


async def test_who_is_writing_when_a_lead_takes_over_keeps_the_text(
    chat: Chat, log_in: LogIn, database: Database
) -> None:
    await asked(chat)
    agent = await log_in(AGENT)
    await agent.get_by_role("button", name="Join").click()
    await field(agent).fill("A long answer that nobody has sent")
    with database.read() as session:
        own = session.query(Conversation).filter_by(state="person").one().id

    takeover.join(database, own, LEAD, now=now(), from_colleague=AGENT)

    await expect(title(agent)).to_have_text(re.compile("Henrik .* has this conversation"))
    await expect(agent.get_by_role("alert")).to_have_text(
        "Not sent: “A long answer that nobody has sent”"
    )
    await expect(field(agent)).to_have_count(0)


async def test_a_bar_says_that_the_page_is_out_of_date_until_it_is_not(
    chat: Chat, log_in: LogIn, desk: Served, database: Database
) -> None:
    await asked(chat)
    agent = await log_in(AGENT)
    await to_conversation(agent)
    bar = agent.locator(".offline-bar")
    await expect(bar).to_be_hidden()

    desk.stop()
    await expect(bar).to_be_visible()
    with database.read() as session:
        own = session.query(Conversation).filter_by(state="waiting").one().id
    takeover.join(database, own, LEAD, now=now())
    desk.start()

    await expect(bar).to_be_hidden()
    await expect(title(agent)).to_have_text(re.compile("Henrik"))


async def test_a_browser_that_is_offline_says_so_and_keeps_what_was_written(
    chat: Chat, log_in: LogIn
) -> None:
    await asked(chat)
    agent = await log_in(AGENT)
    await agent.get_by_role("button", name="Join").click()
    await field(agent).fill("Hello")

    await agent.context.set_offline(True)
    await field(agent).press("Enter")
    await expect(agent.get_by_role("alert")).to_have_text(re.compile("^Not sent: there is no"))
    await expect(agent.locator(".offline-bar")).to_be_visible()
    await expect(field(agent)).to_have_value("Hello")

    await agent.context.set_offline(False)
    await expect(agent.locator(".offline-bar")).to_be_hidden()
    await field(agent).press("Enter")
    await expect(chat.log.locator(".agent .bubble")).to_have_text(["Hello"])


async def test_a_page_whose_session_has_ended_says_where_to_log_in(
    chat: Chat, log_in: LogIn
) -> None:
    agent = await log_in(AGENT)
    other = await agent.context.new_page()
    await other.goto("/console/waiting")
    await other.get_by_role("button", name="Log out").click()
    await expect(agent.get_by_role("link", name="Log in again")).to_be_visible()
