"""What a working set-up needs, one function for each thing, each with what to do when it is not so."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy.exc import OperationalError

from returnsdesk import model
from returnsdesk.cli.errors import CommandError, sentence_for
from returnsdesk.cli.session import open_database
from returnsdesk.services import policies
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import Settings

_WANTED_PYTHON: Final = (3, 10)
_ANSWER_SECONDS: Final = 2.0
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at: fine, or what is wrong and what to do about it."""

    subject: str
    is_fine: bool
    found: str
    remedy: str = ""


Check = Callable[[Settings], Iterator[Diagnosis]]


def fine(subject: str, found: str) -> Diagnosis:
    """Nothing to do."""
    return Diagnosis(subject, True, found)


def problem(subject: str, found: str, remedy: str) -> Diagnosis:
    """Something to do."""
    return Diagnosis(subject, False, found, remedy)


def python_version(_settings: Settings) -> Iterator[Diagnosis]:
    """Rasa runs on one version of Python only."""
    running = sys.version.partition(" ")[0]
    if sys.version_info[:2] == _WANTED_PYTHON:
        yield fine("Python", running)
    else:
        yield problem("Python", running, "Rasa needs Python 3.10: run `make env`.")


def folders(settings: Settings) -> Iterator[Diagnosis]:
    """State must survive: its folder has to be there and writable."""
    folder = settings.var_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Make it writable for this account, or set VAR_DIR to a folder that is."
        yield problem("State", f"{folder} cannot be written to: {error.strerror}", remedy)
    else:
        yield fine("State", f"{folder} can be written to")


def database(settings: Settings) -> Iterator[Diagnosis]:
    """The database answers and has the newest schema."""
    kind = settings.database_url.partition(":")[0]
    try:
        with open_database(settings):
            yield fine("Database", f"{kind}, at the newest schema")
    except OperationalError as error:
        remedy = "Start it, or correct DATABASE_URL."
        yield problem("Database", sentence_for(error) or "It does not answer.", remedy)
    except CommandError as error:
        yield problem("Database", str(error), "Run `returnsdesk migrate`.")


def policy(_settings: Settings) -> Iterator[Diagnosis]:
    """The returns policy can be used."""
    try:
        policies.read_policy_file()
    except ServiceError as error:
        yield problem(
            "Policy", str(error), "Correct it; `returnsdesk policy check` tells when it is right."
        )
    else:
        yield fine("Policy", f"{policies.POLICY_FILE.name} can be used")


def trained_model(settings: Settings) -> Iterator[Diagnosis]:
    """There is a model for the present data and configuration."""
    path = model.model_path(settings)
    if path.is_file():
        yield fine("Model", f"{path.name}, for the present data and configuration")
    elif any(settings.models_dir.glob("*.tar.gz")):
        found = "none for the present data and configuration; those there are older"
        yield problem("Model", found, "Run `returnsdesk train`.")
    else:
        yield problem("Model", f"none in {settings.models_dir}", "Run `returnsdesk train`.")


def ports(settings: Settings) -> Iterator[Diagnosis]:
    """Each process finds its port free."""
    wanted = {
        "DESK_PORT": (settings.desk_host, settings.desk_port),
        "RASA_PORT": (_LOOPBACK, settings.rasa_port),
        "ACTIONS_PORT": (_LOOPBACK, settings.actions_port),
    }
    numbers = [port for _, port in wanted.values()]
    for name, (host, port) in wanted.items():
        if numbers.count(port) > 1:
            yield problem(name, f"{port} is used twice", f"Set {name} to another port.")
        elif _is_free(host, port):
            yield fine(name, f"{port} is free")
        else:
            yield problem(
                name, f"{port} is taken", f"Stop what uses it, or set {name} to another port."
            )


def ports_free_or_ours(settings: Settings) -> Iterator[Diagnosis]:
    """Each process finds its port free, or runs on it already."""
    desk = _LOOPBACK if settings.desk_host in ("0.0.0.0", "::") else settings.desk_host  # noqa: S104  read, not bound
    answers = {
        "DESK_PORT": f"http://{desk}:{settings.desk_port}/healthz",
        "RASA_PORT": f"http://{_LOOPBACK}:{settings.rasa_port}/webhooks/desk/ready",
        "ACTIONS_PORT": f"http://{_LOOPBACK}:{settings.actions_port}/health",
    }
    for diagnosis in ports(settings):
        if not diagnosis.is_fine and _is_ours(answers[diagnosis.subject], settings):
            yield fine(diagnosis.subject, f"{diagnosis.found} by Returns Desk, which is running")
        else:
            yield diagnosis


def _is_ours(url: str, settings: Settings) -> bool:
    try:
        response = httpx.get(
            url,
            headers={"Authorization": f"Bearer {settings.rasa_channel_token}"},
            timeout=_ANSWER_SECONDS,
        )
        return response.status_code in (200, 503) and "status" in response.json()
    except (httpx.HTTPError, ValueError):
        return False


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def secret_key(settings: Settings) -> Iterator[Diagnosis]:
    """Sessions and links are signed with a key that outsiders cannot guess or read."""
    given = settings.secret_key.get_secret_value() if settings.secret_key else ""
    if given and len(given) < 32:
        remedy = (
            "Set SECRET_KEY to 32 or more random characters, or leave it empty to have one made."
        )
        yield problem("Secret key", f"SECRET_KEY has only {len(given)} characters", remedy)
        return
    if given:
        yield fine("Secret key", "set by SECRET_KEY")
        return
    file = settings.var_dir / "secret_key"
    if not file.exists():
        yield fine("Secret key", f"will be made in {file}")
    elif os.name == "posix" and file.stat().st_mode & 0o077:
        yield problem("Secret key", f"other accounts may read {file}", f"Run `chmod 600 {file}`.")
    else:
        yield fine("Secret key", f"kept in {file}")


def demo_mode(settings: Settings) -> Iterator[Diagnosis]:
    """The demo's open doors are not open to the world."""
    host = urlsplit(settings.public_url).hostname or ""
    if not settings.demo_mode:
        yield fine("Demo mode", "off")
    elif _is_this_machine(host):
        yield fine("Demo mode", "on, for this machine only")
    else:
        found = f"on, although shoppers reach the desk at {host}"
        yield problem(
            "Demo mode",
            found,
            "Set DEMO_MODE=false: its log-ins and mailbox are open to everybody.",
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redis(settings: Settings) -> Iterator[Diagnosis]:
    """Redis answers, where it is used."""
    yield from _optional_server("Redis", "REDIS_URL", settings.redis_url, 6379)


def smtp(settings: Settings) -> Iterator[Diagnosis]:
    """The mail server answers, where one is used."""
    if settings.smtp_url or settings.demo_mode:
        yield from _optional_server("Mail", "SMTP_URL", settings.smtp_url, 587)
    else:
        found = "no SMTP_URL, so shoppers' mail only goes to a file"
        yield problem("Mail", found, "Set SMTP_URL to the shop's mail server.")


def telegram(settings: Settings) -> Iterator[Diagnosis]:
    """Telegram knows the bot, where there is one, and its updates come the way that the settings say."""
    if settings.telegram_token is None or not settings.telegram_token.get_secret_value():
        yield fine("Telegram", "not used")
        return
    # The library takes a while to load.
    from returnsdesk.cli import telegram as bot

    try:
        status = bot.look(settings)
    except CommandError as error:
        yield problem("Telegram", str(error), "Correct TELEGRAM_TOKEN, or leave it empty.")
        return
    if status.advice:
        yield problem("Telegram", f"{status.name}, {settings.telegram_mode}", status.advice)
    else:
        yield fine("Telegram", f"{status.name}, {settings.telegram_mode}")


def _optional_server(subject: str, name: str, url: str, usual_port: int) -> Iterator[Diagnosis]:
    if not url:
        yield fine(subject, "not used")
        return
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or usual_port}"
    try:
        address = (parts.hostname or "", parts.port or usual_port)
        socket.create_connection(address, timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        yield problem(subject, f"{place} does not answer: {error}", f"Start it, or correct {name}.")
    else:
        yield fine(subject, f"{place} answers")


ALL: Final[tuple[Check, ...]] = (
    python_version,
    folders,
    secret_key,
    database,
    policy,
    trained_model,
    ports_free_or_ours,
    demo_mode,
    redis,
    smtp,
    telegram,
)
