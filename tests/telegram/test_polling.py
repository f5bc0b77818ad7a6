"""Updates that the desk asks for: nothing is confirmed to Telegram before it is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from returnsdesk.desk.channels.telegram.inbox import Polling
from returnsdesk.settings import Settings
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.telegram import FakeTelegram, Fault, User
from tests.telegram.looking import until


class Bot:
    """Gives what it is told, and keeps which updates were confirmed."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.offsets: list[int | None] = []

    async def raw_updates(self, offset: int | None, *, seconds: int) -> list[dict[str, Any]]:
        self.offsets.append(offset)
        return self.answers.pop(0)


async def keep(_updates: list[dict[str, Any]]) -> None:
    """Store nothing, successfully."""


async def test_updates_are_confirmed_once_they_are_stored() -> None:
    bot = Bot([{"update_id": 7}, {"update_id": 8}], [], [])
    polling = Polling(bot, keep)  # type: ignore[arg-type]
    for _ in range(3):
        await polling._poll()
    # Numbers may begin anew after a quiet week: what is confirmed is not said again.
    assert bot.offsets == [None, 9, None]


async def test_updates_that_could_not_be_stored_are_not_confirmed() -> None:
    async def fail(_updates: list[dict[str, Any]]) -> None:
        raise OSError("the disk is full")

    bot = Bot([{"update_id": 7}], [])
    polling = Polling(bot, fail)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="disk"):
        await polling._poll()
    await polling._poll()
    assert bot.offsets == [None, None]


@pytest.mark.parametrize("fault", [Fault(500), Fault(429, retry_after=1), Fault(mood="refuse")])
def test_asking_goes_on_after_a_failure(
    desk: Served, telegram: FakeTelegram, robin: User, fault: Fault
) -> None:
    telegram.fails("getUpdates", fault)
    robin.says("hello")
    robin.reads("You said: hello")


def test_a_webhook_that_was_set_is_taken_away(
    start_desk: Callable[..., Served], telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    telegram.push_to("http://127.0.0.1:9/nobody", "secret")
    start_desk()
    robin.says("hello")
    robin.reads("You said: hello")
    assert not telegram.books.webhook.url


def test_updates_come_again_after_telegram_was_away(
    desk: Served, telegram: FakeTelegram, robin: User
) -> None:
    robin.says("one")
    robin.reads("You said: one")
    telegram.goes_away()
    telegram.comes_back()
    robin.says("two")
    robin.reads("You said: two")


def test_the_token_stands_in_no_log(
    start_desk: Callable[..., Served],
    telegram: FakeTelegram,
    robin: User,
    rasa: FakeRasa,
    desk_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)
    telegram.fails("getMe", Fault(401, description="Unauthorized"), Fault(500))
    telegram.fails("sendMessage", Fault(500), Fault(mood="garbage"))
    start_desk()
    robin.says("hello")
    robin.reads("You said: hello")
    until(lambda: bool(caplog.records))
    assert telegram.token not in caplog.text
    assert telegram.token.partition(":")[2] not in caplog.text
