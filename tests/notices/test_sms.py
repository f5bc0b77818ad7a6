"""Text messages over HTTP: what the service is asked, how its refusals and failures are taken, and numbers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from returnsdesk.clients.http import HttpProvider
from returnsdesk.clients.sms import (
    HttpSms,
    SmsFolder,
    SmsNotSent,
    SmsRefused,
    in_gsm_alphabet,
    international,
    places,
    sms_client_for,
)

NUMBER = "+31612345678"


class SmsService:
    """Answers as docs/providers.md says; `answers` are the statuses of the next calls, 202 after them."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.retry_after = "0"
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.delivered: dict[str, Any] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                service.calls.append((self.path, dict(self.headers), body))
                status = service.answers.pop(0) if service.answers else 202
                if status == 202:
                    service.delivered.setdefault(self.headers["Idempotency-Key"], body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Retry-After", service.retry_after)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """The test's output is enough."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def service() -> Iterator[SmsService]:
    made = SmsService()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(10)


def client(service: SmsService) -> HttpSms:
    return HttpSms(HttpProvider("SMS", service.url, first_wait_seconds=0.001))


def test_a_message_is_posted_with_token_and_key(service: SmsService, settings: Any) -> None:
    chosen = sms_client_for(
        type(settings)(sms_url=service.url, sms_token="token-1", var_dir=settings.var_dir)
    )

    chosen.send("key-1", "+31 6 1234-5678", "Hello")

    ((path, headers, body),) = service.calls
    assert path == "/v1/messages"
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["Idempotency-Key"] == "key-1"
    assert body == {"to": NUMBER, "text": "Hello", "key": "key-1"}


def test_a_service_that_stumbles_is_asked_again_with_the_same_key(service: SmsService) -> None:
    service.answers = [503, 429]

    client(service).send("key-1", NUMBER, "Hello")

    assert len(service.calls) == 3
    assert list(service.delivered) == ["key-1"]


def test_a_service_that_is_down_is_told_from_a_number_that_is_wrong(service: SmsService) -> None:
    service.answers = [500, 500, 500]
    with pytest.raises(SmsNotSent) as down:
        client(service).send("key-1", NUMBER, "Hello")
    assert not isinstance(down.value, SmsRefused)

    service.answers = [422]
    with pytest.raises(SmsRefused):
        client(service).send("key-1", NUMBER, "Hello")

    service.answers = [401]
    with pytest.raises(SmsNotSent) as wrong_token:
        client(service).send("key-1", NUMBER, "Hello")
    assert not isinstance(wrong_token.value, SmsRefused)


def test_what_the_service_asks_for_is_handed_on(service: SmsService) -> None:
    service.answers = [429]
    service.retry_after = "7"
    provider = HttpProvider("SMS", service.url, attempts=1)

    with pytest.raises(SmsNotSent) as busy:
        HttpSms(provider).send("key-1", NUMBER, "Hello")
    assert busy.value.wait_seconds == 7


def test_a_bad_number_is_never_asked_for(service: SmsService) -> None:
    with pytest.raises(SmsRefused, match="international form"):
        client(service).send("key-1", "0612345678", "Hello")
    assert service.calls == []


def test_without_a_service_messages_are_kept_once(settings: Any) -> None:
    chosen = sms_client_for(settings)
    assert isinstance(chosen, SmsFolder)

    chosen.send("key-1", NUMBER, "Zażółć")
    chosen.send("key-1", NUMBER, "Zażółć")

    (file,) = (settings.var_dir / "sms").iterdir()
    assert file.read_text(encoding="utf-8") == f"To: {NUMBER}\n\nZażółć\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("+31 6 1234 5678", NUMBER),
        ("0031-6-1234.5678", NUMBER),
        ("+31 (6) 12345678", NUMBER),
        ("06 1234 5678", None),
        ("+31", None),
        ("+3161234567812345", None),
        ("+31612345678; rm", None),
        ("", None),
    ],
)
def test_numbers_are_read_in_international_form(written: str, read: str | None) -> None:
    assert international(written) == read


def test_accents_give_way_where_they_would_cost_a_second_message() -> None:
    assert (
        in_gsm_alphabet("Zwrócono 12,50 zł – sprawdź „tutaj”")
        == 'Zwrocono 12,50 zl - sprawdz "tutaj"'
    )
    assert in_gsm_alphabet("Größe für Ærlig Łódź") == "Größe für Ærlig Lodz"
    assert in_gsm_alphabet("Ελλάδα Δ") == "Ελλάδα Δ"
    assert (places("€5"), places("abc")) == (3, 3)
