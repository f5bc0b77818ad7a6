"""A private mail server that keeps what it is sent, and can be told to refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.processes import free_port

SECONDS_TO_DELIVER = 20


@dataclass(frozen=True)
class DeliveredMail:
    """One mail as the server received it: addresses of the envelope, and the parsed message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


class SmtpServer:
    """A running mail server and what was delivered to it.

    `answer` is what it says to each mail: "250 OK" keeps it; "451 Try again later" or "550 No such user" refuses it.
    `logins` are the user names and passwords that senders gave; any are accepted.
    """

    def __init__(self, port: int) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.answer = "250 OK"
        self.mails: list[DeliveredMail] = []
        self.logins: list[tuple[str, str]] = []
        self._delivered = threading.Condition()

    @property
    def url(self) -> str:
        """The address as the product's setting SMTP_URL takes it."""
        return f"smtp://{self.host}:{self.port}"

    def wait_for_mails(
        self, count: int, seconds: float = SECONDS_TO_DELIVER
    ) -> list[DeliveredMail]:
        """All mails, once there are `count`; fails the test if there are fewer by then."""
        with self._delivered:
            if not self._delivered.wait_for(lambda: len(self.mails) >= count, seconds):
                pytest.fail(f"{len(self.mails)} of {count} mails arrived within {seconds:g} s")
            return list(self.mails)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd, under this name, for each mail."""
        if self.answer.startswith("2"):
            content = envelope.original_content or b""
            message = BytesParser(policy=default).parsebytes(content)
            recipients = tuple(str(address) for address in envelope.rcpt_tos)
            with self._delivered:
                self.mails.append(DeliveredMail(str(envelope.mail_from), recipients, message))
                self._delivered.notify_all()
        return self.answer

    def log_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        """Called by aiosmtpd for each log-in."""
        if isinstance(data, LoginPassword):
            self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A mail server of this test alone."""
    server = SmtpServer(free_port())
    controller = Controller(
        server,
        hostname=server.host,
        port=server.port,
        authenticator=server.log_in,
        auth_require_tls=False,
    )
    controller.start()
    yield server
    controller.stop()
