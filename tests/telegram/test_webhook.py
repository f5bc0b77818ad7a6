"""Updates by webhook: stored before they are acknowledged, and only from Telegram."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import TelegramUpdate
from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.inbox import (
    BYTES_LIMIT,
    PATH,
    SECRET_HEADER,
    webhook_secret,
)
from returnsdesk.settings import Settings
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.telegram import FakeTelegram, User
from tests.telegram.looking import until


@pytest.fixture
def desk_settings(desk_settings: Settings) -> Settings:
    return desk_settings.copy(update={"telegram_mode": "webhook"})


@pytest.fixture
def pushed(desk: Served, telegram: FakeTelegram, desk_settings: Settings) -> Served:
    telegram.push_to(f"{desk.url}{PATH}", webhook_secret(desk_settings))
    return desk


def post(desk: Served, secret: str | None, **body: object) -> int:
    headers = {SECRET_HEADER: secret} if secret is not None else {}
    return httpx.post(f"{desk.url}{PATH}", headers=headers, **body).status_code  # type: ignore[arg-type]


def test_a_pushed_message_is_answered(pushed: Served, robin: User) -> None:
    robin.says("hello")
    robin.reads("You said: hello")


def test_messages_that_are_pushed_are_answered_in_their_order(pushed: Served, robin: User) -> None:
    for number in range(8):
        robin.says(f"message {number}")
    until(lambda: len(robin.texts()) == 8)
    assert robin.texts() == [f"You said: message {number}" for number in range(8)]


@pytest.mark.parametrize("secret", [None, "", "guessed", "ä"])
def test_a_forged_update_is_refused_and_not_kept(
    desk: Served, database: Database, secret: str | None
) -> None:
    raw = None if secret is None else secret.encode()
    update = {"update_id": 1, "message": {"chat": {"id": 5}, "text": "let me in"}}
    headers = {SECRET_HEADER.encode(): raw} if raw is not None else {}
    answer = httpx.post(f"{desk.url}{PATH}", headers=headers, json=update)
    assert answer.status_code == 403
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(TelegramUpdate)) == 0


def test_what_is_no_update_is_refused(desk: Served, desk_settings: Settings) -> None:
    secret = webhook_secret(desk_settings)
    assert post(desk, secret, content=b"{") == 400
    assert post(desk, secret, json=[1]) == 400
    assert post(desk, secret, content=b" " * (BYTES_LIMIT + 1)) == 413
    assert post(desk, secret, json={"no": "id"}) == 200


def test_an_update_that_is_pushed_again_is_handled_once(
    desk: Served, robin: User, rasa: FakeRasa, desk_settings: Settings, telegram: FakeTelegram
) -> None:
    sent = robin.says("once")
    message = {name: part for name, part in sent.items() if name != "update_id"}
    update = {"update_id": sent["update_id"], "message": message}
    for _ in range(3):
        assert post(desk, webhook_secret(desk_settings), json=update) == 200
    robin.reads("You said: once")
    telegram.push_to(f"{desk.url}{PATH}", webhook_secret(desk_settings))
    robin.says("twice")
    robin.reads("You said: twice")
    assert rasa.texts == ["once", "twice"]


def test_updates_are_taken_while_telegram_itself_cannot_be_reached(
    start_desk: Callable[..., Served],
    telegram: FakeTelegram,
    robin: User,
    desk_settings: Settings,
    rasa: FakeRasa,
) -> None:
    telegram.goes_away()
    desk = start_desk()
    sent = robin.says("early")
    message = {name: part for name, part in sent.items() if name != "update_id"}
    update = {"update_id": sent["update_id"], "message": message}
    assert post(desk, webhook_secret(desk_settings), json=update) == 200
    telegram.comes_back()
    robin.reads("You said: early")


def test_a_desk_that_asks_for_updates_takes_none_by_webhook(
    start_desk: Callable[..., Served],
    desk_settings: Settings,
    rasa: FakeRasa,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = start_desk()
    app: Any = desk.app
    monkeypatch.setattr(
        app.state.telegram,
        "settings",
        desk_settings.copy(update={"telegram_mode": "polling"}),
    )
    assert post(desk, webhook_secret(desk_settings), json={"update_id": 1}) == 404
