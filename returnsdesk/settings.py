"""Settings of the product: read once from the environment and `.env`, typed, failing in one sentence.

Every setting is a field of `Settings`; `.env.example` and `docs/settings.md` list the same names (tested).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from dotenv.parser import parse_stream
from pydantic import BaseSettings, Field, SecretStr, ValidationError, validator

PROJECT_ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "nl", "de", "nb", "pl")


class SettingsError(Exception):
    """The environment or `.env` holds a value that cannot be used; the text is one sentence for the operator."""


class Settings(BaseSettings):
    """All settings, with embedded defaults that need no account and no server."""

    shop_name: str = Field("Lund & Linde", description="Name of the shop as shoppers read it.")
    default_language: str = Field(
        "en", description="Language until the shopper's own is known: en, nl, de, nb or pl."
    )
    demo_mode: bool = Field(
        True,
        description="Sample shop, demo log-ins, a readable demo mailbox and commands that move returns along.",
    )
    lift_rate_limits: bool = Field(
        False,
        description="Takes messages at any pace, for `returnsdesk bench turns`; only in demo mode.",
    )
    database_url: str = Field(
        "sqlite:///var/returnsdesk.db",
        description="SQLAlchemy address of the database: SQLite file or postgresql://user:password@host/name.",
    )
    var_dir: Path = Field(
        Path("var"), description="Folder for the database, secret key and demo mail."
    )
    models_dir: Path = Field(
        Path("models"), description="Folder of trained models; only these are loaded."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Signs sessions and links; made and kept in VAR_DIR when empty. Set it if several machines serve.",
    )
    shop_login_secret: SecretStr | None = Field(
        None,
        description="Shared with the shop's backend, which signs its shoppers' log-in tokens with it (HS256).",
    )
    public_url: str = Field(
        "http://127.0.0.1:8080", description="Address at which shoppers' browsers reach the desk."
    )
    allowed_origins: str = Field(
        "",
        description="Origins of the shop's pages that may embed the chat, comma-separated; the desk's own always may.",
    )
    desk_host: str = Field("127.0.0.1", description="Address that the desk listens on.")
    desk_port: int = Field(
        8080, ge=1, le=65535, description="Port of the desk, the only public process."
    )
    rasa_port: int = Field(5005, ge=1, le=65535, description="Loopback port of Rasa.")
    actions_port: int = Field(
        5055, ge=1, le=65535, description="Loopback port of the action server."
    )
    redis_url: str = Field(
        "",
        description="Redis server that `returnsdesk doctor` looks at; no process uses it yet.",
    )
    smtp_url: str = Field(
        "",
        description="smtp://user:password@host:587 for real mail; empty keeps mail in VAR_DIR/mail.",
    )
    mail_from: str = Field(
        "returns@lundlinde.example", description="Sender address of the shop's mail."
    )
    brand_colour: str = Field(
        "#1f4f46",
        description="Main colour of mails and of the shopper's tracking page, as #rrggbb.",
    )
    brand_logo_url: str = Field(
        "",
        description="Address of the shop's logo on mails and the tracking page; empty shows the name.",
    )
    tracking_link_days: int = Field(
        90,
        ge=1,
        le=730,
        description="How long a link to a return's tracking page is valid, in days.",
    )
    carrier: str = Field(
        "embedded",
        description="Who makes return labels: embedded (labels without postage), sendcloud, or none.",
    )
    carrier_webhook_secret: SecretStr | None = Field(
        None,
        description="Signs what carriers report at /hooks/carrier/...; derived from SECRET_KEY when empty.",
    )
    sendcloud_url: str = Field(
        "https://panel.sendcloud.sc/api/v3", description="Address of Sendcloud's API."
    )
    sendcloud_public_key: str = Field("", description="Public key of the Sendcloud integration.")
    sendcloud_secret_key: SecretStr | None = Field(
        None, description="Secret key of the Sendcloud integration; also signs its webhooks."
    )
    payment_url: str = Field(
        "",
        description="Address of the shop's payment service (docs/providers.md); empty uses the stand-in in demo mode.",
    )
    payment_token: SecretStr | None = Field(
        None, description="Bearer token for the payment service."
    )
    sms_url: str = Field(
        "",
        description="Address of an SMS service (docs/providers.md); empty keeps texts in VAR_DIR/sms.",
    )
    sms_token: SecretStr | None = Field(None, description="Bearer token for the SMS service.")
    telegram_token: SecretStr | None = Field(
        None, description="Token of the Telegram bot, from BotFather; empty: no Telegram."
    )
    telegram_mode: str = Field(
        "polling",
        description="How updates come: polling (one desk process, no public address) or webhook (docs/telegram.md).",
    )
    telegram_api_url: str = Field(
        "https://api.telegram.org", description="Address of the Bot API server."
    )
    support_hours: str = Field(
        "mon-fri 09:00-17:00",
        description="When people of the team answer, as in: mon-fri 09:00-17:00, sat 10:00-14:00; empty: always.",
    )
    support_time_zone: str = Field(
        "Europe/Amsterdam", description="Time zone of SUPPORT_HOURS, as in the IANA list."
    )
    support_holidays: str = Field(
        "",
        description="Country, or country-region, on whose public holidays nobody answers, as in NL or DE-BY.",
    )
    support_notice_minutes: int = Field(
        5,
        ge=0,
        le=1440,
        description="Who waits so long for a person within SUPPORT_HOURS is told once to be still waiting; 0: never.",
    )
    keep_conversations_days: int = Field(
        730,
        ge=0,
        description="Conversations are erased this many days after their last message; 0 keeps them.",
    )
    keep_audit_days: int = Field(
        1095, ge=0, description="Entries of the audit log are kept this many days; 0 keeps them."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    class Config:
        """Names are the field names in capitals, without a prefix; `.env` beside the project is read as well."""

        env_file = PROJECT_ROOT / ".env"
        env_file_encoding = "utf-8"
        keep_untouched = (cached_property,)
        allow_mutation = False

    @validator("default_language")
    def _known_language(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"must be one of {', '.join(LANGUAGES)}")
        return value

    @validator("brand_colour")
    def _colour(cls, value: str) -> str:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("must be a colour such as #1f4f46")
        return value

    @validator("carrier")
    def _known_carrier(cls, value: str) -> str:
        if value not in ("embedded", "sendcloud", "none"):
            raise ValueError("must be embedded, sendcloud or none")
        return value

    @validator("telegram_mode")
    def _known_mode(cls, value: str) -> str:
        if value not in ("polling", "webhook"):
            raise ValueError("must be polling or webhook")
        return value

    @validator("support_time_zone")
    def _known_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a time zone such as Europe/Amsterdam")
        return value

    @validator("support_hours")
    def _known_hours(cls, value: str) -> str:
        weekly_hours(value)
        return value

    @validator("support_holidays")
    def _known_calendar(cls, value: str) -> str:
        country, _, region = value.partition("-")
        known = _regions_with_holidays() if value else {}
        if value and (country not in known or region not in ("", *known[country])):
            raise ValueError("must be a country such as NL, or a region such as DE-BY")
        return value

    @validator("lift_rate_limits")
    def _only_in_demo_mode(cls, value: bool, values: dict[str, Any]) -> bool:
        if value and not values.get("demo_mode"):
            raise ValueError("needs DEMO_MODE, for a shop in production is never without limits")
        return value

    @validator("database_url")
    def _usable_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg2://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @validator("log_level")
    def _known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @validator("var_dir", "models_dir")
    def _below_the_project(cls, value: Path) -> Path:
        return value if value.is_absolute() else PROJECT_ROOT / value

    @property
    def resolved_database_url(self) -> str:
        """`database_url` with a relative SQLite path taken from the project's root."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix):
            path = Path(self.database_url[len(prefix) :])
            if str(path) != ":memory:" and not path.is_absolute():
                return f"{prefix}{PROJECT_ROOT / path}"
        return self.database_url

    @property
    def tracker_url(self) -> str:
        """Address of Rasa's tracker store: the product's PostgreSQL, or a SQLite file of its own beside the product's.

        SQLite has one writer per file: with two files a turn never waits for the worker.
        """
        url = self.resolved_database_url
        return f"sqlite:///{self.var_dir / 'tracker.db'}" if url.startswith("sqlite") else url

    @property
    def signing_key(self) -> str:
        """The secret key; made once and kept in `var_dir/secret_key` when none is set."""
        if self.secret_key and self.secret_key.get_secret_value():
            return self.secret_key.get_secret_value()
        return _kept_secret(self.var_dir / "secret_key")

    def derived_secret(self, purpose: str) -> str:
        """A secret for one purpose, derived from the signing key, so that processes agree without being told."""
        return hmac.new(self.signing_key.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    @property
    def shop_login_key(self) -> str:
        """Key that the shop's backend signs log-in tokens with."""
        if self.shop_login_secret and self.shop_login_secret.get_secret_value():
            return self.shop_login_secret.get_secret_value()
        return self.derived_secret("shop-login")

    @property
    def carrier_webhook_key(self) -> str:
        """Key that signs what a carrier reports."""
        if self.carrier_webhook_secret and self.carrier_webhook_secret.get_secret_value():
            return self.carrier_webhook_secret.get_secret_value()
        return self.derived_secret("carrier-webhook")

    @property
    def rasa_channel_token(self) -> str:
        """Bearer token between desk and Rasa."""
        return self.derived_secret("rasa-channel")

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that may call the desk from a browser, the desk's own first."""
        extra = (part.strip().rstrip("/") for part in self.allowed_origins.split(","))
        return (self.public_url.rstrip("/"), *(origin for origin in extra if origin))


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")

WeeklyHours = dict[int, list[tuple[int, int]]]
"""Day of the week (Monday is 0) to its times, each from and to in minutes after midnight, in order."""


def weekly_hours(text: str) -> WeeklyHours:
    """Read SUPPORT_HOURS, as in "mon-fri 09:00-17:00, sat 10:00-14:00"; empty means always: no days.

    Raises `ValueError` with the part that cannot be read.
    """
    week: WeeklyHours = {}
    for part in filter(None, re.split(r"\s*,\s*", text.strip().lower())):
        found = _HOURS.fullmatch(" ".join(part.split()))
        if found is None or not {found[1], found[2] or found[1]} <= set(_DAYS):
            raise ValueError(f"{part!r} is not of the form mon-fri 09:00-17:00")
        opens, closes = (60 * int(found[i]) + int(found[i + 1]) for i in (3, 5))
        if int(found[4]) > 59 or int(found[6]) > 59 or not opens < closes <= 24 * 60:
            raise ValueError(f"{part!r} does not end after it begins, within one day")
        first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
        for day in range(first, first + (last - first) % 7 + 1):
            week.setdefault(day % 7, []).append((opens, closes))
    for day, hours in week.items():
        hours.sort()
        if any(later[0] < earlier[1] for earlier, later in pairwise(hours)):
            raise ValueError(f"two times of {_DAYS[day]} overlap")
    return week


def _regions_with_holidays() -> dict[str, list[str]]:
    # Loaded only where the setting is used: every command reads the settings.
    from holidays import list_supported_countries

    return dict(list_supported_countries())


def _kept_secret(path: Path) -> str:
    """The secret in a file; made whole before it gets its name, so that no other process reads half of it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as made:
            made.write(secrets.token_hex(32))
            made.flush()
            with contextlib.suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_text(encoding="ascii")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings once; raises `SettingsError` with one sentence that names the variable."""
    try:
        _check_env_file(overrides.get("_env_file", Settings.__config__.env_file))
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise SettingsError(
            f"{name} in the environment or .env cannot be used: {first['msg']}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError("The file .env is not UTF-8 text.") from error


def _check_env_file(path: Any) -> None:
    """Raise `SettingsError` for a line of `.env` that would silently count for nothing."""
    if path is None or not Path(path).is_file():
        return
    with Path(path).open(encoding="utf-8") as file:
        for line in parse_stream(file):
            # The parser counts the empty lines before a line as part of it.
            text = line.original.string
            number = line.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            if line.error:
                raise SettingsError(f"Line {number} of .env is not of the form NAME=value.")
            if line.key is not None and line.key.lower() not in Settings.__fields__:
                raise SettingsError(
                    f"Line {number} of .env: {line.key} is not a setting; docs/settings.md lists them."
                )
