"""A loopback server that answers as Sendcloud's public documentation says its API does, and fails when told.

After sendcloud.dev/api/v3/returns, /api/v3/shipping-options and /api/v3/parcel-documents.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEYS = ("public", "secret")
LABEL = b"%PDF-1.4 a label"
PAGE = 2
REQUIRED_OF_RETURN = ("from_address", "to_address", "ship_with", "weight")
REQUIRED_OF_ADDRESS = ("name", "address_line_1", "postal_code", "city", "country_code")

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class FakeSendcloud:
    """A Sendcloud account with one Dutch return option; `failures` are answered first, one for each call of a path.

    A failure is an answer, or "drop" to end the connection after the work was done, as an answer that gets lost.
    """

    calls: list[Call] = field(default_factory=list)
    returns: dict[int, dict[str, Any]] = field(default_factory=dict)
    options: list[dict[str, Any]] = field(
        default_factory=lambda: [{"code": "postnl:standard/return"}]
    )
    failures: dict[str, list[Any]] = field(default_factory=dict)
    looks_until_announced: int = 0
    announcement_error: str | None = None
    is_cancellable: bool = True
    hang: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def start(self) -> str:
        """Serve; gives the address of the API."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/api/v3"

    def stop(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()

    def of(self, method: str, path: str) -> list[Call]:
        """The calls of a method whose path is that, or begins with it and a slash."""
        return [
            call
            for call in self.calls
            if call.method == method and (call.path == path or call.path.startswith(f"{path}/"))
        ]

    def answer(self, call: Call) -> Answer:
        expected = base64.b64encode(":".join(KEYS).encode()).decode()
        if call.headers.get("authorization") != f"Basic {expected}":
            error = {"status": "401", "code": "authentication_failed", "detail": "Invalid keys."}
            return 401, {"errors": [error]}
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("POST", r"/shipping-options", self._options),
            ("POST", r"/returns", self._create),
            ("GET", r"/returns", self._list),
            ("GET", r"/returns/(\d+)", self._retrieve),
            ("PATCH", r"/returns/(\d+)/cancel", self._cancel),
            ("GET", r"/parcels/(\d+)/documents/label", self._document),
        ]
        for method, pattern, route in routes:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                return route(call, *(int(part) for part in found.groups()))
        return 404, {"errors": [{"status": "404", "code": "not_found", "detail": "Not found."}]}

    def _options(self, call: Call) -> Answer:
        assert call.body["functionalities"]["returns"] is True
        return 200, {"data": self.options, "message": None}

    def _create(self, call: Call) -> Answer:
        missing = [name for name in REQUIRED_OF_RETURN if not call.body.get(name)]
        for side in ("from_address", "to_address"):
            given = call.body.get(side) or {}
            missing += [f"{side}.{name}" for name in REQUIRED_OF_ADDRESS if not given.get(name)]
        if missing:
            errors = [
                {"field": name, "code": "required", "message": "This field is required."}
                for name in missing
            ]
            return 400, {"errors": errors}
        key = call.body["external_reference"]
        if any(each["external_reference"] == key for each in self.returns.values()):
            error = {
                "code": "validation_error",
                "request": "api/v3/returns",
                "message": "External reference has already been used in another return.",
            }
            return 400, {"error": error}
        number = 1751075 + len(self.returns)
        self.returns[number] = {
            **call.body,
            "id": number,
            "parcel_id": 67880 + len(self.returns),
            "looks": 0,
            "status_history": [],
        }
        parcel_id = self.returns[number]["parcel_id"]
        return 201, {"return_id": number, "parcel_id": parcel_id, "multi_collo_ids": []}

    def _list(self, call: Call) -> Answer:
        if not {"from_date", "to_date"} <= call.query.keys():
            return 400, {"errors": [{"field": "from_date", "code": "required", "message": "?"}]}
        first = int(call.query.get("cursor", 0))
        shown = [self._shown(each) for each in self.returns.values()]
        following = f"http://x/api/v3/returns?cursor={first + PAGE}&page_size={PAGE}"
        return 200, {
            "next": following if first + PAGE < len(shown) else None,
            "previous": None,
            "data": shown[first : first + PAGE],
        }

    def _retrieve(self, _call: Call, number: int) -> Answer:
        if number not in self.returns:
            return 404, None
        self.returns[number]["looks"] += 1
        return 200, self._shown(self.returns[number])

    def _shown(self, found: dict[str, Any]) -> dict[str, Any]:
        """A return as it is retrieved: without the reference, and without a label until it is announced."""
        is_announced = (
            found["looks"] > self.looks_until_announced and self.announcement_error is None
        )
        label = f"https://panel.sendcloud.sc/api/v3/parcels/{found['parcel_id']}/documents/label"
        error = {"code": "parcel_announcement_error", "detail": self.announcement_error}
        return {
            "id": found["id"],
            "order_number": found["order_number"],
            "shipping_option": {"code": found["ship_with"]["shipping_option_code"]},
            "tracking_number": f"3SABC{found['parcel_id']}" if is_announced else None,
            "tracking_url": "https://tracking.example/3S" if is_announced else None,
            "label": {"label_printer": label, "normal_printer": []} if is_announced else None,
            "status_history": found["status_history"],
            "is_cancellable": self.is_cancellable,
            "errors": [error] if self.announcement_error else [],
        }

    def _cancel(self, _call: Call, number: int) -> Answer:
        if number not in self.returns:
            return 404, None
        if not self.is_cancellable:
            error = {"field": "returns", "code": 409, "message": "Return is not cancellable."}
            return 409, {"errors": [error]}
        return 202, {"message": "Cancellation requested successfully"}

    def _document(self, call: Call, number: int) -> Answer:
        assert call.headers["accept"] == "application/pdf"
        known = any(
            each["parcel_id"] == number and self._shown(each)["label"]
            for each in self.returns.values()
        )
        if not known:
            error = {"code": "not_found", "status": "404", "detail": "No Parcel matches."}
            return 404, {"errors": [error]}
        return 200, LABEL

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_PATCH(self) -> None:
                self._serve()

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                raw = self.rfile.read(length)
                split = urlsplit(self.path)
                call = Call(
                    self.command,
                    split.path.removeprefix("/api/v3"),
                    {name: values[0] for name, values in parse_qs(split.query).items()},
                    json.loads(raw) if raw else None,
                    {name.lower(): value for name, value in self.headers.items()},
                )
                server.calls.append(call)
                planned = server.failures.get(f"{call.method} {call.path}") or []
                failure = planned.pop(0) if planned else None
                if failure == "hang":
                    server.hang.wait(20)
                    self.close_connection = True
                    return
                if failure == "drop":
                    server.answer(call)
                    self.close_connection = True
                    return
                self._send(*(failure or server.answer(call)))

            def _send(self, status: int, body: Any, headers: Any = None) -> None:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                del format, args

        return Handler
