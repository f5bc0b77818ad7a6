"""A desk that is killed while Telegram fails in every way: all arrives, in order, and nothing acknowledged twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from returnsdesk.db.session import Database
from returnsdesk.settings import Settings
from tests.desk.fake_rasa import FakeRasa
from tests.servers.telegram import FakeTelegram, Fault
from tests.telegram.looking import deliver_again, until
from tests.telegram.test_kills import desk_process, kill

FAULTS = (
    Fault(500),
    Fault(429, retry_after=1),
    Fault(mood="refuse"),
    Fault(mood="garbage"),
)
MESSAGES = 6


@pytest.fixture
def stormy(telegram: FakeTelegram) -> FakeTelegram:
    """A Telegram that is away at first, and fails again and again when it is back."""
    telegram.fails("getMe", Fault(500))
    telegram.fails("deleteWebhook", Fault(mood="garbage"))
    telegram.fails("getUpdates", Fault(502), Fault(mood="drop"))
    telegram.fails("sendMessage", *FAULTS)
    telegram.fails("sendChatAction", *FAULTS)
    telegram.goes_away()
    return telegram


def test_all_is_answered_once_and_in_order_through_faults_kills_and_repeated_updates(
    stormy: FakeTelegram,
    desk_settings: Settings,
    database: Database,
    rasa: FakeRasa,
    tmp_path: Path,
) -> None:
    users = [stormy.user() for _ in range(3)]
    log = tmp_path / "desk.log"
    with desk_process(desk_settings, log) as first:
        for number in range(MESSAGES // 2):
            for user in users:
                user.says(f"{number} of {user.id}")
        stormy.comes_back()
        until(lambda: any(user.texts() for user in users))
        kill(first)
    repeated = [user.says(f"{MESSAGES // 2} of {user.id}") for user in users]
    for number in range(MESSAGES // 2 + 1, MESSAGES):
        for user in users:
            user.says(f"{number} of {user.id}")
    with desk_process(desk_settings, log):
        until(lambda: all(len(set(user.texts())) == MESSAGES for user in users))
        for message in repeated:
            deliver_again(stormy, message)
        for user in users:
            user.says("the last")
            user.reads("You said: the last")

    acknowledged = Counter(
        (str(call.parameters["chat_id"]), call.parameters["text"])
        for call in stormy.calls_of("sendMessage")
        if call.outcome == "ok"
    )
    for user in users:
        wanted = [f"You said: {number} of {user.id}" for number in range(MESSAGES)]
        assert list(dict.fromkeys(user.texts())) == [*wanted, "You said: the last"]
        # Of each chat one message may have been acknowledged in the moment of the kill, before that could be noted.
        counts = [number for (chat, _), number in acknowledged.items() if chat == str(user.id)]
        assert sum(counts) - len(counts) <= 1


def test_a_chat_whose_message_hangs_holds_no_other_up(
    telegram: FakeTelegram,
    desk_settings: Settings,
    database: Database,
    rasa: FakeRasa,
    tmp_path: Path,
) -> None:
    slow, quick = telegram.user(), telegram.user()
    telegram.fails("sendMessage", Fault(mood="slow", chat_id=slow.id))
    with desk_process(desk_settings, tmp_path / "desk.log"):
        slow.says("hello")
        until(lambda: len(telegram.calls_of("sendMessage")) == 1)
        quick.says("hello")
        quick.reads("You said: hello")
        assert slow.texts() == []
        telegram.recovers()
        slow.reads("You said: hello")
    assert slow.texts() == ["You said: hello"]


def test_what_telegram_took_without_saying_so_does_not_stop_the_chat(
    telegram: FakeTelegram,
    desk_settings: Settings,
    database: Database,
    rasa: FakeRasa,
    tmp_path: Path,
) -> None:
    robin = telegram.user()
    telegram.fails("sendMessage", Fault(mood="drop"))
    with desk_process(desk_settings, tmp_path / "desk.log"):
        robin.says("one")
        robin.reads("You said: one")
        robin.says("two")
        robin.reads("You said: two")
    # Nobody can tell whether Telegram took it, so it is better said twice than never.
    assert robin.texts() in (
        ["You said: one", "You said: two"],
        ["You said: one", "You said: one", "You said: two"],
    )
