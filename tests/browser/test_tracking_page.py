"""The tracking page: every state told with its dates, nothing without the link, readable for everybody."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

import httpx
import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from returnsdesk.db.models import (
    Conversation,
    Event,
    InboundParcel,
    Order,
    ParcelLabel,
    Return,
)
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import links
from returnsdesk.settings import Settings
from returnsdesk.texts import render
from tests.browser.chat import accessibility_problems
from tests.desk.serving import Served

NOW = datetime.now(timezone.utc)


@pytest.fixture
def rma_number(database: Database) -> str:
    """A return of the sample shop that is approved and waits for its label."""
    with database.write() as session:
        document = session.scalars(
            select(Return).where(Return.status == states.APPROVED).limit(1)
        ).one()
        return str(document.rma_number)


@pytest.fixture
def address(desk: Served, desk_settings: Settings, rma_number: str) -> str:
    return address_of(desk, desk_settings, rma_number)


def address_of(desk: Served, settings: Settings, rma_number: str, now: datetime = NOW) -> str:
    return f"{desk.url}/track/{links.token_for(settings, rma_number, now=now)}"


def get(address: str, **options: object) -> httpx.Response:
    return httpx.get(address, trust_env=False, **options)  # type: ignore[arg-type]


def change(database: Database, rma_number: str, **values: object) -> None:
    with database.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        for name, value in values.items():
            setattr(document, name, value)


def add_label(database: Database, rma_number: str, *, qr_text: str | None, days: int = 20) -> None:
    with database.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        document.status = states.LABEL_ISSUED
        for parcel in document.parcels:
            session.delete(parcel)
        session.flush()
        session.expire(document)
        label = ParcelLabel(pdf=b"%PDF-1.4", qr_text=qr_text, created_at=NOW)
        document.parcels = [
            InboundParcel(
                carrier="Embedded",
                tracking_number="RD0000001",
                status="announced",
                label_expires_at=NOW + timedelta(days=days),
                label=label,
            )
        ]


def status_of(database: Database, status: str) -> str:
    with database.read() as session:
        found = select(Return.rma_number).where(Return.status == status).limit(1)
        return str(session.scalars(found).one())


async def test_a_return_is_told_in_stages_with_dates(
    page: Page, desk: Served, desk_settings: Settings, database: Database
) -> None:
    rma_number = status_of(database, states.ARRIVED)
    change(database, rma_number, arrived_at=NOW)

    await page.goto(f"{address_of(desk, desk_settings, rma_number)}?lang=en")

    await expect(page.get_by_role("heading", name=f"Return {rma_number}")).to_be_visible()
    current = page.locator("[aria-current=step]")
    await expect(current.locator(".label")).to_have_text("Arrived")
    await expect(current.locator("time")).not_to_have_text("")
    await expect(page.locator("li[data-state=done]")).not_to_have_count(0)
    checked = page.locator("li[data-state=next]").filter(has_text="Checked")
    await expect(checked.locator(".when")).to_contain_text("by ")
    await expect(
        page.get_by_role("img", name=re.compile(r"Step \d of \d: Arrived"))
    ).to_be_visible()
    await expect(page.get_by_text("Your parcel is here.")).to_be_visible()
    headings = ["What happens next", "How far it is", "Your parcel", "In this return", "Your money"]
    await expect(page.get_by_role("heading", level=2)).to_have_text(headings)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(
    page: Page, database: Database, rma_number: str, address: str, scheme: str
) -> None:
    add_label(database, rma_number, qr_text="RD0000001")
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    await page.goto(address)

    assert await accessibility_problems(page) == []
    await page.goto(address[:-1])
    assert await accessibility_problems(page) == []


@pytest.mark.parametrize("colour", ["#ffe000", "#777777", "#1a1a40"])
async def test_text_on_the_shops_colour_is_readable(
    page: Page, desk: Served, address: str, colour: str
) -> None:
    assert desk.app is not None
    at_work = desk.app.state.desk  # type: ignore[attr-defined]
    at_work.settings = at_work.settings.copy(update={"brand_colour": colour})

    await page.goto(address)

    shown = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    await expect(page.locator(".brand")).to_have_css("background-color", f"rgb{shown}")
    assert await accessibility_problems(page) == []


async def test_it_needs_no_javascript_and_keeps_to_its_policy(page: Page, address: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    await page.goto(address)

    assert await page.locator("script").count() == 0
    pictures = page.locator(".items img")
    assert await pictures.count() > 0
    assert await pictures.first.evaluate("image => image.decode().then(() => true)")
    assert [text for text in complaints if "Content Security Policy" in text] == []


def test_nobody_keeps_or_passes_on_the_address(address: str) -> None:
    headers = get(address).headers

    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]


def test_it_names_no_person_and_no_home_address(
    database: Database, rma_number: str, address: str
) -> None:
    with database.read() as session:
        order = session.scalars(
            select(Order).join(Return).where(Return.rma_number == rma_number)
        ).one()
        private = [
            order.email_norm,
            order.customer.last_name,
            order.shipping_address.get("line1") or order.customer.address["line1"],
        ]

    text = get(address).text

    assert rma_number in text
    assert [fact for fact in private if fact in text] == []


def test_a_link_that_is_forged_or_has_run_out_says_kindly_how_to_go_on(
    desk: Served, desk_settings: Settings, rma_number: str, address: str
) -> None:
    days = desk_settings.tracking_link_days + 1
    run_out = address_of(desk, desk_settings, rma_number, NOW - timedelta(days=days))
    unknown = address_of(desk, desk_settings, "RMA-0")

    for bad in (address[:-2], run_out, unknown, f"{desk.url}/track/x"):
        answer = get(bad, headers={"Accept-Language": "de"})
        assert answer.status_code == 404
        assert render("tracking_gone_title", "de") in answer.text
        assert rma_number not in answer.text


def test_the_label_is_offered_until_the_first_scan(
    database: Database, rma_number: str, address: str
) -> None:
    assert "label.pdf" not in get(address).text

    add_label(database, rma_number, qr_text="RD0000001")
    ready = get(address).text
    add_label(database, rma_number, qr_text=None)
    without_code = get(address).text
    with database.write() as session:
        session.query(InboundParcel).filter_by(tracking_number="RD0000001").update(
            {"status": "in_transit"}
        )
    change(database, rma_number, status=states.IN_TRANSIT, shipped_at=NOW)
    posted = get(address).text
    add_label(database, rma_number, qr_text="RD0000001", days=-1)
    run_out = get(address).text

    assert "/label.pdf" in ready and "/label.png" in ready
    assert "/label.pdf" in without_code and "/label.png" not in without_code
    assert "label.pdf" not in posted and "RD0000001" in posted
    assert "label.pdf" not in run_out


def test_who_sends_by_a_carrier_of_their_own_gets_the_address(
    database: Database, rma_number: str, address: str
) -> None:
    change(database, rma_number, method="own_carrier")

    text = get(f"{address}?lang=en").text

    assert f"Write {rma_number} on the parcel" in text
    assert "<address>" in text
    assert "Label ready" not in text


def test_who_has_it_fetched_reads_the_day(
    database: Database, rma_number: str, address: str
) -> None:
    change(database, rma_number, method="pick_up", pick_up_on=date(2026, 12, 9))

    assert (
        "The parcel is fetched from you on Wednesday 9 December." in get(f"{address}?lang=en").text
    )


@pytest.mark.parametrize(
    ("status", "label", "what_next"),
    [
        ("requested", "Registered", "Someone of our team is looking"),
        ("on_hold", "On hold", "has to be cleared up first"),
        ("lost", "Parcel missing", "Nothing has been heard"),
        ("declined", "Declined", "We could not agree"),
        ("expired", "Ended: not handed in", "was not handed in by"),
        ("cancelled", "Cancelled", "This return was cancelled"),
        ("rejected", "Not accepted", "could not accept"),
    ],
)
def test_every_turn_off_the_road_is_told(
    database: Database, rma_number: str, address: str, status: str, label: str, what_next: str
) -> None:
    change(database, rma_number, status=status, decision_text="The box was <empty>.")

    text = get(f"{address}?lang=en").text

    now = re.search(r'aria-current="step">\s*<span class="label">(.*?)</span>', text)
    assert now and now.group(1) == label
    assert what_next in text
    assert "The box was &lt;empty&gt;." in text
    # What has ended has no next step.
    assert ('data-state="next"' in text) == (status in ("requested", "on_hold"))


@pytest.mark.parametrize("status", [*states.RETURN_STAGES, "on_hold", "lost", *states.RETURN_ENDED])
@pytest.mark.parametrize("language", ["nl", "pl"])
def test_no_state_lacks_a_word(
    database: Database, rma_number: str, address: str, status: str, language: str
) -> None:
    change(database, rma_number, status=status, arrived_at=NOW, inspected_at=NOW, closed_at=NOW)

    answer = get(f"{address}?lang={language}")

    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text


def test_a_lost_parcel_that_the_shop_bears_was_neither_received_nor_checked(
    database: Database, rma_number: str, address: str
) -> None:
    change(database, rma_number, status=states.INSPECTED, shipped_at=NOW, inspected_at=NOW)
    with database.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        session.add(
            Event(
                at=NOW,
                actor="system",
                command="report_lost",
                document="return",
                document_id=document.id,
                before={},
                after={"status": "lost"},
            )
        )

    text = get(f"{address}?lang=en").text

    assert "Parcel missing" in text and "Decided" in text
    assert ">Arrived<" not in text and ">Checked<" not in text


def test_the_language_is_the_shoppers_unless_another_is_asked_for(
    database: Database, rma_number: str, address: str
) -> None:
    with database.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        document.order.customer.language = "nb"
    of_customer = get(address, headers={"Accept-Language": "pl"}).text
    with database.write() as session:
        conversation = Conversation(
            id="c-1", channel="web", language="de", created_at=NOW, last_message_at=NOW, last_seq=0
        )
        session.add(conversation)
    change(database, rma_number, conversation_id="c-1")
    of_conversation = get(address).text
    asked_for = get(f"{address}?lang=nl").text

    shown = [
        re.search('<html lang="(..)">', text).group(1)
        for text in (of_customer, of_conversation, asked_for)
    ]
    assert shown == ["nb", "de", "nl"]


def test_money_is_told_with_its_amount_and_its_way(
    desk: Served, desk_settings: Settings, database: Database, rma_number: str, address: str
) -> None:
    closed = status_of(database, states.CLOSED)

    paid = get(f"{address_of(desk, desk_settings, closed)}?lang=en").text
    expected = get(f"{address}?lang=en").text

    assert re.search(r"On \w+ \d+ \w+ we paid .+ back", paid)
    assert "If everything is accepted," in expected
    assert "It goes back the way you paid." in expected
