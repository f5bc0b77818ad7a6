"""A shopper's browser as the tests play it: a session, messages, history and the stream of events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx

SECONDS = 20
_ids = count(1)


class Shopper:
    """One browser. `client` speaks to the desk with the session's token."""

    def __init__(self, url: str, **wish: Any) -> None:
        self.client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        response = self.client.post("/api/session", json={"language": "en", **wish})
        assert response.status_code == 201, response.text
        self.session: dict[str, Any] = response.json()
        self.client.headers["Authorization"] = f"Bearer {self.session['token']}"

    @property
    def conversation_id(self) -> str:
        return str(self.session["conversation_id"])

    def say(self, text: str, message_id: str | None = None) -> int:
        return self._post({"text": text}, message_id)

    def press(self, token: str) -> int:
        return self._post({"button": token}, None)

    def _post(self, content: dict[str, str], message_id: str | None) -> int:
        body = {**content, "message_id": message_id or f"m-{next(_ids)}"}
        response = self.client.post("/api/messages", json=body)
        assert response.status_code == 202, response.text
        return int(response.json()["seq"])

    def history(self, after: int = 0) -> list[dict[str, Any]]:
        response = self.client.get("/api/history", params={"after": after})
        assert response.status_code == 200, response.text
        return list(response.json()["messages"])

    def said_to(self) -> list[str]:
        return [message["text"] for message in self.history() if message["author"] != "shopper"]

    def wait_for_answers(self, number: int) -> list[dict[str, Any]]:
        """What the assistant has said, once there are that many messages of it."""

        def answers() -> list[dict[str, Any]]:
            return [message for message in self.history() if message["author"] == "assistant"]

        eventually(lambda: len(answers()) >= number)
        return answers()

    @contextmanager
    def listening(
        self, after: int = 0, last_event_id: int | None = None
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """The stream of events, each with `event`, `id` (if it has one) and `data`."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        params = {"after": str(after), "session": str(self.session["token"])}
        with (
            httpx.Client(
                base_url=str(self.client.base_url), timeout=SECONDS, trust_env=False
            ) as browser,
            browser.stream("GET", "/api/events", params=params, headers=headers) as stream,
        ):
            assert stream.status_code == 200, stream.read()
            yield _events(stream.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        if not line:
            if "data" in event:
                yield {**event, "data": json.loads(event["data"])}
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def messages_of(events: Iterator[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """The next messages of a stream, leaving out all other events."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        event = next(events)
        if event["event"] == "message":
            assert event["id"] == str(event["data"]["seq"])
            found.append(event["data"])
    return found


def eventually(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
