"""Postal addresses: in parts as carriers want them, and read from the one line in which a policy states them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from babel import Locale

# Before the town: words with digits (00-950, SW1A 1AA), and the two letters of a Dutch postcode (3080 VB).
_POSTCODE: Final = re.compile(r"^((?:\S*\d\S*\s+)+(?:[A-Z]{2}\s+)?)(\D.*)$")
_LANGUAGES: Final = ("en", "nl", "de", "nb", "pl")


@dataclass(frozen=True)
class Address:
    """Where a parcel comes from or goes to; `country` is ISO 3166-1 alpha-2, what is not known is empty."""

    name: str
    line1: str
    postcode: str
    city: str
    country: str
    line2: str = ""
    region: str = ""
    email: str = ""
    phone: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The address as it stands on paper."""
        town = " ".join(part for part in (self.postcode, self.city) if part)
        parts = (self.name, self.line1, self.line2, town, self.region, country_name(self.country))
        return tuple(part for part in parts if part)

    @property
    def is_complete(self) -> bool:
        """Whether a carrier can do something with it."""
        return all((self.name, self.line1, self.postcode, self.city, self.country))


def from_record(name: str, record: Mapping[str, Any], *, country: str) -> Address:
    """The address of an order or customer: line1, line2, postcode, city, region, country."""
    return Address(
        name=name,
        line1=str(record.get("line1") or ""),
        line2=str(record.get("line2") or ""),
        postcode=str(record.get("postcode") or ""),
        city=str(record.get("city") or ""),
        region=str(record.get("region") or ""),
        country=str(record.get("country") or country).upper(),
    )


def from_line(text: str) -> Address:
    """An address written as "name, street, postcode town, country"; parts that cannot be told stay empty."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    country = country_code(parts[-1]) if len(parts) > 1 else None
    if country is not None:
        parts.pop()
    found = _POSTCODE.match(parts[-1]) if len(parts) > 2 else None
    if found is not None:
        parts.pop()
    return Address(
        name=parts[0] if parts else "",
        line1=parts[1] if len(parts) > 1 else "",
        line2=", ".join(parts[2:]),
        postcode=found[1].strip() if found else "",
        city=found[2] if found else "",
        country=country or "",
    )


def country_name(code: str) -> str:
    """The country in English, as international post wants it; the code itself where it is not known."""
    return str(Locale("en").territories.get(code, code))


def country_code(name: str) -> str | None:
    """ISO code of a country named in one of the product's languages, or written as its code."""
    if re.fullmatch(r"[A-Z]{2}", name) and name in Locale("en").territories:
        return name
    return _codes_by_name().get(name.casefold())


@lru_cache(maxsize=1)
def _codes_by_name() -> dict[str, str]:
    return {
        name.casefold(): code
        for language in _LANGUAGES
        for code, name in Locale(language).territories.items()
        if len(code) == 2 and code.isalpha()
    }
