"""What carriers send to /hooks/carrier/...: whether it is theirs, and what it says.

`generic` is the product's own form, for any carrier that a shop connects itself (docs/providers.md); `sendcloud` is
Sendcloud's (sendcloud.dev/api/v3/webhooks).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field, ValidationError, validator

from returnsdesk.clients import sendcloud_reports
from returnsdesk.clients.carrier import CarrierReport
from returnsdesk.clients.sendcloud_reports import NotUnderstood
from returnsdesk.settings import Settings

__all__ = ["NotUnderstood", "Webhook", "webhook_of"]

GENERIC: Final = "generic"


@dataclass(frozen=True)
class Webhook:
    """How one carrier reports: the header that holds its signature, the key of it, and the reading of its JSON."""

    signature_header: str
    key: str
    read: Callable[[Any], list[CarrierReport]]

    def is_signed(self, body: bytes, signature: str) -> bool:
        """Whether `signature` is the HMAC-SHA256 of the raw body, in hexadecimal; takes as long for any wrong one."""
        expected = hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())

    def reports_in(self, body: bytes) -> list[CarrierReport]:
        """The reports in a body; raises `NotUnderstood`."""
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NotUnderstood("not JSON") from error
        return self.read(payload)


def webhook_of(settings: Settings, name: str) -> Webhook | None:
    """The webhook of that name; None if there is none, or if its key is not set."""
    if name == GENERIC:
        return Webhook("X-Signature", settings.carrier_webhook_key, _generic_reports)
    secret = settings.sendcloud_secret_key
    if name == sendcloud_reports.NAME and secret is not None and secret.get_secret_value():
        return Webhook(
            "Sendcloud-Signature",
            secret.get_secret_value(),
            sendcloud_reports.reports_in_webhook,
        )
    return None


class _GenericReport(BaseModel):
    """The product's own form of a report."""

    event_id: str = Field(min_length=1, max_length=160)
    tracking_number: str = Field(min_length=1, max_length=80)
    status: str = Field(min_length=1, max_length=40)
    at: datetime
    carrier: str = Field(default=GENERIC, min_length=1, max_length=60)

    @validator("at")
    def _with_zone(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("must say its time zone, for example 2026-12-01T09:30:00Z")
        return value


def _generic_reports(payload: Any) -> list[CarrierReport]:
    try:
        report = _GenericReport.parse_obj(payload)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise NotUnderstood(f"{place}: {first['msg']}") from error
    except OverflowError as error:
        raise NotUnderstood("at: no date of the calendar") from error
    return [CarrierReport(**report.dict())]
