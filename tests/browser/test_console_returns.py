"""The main work of an agent and of a lead in a browser: from the list of work to the money that is paid back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from returnsdesk.db.models import OutboxJob, Return
from returnsdesk.db.session import Database
from returnsdesk.services import outbox, refunds, returns
from returnsdesk.services.views import ReturnView
from tests.browser.chat import accessibility_problems
from tests.console.conftest import AGENT, LEAD, Staff, logged_in_page
from tests.desk.pictures import picture
from tests.desk.serving import Served

WIDE = 1280


@pytest.fixture
def agent(desk: Served) -> Iterator[Staff]:
    member = Staff(desk.url, AGENT)
    yield member
    member.client.close()


@pytest.fixture
def lead(desk: Served) -> Iterator[Staff]:
    member = Staff(desk.url, LEAD)
    yield member
    member.client.close()


@pytest.fixture
async def agent_page(browser: Browser, agent: Staff) -> AsyncIterator[Page]:
    async for page in logged_in_page(browser, agent):
        yield page


@pytest.fixture
async def lead_page(browser: Browser, lead: Staff) -> AsyncIterator[Page]:
    async for page in logged_in_page(browser, lead):
        yield page


def now() -> datetime:
    return datetime.now(timezone.utc)


def return_in(database: Database, status: str) -> ReturnView:
    with database.read() as session:
        number = session.scalars(
            select(Return.rma_number).where(Return.status == status).order_by(Return.id)
        ).first()
        view = returns.find(session, str(number))
    assert view is not None
    return view


async def test_an_agent_brings_a_return_from_the_request_to_the_money(
    agent_page: Page, database: Database
) -> None:
    page, rma_number = agent_page, return_in(database, "requested").rma_number
    await page.goto("/console/cases?queue=approve")
    await page.get_by_role("link", name=rma_number).click()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("status")).to_have_text(
        "The return is approved; the shopper is told."
    )
    await page.get_by_role("button", name="Mark as received").click()
    await expect(page.get_by_role("heading", name="Inspect")).to_be_visible()

    await page.get_by_role("combobox", name="Grade").select_option("B")
    await page.get_by_label("What was found").fill("A scratch on the foot")
    await page.get_by_label("Photos", exact=True).set_input_files(
        {"name": "foot.png", "mimeType": "image/png", "buffer": picture("PNG")}
    )
    await page.get_by_role("button", name="Keep the inspection").click()
    shown = page.get_by_role("img", name="Photo of the inspection 1")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("image => image.complete && image.naturalWidth > 0")

    await page.get_by_role("button", name="Release the refund").click()
    await expect(page.get_by_role("status")).to_have_text("The refund is on its way.")
    await expect(page.get_by_text("Mila Okafor released the refund")).to_be_visible()
    with database.read() as session:
        view = returns.find(session, rma_number)
    assert view is not None
    for part in view.refunds[0].parts:
        refunds.settle_part(database, part.id, "ref", now=now())
    await page.reload()
    await expect(page.locator(".page-head .badge")).to_have_text("closed")


async def test_declining_without_a_reason_says_so_beside_the_field(
    agent_page: Page, database: Database
) -> None:
    page, rma_number = agent_page, return_in(database, "requested").rma_number
    await page.goto(f"/console/returns/{rma_number}")
    await page.get_by_text("Decline …").click()
    await page.get_by_label("What the shopper reads").fill("Sorry, that is not ours.")
    await page.get_by_role("button", name="Show what the shopper will read").click()
    await expect(page.get_by_text("Please choose a reason.")).to_be_visible()
    words = page.get_by_label("What the shopper reads")
    await expect(words).to_have_value("Sorry, that is not ours.")
    await page.get_by_label("Reason, for our lists").select_option("not_ours")
    await page.get_by_role("button", name="Show what the shopper will read").click()
    letter = page.get_by_role("region", name="What the shopper will read")
    await expect(letter).to_contain_text("Sorry, that is not ours.")
    assert await accessibility_problems(page) == []
    await page.get_by_role("button", name="Decline and tell the shopper").click()
    await expect(page.locator(".page-head .badge")).to_have_text("declined")


async def test_a_lead_makes_an_exception_and_sees_to_what_failed(
    lead_page: Page, database: Database
) -> None:
    page = lead_page
    await page.goto("/console/orders/LL-10152/return")
    await page.get_by_label("Pieces").first.fill("1")
    await page.get_by_role("button", name="Show what it comes to").click()
    await expect(page.get_by_text("You would set aside:")).to_be_visible()
    assert await accessibility_problems(page) == []
    await page.get_by_label("Why the rules are set aside").fill("Promised by telephone")
    await page.get_by_role("button", name="Register the return").click()
    await expect(page.get_by_text("Henrik Sand set aside").first).to_be_visible()

    part = return_in(database, "refund_pending").refunds[0].parts[0]
    refunds.fail_part(database, part.id, "the card is closed", now=now())
    await page.goto("/console/cases?queue=refunds")
    await page.get_by_role("link", name="RMA-").first.click()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("status")).to_have_text("The part is asked for again.")

    job = dead_job(database)
    await page.goto("/console/jobs")
    await page.get_by_role("link", name=f"{job}: send test").click()
    await expect(page.get_by_text("550 no mailbox")).to_be_visible()
    await page.get_by_role("button", name="Try it again").click()
    await expect(page.get_by_role("status")).to_have_text("The worker tries the job again.")


@pytest.mark.parametrize("width", [WIDE, 390])
async def test_axe_finds_nothing_and_nothing_hangs_over(
    browser: Browser, lead: Staff, database: Database, width: int
) -> None:
    number = dead_job(database)
    part = return_in(database, "refund_pending").refunds[0].parts[0]
    refunds.fail_part(database, part.id, "the card is closed", now=now())
    paths = [
        "cases",
        "cases/1",
        "returns",
        *(f"returns/{return_in(database, status).rma_number}" for status in PAGES),
        "claims",
        "withdrawals",
        "refunds",
        "jobs",
        f"jobs/{number}",
        "orders/LL-10221",
        "orders/LL-10221/return",
        "customers/1",
    ]
    screen = {"viewport": {"width": width, "height": 800}}
    async for page in logged_in_page(browser, lead, **screen):
        for path in paths:
            answer = await page.goto(f"/console/{path}")
            assert answer is not None and answer.status == 200, path
            for folded in await page.locator("details.action > summary").all():
                await folded.click()
            if width == WIDE:
                assert await accessibility_problems(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, path


PAGES = ("requested", "arrived", "inspected", "refund_pending", "label_issued", "expired")


def dead_job(database: Database) -> int:
    def refuse(payload: dict[str, object], key: str, at: object) -> None:
        raise outbox.GiveUp("550 no mailbox here")

    with database.write() as session:
        outbox.add(session, "send_test", {}, dedupe_key="browser-job", now=now())
    outbox.run_due(database, {"send_test": refuse}, now=now())
    with database.read() as session:
        return int(session.scalar(select(OutboxJob.id).where(OutboxJob.kind == "send_test")))
