"""A desk whose bot talks to a loopback Telegram, with a fake Rasa behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from returnsdesk.settings import Settings, load_settings
from tests.desk.conftest import clock, database, rasa, start_desk
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.processes import free_port
from tests.servers.telegram import FakeTelegram, User, serve_telegram

__all__ = ["clock", "database", "rasa", "start_desk"]


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with serve_telegram() as server:
        yield server


@pytest.fixture
def desk_settings(tmp_path: Path, telegram: FakeTelegram) -> Settings:
    port = free_port()
    return load_settings(
        database_url=f"sqlite:///{tmp_path / 'desk.db'}",
        var_dir=tmp_path / "var",
        desk_port=port,
        public_url=f"http://127.0.0.1:{port}",
        rasa_port=free_port(),
        telegram_token=telegram.token,
        telegram_api_url=telegram.url,
    )


@pytest.fixture
def desk(start_desk: Callable[..., Served], rasa: FakeRasa) -> Served:
    # On a busy machine a notice of delay would come between.
    return start_desk(seconds_until_notice=60)


@pytest.fixture
def robin(telegram: FakeTelegram) -> User:
    return telegram.user("en")
