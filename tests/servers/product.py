"""The whole product as `returnsdesk up` starts it, on ports and data of the run's own."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from returnsdesk.db.session import Database
from returnsdesk.desk_client import ChatClient, Message
from returnsdesk.services import identity
from returnsdesk.settings import Settings, load_settings
from tests.servers.processes import free_port, running

# Loading a model on a busy machine, after training one if there is none.
SECONDS_TO_START = 400
SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class Product:
    """A running product: its settings, its database, its supervisor's log and process id."""

    settings: Settings
    database: Database
    log: Path
    process_id: int

    @contextmanager
    def shopper(self, external_id: str | None = None, language: str = "en") -> Iterator[Shopper]:
        """Somebody who opens the chat: a guest, or a customer whom the shop has logged in."""
        client = ChatClient(self.settings)
        with closing(client):
            token = self._login_token(external_id) if external_id is not None else None
            client.open(language, token)
            yield Shopper(client)

    def _login_token(self, external_id: str) -> str:
        now = datetime.now(timezone.utc)
        return identity.shop_login_token(external_id, key=self.settings.shop_login_key, now=now)


class Shopper:
    """One conversation through the desk's real entry."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._said: list[Message] = []
        self._buttons: list[dict[str, str]] = []
        self._mails_before = self.mails()

    def says(self, text: str, page: Mapping[str, str] | None = None) -> str:
        """Type a message, on a page of the shop; everything that the desk answers, as one text."""
        self._client.say(text, page)
        return self._listen()

    def presses(self, label: str) -> str:
        """Press the newest button whose label begins so."""
        return self._press(label, reversed(self._buttons))

    def presses_oldest(self, label: str) -> str:
        """Press the first button of the conversation whose label begins so."""
        return self._press(label, self._buttons)

    def sends(self, text: str) -> None:
        """Type a message without waiting for the answer."""
        self._client.say(text)

    def hears(self, seconds: float = SECONDS_TO_ANSWER) -> str:
        """Wait for the answer to what was sent."""
        return self._listen(seconds)

    def labels(self) -> list[str]:
        """Labels of the buttons of the last answer."""
        return [button["title"] for said in self._said for button in said.get("buttons") or []]

    def mails(self) -> list[dict[str, str]]:
        """The demo's mailbox, newest first."""
        return self._client.mails()

    def mailed_code(self) -> str:
        """The code in the newest mail that was asked for in this conversation, as soon as it is there."""
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while time.monotonic() < deadline:
            for mail in self.mails():
                found = re.search(r"\b\d{6}\b", mail["text"])
                if found and mail not in self._mails_before:
                    return found.group()
            time.sleep(0.1)
        raise AssertionError("no code came by mail")

    def _press(self, label: str, buttons: Iterable[dict[str, str]]) -> str:
        token = next(each["token"] for each in buttons if each["title"].startswith(label))
        self._client.press(token)
        return self._listen()

    def _listen(self, seconds: float = SECONDS_TO_ANSWER) -> str:
        self._said = list(self._client.answers(seconds))
        self._buttons += [each for said in self._said for each in said.get("buttons") or []]
        return "\n".join(message["text"] for message in self._said)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with the sample shop; conversations of one test must not need what another left."""
    with product_in(tmp_path_factory.mktemp("product")) as started:
        yield started


@contextmanager
def product_in(state: Path, **more: str) -> Iterator[Product]:
    """A product of its own with the sample shop as it is when new; its data is kept in `state`.

    `more` are further settings by the names of their environment variables.
    """
    port = free_port()
    environment = {
        **os.environ,
        "VAR_DIR": str(state),
        "DATABASE_URL": f"sqlite:///{state / 'returnsdesk.db'}",
        "DESK_PORT": str(port),
        "RASA_PORT": str(free_port()),
        "ACTIONS_PORT": str(free_port()),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DEMO_MODE": "true",
        **more,
    }
    log = state / "up.log"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = load_settings()
    with running(
        [sys.executable, "-m", "returnsdesk", "up"],
        answers=lambda: "is ready" in log.read_text(encoding="utf-8", errors="replace"),
        log=log,
        environment=environment,
        seconds_to_start=SECONDS_TO_START,
    ) as process:
        database = Database(settings.resolved_database_url)
        yield Product(settings, database, log, process.pid)
        database.dispose()
