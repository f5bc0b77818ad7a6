"""A desk that is killed in the middle loses nothing that Telegram has handed over, and repeats nothing it has taken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from returnsdesk.db.models import TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.settings import Settings
from tests.desk.fake_rasa import FakeRasa
from tests.servers.processes import running
from tests.servers.telegram import FakeTelegram, Fault, User
from tests.telegram.looking import messages_of, until

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(
    desk_settings: Settings, database: Database, rasa: FakeRasa, tmp_path: Path
) -> Iterator[Start]:
    """Start the desk's real process, as often as a test has killed it."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(desk_process(desk_settings, tmp_path / "desk.log"))


@contextmanager
def desk_process(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert settings.telegram_token is not None
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "VAR_DIR": str(settings.var_dir),
        "DESK_PORT": str(settings.desk_port),
        "RASA_PORT": str(settings.rasa_port),
        "PUBLIC_URL": settings.public_url,
        "TELEGRAM_TOKEN": settings.telegram_token.get_secret_value(),
        "TELEGRAM_API_URL": settings.telegram_api_url,
    }

    def answers() -> bool:
        try:
            return httpx.get(f"{settings.public_url}/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    command = [sys.executable, "-m", "returnsdesk", "serve", "desk"]
    with running(command, answers=answers, log=log, environment=environment) as process:
        yield process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_message_is_answered_once_by_the_next_desk(
    start: Start, robin: User, rasa: FakeRasa, database: Database
) -> None:
    first = start()
    rasa.hold()
    robin.says("where is my refund?")
    assert rasa.hung.wait(30)
    kill(first)
    rasa.may_answer.set()
    start()
    robin.reads("You said: where is my refund?")
    robin.says("thanks")
    robin.reads("You said: thanks")
    assert robin.texts() == ["You said: where is my refund?", "You said: thanks"]
    assert len(messages_of(database)) == 4


def test_what_telegram_had_not_taken_arrives_once_and_nothing_else_again(
    start: Start, telegram: FakeTelegram, robin: User, database: Database, tmp_path: Path
) -> None:
    first = start()
    robin.says("one")
    robin.reads("You said: one")
    until(lambda: _sent_seq(database) == 2)
    telegram.fails("sendMessage", Fault(mood="hang"))
    robin.says("two")
    until(lambda: len(messages_of(database)) == 4)
    until(lambda: len(telegram.calls_of("sendMessage")) == 2)
    kill(first)
    telegram.recovers()
    robin.says("three")
    start()
    robin.reads("You said: three")
    assert robin.texts() == ["You said: one", "You said: two", "You said: three"]
    log = (tmp_path / "desk.log").read_text(encoding="utf-8")
    assert telegram.token.partition(":")[2] not in log


def _sent_seq(database: Database) -> int:
    with database.read() as session:
        return int(session.scalars(select(TelegramChat.sent_seq)).one())
