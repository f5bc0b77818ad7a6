"""A payment service as docs/providers.md describes it, which keeps books and fails in every way when told to."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "token-of-the-payment-service"

_TURNED_AWAY = {"500": 500, "429": 429, "401": 401, "refused": 422}


@dataclass
class PaymentServer:
    """The books of the service, and how it answers next.

    `moods` are used up one by one, for POST requests alone: "500" and "429" before anything is done, "lost" closes the
    connection after it was done, "slow" answers only when `released`, "refused" is final, "garbage" is no JSON, "401"
    a wrong token. Without one it does what it is asked. `status` is what new refunds become.
    """

    url: str = ""
    status: str = "settled"
    moods: deque[str] = field(default_factory=deque)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    paid_links: set[str] = field(default_factory=set)
    posts: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)
    paid_out: int = 0

    def pay_back(self, key: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The same key is the same refund; another amount under it is a conflict."""
        known = self.refunds.get(key)
        if known is None:
            self.paid_out += 1
            known = self.refunds[key] = {
                "status": self.status,
                "reference": f"re_{len(self.refunds) + 1}",
                "wanted": wanted,
            }
        if known["wanted"] != wanted:
            return 409, {"message": "this key was for another refund"}
        return 200, _without_wish(known)

    def make_link(self, key: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The same key is the same link."""
        known = self.links.setdefault(
            key,
            {
                "reference": f"pl_{len(self.links) + 1}",
                "url": f"https://pay.example/pl_{len(self.links) + 1}",
                "wanted": wanted,
            },
        )
        return 201, _without_wish(known)


@contextmanager
def serve_payments() -> Iterator[PaymentServer]:
    """A service on a port of its own, until the block ends."""
    books = PaymentServer()
    httpd = _Service(books)
    books.url = f"http://127.0.0.1:{httpd.server_port}/pay"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield books
    finally:
        books.released.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join(10)


def _without_wish(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name != "wanted"}


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, books: PaymentServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.books = books


class _Handler(BaseHTTPRequestHandler):
    server: _Service

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        """The state of a refund or link."""
        books = self.server.books
        books.tokens.add(self.headers.get("Authorization", ""))
        _pay, kind, name = self.path.strip("/").split("/")
        if kind == "refunds" and unquote(name) in books.refunds:
            self._answer(200, _without_wish(books.refunds[unquote(name)]))
        elif kind == "payment-links":
            self._answer(200, {"paid": unquote(name) in books.paid_links})
        else:
            self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        """Pay back, or make a link, or fail."""
        books = self.server.books
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        books.posts.append((self.path, key))
        mood = books.moods.popleft() if books.moods else ""
        if mood in _TURNED_AWAY:
            self._answer(_TURNED_AWAY[mood], {"message": mood}, {"Retry-After": "0"})
            return
        do = books.pay_back if self.path.endswith("/refunds") else books.make_link
        status, content = do(key, wanted)
        if mood == "slow":
            books.released.wait(30)
        if mood == "garbage":
            self._send(200, b"<html>", {})
        elif mood == "lost":
            self.close_connection = True
        else:
            self._answer(status, content)

    def _answer(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._send(status, json.dumps(content).encode(), headers or {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Whoever asked has given up waiting.
            self.close_connection = True
