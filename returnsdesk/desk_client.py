"""A shopper's side of the desk's web channel: for conversations in the terminal, self-test and measurements."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from returnsdesk.settings import Settings

REQUEST_SECONDS = 15
LONGEST_LOOK_SECONDS = 5.0

Message = dict[str, Any]


class DeskCallFailed(Exception):
    """The desk gave no answer, or not the wanted one; the text is one sentence for who called."""


class TooFast(DeskCallFailed):
    """The desk's rate limits hold the call back; `seconds` later it is taken."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


def desk_url(settings: Settings) -> str:
    """Address by which this machine reaches the desk; what it listens on is not always what it can be called by."""
    any_address = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}  # noqa: S104
    host = any_address.get(settings.desk_host, settings.desk_host)
    return f"http://{host}:{settings.desk_port}"


class ChatClient:
    """One conversation through the desk's real entry: sessions, messages, server-sent events."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = desk_url(settings)
        self._client = httpx.Client(
            base_url=self.base_url, timeout=REQUEST_SECONDS, trust_env=False
        )
        self._last_seq = 0
        self.language = settings.default_language
        # Of all conversations that were begun, also of the one that follows a log-out.
        self.conversation_ids: list[str] = []

    def close(self) -> None:
        """Close the connections; the conversation stays as it is."""
        self._client.close()

    def end(self) -> None:
        """Log out: the conversation closes for good."""
        session = self._call("DELETE", "/api/session")
        self.conversation_ids.append(str(session["conversation_id"]))

    def open(self, language: str, login_token: str | None) -> bool:
        """Begin a conversation; tells whether the shopper is logged in. Raises `DeskCallFailed`."""
        wish = {"language": language}
        if login_token is not None:
            wish["login_token"] = login_token
        session = self._call("POST", "/api/session", wish)
        self._client.headers["Authorization"] = f"Bearer {session['token']}"
        self.conversation_ids.append(str(session["conversation_id"]))
        self.language = session["language"]
        return bool(session["signed_in"])

    def say(self, text: str, page: Mapping[str, str] | None = None) -> int:
        """Send a typed message, from a page of the shop that shows an order or a product, and give its number.

        Raises `DeskCallFailed` with the desk's words if it is refused.
        """
        return self._send({"text": text, "context": dict(page or {})})

    def press(self, token: str) -> None:
        """Send a button."""
        self._send({"button": token})

    def answers(self, seconds: float) -> Iterator[Message]:
        """What the desk says until the last message is answered; raises `DeskCallFailed` when it takes too long."""
        deadline = time.monotonic() + seconds
        is_answered = False
        while not is_answered:
            if time.monotonic() >= deadline:
                raise self._late(seconds)
            self._wait_for_news(min(LONGEST_LOOK_SECONDS, deadline - time.monotonic()))
            news = self._call("GET", f"/api/history?after={self._last_seq}")
            said = [message for message in news["messages"] if message["author"] != "shopper"]
            self._last_seq = max(self._last_seq, news["last_seq"])
            # A rating that was given in another window is no message to show.
            yield from (message for message in said if message.get("kind") != "rating")
            is_answered = not news["typing"] and any(
                message.get("kind") not in ("delayed", "rating") for message in said
            )

    @contextmanager
    def listening(self, seconds: float) -> Iterator[Iterator[Message]]:
        """What is said from now on, as it comes, over one kept connection; raises `DeskCallFailed` after a silence."""
        path = f"/api/events?after={self._last_seq}"
        try:
            with self._client.stream("GET", path, timeout=seconds) as stream:
                if stream.is_error:
                    raise DeskCallFailed(
                        f"The desk refused to be listened to: {stream.status_code}."
                    )
                yield self._messages(stream.iter_lines(), seconds)
        except httpx.ReadTimeout:
            raise self._late(seconds) from None
        except httpx.TransportError as error:
            raise self._away() from error

    def mails(self) -> list[dict[str, Any]]:
        """The demo's mailbox, newest first; empty where there is none."""
        try:
            answer = self._client.get("/demo/mail", headers={"Accept": "application/json"})
        except httpx.TransportError:
            return []
        return list(answer.json()["mails"]) if answer.status_code == 200 else []

    def _send(self, content: Mapping[str, object]) -> int:
        accepted = self._call("POST", "/api/messages", {**content, "message_id": uuid4().hex})
        seq = int(accepted["seq"])
        self._last_seq = max(self._last_seq, seq)
        return seq

    def _wait_for_news(self, seconds: float) -> None:
        """Listen until something is said, or for so long."""
        until = time.monotonic() + seconds
        path = f"/api/events?after={self._last_seq}"
        try:
            with self._client.stream("GET", path, timeout=max(0.1, seconds)) as stream:
                for line in stream.iter_lines():
                    if line == "event: message" or time.monotonic() > until:
                        return
        except httpx.ReadTimeout:
            return
        except httpx.TransportError as error:
            raise self._away() from error

    def _messages(self, lines: Iterator[str], seconds: float) -> Iterator[Message]:
        event, since = "", time.monotonic()
        for line in lines:
            # The desk pings, so a connection on which nothing is said does not run into the time limit of reading.
            if time.monotonic() - since > seconds:
                raise self._late(seconds)
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "message":
                yield json.loads(value)
                since = time.monotonic()
        raise self._away()

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body)
        except httpx.TransportError as error:
            raise self._away() from error
        try:
            answer: dict[str, Any] = response.json()
        except json.JSONDecodeError:
            raise DeskCallFailed(f"Some other program answers at {self.base_url}.") from None
        if response.status_code == 429:
            raise TooFast(str(answer.get("message")), float(response.headers["Retry-After"]))
        if response.is_error:
            raise DeskCallFailed(str(answer.get("message", f"HTTP {response.status_code}")))
        return answer

    def _late(self, seconds: float) -> DeskCallFailed:
        return DeskCallFailed(f"No answer came within {seconds:g} seconds; the message is kept.")

    def _away(self) -> DeskCallFailed:
        return DeskCallFailed(
            f"The desk does not answer at {self.base_url}; start it with `returnsdesk up`."
        )
