"""How amounts, days and items are written in a language; all by locale data, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import format_currency

from returnsdesk.domain.money import to_major

LOCALES: Mapping[str, str] = {
    "en": "en_IE",
    "nl": "nl_NL",
    "de": "de_DE",
    "nb": "nb_NO",
    "pl": "pl_PL",
}


def money(amount_minor: int, currency: str, language: str) -> str:
    """An amount in minor units as a reader of the language expects it."""
    return str(
        format_currency(to_major(amount_minor, currency), currency, locale=LOCALES[language])
    )


def day(value: date, language: str) -> str:
    """A day with its weekday and without the year: deadlines and deliveries are always near."""
    skeleton = {
        "en": "EEEE d MMMM",
        "nl": "EEEE d MMMM",
        "de": "EEEE, d. MMMM",
        "nb": "EEEE d. MMMM",
    }
    return str(format_date(value, skeleton.get(language, "EEEE, d MMMM"), locale=LOCALES[language]))


def far_day(value: date, language: str) -> str:
    """A day with its year: one that lies months away."""
    return str(format_date(value, "long", locale=LOCALES[language]))


def moment(value: datetime, language: str) -> str:
    """An instant as a document states it: day with year, time of the clock, and time zone."""
    return str(format_datetime(value, "long", locale=LOCALES[language]))


def day_and_time(value: datetime, language: str) -> str:
    """An instant in its own zone with weekday and name of the zone, to follow "on" in a sentence."""
    pattern = {
        "en": "EEEE d MMMM 'at' HH:mm",
        "nl": "EEEE d MMMM 'om' HH:mm 'uur'",
        "de": "EEEE, d. MMMM, 'um' HH:mm 'Uhr'",
        "nb": "EEEE d. MMMM 'kl.' HH:mm",
        "pl": "EEEE, d MMMM, 'godz.' HH:mm",
    }
    # The zone as it calls itself: locale data take Irish winter for summer.
    return (
        f"{format_datetime(value, pattern[language], locale=LOCALES[language])} ({value.tzname()})"
    )


def options(values: Mapping[str, str]) -> str:
    """The options of a variant in the catalogue's words: "black, 42"."""
    return ", ".join(values.values())


def item(name: str, values: Mapping[str, str]) -> str:
    """A product with its options: "Fjord Sneakers (black, 42)"."""
    return f"{name} ({options(values)})" if values else name


def enumeration(parts: Iterable[str], language: str) -> str:
    """Several things in one sentence: "a, b and c"."""
    return str(format_list(list(parts), locale=LOCALES[language]))
