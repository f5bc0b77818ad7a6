"""Updates of any form, pushed and polled: never an error of the server, and the next good message is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from returnsdesk.desk.channels.telegram.inbox import PATH, SECRET_HEADER, webhook_secret
from returnsdesk.settings import Settings
from tests.desk.serving import Served
from tests.servers.telegram import FakeTelegram, User

EXAMPLES = settings(max_examples=60, suppress_health_check=list(HealthCheck))
_numbers = count(1)
FIELDS = (
    *("message", "edited_message", "callback_query", "my_chat_member", "chat", "from", "id"),
    *("text", "caption", "photo", "document", "file_id", "date", "entities", "offset", "length"),
    *("type", "data", "message_id", "language_code", "new_chat_member", "status", "update_id"),
)

TEXTS = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(["\0", "\ud800", "a\udfffb", "\u202e\u2066", "/start \0", "/new", "Ａ" * 5000]),
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -1, 2**31, 2**52, 2**63 - 1, 2**63, -(2**63), 10**400]),
    st.floats(allow_nan=True, allow_infinity=True),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
NAMES = st.one_of(st.sampled_from([*FIELDS]), TEXTS)
ANYTHING = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(NAMES, part, max_size=5),
    max_leaves=15,
)


def good(**changes: Any) -> dict[str, Any]:
    person = {"id": 77, "is_bot": False, "first_name": "R", "language_code": "en"}
    chat = {"id": 77, "type": "private", "first_name": "R"}
    return {"message_id": 1, "from": person, "chat": chat, "date": 1, "text": "hi", **changes}


# A good message in which one part is anything, or one thing is missing.
SPOILT = st.builds(
    lambda name, value, is_missing: {
        each: part
        for each, part in good(**{name: value}).items()
        if not (is_missing and each == name)
    },
    NAMES,
    ANYTHING,
    st.booleans(),
)
KINDS = st.sampled_from(["message", "edited_message", "callback_query", "my_chat_member", "poll"])
UPDATES = st.one_of(
    ANYTHING,
    st.dictionaries(KINDS, SPOILT | ANYTHING, min_size=1, max_size=2),
    st.builds(lambda message: {"message": message}, SPOILT),
)
UPDATE_IDS = st.one_of(st.just(None), st.just(None), st.just(None), ANYTHING)


@pytest.fixture
def desk_settings(desk_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """By webhook, unless the test polls."""
    mode = getattr(request, "param", "webhook")
    return desk_settings.copy(update={"telegram_mode": mode})


@pytest.fixture
def by_webhook(desk: Served, desk_settings: Settings) -> Iterator[Callable[[bytes], int]]:
    """Send a body to the webhook, with the secret; gives the status."""
    headers = {SECRET_HEADER: webhook_secret(desk_settings)}
    with httpx.Client(headers=headers, timeout=30, trust_env=False) as client:
        yield lambda body: client.post(f"{desk.url}{PATH}", content=body).status_code


def body_of(update: Any, update_id: Any) -> bytes:
    if isinstance(update, dict):
        update = {"update_id": next(_numbers) if update_id is None else update_id, **update}
    return json.dumps(update).encode()


def is_answered(send: Callable[[bytes], int], user: User) -> bool:
    message = good(message_id=next(_numbers), chat=user.chat.about)
    message["from"] = user.about
    assert send(body_of({"message": message}, None)) == 200
    user.reads("You said: hi")
    return True


def test_the_webhook_takes_or_refuses_any_json(
    by_webhook: Callable[[bytes], int], telegram: FakeTelegram
) -> None:
    @EXAMPLES
    @given(update=UPDATES, update_id=UPDATE_IDS)
    def run(update: Any, update_id: Any) -> None:
        assert by_webhook(body_of(update, update_id)) in (200, 400)

    run()
    assert is_answered(by_webhook, telegram.user())


def test_the_webhook_refuses_what_is_no_json(
    by_webhook: Callable[[bytes], int], telegram: FakeTelegram
) -> None:
    @EXAMPLES
    @given(body=st.binary(max_size=200))
    def run(body: bytes) -> None:
        assert by_webhook(body) in (200, 400)

    run()
    assert by_webhook(b"[" * 100_000) == 400
    assert by_webhook(b'{"update_id":1,"message":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001) in (
        200,
        400,
    )
    assert by_webhook(b'{"update_id":' + b"9" * 5_000 + b"}") in (200, 400)
    assert by_webhook(b"{" + b" " * 2_000_000 + b"}") == 413
    assert is_answered(by_webhook, telegram.user())


@pytest.mark.parametrize("desk_settings", ["polling"], indirect=True)
def test_updates_of_any_form_that_are_polled_hold_nothing_up(
    desk: Served, telegram: FakeTelegram
) -> None:
    @EXAMPLES
    @given(update=UPDATES.filter(lambda update: isinstance(update, dict)))
    def run(update: dict[str, Any]) -> None:
        number = telegram.books.next_update_id()
        telegram.books.deliver_raw({**update, "update_id": number})

    run()
    user = telegram.user()
    user.says("hi")
    user.reads("You said: hi")
    assert telegram.books.waiting == []
