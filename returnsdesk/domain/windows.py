"""Days and deadlines: the last day for a return, working days, in the zone and calendar of the delivery country."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import pytz

# The European Economic Area: consumers there may withdraw within 14 days (Directive 2011/83/EU, art. 9).
EEA_COUNTRIES = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE",
        "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


@lru_cache(maxsize=64)
def zone_of(country: str) -> ZoneInfo:
    """The main time zone of a country (ISO 3166-1 alpha-2); UTC where the country is not known."""
    names = pytz.country_timezones.get(country.upper())
    return ZoneInfo(names[0]) if names else ZoneInfo("UTC")


@lru_cache(maxsize=1024)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    """The holidays of one year: a calendar that fills itself while it is read is not safe in several threads."""
    if country.upper() not in holidays.list_supported_countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country.upper(), years=year, expand=False))


def is_working_day(day: date, country: str) -> bool:
    """Whether `day` is neither at a weekend nor a public holiday of the country."""
    return day.weekday() < 5 and day not in _public_holidays(country, day.year)


def next_working_day(day: date, country: str) -> date:
    """`day` itself, or the first working day after it."""
    while day < date.max and not is_working_day(day, country):
        day += timedelta(days=1)
    return day


def add_working_days(start: date, count: int, country: str) -> date:
    """The working day that lies `count` working days after `start`."""
    day = start
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1), country)
    return day


def local_date(moment: datetime, country: str) -> date:
    """The calendar day of an instant where the shopper lives."""
    return moment.astimezone(zone_of(country)).date()


def day_after(day: date, days: int) -> date:
    """The day that lies `days` calendar days after `day`; the calendar's last one where it ends before that."""
    return day + timedelta(days=min(days, (date.max - day).days))


def end_of_day(day: date, country: str) -> datetime:
    """The last second of `day` in the country's zone, in UTC."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone_of(country)).astimezone(timezone.utc)


def last_day(start: datetime, days: int, country: str, *, to_working_day: bool) -> date:
    """The last day of a period of `days` that begins on the day of `start` where the shopper lives.

    The day of `start` itself is not counted. With `to_working_day` a period that would end at a weekend or on a
    public holiday ends on the next working day (Regulation (EEC, Euratom) No 1182/71, art. 3(4)).
    """
    day = day_after(local_date(start, country), days)
    return next_working_day(day, country) if to_working_day else day
