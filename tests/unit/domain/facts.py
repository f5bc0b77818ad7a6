"""Facts and policies for tests of the rules: a line that arrived, and the shipped policy with some keys changed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from returnsdesk.domain.findings import Finding, LineFacts, ParcelFacts, ShopperFacts, Wish
from returnsdesk.domain.policy import Policy, content_for
from returnsdesk.services.policies import read_policy_file

UTC = timezone.utc
CONTENT = read_policy_file()
DELIVERED = datetime(2026, 6, 1, 10, tzinfo=UTC)
REFUND = Wish(quantity=1, outcome="refund")
EXCHANGE = Wish(quantity=1, outcome="exchange")
NOBODY = ShopperFacts()


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def policy_with(country: str = "", **sections: dict[str, Any]) -> Policy:
    """The shipped policy with other values of some keys, as it holds in a country."""
    changed: dict[str, Any] = {name: dict(section) for name, section in CONTENT.items()}
    for name, keys in sections.items():
        section = name.rstrip("_")
        changed[section] = {**changed[section], **keys}
    Policy.parse_obj(changed)
    return Policy.parse_obj(content_for(changed, country))


def arrived(at: datetime = DELIVERED) -> ParcelFacts:
    return ParcelFacts(shipped_at=at - timedelta(days=2), delivered_at=at)


def line(*parcels: ParcelFacts | None, **facts: Any) -> LineFacts:
    """A line whose units came in these parcels, alone in its order."""
    units = parcels or (arrived(),)
    values: dict[str, Any] = {
        "unit_parcels": units, "order_parcels": units, "claimed": 0, "order_status": "delivered", "country": "NL",
        "currency": "EUR",
    }  # fmt: skip
    return LineFacts(**{**values, **facts})


def codes(findings: list[Finding], severity: str | None = None) -> list[str]:
    return [each.code for each in findings if severity in (None, each.severity)]


def facts_of(findings: list[Finding], code: str) -> dict[str, Any]:
    """The facts of the one finding with this code."""
    (found,) = [each for each in findings if each.code == code]
    return dict(found.facts)
