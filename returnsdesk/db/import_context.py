"""What every part of an import needs: defaults of the data, conversions, and setting only what differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from returnsdesk.db.shop_files import LineRejected
from returnsdesk.db.shop_records import AddressRecord
from returnsdesk.domain.money import to_minor

# The largest amount that an integer column of PostgreSQL holds is a little more than this.
_LARGEST_MINOR: Final = 2_000_000_000


class Effect(Enum):
    """What loading a record did to the database."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class ImportContext:
    """What holds for all records of one import."""

    country: str
    language: str
    shift: timedelta
    policy_version_id: int | None

    def moved(self, moment: datetime | None) -> datetime | None:
        """A date of the data, moved with all others; None stays None."""
        return None if moment is None else moment + self.shift

    def address(self, record: AddressRecord) -> dict[str, str]:
        """An address as it is stored: without empty parts, always with a country."""
        parts = {
            name: value
            for name in ("line1", "line2", "city", "region", "postcode")
            if (value := getattr(record, name))
        }
        return {**parts, "country": record.country or self.country}


def minor(amount: str, currency: str, field: str) -> int:
    """An amount in minor units; raises `LineRejected` that names the field when it cannot be exact."""
    try:
        value = to_minor(amount, currency)
    except ValueError as error:
        raise LineRejected(f"{field}: {error}") from error
    if value > _LARGEST_MINOR:
        raise LineRejected(f"{field}: {amount} {currency} is too large")
    return value


def assign(record: Any, values: dict[str, Any]) -> bool:
    """Set the attributes that differ; returns whether any did."""
    changed = {name: value for name, value in values.items() if getattr(record, name) != value}
    for name, value in changed.items():
        setattr(record, name, value)
    return bool(changed)


def effect_of(*, is_new: bool, changed: bool) -> Effect:
    """Name what happened to a record."""
    if is_new:
        return Effect.CREATED
    return Effect.UPDATED if changed else Effect.UNCHANGED
