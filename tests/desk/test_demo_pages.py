"""The demo's pages: whom to play, the log-in of the shop, the mailbox, pictures; and that none is there in earnest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from returnsdesk.clients.mail import Mail, mail_folder
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.desk.demo.pages import PICTURES
from returnsdesk.desk.demo.stories import stories
from returnsdesk.settings import LANGUAGES, Settings
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper
from tests.servers.processes import free_port

PAGES = ("/", "/demo/mail", "/static/shop/fjord-sneakers.svg", "/static/desk/chat.js")


@pytest.fixture
def earnest(desk_settings: Settings, database: Database) -> Iterator[Served]:
    settings = desk_settings.copy(update={"demo_mode": False})
    served = Served(create_app(settings), free_port())
    served.start()
    yield served
    served.stop()


def page_data(page: str) -> dict[str, object]:
    found = re.search(
        r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL
    )
    assert found is not None
    data: dict[str, object] = json.loads(found.group(1))
    return data


def test_outside_demo_mode_none_of_it_exists(earnest: Served) -> None:
    for path in PAGES:
        assert httpx.get(f"{earnest.url}{path}").status_code == 404
    login = httpx.post(f"{earnest.url}/demo/login-token", json={"customer": "C-aoife"})
    assert login.status_code == 404
    assert httpx.post(f"{earnest.url}/api/session").status_code == 201


def test_the_page_offers_the_shops_customers_and_a_guest(desk: Served) -> None:
    page = httpx.get(desk.url).text

    assert "Aoife Byrne" in page and "Dublin, Ireland · English · 1 order" in page
    shoppers = page_data(page)["shoppers"]
    assert [shopper["customer"] for shopper in shoppers] == ["C-aoife", "C-eoin", ""]  # type: ignore[attr-defined]
    assert set(page_data(page)["words"]) == set(LANGUAGES)  # type: ignore[call-overload]


@pytest.mark.parametrize("wanted", ["eoin", "EOIN BYR", "eoin@mail", "LL-2", "C-eoin"])
def test_a_customer_is_found_by_name_address_or_order(desk: Served, wanted: str) -> None:
    page = httpx.get(desk.url, params={"find": wanted}).text

    assert "Eoin Byrne" in page and "Aoife" not in page


@pytest.mark.parametrize("wanted", ["%", "nobody", "<script>alert(1)</script>", "\x00"])
def test_a_search_for_nobody_says_so_and_shows_hostile_words_inert(
    desk: Served, wanted: str
) -> None:
    answer = httpx.get(desk.url, params={"find": wanted})

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert ("Nobody fits" in answer.text) is (wanted != "\x00")


def test_the_page_runs_under_a_policy_without_exceptions(desk: Served) -> None:
    answer = httpx.get(desk.url)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy
    assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text)
    assert "<style" not in answer.text


@pytest.mark.parametrize("customer", ["C-aoife", "aoife@mail.example", " Aoife@Mail.example "])
def test_the_demo_plays_the_shops_own_log_in(
    desk: Served, customer: str, visit: Callable[..., Shopper]
) -> None:
    answer = httpx.post(f"{desk.url}/demo/login-token", json={"customer": customer})

    shopper = visit(desk, login_token=answer.json()["login_token"])

    assert shopper.session["signed_in"] is True


@pytest.mark.parametrize(("body", "status"), [({"customer": "nobody"}, 404), ({}, 422)])
def test_nobody_cannot_log_in(desk: Served, body: dict[str, str], status: int) -> None:
    assert httpx.post(f"{desk.url}/demo/login-token", json=body).status_code == status


def test_a_foreign_page_cannot_log_anybody_in(desk: Served) -> None:
    answer = httpx.post(
        f"{desk.url}/demo/login-token",
        json={"customer": "C-aoife"},
        headers={"Origin": "https://evil.example"},
    )

    assert answer.status_code == 403


def test_the_mailbox_shows_the_newest_mail_first_and_hostile_words_inert(
    desk: Served, desk_settings: Settings, clock: Clock
) -> None:
    folder = mail_folder(desk_settings)
    assert "No mail yet" in httpx.get(f"{desk.url}/demo/mail").text
    for number, subject in enumerate(("First żółw", "<b>Second</b>")):
        mail = Mail(f"key-{number}", "aoife@mail.example", subject, "your code is 123456", "en")
        folder.send(mail, now=clock().replace(minute=number))

    page = httpx.get(f"{desk.url}/demo/mail").text
    data = httpx.get(f"{desk.url}/demo/mail", headers={"Accept": "application/json"}).json()

    assert [mail["subject"] for mail in data["mails"]] == ["<b>Second</b>", "First żółw"]
    assert data["mails"][0]["text"] == "your code is 123456"
    assert "<b>Second" not in page
    assert page.index("Second") < page.index("First żółw")


def test_every_product_has_its_picture_and_nothing_else_is_served(desk: Served) -> None:
    name = min(PICTURES.glob("*.svg")).name

    picture = httpx.get(f"{desk.url}/static/shop/{name}")

    assert picture.headers["content-type"] == "image/svg+xml"
    assert "script-src" not in picture.headers["content-security-policy"]
    for path in ("unknown.svg", "..%2f..%2fsession.svg", "%2e%2e/products.jsonl", "a%00.svg"):
        assert httpx.get(f"{desk.url}/static/shop/{path}").status_code == 404


def test_the_guides_stories_can_be_read() -> None:
    told = stories()

    assert len(told) > 30
    first = told[0]
    assert "@" in first.email and "`" not in first.email + first.postcode
    assert {story.language for story in told} == set(LANGUAGES)


def test_the_page_is_there_while_rasa_is_not(desk: Served, rasa: FakeRasa) -> None:
    rasa.served.stop()

    assert httpx.get(desk.url).status_code == 200
