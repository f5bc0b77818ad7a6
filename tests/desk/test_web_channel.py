"""The web channel: who may open which conversation, what is refused and how, and that no event is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import select

from returnsdesk.db.models import ButtonToken, Message, VerifiedSession
from returnsdesk.db.session import Database
from returnsdesk.desk.context import Rates
from returnsdesk.desk.incoming import BODY_LIMIT, TEXT_LIMIT
from returnsdesk.desk.rates import Rate
from returnsdesk.desk.sessions import SESSION_LIFETIME
from returnsdesk.services import conversations, identity
from returnsdesk.settings import LANGUAGES, Settings
from returnsdesk.texts import render
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper, eventually, messages_of
from tests.servers.processes import free_port

StartDesk = Callable[..., Served]
Visit = Callable[..., Shopper]

CHOICE = {"intent": "returns_choose", "entities": {"choice": "line:1"}}


def offer(_turn: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"text": "Which?", "buttons": [{"title": "The socks", "payload": CHOICE}]}]


def post(shopper: Shopper, body: object, **headers: str) -> httpx.Response:
    return shopper.client.post("/api/messages", json=body, headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def login_token(settings: Settings, customer: str, clock: Clock, key: str | None = None) -> str:
    return identity.shop_login_token(customer, key=key or settings.shop_login_key, now=clock())


# Sessions


def test_a_valid_token_goes_on_with_its_conversation(shopper: Shopper) -> None:
    shopper.say("hello")
    shopper.wait_for_answers(1)

    again = shopper.client.post("/api/session", json={})

    assert again.status_code == 200
    assert again.json()["resumed"] is True
    assert again.json()["conversation_id"] == shopper.conversation_id


def test_opening_the_chat_again_renews_the_session(shopper: Shopper, clock: Clock) -> None:
    clock.ahead = SESSION_LIFETIME - timedelta(hours=1)
    renewed = shopper.client.post("/api/session", json={}).json()
    clock.ahead = SESSION_LIFETIME + timedelta(hours=1)

    assert shopper.client.get("/api/history").status_code == 401
    still = shopper.client.get("/api/history", headers=bearer(renewed["token"]))
    assert still.status_code == 200


def test_an_expired_session_opens_nothing_and_a_new_one_begins_anew(
    shopper: Shopper, clock: Clock
) -> None:
    clock.ahead = SESSION_LIFETIME + timedelta(seconds=1)

    refused = post(shopper, {"text": "hello", "message_id": "1"})

    assert refused.status_code == 401
    assert refused.json()["message"] == render("desk_session_over", "en")
    fresh = shopper.client.post("/api/session", json={})
    assert fresh.status_code == 201
    assert fresh.json()["conversation_id"] != shopper.conversation_id


@pytest.mark.parametrize("path", ["/api/history", "/api/events"])
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 4_000_000_000},
        {"sub": "victim"},
        {"sub": "victim", "exp": "soon"},
        {"sub": "victim", "exp": 4_000_000_000},
    ],
)
def test_a_forged_session_opens_nothing(
    shopper: Shopper, claims: dict[str, Any], path: str
) -> None:
    shopper.say("private")
    if claims.get("sub"):
        claims = {**claims, "sub": shopper.conversation_id}
    for token in (
        jwt.encode(claims, "guessed-key-that-is-long-enough-to-sign", algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        "rubbish",
    ):
        answer = httpx.get(f"{shopper.client.base_url}{path}", headers=bearer(token))
        assert answer.status_code == 401


def test_the_log_in_token_of_the_shop_is_no_session(
    shopper: Shopper, desk_settings: Settings, clock: Clock
) -> None:
    token = login_token(desk_settings, shopper.conversation_id, clock)

    assert shopper.client.get("/api/history", headers=bearer(token)).status_code == 401


def test_a_session_in_the_address_counts_for_event_streams_only(shopper: Shopper) -> None:
    token = shopper.session["token"]

    with shopper.listening():
        pass
    assert httpx.get(f"{shopper.client.base_url}/api/history?session={token}").status_code == 401


def test_one_shopper_does_not_see_what_another_wrote(desk: Served, visit: Visit) -> None:
    one, other = visit(desk), visit(desk)
    one.say("my secret")
    one.wait_for_answers(1)

    assert other.history() == []


# Logging in and out


def test_a_token_of_the_shops_backend_identifies_the_shopper(
    desk: Served, visit: Visit, desk_settings: Settings, clock: Clock
) -> None:
    shopper = visit(desk, login_token=login_token(desk_settings, "C-aoife", clock))

    assert shopper.session["signed_in"] is True


@pytest.mark.parametrize("key", ["another-shops-key-that-is-long-enough-to-sign", None])
def test_a_refused_log_in_token_leaves_a_guest(
    desk: Served, visit: Visit, desk_settings: Settings, clock: Clock, key: str | None
) -> None:
    customer = "C-aoife" if key else "C-nobody"

    shopper = visit(desk, login_token=login_token(desk_settings, customer, clock, key))

    assert shopper.session["signed_in"] is False


def test_logging_in_again_as_the_same_customer_keeps_the_conversation(
    desk: Served, visit: Visit, desk_settings: Settings, clock: Clock
) -> None:
    shopper = visit(desk, login_token=login_token(desk_settings, "C-aoife", clock))

    again = shopper.client.post(
        "/api/session", json={"login_token": login_token(desk_settings, "C-aoife", clock)}
    )

    assert again.json()["conversation_id"] == shopper.conversation_id


def test_a_guest_who_logs_in_keeps_the_conversation(
    shopper: Shopper, desk_settings: Settings, clock: Clock
) -> None:
    shopper.say("before logging in")

    again = shopper.client.post(
        "/api/session", json={"login_token": login_token(desk_settings, "C-aoife", clock)}
    ).json()

    assert (again["conversation_id"], again["signed_in"]) == (shopper.conversation_id, True)


def test_another_customer_at_the_same_browser_does_not_see_the_first_ones_conversation(
    desk: Served, visit: Visit, desk_settings: Settings, database: Database, clock: Clock
) -> None:
    first = visit(desk, login_token=login_token(desk_settings, "C-aoife", clock))
    first.say("my address is ...")

    second = first.client.post(
        "/api/session", json={"login_token": login_token(desk_settings, "C-eoin", clock)}
    ).json()

    assert second["conversation_id"] != first.conversation_id
    assert second["signed_in"] is True
    with database.read() as session:
        proofs = session.scalars(select(VerifiedSession).order_by(VerifiedSession.id)).all()
        assert [proof.customer.external_id for proof in proofs] == ["C-aoife", "C-eoin"]


def test_logging_out_forgets_who_it_was_and_closes_the_conversation(
    desk: Served, visit: Visit, desk_settings: Settings, database: Database, clock: Clock
) -> None:
    shopper = visit(desk, login_token=login_token(desk_settings, "C-aoife", clock))

    with shopper.listening() as events:
        fresh = shopper.client.delete("/api/session").json()
        assert [event["event"] for event in events][-1] == "ended"

    assert fresh["signed_in"] is False
    assert fresh["conversation_id"] != shopper.conversation_id
    assert post(shopper, {"text": "still me", "message_id": "1"}).status_code == 401
    with database.read() as session:
        assert session.scalars(select(VerifiedSession)).all() == []


# Languages


@pytest.mark.parametrize(
    ("wish", "accepted", "language"),
    [
        ("nl-BE", "de", "nl"),
        ("no", "", "nb"),
        ("fr", "fr-FR, de;q=0.8", "de"),
        (None, "*", "en"),
        ({"a": 1}, "", "en"),
    ],
)
def test_the_conversation_begins_in_a_language_that_page_or_browser_asks_for(
    desk: Served, wish: object, accepted: str, language: str
) -> None:
    answer = httpx.post(
        f"{desk.url}/api/session", json={"language": wish}, headers={"Accept-Language": accepted}
    )

    assert answer.json()["language"] == language


def test_refusals_are_in_the_shoppers_language(desk: Served, visit: Visit) -> None:
    for language in LANGUAGES:
        shopper = visit(desk, language=language)
        refused = post(shopper, {"text": "  ", "message_id": "1"})
        assert refused.json()["message"] == render("desk_text_empty", language)


# Messages


def test_a_typed_restart_is_plain_text(shopper: Shopper, rasa: FakeRasa) -> None:
    shopper.say('/restart{"admin": true}')
    shopper.wait_for_answers(1)

    assert rasa.turns[0]["text"] == '/restart{"admin": true}'
    assert rasa.turns[0]["choice"] is None


def test_the_longest_text_fits_in_any_script(shopper: Shopper, rasa: FakeRasa) -> None:
    for text in ("a" * TEXT_LIMIT, "𝄞" * TEXT_LIMIT):
        shopper.say(text)
    shopper.wait_for_answers(2)

    assert [len(text) for text in rasa.texts] == [TEXT_LIMIT, TEXT_LIMIT]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"text": "a" * (TEXT_LIMIT + 1), "message_id": "1"}, 422, "text_too_long"),
        ({"text": " \x00\x07\n ", "message_id": "1"}, 422, "text_empty"),
        ({"text": "hello"}, 422, "bad_request"),
        ({"text": "hello", "message_id": "with blank"}, 422, "bad_request"),
        ({"text": "hello", "message_id": "1\n"}, 422, "bad_request"),
        ({"text": "hello", "message_id": "a" * 81}, 422, "bad_request"),
        ({"text": "hello", "message_id": 1}, 422, "bad_request"),
        ({"text": ["hello"], "message_id": "1"}, 422, "bad_request"),
        ({"text": "hello", "button": "token", "message_id": "1"}, 422, "bad_request"),
        ({"message_id": "1"}, 422, "bad_request"),
        (["hello"], 400, "bad_request"),
        ({"text": "a" * BODY_LIMIT, "message_id": "1"}, 413, "too_large"),
    ],
)
def test_what_cannot_be_a_message_is_refused_kindly_and_nothing_is_kept(
    shopper: Shopper, database: Database, body: object, status: int, error: str
) -> None:
    refused = post(shopper, body)

    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert refused.json()["message"]
    with database.read() as session:
        assert session.scalars(select(Message)).all() == []


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 10_000, b'{"text": NaN'])
def test_a_body_that_is_not_json_is_refused(shopper: Shopper, body: bytes) -> None:
    refused = shopper.client.post("/api/messages", content=body)

    assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")


def test_a_body_without_a_length_is_read_no_further_than_the_limit(shopper: Shopper) -> None:
    refused = shopper.client.post("/api/messages", content=(b" " * 1000 for _ in range(1000)))

    assert refused.status_code == 413


def test_control_characters_and_broken_characters_are_taken_out(
    shopper: Shopper, rasa: FakeRasa
) -> None:
    body = '{"text": "  size\\u0000 \\u001b[31m43\\r\\nplease \\ud800 \\u0007", "message_id": "1"}'
    assert shopper.client.post("/api/messages", content=body).status_code == 202

    shopper.wait_for_answers(1)

    assert rasa.texts == ["size [31m43\nplease \ufffd"]


# Buttons


def test_a_button_is_an_opaque_token_that_stands_for_its_choice(
    shopper: Shopper, rasa: FakeRasa
) -> None:
    rasa.answer = offer
    shopper.say("I want to return something")
    (question,) = shopper.wait_for_answers(1)
    (button,) = question["buttons"]
    assert set(button) == {"title", "token"}
    assert "returns_choose" not in json.dumps(shopper.history())

    shopper.press(button["token"])

    shopper.wait_for_answers(2)
    assert rasa.turns[1]["choice"] == CHOICE
    assert rasa.turns[1]["text"] == "The socks"
    pressed = shopper.history()[2]
    assert (pressed["author"], pressed["text"]) == ("shopper", "The socks")


def test_a_button_of_another_conversation_does_nothing(
    desk: Served, rasa: FakeRasa, database: Database, visit: Visit
) -> None:
    rasa.answer = offer
    one, other = visit(desk), visit(desk)
    one.say("hello")
    one.wait_for_answers(1)
    with database.read() as session:
        token = session.scalars(select(ButtonToken.token)).one()

    for button in (token, "unknown", "a" * 33, "with blank", "nul\x00"):
        refused = post(other, {"button": button, "message_id": "1"})
        assert (refused.status_code, refused.json()["error"]) == (409, "button_unknown")
    assert other.history() == []


def test_a_payload_sent_as_a_button_does_nothing(shopper: Shopper, rasa: FakeRasa) -> None:
    refused = post(shopper, {"button": "/returns_confirm", "message_id": "1"})

    assert refused.status_code == 409
    assert rasa.turns == []


# Events


def test_what_happens_is_told_live(shopper: Shopper, rasa: FakeRasa) -> None:
    rasa.hold()
    with shopper.listening() as events:
        shopper.say("hello")
        assert next(events)["data"]["text"] == "hello"
        assert next(events)["data"] == {"typing": True}
        rasa.may_answer.set()
        assert next(events)["data"]["text"] == "You said: hello"
        assert next(events)["data"] == {"typing": False}


def test_everything_missed_is_told_again_from_the_last_event_on(shopper: Shopper) -> None:
    for number in range(3):
        shopper.say(f"message {number}")
    shopper.wait_for_answers(3)
    everything = shopper.history()
    assert [message["seq"] for message in everything] == [1, 2, 3, 4, 5, 6]

    with shopper.listening() as events:
        assert messages_of(events, 6) == everything
    with shopper.listening(after=4) as events:
        assert messages_of(events, 2) == everything[4:]
    # What the browser itself remembers counts more than what the address said at first.
    with shopper.listening(after=1, last_event_id=5) as events:
        assert messages_of(events, 1) == everything[5:]


def test_a_long_history_is_told_whole(shopper: Shopper, database: Database, clock: Clock) -> None:
    with database.write() as session:
        conversation = conversations.locked(session, shopper.conversation_id)
        for number in range(300):
            author, state = (("shopper", "answered"), ("assistant", "sent"))[number % 2]
            session.add(
                conversations.new_message(
                    conversation, author=author, text=f"x{number}", state=state, now=clock()
                )
            )

    with shopper.listening() as events:
        told = messages_of(events, 300)

    assert [message["seq"] for message in told] == list(range(1, 301))
    page = shopper.client.get("/api/history").json()
    assert (len(page["messages"]), page["has_more"], page["last_seq"]) == (200, True, 300)


def test_what_another_desk_process_stored_is_told_too(
    desk: Served, start_desk: StartDesk, visit: Visit
) -> None:
    shopper = visit(desk)
    other = start_desk(port=free_port())
    with shopper.listening() as events:
        sent = httpx.post(
            f"{other.url}/api/messages",
            json={"text": "from the other side", "message_id": "1"},
            headers=bearer(shopper.session["token"]),
        )
        assert sent.status_code == 202
        said = [message["text"] for message in messages_of(events, 2)]

    assert said == ["from the other side", "You said: from the other side"]


def test_a_session_has_a_bounded_number_of_streams(start_desk: StartDesk, visit: Visit) -> None:
    desk = start_desk(rates=Rates(streams_of_session=1))
    shopper = visit(desk)

    with shopper.listening() as events:
        shopper.say("open")
        next(events)
        assert shopper.client.get("/api/events").status_code == 429


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, "1.5"])
def test_a_number_that_is_none_is_refused(shopper: Shopper, after: str) -> None:
    assert shopper.client.get("/api/history", params={"after": after}).status_code == 422


# Who may call


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil"])
def test_a_page_of_a_foreign_origin_is_refused(
    shopper: Shopper, rasa: FakeRasa, origin: str
) -> None:
    refused = [
        post(shopper, {"text": "hello", "message_id": "1"}, Origin=origin),
        shopper.client.post("/api/session", json={}, headers={"Origin": origin}),
        shopper.client.get("/api/events", headers={"Origin": origin}),
        shopper.client.options(
            "/api/messages", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        ),
    ]

    assert {answer.status_code for answer in refused} == {403}
    assert not any("access-control-allow-origin" in answer.headers for answer in refused)
    assert rasa.turns == []


def test_the_shops_pages_may_call_and_read_the_answer(shopper: Shopper) -> None:
    origin = "https://shop.example"
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }

    before = shopper.client.options("/api/messages", headers=asked)
    sent = post(shopper, {"text": "hello", "message_id": "1"}, Origin=origin)

    assert before.status_code == 200
    assert sent.status_code == 202
    for answer in (before, sent):
        assert answer.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in sent.headers


def test_the_desks_own_page_may_call_by_either_name_of_the_machine(
    shopper: Shopper, desk: Served
) -> None:
    for name in ("127.0.0.1", "localhost"):
        sent = post(
            shopper, {"text": "hello", "message_id": name}, Origin=f"http://{name}:{desk.port}"
        )
        assert sent.status_code == 202


def test_answers_hold_browsers_to_what_the_desk_needs(shopper: Shopper) -> None:
    headers = shopper.client.get("/api/history").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


# Rates


def test_a_session_that_sends_too_fast_is_told_how_long_to_wait(
    start_desk: StartDesk, rasa: FakeRasa, visit: Visit
) -> None:
    desk = start_desk(rates=Rates(messages_of_session=Rate(burst=2, per_second=0.1)))
    shopper, other = visit(desk), visit(desk)
    shopper.say("one")
    shopper.say("two")

    refused = post(shopper, {"text": "three", "message_id": "3"})

    assert refused.status_code == 429
    seconds = int(refused.headers["retry-after"])
    assert 1 <= seconds <= 10
    assert refused.json()["message"] == render("desk_too_fast", "en", seconds=seconds)
    other.say("not my fault")


def test_an_address_has_a_limit_of_its_own(
    start_desk: StartDesk, rasa: FakeRasa, visit: Visit
) -> None:
    desk = start_desk(
        rates=Rates(
            messages_of_address=Rate(burst=2, per_second=0.1),
            sessions_of_address=Rate(burst=2, per_second=0.1),
        )
    )
    one, other = visit(desk), visit(desk)
    one.say("one")
    other.say("two")

    assert post(other, {"text": "three", "message_id": "3"}).status_code == 429
    assert httpx.post(f"{desk.url}/api/session").status_code == 429


# Health


def test_the_desk_is_ready_only_with_database_and_rasa(
    desk: Served, rasa: FakeRasa, database: Database
) -> None:
    assert httpx.get(f"{desk.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{desk.url}/readyz").status_code == 200

    rasa.served.stop()
    eventually(lambda: httpx.get(f"{desk.url}/readyz").status_code == 503)
    assert httpx.get(f"{desk.url}/readyz").json()["rasa"] == "not ready"
    assert httpx.get(f"{desk.url}/healthz").status_code == 200

    rasa.served.start()
    Message.metadata.drop_all(database.engine)
    answer = httpx.get(f"{desk.url}/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, "not reachable")


def test_an_unknown_address_gets_a_clear_answer(desk: Served) -> None:
    answer = httpx.get(f"{desk.url}/api/secrets", headers={"Accept-Language": "de"})

    assert answer.status_code == 404
    assert answer.json() == {"error": "not_found", "message": render("desk_not_found", "de")}
