"""A lead's main work in a browser: see what was missed, judge a group, correct a turn, export, look at the figures."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from returnsdesk.db.models import Message
from returnsdesk.db.session import Database
from returnsdesk.services import corrections
from tests.browser.chat import accessibility_problems
from tests.console.conftest import LEAD, Staff, logged_in_page
from tests.console.small_figures import conversation, missed
from tests.desk.serving import Served

BROKEN = "a flamingo lamp in size 42 landed in LL-10234"


@pytest.fixture
def lead(desk: Served) -> Iterator[Staff]:
    member = Staff(desk.url, LEAD)
    yield member
    member.client.close()


@pytest.fixture
async def lead_page(browser: Browser, lead: Staff) -> AsyncIterator[Page]:
    async for page in logged_in_page(browser, lead):
        yield page


@pytest.fixture
def talked(database: Database) -> int:
    """Forty conversations, some of which were not understood; the id of the message about the lamp."""
    now = datetime.now(timezone.utc) - timedelta(hours=2)
    with database.write() as session:
        for number in range(40):
            at = now - timedelta(days=number % 25, minutes=number)
            facts: dict[str, Any] = {
                "csat": 1 + number % 5,
                "channel": "telegram" if number % 4 == 0 else "web",
            }
            if number % 5 == 0:
                facts["handed_over_at"] = at
            name = f"talk-{number:02}"
            session.add(conversation(name, at, ("en", "nl", "de")[number % 3], **facts))
            session.flush()
            if number < 6:
                session.add(missed(name, 1, "do you juggle flamingos" + "?" * number, at))
        session.add(conversation("lamp", now))
        session.flush()
        lamp = missed("lamp", 1, BROKEN, now)
        session.add(lamp)
        session.flush()
        return int(lamp.id)


async def test_a_missed_message_becomes_an_example(
    lead_page: Page, talked: int, database: Database
) -> None:
    page = lead_page
    await page.goto("/console/improve")
    groups = page.locator(".group", has=page.get_by_role("heading", name="juggle flamingos"))
    # Two conversations in each of three languages: like messages of one language are one group.
    await expect(groups).to_have_count(3)
    group = groups.first
    await expect(group.get_by_role("heading")).to_contain_text("do you juggle flamingos")
    await expect(group.get_by_role("checkbox")).to_have_count(2)
    await group.get_by_label("What they meant").select_option("out_of_scope")
    await group.get_by_role("button", name="Keep for the ticked").click()
    await expect(page.get_by_role("status")).to_contain_text("Kept")
    await expect(groups).to_have_count(2)

    await page.get_by_role("link", name="Judged").click()
    await expect(page.get_by_role("row", name="juggle flamingos")).to_have_count(2)
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="Export 1 example").click()
    archive = zipfile.ZipFile(await (await waiting.value).path())
    (name,) = archive.namelist()
    assert name.endswith("/conversation.yml")
    assert "do you juggle flamingos" in archive.read(name).decode()
    await page.reload()
    await expect(page.get_by_text("Nothing here that was not exported")).to_be_visible()


async def test_a_turn_is_corrected_where_it_is_read_by_selecting_a_value(
    lead_page: Page, talked: int, database: Database
) -> None:
    page = lead_page
    with database.read() as session:
        seq = session.get(Message, talked).seq
    await page.goto(f"/console/conversations/lamp/messages/{seq}#m{seq}")
    await page.locator("details.turn > summary").first.click()
    await page.get_by_text("Correct this turn").click()
    form = page.locator(".correction form")
    await form.get_by_label("What the shopper meant").select_option("claims_start")
    shown = form.locator("[data-mark-text]")
    await expect(shown).to_be_visible()
    await shown.evaluate(
        """(text) => {
            const node = text.firstChild, start = node.data.indexOf("42"), range = document.createRange();
            range.setStart(node, start); range.setEnd(node, start + 2);
            getSelection().removeAllRanges(); getSelection().addRange(range);
            text.dispatchEvent(new MouseEvent("mouseup", { bubbles: true }));
        }"""
    )
    fresh = form.locator("[data-new-mark]")
    await expect(fresh.get_by_label("Value")).to_have_value("42")
    await fresh.get_by_label("Kind").select_option("size")
    await form.get_by_role("button", name="Keep").click()
    await expect(page.get_by_text("Kept.")).to_be_visible()
    with database.read() as session:
        kept = corrections.judgements(session, [talked])[talked]
    assert kept.intent == "claims_start" and kept.corrected_by == LEAD
    start = BROKEN.index("42")
    assert {"entity": "size", "value": "42", "start": start, "end": start + 2} in kept.entities


@pytest.mark.parametrize("width", [1280, 390])
async def test_the_figures_are_seen_and_axe_finds_nothing(
    browser: Browser, lead: Staff, talked: int, database: Database, width: int
) -> None:
    corrections.judge_all(
        database, [talked], "claims_start", actor=LEAD, now=datetime.now(timezone.utc)
    )
    screen = {"viewport": {"width": width, "height": 800}}
    async for page in logged_in_page(browser, lead, **screen):
        for path in ("insight", "insight?days=90&language=nl", "improve", "improve/judged"):
            answer = await page.goto(f"/console/{path}")
            assert answer is not None and answer.status == 200, path
            for folded in await page.locator("main details > summary").all():
                await folded.click()
            # Not under the bar that stays at the top, which would hide part of what is there.
            await page.evaluate("scrollTo(0, 0)")
            assert await accessibility_problems(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
        await page.goto("/console/insight")
        pictures = page.locator(".figure picture img")
        assert await pictures.count() >= 6
        for picture in await pictures.all():
            await picture.scroll_into_view_if_needed()
            await expect(picture).to_have_js_property("complete", True)
            assert await picture.evaluate("(image) => image.naturalWidth") > 300
            assert (await picture.get_attribute("alt") or "").startswith("Chart: ")
