"""The Bot API over HTTP on a loopback port, with faults on demand, and updates pushed to a webhook."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import httpx
from python_multipart import parse_form

from tests.servers.processes import free_port
from tests.servers.telegram import page
from tests.servers.telegram.books import BOT, Books, Call, Chat, RefusedError, Waiting
from tests.servers.telegram.contents import Parameters, read_parameter
from tests.servers.telegram.methods import Methods

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
# Telegram waits longer after each failure; here the pauses are those of a test.
WEBHOOK_PAUSES = (0.05, 0.1, 0.2, 0.5)
WEBHOOK_SECONDS = 60


@dataclass
class Fault:
    """What happens to one call: `status` (with `retry_after` or a `description`), or a `mood`.

    Moods: "refuse" ends the connection before the work is done, "drop" after it was done, "hang" waits until the
    server is told to go on and then ends the connection with nothing done, "slow" waits likewise and then does the
    work, "garbage" answers what is no JSON.
    """

    status: int = 0
    retry_after: int | None = None
    description: str = ""
    mood: str = ""
    chat_id: int | None = None

    def matches(self, parameters: Parameters) -> bool:
        return self.chat_id is None or str(parameters.get("chat_id")) == str(self.chat_id)

    def answer(self) -> dict[str, Any]:
        words = {429: f"Too Many Requests: retry after {self.retry_after}", 502: "Bad Gateway"}
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.status,
            "description": self.description or words.get(self.status, "Internal Server Error"),
        }
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return answer


class TelegramServer:
    """A Bot API server; `local` takes webhooks over plain HTTP and on any port, as Telegram's own local server does."""

    def __init__(self, port: int | None = None, *, local: bool = True) -> None:
        self.books = Books(local=local)
        self.methods = Methods(self.books)
        self.port = port or free_port()
        self.faults: dict[str, deque[Fault]] = {}
        self.go_on = threading.Event()
        self.connections: set[socket.socket] = set()
        self._http: _Http | None = None
        self._pusher = threading.Thread(target=self._push_all, daemon=True)
        self._busy_queues: set[object] = set()

    @property
    def url(self) -> str:
        """What TELEGRAM_API_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.books.token

    def start(self) -> None:
        self.comes_back()
        self._pusher.start()

    def stop(self) -> None:
        with self.books.changed:
            self.books.is_stopped = True
            self.books.changed.notify_all()
        self.go_on.set()
        self.goes_away()

    def goes_away(self) -> None:
        """No connection is taken any more, and those that are open end."""
        if self._http is None:
            return
        self._http.shutdown()
        self._http.server_close()
        self._http = None
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def comes_back(self) -> None:
        """Serve on the same port, with all that was known."""
        self._http = _Http(self)
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def fails(self, method: str, *faults: Fault) -> None:
        """The next calls of a method fail so, one after the other."""
        with self.books.changed:
            self.faults.setdefault(method, deque()).extend(faults)

    def recovers(self) -> None:
        """No more faults, and whoever hangs goes on."""
        with self.books.changed:
            self.faults.clear()
        self.go_on.set()

    def calls_of(self, *methods: str) -> list[Call]:
        with self.books.changed:
            return [call for call in self.books.calls if call.method in methods]

    def push_to(self, url: str, secret_token: str) -> None:
        """Push updates there; as setWebhook does, without its rules on addresses."""
        with self.books.changed:
            self.books.webhook.url, self.books.webhook.secret_token = url, secret_token
            self.books.changed.notify_all()

    def take_fault(self, method: str, parameters: Parameters) -> Fault | None:
        with self.books.changed:
            planned = self.faults.get(method)
            if not planned or not planned[0].matches(parameters):
                return None
            self.go_on.clear()
            return planned.popleft()

    def _push_all(self) -> None:
        """Updates of one queue go out in order, those of several side by side."""
        books = self.books
        with books.changed:
            while not books.is_stopped:
                following = self._next_to_push()
                if following is None:
                    books.changed.wait(0.2)
                    continue
                self._busy_queues.add(following.queue)
                threading.Thread(target=self._push, args=(following,), daemon=True).start()

    def _next_to_push(self) -> Waiting | None:
        if not self.books.webhook.url:
            return None
        free = (each for each in self.books.waiting if each.queue not in self._busy_queues)
        return next(free, None)

    def _push(self, waiting: Waiting) -> None:
        """Send an update until it is taken."""
        books = self.books
        failures = 0
        while not books.is_stopped and books.webhook.url:
            problem = self._pushed(waiting.update)
            if not problem:
                with books.changed:
                    if waiting in books.waiting:
                        books.waiting.remove(waiting)
                break
            books.webhook.last_error = problem
            time.sleep(WEBHOOK_PAUSES[min(failures, len(WEBHOOK_PAUSES) - 1)])
            failures += 1
        with books.changed:
            self._busy_queues.discard(waiting.queue)
            books.changed.notify_all()

    def _pushed(self, update: dict[str, Any]) -> str:
        """The problem with sending it, or nothing."""
        webhook = self.books.webhook
        headers = {SECRET_HEADER: webhook.secret_token} if webhook.secret_token else {}
        try:
            response = httpx.post(
                webhook.url, json=update, headers=headers, timeout=WEBHOOK_SECONDS, trust_env=False
            )
        except httpx.HTTPError as error:
            return f"{error!r}"
        if response.is_success:
            return ""
        return f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, telegram: TelegramServer) -> None:
        super().__init__(("127.0.0.1", telegram.port), _Handler)
        self.telegram = telegram


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def setup(self) -> None:
        super().setup()
        # Without it a small answer waits for the acknowledgement of the one before.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.telegram.connections.add(self.connection)

    def finish(self) -> None:
        self.server.telegram.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        telegram = self.server.telegram
        split = urlsplit(self.path)
        parts = [unquote(part) for part in split.path.strip("/").split("/")]
        if parts[0] == "chat":
            self._send(*page.answer(telegram, parts[1:], parse_qs(split.query), self._body()))
        elif parts[0] == "file" and parts[1:2] == [f"bot{telegram.token}"]:
            self._download(parts[2:])
        elif parts[0] == f"bot{telegram.token}" and len(parts) == 2:
            self._call(parts[1], split.query)
        else:
            error = RefusedError(401 if parts[0].startswith("bot") else 404, "Unauthorized")
            self._body()
            self._refuse(error)

    def _call(self, method: str, query: str) -> None:
        telegram = self.server.telegram
        try:
            parameters = self._parameters(query)
        except RefusedError as error:
            self._refuse(error)
            return
        call = Call(method, parameters)
        with telegram.books.changed:
            telegram.books.calls.append(call)
        fault = telegram.take_fault(method, parameters)
        if fault is None:
            self._do(call)
        else:
            self._fail(fault, call)
        with telegram.books.changed:
            telegram.books.changed.notify_all()

    def _do(self, call: Call, *, answers: bool = True) -> None:
        method = self.server.telegram.methods.named(call.method)
        try:
            if method is None:
                raise RefusedError(404, "Not Found: method not found")
            result = method(call.parameters)
        except RefusedError as error:
            call.outcome = str(error.code)
            if answers:
                self._refuse(error)
            return
        call.outcome = "ok"
        if answers:
            self._json(200, {"ok": True, "result": result})

    def _fail(self, fault: Fault, call: Call) -> None:
        telegram = self.server.telegram
        call.outcome = fault.mood or str(fault.status)
        if fault.status:
            self._json(fault.status, fault.answer())
            return
        if fault.mood in ("hang", "slow"):
            telegram.go_on.wait(WEBHOOK_SECONDS)
        if fault.mood == "slow":
            self._do(call)
        elif fault.mood == "garbage":
            self._send(200, "text/html", b"<html>")
        else:
            if fault.mood == "drop":
                self._do(call, answers=False)
                call.outcome = "drop"
            self.close_connection = True

    def _refuse(self, error: RefusedError) -> None:
        answer = {"ok": False, "error_code": error.code, "description": error.description}
        if error.parameters:
            answer["parameters"] = error.parameters
        self._json(error.code, answer)

    def _download(self, parts: list[str]) -> None:
        telegram = self.server.telegram
        fault = telegram.take_fault("file", {})
        if fault is not None:
            self._fail(fault, Call("file", {}))
            return
        stored = telegram.books.files.get(parts[1]) if len(parts) == 3 else None
        if stored is None:
            self._refuse(RefusedError(404, "Not Found"))
        else:
            self._send(200, "application/octet-stream", stored.content)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _parameters(self, query: str) -> Parameters:
        """Parameters from the address, a form, a form with files, or JSON."""
        pairs: Iterable[tuple[str, str]] = parse_qsl(query, keep_blank_values=True)
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        uploads: Parameters = {}
        if kind == "multipart/form-data":
            fields, uploads = self._multipart()
            pairs = [*pairs, *fields]
        else:
            body = self._body()
            if kind == "application/json":
                return {**dict(pairs), **json.loads(body or b"{}")}
            text = body.decode("utf-8", "surrogateescape")
            pairs = [*pairs, *parse_qsl(text, keep_blank_values=True, errors="surrogateescape")]
        return {**{name: read_parameter(name, value) for name, value in pairs}, **uploads}

    def _multipart(self) -> tuple[list[tuple[str, str]], Parameters]:
        fields: list[tuple[str, str]] = []
        files: dict[str, tuple[str, bytes]] = {}

        def on_field(found: Any) -> None:
            fields.append((found.field_name.decode(), (found.value or b"").decode()))

        def on_file(found: Any) -> None:
            found.file_object.seek(0)
            name = (found.file_name or b"file").decode()
            files[found.field_name.decode()] = (name, found.file_object.read())

        headers = {
            "Content-Type": self.headers["Content-Type"].encode(),
            "Content-Length": self.headers["Content-Length"].encode(),
        }
        parse_form(headers, self.rfile, on_field, on_file)
        return _with_uploads(fields, files)

    def _json(self, status: int, content: Any) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Whoever asked has given up waiting.
            self.close_connection = True


def _with_uploads(
    fields: list[tuple[str, str]], files: dict[str, tuple[str, bytes]]
) -> tuple[list[tuple[str, str]], Parameters]:
    """A field `attach://name` stands for the part of that name."""
    uploads: Parameters = {}
    plain = []
    for name, value in fields:
        attached = value.removeprefix("attach://")
        if attached != value and attached in files:
            uploads[name] = files[attached]
        else:
            plain.append((name, value))
    return plain, {**files, **uploads}


def bot_messages(chat: Chat) -> list[dict[str, Any]]:
    """What the bot has sent to a chat and not deleted."""
    return [message for message in chat.messages if message["from"]["id"] == BOT["id"]]
