"""Links into Telegram as browsers and shops ask for them, and the sessions of a conversation that a chat shares."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from returnsdesk.db.models import ChatLink, Conversation, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.desk.channels.telegram.bot import build_bot
from returnsdesk.services import chat_links, identity
from returnsdesk.settings import LANGUAGES, Settings
from tests.desk.conftest import NO_LIMITS, Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper

PHONE = 7001
Visit = Callable[..., Shopper]


@pytest.fixture
def desk(desk_settings: Settings, database: Database, rasa: FakeRasa, clock: Clock) -> Any:
    """A desk that knows its bot's name, and talks to no Telegram."""
    app = create_app(desk_settings, clock=clock, rates=NO_LIMITS)
    app.state.desk.telegram_username = "lund_linde_bot"
    served = Served(app, desk_settings.desk_port)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def login(desk_settings: Settings, clock: Clock) -> Callable[[str], str]:
    """What the shop signs for a customer."""
    key = desk_settings.shop_login_key
    return lambda customer: identity.shop_login_token(customer, key=key, now=clock())


def ask(shopper: Shopper) -> dict[str, Any]:
    response = shopper.client.post("/api/telegram-link")
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    return dict(response.json())


def token_in(url: str) -> str:
    address = urlsplit(url)
    assert (address.scheme, address.netloc, address.path) == ("https", "t.me", "/lund_linde_bot")
    return parse_qs(address.query)["start"][0]


def tap(database: Database, clock: Clock, url: str, chat_id: int = PHONE) -> chat_links.Redeemed:
    return chat_links.redeem(
        database,
        token_in(url),
        chat_id=chat_id,
        message_id=f"tg-{chat_id}-{url[-6:]}",
        language="en",
        now=clock(),
    )


def linked(visit: Visit, desk: Served, database: Database, clock: Clock, login: Any) -> Shopper:
    """Aoife's browser, whose conversation her chat shares."""
    aoife = visit(desk, login_token=login("C-aoife"))
    assert tap(database, clock, ask(aoife)["url"]).outcome == chat_links.LINKED
    return aoife


def again(shopper: Shopper, **wish: Any) -> httpx.Response:
    """Open the chat anew in the same browser."""
    return shopper.client.post("/api/session", json=wish)


# The link


def test_a_session_gets_a_link_to_its_conversation(
    visit: Visit, desk: Served, database: Database, clock: Clock
) -> None:
    guest = visit(desk)
    answer = ask(guest)

    assert tap(database, clock, answer["url"]).conversation_id == guest.conversation_id
    left = answer["expires_at"]
    assert left.endswith("Z") and left > guest.session["expires_at"][:4]


def test_a_link_is_for_telegram_and_not_for_the_web(
    visit: Visit, desk: Served, database: Database
) -> None:
    token = token_in(ask(visit(desk))["url"])

    assert 20 < len(token) <= 64
    assert httpx.get(f"{desk.url}/api/telegram-link").status_code == 405
    with database.read() as session:
        assert session.get(ChatLink, token) is None


def test_without_a_session_or_a_log_in_there_is_none(desk: Served) -> None:
    bad = {"Authorization": "Bearer x"}
    assert httpx.post(f"{desk.url}/api/telegram-link", headers=bad).status_code == 401
    for body in ({}, {"login_token": "x"}, {"login_token": 7}, {"login_token": None}):
        response = httpx.post(f"{desk.url}/api/telegram-link", json=body)
        assert (response.status_code, response.json()["error"]) == (403, "login_refused")


def test_the_shops_account_page_gets_one_for_who_is_logged_in(
    desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    body = {"login_token": login("C-eoin")}
    answer = httpx.post(f"{desk.url}/api/telegram-link", json=body)

    assert answer.status_code == 201
    tap(database, clock, answer.json()["url"])
    with database.read() as session:
        assert session.get(TelegramChat, PHONE).customer_id is not None


def test_a_page_of_a_foreign_origin_gets_none(desk: Served, login: Any) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    body = {"login_token": login("C-eoin")}
    response = httpx.post(f"{desk.url}/api/telegram-link", json=body, headers=headers)

    assert response.status_code == 403
    assert response.json()["error"] == "origin_foreign"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_widget_hears_of_telegram_where_there_is_a_bot(
    visit: Visit, desk: Served, language: str
) -> None:
    shopper = visit(desk, language=language)
    assert {"telegram", "telegram_open", "telegram_once"} <= set(shopper.session["words"])

    cast(Starlette, desk.app).state.desk.telegram_username = ""

    assert "telegram" not in visit(desk, language=language).session["words"]
    refused = shopper.client.post("/api/telegram-link")
    assert (refused.status_code, refused.json()["error"]) == (503, "telegram_away")


def test_a_desk_without_a_bot_has_no_name_for_it(
    desk_settings: Settings, database: Database
) -> None:
    assert create_app(desk_settings).state.desk.telegram_username == ""
    with pytest.raises(ValueError, match="TELEGRAM_TOKEN"):
        build_bot(desk_settings)


# Sessions of a shared conversation


def test_another_browser_of_the_same_customer_opens_the_shared_conversation(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    elsewhere = httpx.post(f"{desk.url}/api/session", json={"login_token": login("C-aoife")})

    assert elsewhere.status_code == 200
    assert elsewhere.json()["conversation_id"] == aoife.conversation_id
    assert elsewhere.json()["signed_in"] and elsewhere.json()["resumed"]


def test_another_customer_does_not(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)

    assert visit(desk, login_token=login("C-eoin")).conversation_id != aoife.conversation_id
    taken_over = again(aoife, login_token=login("C-eoin"))
    assert taken_over.json()["conversation_id"] != aoife.conversation_id


def test_after_logging_out_the_browser_reads_nothing_and_the_chat_goes_on(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    fresh = aoife.client.delete("/api/session")

    assert fresh.json()["conversation_id"] != aoife.conversation_id
    for path in ("/api/history", "/api/transcript", "/api/rating"):
        assert aoife.client.get(path).status_code == 401, path
    assert aoife.client.post("/api/telegram-link").status_code == 401
    said = {"message_id": "x", "text": "hello"}
    assert aoife.client.post("/api/messages", json=said).status_code == 401
    assert again(aoife).json()["conversation_id"] != aoife.conversation_id
    with database.read() as session:
        conversation = session.get(Conversation, aoife.conversation_id)
        assert conversation.ended_at is None
        assert session.get(TelegramChat, PHONE).conversation_id == conversation.id


def test_whoever_logs_in_again_reads_on(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    aoife.client.delete("/api/session")
    back = httpx.post(f"{desk.url}/api/session", json={"login_token": login("C-aoife")})

    assert back.json()["conversation_id"] == aoife.conversation_id


def test_an_open_stream_ends_with_the_log_out(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    with aoife.listening(after=99) as events:
        aoife.client.delete("/api/session")
        assert next(events)["event"] == "ended"


def test_the_stream_of_a_guest_ends_when_the_conversation_is_carried_over(
    visit: Visit, desk: Served, database: Database, clock: Clock
) -> None:
    guest = visit(desk)
    guest.say("hello")
    guest.wait_for_answers(1)
    url = ask(guest)["url"]
    with guest.listening() as events:
        assert [next(events)["event"] for _ in range(2)] == ["message", "message"]
        tap(database, clock, url)
        # Another process has changed it: the stream sees that at the next look.
        found = next(event for event in events if event["event"] in ("message", "ended"))
    assert found["event"] == "ended"
    assert guest.client.get("/api/history").status_code == 401


def test_a_new_conversation_takes_the_chat_along(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    fresh = aoife.client.request("DELETE", "/api/session", json={"fresh": True}).json()

    with database.read() as session:
        assert session.get(TelegramChat, PHONE).conversation_id == fresh["conversation_id"]
        assert session.get(Conversation, aoife.conversation_id).ended_at is not None
    headers = {"Authorization": f"Bearer {fresh['token']}"}
    seen = httpx.get(f"{desk.url}/api/history", headers=headers).json()["messages"]
    assert seen == []


def test_going_on_makes_a_session_no_younger(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    clock.ahead = identity.LOGIN_LIFETIME - timedelta(minutes=1)
    resumed = again(aoife).json()
    assert resumed["conversation_id"] == aoife.conversation_id

    clock.ahead = identity.LOGIN_LIFETIME + timedelta(minutes=1)

    headers = {"Authorization": f"Bearer {resumed['token']}"}
    assert httpx.get(f"{desk.url}/api/history", headers=headers).status_code == 401


def test_a_log_in_makes_it_young_again(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    clock.ahead = identity.LOGIN_LIFETIME - timedelta(minutes=1)
    token = again(aoife, login_token=login("C-aoife")).json()["token"]

    clock.ahead = identity.LOGIN_LIFETIME + timedelta(minutes=1)

    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{desk.url}/api/history", headers=headers).status_code == 200


def test_a_forged_log_in_does_not(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    clock.ahead = identity.LOGIN_LIFETIME - timedelta(minutes=1)
    forged = identity.shop_login_token("C-aoife", key="x" * 32, now=clock())
    token = again(aoife, login_token=forged).json()["token"]

    clock.ahead = identity.LOGIN_LIFETIME + timedelta(minutes=1)

    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{desk.url}/api/history", headers=headers).status_code == 401


def test_what_is_only_for_the_chat_is_not_shown_in_the_browser(
    visit: Visit, desk: Served, database: Database, clock: Clock, login: Any
) -> None:
    aoife = linked(visit, desk, database, clock, login)
    texts = [message["text"] for message in aoife.history()]

    assert texts[0] == "Continue on Telegram"
    assert not any("Shall I write to you here" in text for text in texts)
    with aoife.listening() as events:
        streamed = [next(events)["data"]["text"] for _ in range(len(texts))]
    assert streamed == texts


# The demo shop


def test_the_demo_shops_account_page_leads_into_telegram(
    desk: Served, database: Database, clock: Clock
) -> None:
    with httpx.Client(base_url=desk.url, follow_redirects=True) as browser:
        assert browser.post("/shop/telegram").url.path == "/shop/account"
        account = browser.post("/shop/login", data={"customer": "C-aoife"})
        assert "Link with Telegram" in account.text
        page = browser.post("/shop/telegram")

    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    url = page.text.split('href="https://t.me/')[1].split('"')[0]
    assert tap(database, clock, f"https://t.me/{url}").outcome == chat_links.LINKED


def test_without_a_bot_the_demo_shop_does_not_speak_of_it(desk: Served) -> None:
    cast(Starlette, desk.app).state.desk.telegram_username = ""
    with httpx.Client(base_url=desk.url, follow_redirects=True) as browser:
        assert "Telegram" not in browser.post("/shop/login", data={"customer": "C-aoife"}).text
        assert browser.post("/shop/telegram").status_code == 503
