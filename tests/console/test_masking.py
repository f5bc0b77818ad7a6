"""Personal data is masked until somebody asks for it, which is recorded; with a script and without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.async_api import Page as BrowserPage
from playwright.async_api import expect
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from returnsdesk.console import branding
from returnsdesk.console.access import Page
from returnsdesk.console.masking import DOTS, mask
from returnsdesk.console.rendering import page, templates
from returnsdesk.db.models import AuditEntry, Customer
from returnsdesk.db.session import Database
from returnsdesk.services.personal_fields import FIELDS
from tests.console.conftest import AGENT, Staff
from tests.desk.serving import Served

PRIYA = "priya.nair@mail.example"
PAGE = """{% extends "base.html" %}{% block main %}<h1>Shopper</h1>
<p id="email">{{ customer.email|masked("email", "customer", customer.id, "email") }}</p>
<p id="name">{{ customer.name|masked("name", "customer", customer.id, "name") }}</p>
<p id="only">{{ customer.email|masked("email") }}</p>
<p id="nothing">{{ None|masked("phone", "customer", customer.id, "phone") }}</p>{% endblock %}"""


@pytest.fixture
def customer(database: Database) -> SimpleNamespace:
    with database.read() as session:
        row = session.scalars(select(Customer).where(Customer.email_norm == PRIYA)).one()
        return SimpleNamespace(id=row.id, email=row.email, name=f"{row.first_name} {row.last_name}")


@pytest.fixture
def shopper_page(console: Served, customer: SimpleNamespace) -> Iterator[str]:
    """Address of a page of the console with a shopper's data."""
    template = templates.env.from_string(PAGE)
    template.name = "shopper_of_this_test.html"

    async def shown(request: Request) -> Response:
        return page(request, template, {"customer": customer})  # type: ignore[arg-type]

    app = console.app
    assert isinstance(app, Starlette)
    mount = next(r for r in app.routes if isinstance(r, Mount) and r.path == "/console")
    assert isinstance(mount.app, Starlette)
    route = Page("/shopper-of-this-test", shown)
    mount.app.router.routes.append(route)
    yield "/console/shopper-of-this-test?tab=a%26b"
    mount.app.router.routes.remove(route)


def reveals(database: Database) -> list[tuple[str, str, str, object]]:
    with database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "reveal"))
        return [(row.actor, row.subject, row.subject_id, row.detail) for row in rows]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (PRIYA, "email", f"p{DOTS}@m{DOTS}.example"),
        ("not an address", "email", f"n{DOTS}@{DOTS}."),
        ("+31 6 1234 5678", "phone", f"{DOTS}78"),
        ("112", "phone", DOTS),
        ("Priya  Nair", "name", f"P{DOTS} N{DOTS}"),
        ("1017 AB", "postcode", f"10{DOTS}"),
        ("17", "postcode", DOTS),
        ("Keizersgracht 1, Amsterdam", "address", DOTS * 2),
        ("anything", "text", DOTS * 2),
        ("anything", "no such kind", DOTS * 2),
        ("", "email", ""),
    ],
)
def test_a_mask_shows_next_to_nothing(value: str, kind: str, shown: str) -> None:
    assert mask(value, kind) == shown


def test_the_length_of_a_value_is_not_told() -> None:
    assert mask("a@b.nl", "email")[1:5] == mask("averylongname@b.nl", "email")[1:5]
    assert mask("short", "text") == mask("a much longer text", "text")


def test_a_page_shows_nothing_before_it_is_asked(agent: Staff, shopper_page: str) -> None:
    text = agent.client.get(shopper_page).text
    assert "priya" not in text.lower() and "nair" not in text.lower()
    assert f"p{DOTS}@m{DOTS}.example" in text
    assert text.count('class="reveal"') == 2
    assert re.search(r'<p id="nothing"></p>', text)


def test_without_a_script_the_page_comes_back_with_the_value(
    agent: Staff, shopper_page: str, database: Database, customer: SimpleNamespace
) -> None:
    what = f"customer:{customer.id}:email"
    answer = agent.post("/console/reveal", what=what, back=shopper_page)
    assert answer.status_code == 303
    address = answer.headers["location"]
    assert address.startswith("/console/shopper-of-this-test?tab=a%26b&revealed=")
    text = agent.client.get(address).text
    assert PRIYA in text and "Nair" not in text
    assert reveals(database) == [(AGENT, "customer", str(customer.id), {"field": "email"})]


def test_the_address_of_a_revealed_page_is_of_no_use_to_others_or_later(
    agent: Staff,
    lead: Staff,
    shopper_page: str,
    customer: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    what = f"customer:{customer.id}:email"
    address = agent.post("/console/reveal", what=what, back=shopper_page).headers["location"]
    assert PRIYA not in lead.client.get(address).text
    # Not the last letter: some of its bits are no part of the signature.
    forged = address[:-9] + ("A" if address[-9] != "A" else "B") + address[-8:]
    assert PRIYA not in agent.client.get(forged).text
    monkeypatch.setattr("returnsdesk.console.masking.SECONDS_REVEALED", -1)
    assert PRIYA not in agent.client.get(address).text


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/console/", "/shop", ""])
def test_revealing_never_leads_elsewhere(
    agent: Staff, customer: SimpleNamespace, back: str
) -> None:
    what = f"customer:{customer.id}:email"
    answer = agent.post("/console/reveal", what=what, back=back)
    assert answer.headers["location"].startswith("/console/?revealed=")


def test_a_script_gets_the_value_alone(
    agent: Staff, database: Database, customer: SimpleNamespace
) -> None:
    answer = agent.client.post(
        "/console/reveal",
        data={"what": f"customer:{customer.id}:name"},
        headers={"Accept": "application/json", "X-CSRF-Token": agent.csrf},
    )
    assert answer.json() == {"value": "Priya Nair"}
    assert answer.headers["cache-control"] == "no-store"
    assert len(reveals(database)) == 1


@pytest.mark.parametrize(
    "what",
    [
        "customer:999999:email",
        "customer:99999999999999999999:email",
        "customer:1:password_hash",
        "staff:1:password_hash",
        "customer:-1:email",
        "customer:1 OR 1=1:email",
        "customer",
        "",
    ],
)
def test_what_there_is_not_is_not_there_and_not_recorded(
    agent: Staff, database: Database, what: str
) -> None:
    assert agent.post("/console/reveal", what=what, back="/console/").status_code == 404
    assert reveals(database) == []


def test_nobody_reveals_without_a_session(visitor: Staff, customer: SimpleNamespace) -> None:
    form = {"what": f"customer:{customer.id}:email"}
    assert visitor.client.post("/console/reveal", data=form).status_code == 401


@pytest.mark.parametrize(("record", "field"), sorted(FIELDS))
def test_every_field_that_is_listed_can_be_read(
    agent: Staff, database: Database, record: str, field: str
) -> None:
    kind, reading = FIELDS[(record, field)]
    with database.read() as session:
        row = session.scalars(select(kind).order_by(kind.id).limit(1)).one_or_none()
        expected = (reading(row) or "") if row is not None else None
        record_id = row.id if row is not None else 1
    answer = agent.client.post(
        "/console/reveal",
        data={"what": f"{record}:{record_id}:{field}"},
        headers={"Accept": "application/json", "X-CSRF-Token": agent.csrf},
    )
    if expected is None:
        assert answer.status_code == 404
    else:
        assert answer.json() == {"value": expected}


async def test_with_a_script_the_value_takes_the_place_of_its_mask(
    console_page: BrowserPage, shopper_page: str, database: Database
) -> None:
    await console_page.goto(shopper_page)
    await console_page.get_by_role("button", name="Show the email").click()
    await expect(console_page.locator("#email")).to_have_text(PRIYA)
    await expect(console_page.locator("#name")).not_to_contain_text("Nair")
    assert console_page.url.endswith(shopper_page)
    assert len(reveals(database)) == 1


@pytest.mark.parametrize(
    "brand", ["#1f4f46", "#ffffff", "#000000", "#ffd500", "#7f7f7f", "#0a84ff"]
)
def test_words_can_be_read_on_any_brand(brand: str) -> None:
    found = dict(re.findall(r"(--[a-z-]+): #([0-9a-f]{6});", branding.style_sheet(brand)))

    def colour(name: str) -> branding.Colour:
        red, green, blue = (int(found[name][start : start + 2], 16) for start in (0, 2, 4))
        return red, green, blue

    assert found["--brand"] == brand[1:]
    assert branding.contrast(colour("--brand"), colour("--on-brand")) >= branding.ENOUGH
    for ground in ((255, 255, 255), (0xF5, 0xF6, 0xF7), (0xEE, 0xF0, 0xF2)):
        assert branding.contrast(colour("--brand-on-light"), ground) >= branding.ENOUGH
    for ground in ((0x14, 0x18, 0x1C), (0x1C, 0x21, 0x26), (0x26, 0x2C, 0x33)):
        assert branding.contrast(colour("--brand-on-dark"), ground) >= branding.ENOUGH
