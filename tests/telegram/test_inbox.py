"""Stored updates: each once, found by chat, set aside when they keep failing, forgotten in the end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from returnsdesk.db.models import TelegramUpdate
from returnsdesk.db.session import Database
from returnsdesk.services import telegram_inbox
from returnsdesk.services.telegram_inbox import KEPT, MOST_ATTEMPTS, WaitingUpdate, chat_id_of

BOT = 4242
NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)


def message(update_id: int, chat_id: int = 5) -> dict[str, Any]:
    return {"update_id": update_id, "message": {"chat": {"id": chat_id}, "text": "hi"}}


def waiting(database: Database, chat_id: int | None = 5) -> WaitingUpdate | None:
    with database.read() as session:
        return telegram_inbox.next_waiting(session, chat_id, bot_id=BOT)


def test_an_update_is_kept_once(database: Database) -> None:
    assert telegram_inbox.store(database, BOT, [message(1), message(1)], now=NOW) == {5}
    assert telegram_inbox.store(database, BOT, [message(1), message(2, 6)], now=NOW) == {6}
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(TelegramUpdate)) == 2


def test_updates_of_another_bot_are_others(database: Database) -> None:
    telegram_inbox.store(database, BOT, [message(1)], now=NOW)
    assert telegram_inbox.store(database, BOT + 1, [message(1)], now=NOW) == {5}


def test_the_oldest_of_a_chat_comes_first(database: Database) -> None:
    telegram_inbox.store(database, BOT, [message(3), message(2), message(1, 6)], now=NOW)
    first = waiting(database)
    assert first is not None
    assert first.update_id == 2
    telegram_inbox.mark_done(database, first)
    second = waiting(database)
    assert second is not None
    assert second.update_id == 3


def test_an_update_that_keeps_failing_is_set_aside(database: Database) -> None:
    telegram_inbox.store(database, BOT, [message(1), message(2)], now=NOW)
    first = waiting(database)
    assert first is not None
    results = [telegram_inbox.mark_attempt(database, first) for _ in range(MOST_ATTEMPTS)]
    assert results == [False] * (MOST_ATTEMPTS - 1) + [True]
    following = waiting(database)
    assert following is not None
    assert following.update_id == 2


def test_handled_updates_are_forgotten_and_waiting_ones_never(database: Database) -> None:
    telegram_inbox.store(database, BOT, [message(1), message(2)], now=NOW)
    first = waiting(database)
    assert first is not None
    telegram_inbox.mark_done(database, first)
    assert telegram_inbox.forget_handled(database, now=NOW + KEPT) == 0
    assert telegram_inbox.forget_handled(database, now=NOW + KEPT + timedelta(seconds=1)) == 1
    assert waiting(database) is not None


@pytest.mark.parametrize(
    "update",
    [{}, {"update_id": "1"}, {"update_id": True}, {"update_id": 2**63}, {"update_id": None}],
)
def test_what_has_no_number_is_left_out(database: Database, update: dict[str, Any]) -> None:
    assert telegram_inbox.store(database, BOT, [update], now=NOW) == set()


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([1])
NAMES = st.sampled_from(
    ["message", "callback_query", "my_chat_member", "chat", "from", "id", "poll"]
)


PART = PLAIN | st.dictionaries(NAMES, PLAIN | st.dictionaries(NAMES, PLAIN, max_size=2), max_size=3)


@given(st.dictionaries(NAMES, PART, max_size=3))
@settings(deadline=None)
def test_the_chat_of_any_update_can_be_looked_for(update: dict[str, Any]) -> None:
    found = chat_id_of(update)
    assert found is None or abs(found) < 2**63


@pytest.mark.parametrize(
    ("update", "chat_id"),
    [
        ({"message": {"chat": {"id": 7}}}, 7),
        ({"edited_message": {"chat": {"id": -7}}}, -7),
        ({"callback_query": {"from": {"id": 8}, "message": {"chat": {"id": 7}}}}, 7),
        ({"callback_query": {"from": {"id": 8}}}, 8),
        ({"my_chat_member": {"chat": {"id": 7}}}, 7),
        ({"poll": {"id": "x"}}, None),
    ],
)
def test_each_kind_of_update_has_its_chat(update: dict[str, Any], chat_id: int | None) -> None:
    assert chat_id_of(update) == chat_id
