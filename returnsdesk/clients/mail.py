"""Mail to shoppers: by an SMTP server, or kept as files in a folder that the demo shows as a mailbox."""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from returnsdesk.settings import Settings, SettingsError

TIMEOUT_SECONDS = 15
_IMPLICIT_TLS_PORT = 465
_STARTTLS_PORT = 587
# Mailbox unavailable, not local, not allowed as a name (RFC 5321, 4.2.3).
_NO_SUCH_MAILBOX = (550, 551, 553)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class MailNotSent(Exception):
    """The mail was not taken over; it may be tried again."""


class MailRefused(MailNotSent):
    """The address takes no mail, and trying again does not change that."""


@dataclass(frozen=True)
class Mail:
    """One mail as plain text, and as HTML that says the same if it has any.

    The same `key` always is the same mail, however often it is sent.
    """

    key: str
    to: str
    subject: str
    text: str
    language: str
    html: str | None = None


@dataclass(frozen=True)
class ReceivedMail:
    """A mail as the demo's mailbox shows it."""

    name: str
    to: str
    subject: str
    text: str
    sent_at: datetime | None


class Mailer(Protocol):
    """Takes mail over for delivery."""

    def send(self, mail: Mail, *, now: datetime) -> None:
        """Hand a mail over; raises `MailNotSent`, or `MailRefused` for an address that takes none."""


class SmtpMailer:
    """Hands mail to an SMTP server, one connection for each."""

    def __init__(self, url: str, sender_name: str, sender_address: str) -> None:
        """Raise `SettingsError` for an address that cannot be used."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise SettingsError("SMTP_URL must look like smtp://user:password@host:587.")
        try:
            port = parts.port
        except ValueError:
            raise SettingsError("SMTP_URL names a port that is not a port.") from None
        self._host = parts.hostname
        default_port = _IMPLICIT_TLS_PORT if parts.scheme == "smtps" else _STARTTLS_PORT
        self._port = port or default_port
        self._is_implicit_tls = parts.scheme == "smtps" or self._port == _IMPLICIT_TLS_PORT
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = (sender_name, sender_address)

    def send(self, mail: Mail, *, now: datetime) -> None:
        """Hand a mail over; a repeated mail carries the same Message-ID, by which mailboxes tell it."""
        message = composed(mail, self._sender, now)
        try:
            with self._connection() as server:
                self._secure(server)
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            kind = MailRefused if _is_about_address(error) else MailNotSent
            raise kind(f"{self._host}:{self._port}: {_reason(error)}") from error

    def _connection(self) -> smtplib.SMTP:
        if self._is_implicit_tls:
            return smtplib.SMTP_SSL(
                self._host,
                self._port,
                timeout=TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)

    def _secure(self, server: smtplib.SMTP) -> None:
        if self._is_implicit_tls:
            return
        server.ehlo_or_helo_if_needed()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        elif self._port == _STARTTLS_PORT or (self._user and self._host not in _LOOPBACK):
            raise MailNotSent(f"{self._host}:{self._port} offers no encryption")


class MailFolder:
    """Keeps mail as .eml files; a repeated mail is the file that is there already."""

    def __init__(self, folder: Path, sender_name: str, sender_address: str) -> None:
        self._folder = folder
        self._sender = (sender_name, sender_address)

    def send(self, mail: Mail, *, now: datetime) -> None:
        """Write the file, whole or not at all."""
        path = self._folder / f"{_file_name(mail.key)}.eml"
        if path.exists():
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, composed(mail, self._sender, now).as_bytes(policy=SMTP))
        except OSError as error:
            raise MailNotSent(f"{path}: {error.strerror}") from error

    def mails(self) -> list[ReceivedMail]:
        """All mail, newest first."""
        if not self._folder.is_dir():
            return []
        found = [_received(path) for path in self._folder.glob("*.eml")]
        undated = datetime.min.replace(tzinfo=timezone.utc)
        return sorted(found, key=lambda mail: mail.sent_at or undated, reverse=True)


def mailer_for(settings: Settings) -> Mailer:
    """The mailer that the settings choose; raises `SettingsError`."""
    if settings.smtp_url:
        return SmtpMailer(settings.smtp_url, settings.shop_name, settings.mail_from)
    return mail_folder(settings)


def mail_folder(settings: Settings) -> MailFolder:
    """The folder that holds the demo's mail."""
    return MailFolder(settings.var_dir / "mail", settings.shop_name, settings.mail_from)


def composed(mail: Mail, sender: tuple[str, str], now: datetime) -> EmailMessage:
    """The mail with its headers; the Message-ID follows from the key alone. Raises `MailRefused` for a bad address."""
    message = EmailMessage()
    domain = sender[1].rpartition("@")[2] or "localhost"
    try:
        message["From"] = formataddr(sender)
        message["To"] = mail.to
        message["Subject"] = mail.subject
    except ValueError as error:
        raise MailRefused(f"the mail cannot be addressed: {error}") from error
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{sha256(mail.key.encode()).hexdigest()[:32]}@{domain}>"
    # Keeps out-of-office programs from answering.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    # Setting the content takes all headers about it away.
    message["Content-Language"] = mail.language
    return message


def _is_about_address(error: Exception) -> bool:
    """Whether the server has refused the recipient for good: 4xx is for a while, and 5xx may be about the sender."""
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return isinstance(error, smtplib.SMTPDataError) and error.smtp_code in _NO_SUCH_MAILBOX
    return all(code in _NO_SUCH_MAILBOX for code, _text in error.recipients.values())


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _text in error.recipients.values()}
        return f"recipient refused ({', '.join(map(str, sorted(codes)))})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__


def _file_name(key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key)[:60].strip("-")
    return f"{readable}-{sha256(key.encode()).hexdigest()[:12]}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises `OSError`."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _received(path: Path) -> ReceivedMail:
    message = BytesParser(policy=SMTP).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)  # noqa: S101  what this policy makes
    body = message.get_body(preferencelist=("plain",))
    sent_at = message["Date"].datetime if message["Date"] else None
    return ReceivedMail(
        name=path.name,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        text=body.get_content().replace("\r\n", "\n").strip() if body else "",
        sent_at=sent_at,
    )
