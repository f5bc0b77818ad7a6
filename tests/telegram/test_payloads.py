"""Updates of every kind of the Bot API, as captured: each is answered or left alone on purpose, and the chat goes on.

Each folder of `payloads` is one way of handling. 5005 in them is the sender, -1007.. are groups and channels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from telegram import Update

from returnsdesk.db.models import TelegramChat, TelegramUpdate
from returnsdesk.db.session import Database
from returnsdesk.texts import render
from tests.desk.pictures import picture
from tests.desk.serving import Served
from tests.servers.telegram import Chat, FakeTelegram, User
from tests.telegram.looking import until

PAYLOADS = Path(__file__).parent / "payloads"
SENDER = 5005
PHOTO = "photo-file"


def captured(handling: str) -> dict[str, dict[str, Any]]:
    """The payloads that are to be handled so, by name."""
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((PAYLOADS / handling).glob("*.json"))
    }
    assert found
    return found


def deliver(telegram: FakeTelegram, payload: dict[str, Any]) -> User:
    """Hand an update to the bot, from a sender of its own."""
    user = telegram.user("en")
    photo = telegram.books.keep_file(picture(), "photo.jpg").file_id
    update = _replaced(payload, {SENDER: user.id, PHOTO: photo})
    update["update_id"] = telegram.books.next_update_id()
    if "callback_query" in update:
        query = update["callback_query"]
        query["id"] = telegram.books.next_query_id()
        telegram.books.callback_queries[query["id"]] = dict(query)
    telegram.books.deliver_raw(update, user.id)
    return user


def _replaced(part: Any, by: dict[Any, Any]) -> Any:
    if isinstance(part, dict):
        return {name: _replaced(value, by) for name, value in part.items()}
    if isinstance(part, list):
        return [_replaced(value, by) for value in part]
    return by.get(part, part) if isinstance(part, int | str) else part


def what_came_before_the_next_answer(users: dict[str, User]) -> dict[str, list[str]]:
    """What each chat was sent for its update alone; each is asked something more, and must be answered."""
    for user in users.values():
        user.says("are you there?")
    for user in users.values():
        user.reads("^You said: are you there")
    return {
        name: [text for text in user.texts() if text != "You said: are you there?"]
        for name, user in users.items()
    }


@pytest.fixture
def handled(
    request: pytest.FixtureRequest, desk: Served, telegram: FakeTelegram, database: Database
) -> dict[str, list[str]]:
    """What each payload of a folder was answered with; none was set aside."""
    users = {name: deliver(telegram, each) for name, each in captured(request.param).items()}
    answers = what_came_before_the_next_answer(users)
    with database.read() as session:
        failed = select(TelegramUpdate.payload).where(TelegramUpdate.state == "failed")
        assert session.scalars(failed).all() == []
    return answers


def test_every_kind_of_update_that_the_library_knows_is_among_them() -> None:
    kinds = {
        kind
        for path in PAYLOADS.glob("*/*.json")
        for kind in json.loads(path.read_text(encoding="utf-8"))
    }
    assert set(Update.ALL_TYPES) <= kinds


@pytest.mark.parametrize("handled", ["taken"], indirect=True)
def test_whatever_holds_a_text_is_a_message(handled: dict[str, list[str]]) -> None:
    texts = {name: each["message"]["text"] for name, each in captured("taken").items()}
    assert handled == {name: [f"You said: {text}"] for name, text in texts.items()}


@pytest.mark.parametrize("handled", ["photo"], indirect=True)
def test_pictures_are_kept(handled: dict[str, list[str]]) -> None:
    received = [render("desk_photo_received", "en")]
    assert handled == dict.fromkeys(handled, received)


@pytest.mark.parametrize("handled", ["unreadable"], indirect=True)
def test_what_cannot_be_read_is_answered_with_what_can(handled: dict[str, list[str]]) -> None:
    said = [render("telegram_unreadable", "en")]
    assert handled == dict.fromkeys(handled, said)


@pytest.mark.parametrize("handled", ["ignored"], indirect=True)
def test_what_says_nothing_to_us_is_left_alone(
    handled: dict[str, list[str]], telegram: FakeTelegram
) -> None:
    assert handled == {name: [] for name in handled}
    assert telegram.calls_of("leaveChat") == []


@pytest.mark.parametrize("handled", ["too_late"], indirect=True)
def test_a_change_of_what_we_never_had_is_told_to_come_too_late(
    handled: dict[str, list[str]],
) -> None:
    said = [render("telegram_edit_too_late", "en")]
    assert handled == dict.fromkeys(handled, said)


@pytest.mark.parametrize("handled", ["old_button"], indirect=True)
def test_a_button_that_we_do_not_know_gets_an_alert_alone(
    handled: dict[str, list[str]], telegram: FakeTelegram
) -> None:
    assert handled == {name: [] for name in handled}
    answers = [
        (query.get("answer"), query.get("is_alert"))
        for query in telegram.books.callback_queries.values()
    ]
    assert answers == [(render("telegram_button_old", "en"), True)] * len(handled)


def test_a_group_or_channel_is_told_once_that_we_talk_in_private_and_left(
    desk: Served, telegram: FakeTelegram
) -> None:
    payloads = captured("left")
    for payload in payloads.values():
        chat = next(part["chat"] for part in payload.values() if isinstance(part, dict))
        telegram.books.chats[chat["id"]] = Chat(chat)
    groups = {
        part["chat"]["id"]
        for payload in payloads.values()
        for part in payload.values()
        if isinstance(part, dict)
    }
    for payload in payloads.values():
        deliver(telegram, payload)

    def left() -> set[int]:
        return {int(call.parameters["chat_id"]) for call in telegram.calls_of("leaveChat")}

    until(lambda: left() == groups)
    for group in groups:
        sent = [each for each in telegram.books.chats[group].messages if "text" in each]
        assert [each["text"] for each in sent] == [render("telegram_group", "en")]


def test_who_blocks_the_bot_is_noted_and_who_writes_again_is_answered(
    desk: Served, telegram: FakeTelegram, database: Database
) -> None:
    [payload] = captured("blocked").values()
    user = deliver(telegram, payload)

    def is_blocked() -> bool:
        with database.read() as session:
            blocked = select(TelegramChat.blocked_at).where(TelegramChat.chat_id == user.id)
            return session.scalar(blocked) is not None

    until(is_blocked)
    user.says("hello again")
    user.reads("You said: hello again")
    assert not is_blocked()
