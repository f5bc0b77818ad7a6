"""Text messages to shoppers: by a service over HTTP, or kept as files in a folder for those who try the product out."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from returnsdesk.clients.http import HttpProvider, ProviderRefused, ProviderUnavailable
from returnsdesk.clients.mail import write_whole
from returnsdesk.settings import Settings

ONE_MESSAGE: Final = 160
"""Characters of the GSM alphabet that fit into one message (3GPP TS 23.038)."""

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# These take two places.
_EXTENDED: Final = frozenset("^{}\\[~]|€")
# Letters that Unicode does not take apart, and signs that typography has in place of plain ones.
_PLAIN: Final = str.maketrans(
    {"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "„": '"'}
    | dict.fromkeys("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", " ")
)  # fmt: skip
_SEPARATORS: Final = re.compile(r"[\s().\-/]")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{7,14}")


class SmsNotSent(Exception):
    """The message was not taken over; it may be tried again, after as many seconds as the service asked for."""

    def __init__(self, message: str, wait_seconds: int = 0) -> None:
        """`wait_seconds` is 0 where the service did not say how long."""
        super().__init__(message)
        self.wait_seconds = wait_seconds


class SmsRefused(SmsNotSent):
    """The number takes no messages, and trying again does not change that."""


class SmsClient(Protocol):
    """Takes text messages over for delivery."""

    def send(self, key: str, to: str, text: str) -> None:
        """Hand a message over; the same `key` is the same message, delivered once.

        Raises `SmsNotSent`, or `SmsRefused` for a number that takes none.
        """


class HttpSms:
    """Hands messages to a service; what it has to answer stands in docs/providers.md."""

    def __init__(self, provider: HttpProvider) -> None:
        self._provider = provider

    def send(self, key: str, to: str, text: str) -> None:
        """Post the message under its idempotency key, which makes the call repeatable."""
        body = {"to": _dialled(to), "text": text, "key": key}
        try:
            self._provider.call(
                "POST", "/messages", repeatable=True, json=body, headers={"Idempotency-Key": key}
            )
        except ProviderUnavailable as error:
            raise SmsNotSent(str(error), getattr(error, "wait_seconds", 0)) from error
        except ProviderRefused as error:
            # Only these are about the number; anything else is a fault of the set-up, which an operator mends.
            kind = SmsRefused if error.status in (400, 404, 410, 422) else SmsNotSent
            raise kind(str(error)) from error


class SmsFolder:
    """Keeps messages as text files; a repeated message is the file that is there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, key: str, to: str, text: str) -> None:
        """Write the file, whole or not at all."""
        number = _dialled(to)
        path = self._folder / f"{sha256(key.encode()).hexdigest()[:24]}.txt"
        if path.exists():
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, f"To: {number}\n\n{text}\n".encode())
        except OSError as error:
            raise SmsNotSent(f"{path}: {error.strerror}") from error


def sms_client_for(settings: Settings) -> SmsClient:
    """The client that the settings choose."""
    if not settings.sms_url:
        return SmsFolder(settings.var_dir / "sms")
    token = settings.sms_token.get_secret_value() if settings.sms_token else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return HttpSms(HttpProvider("the SMS service", settings.sms_url, headers=headers))


def international(number: str) -> str | None:
    """A phone number as E.164 writes it, +31612345678; None for one that lacks its country or is none."""
    plain = _SEPARATORS.sub("", number)
    if plain.startswith("00"):
        plain = f"+{plain[2:]}"
    return plain if _NUMBER.fullmatch(plain) else None


def in_gsm_alphabet(text: str) -> str:
    """The text without accents that would make it cost two or three messages; other scripts stay as they are."""
    return "".join(_simplified(sign) for sign in text.translate(_PLAIN))


def places(text: str) -> int:
    """How much of a message of the GSM alphabet a text fills."""
    return sum(2 if sign in _EXTENDED else 1 for sign in text)


def _simplified(sign: str) -> str:
    if sign in _BASIC or sign in _EXTENDED:
        return sign
    base = "".join(
        part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part)
    )
    return base if base and set(base) <= _BASIC else sign


def _dialled(number: str) -> str:
    found = international(number)
    if found is None:
        # The number itself is not for the log.
        raise SmsRefused("the phone number is not one in international form, such as +31612345678")
    return found
