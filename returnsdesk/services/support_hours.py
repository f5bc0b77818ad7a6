"""When people of the team answer: open now, and when next, by SUPPORT_HOURS in its zone and on its working days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

from returnsdesk.settings import Settings, WeeklyHours, weekly_hours

_DAYS_AHEAD = 30
"""Longer than any run of public holidays and days without hours."""


@dataclass(frozen=True)
class SupportHours:
    """The hours of a week, the zone that they are meant in, and whose public holidays are free.

    A week without any hours means that somebody answers at all times.
    """

    week: WeeklyHours
    zone: ZoneInfo
    calendar: str = ""

    @classmethod
    def of(cls, settings: Settings) -> SupportHours:
        """As the settings say it."""
        return cls(
            weekly_hours(settings.support_hours),
            ZoneInfo(settings.support_time_zone),
            settings.support_holidays,
        )

    def open_since(self, now: datetime) -> datetime | None:
        """The instant at which the present hours began; None while closed, `datetime.min` (UTC) where never closed."""
        if not self.week:
            return datetime.min.replace(tzinfo=timezone.utc)
        today = now.astimezone(self.zone).date()
        for opens, closes in self._spans(today, days=1):
            if opens <= now < closes:
                return opens
        return None

    def is_open(self, now: datetime) -> bool:
        """Whether somebody answers at an instant."""
        return self.open_since(now) is not None

    def next_opening(self, now: datetime) -> datetime | None:
        """The next instant (UTC) at which hours begin; None while open, and where none do within a month."""
        if self.is_open(now):
            return None
        today = now.astimezone(self.zone).date()
        return next(
            (opens for opens, _ in self._spans(today, days=_DAYS_AHEAD) if opens > now), None
        )

    def _spans(self, first: date, *, days: int) -> Iterator[tuple[datetime, datetime]]:
        for day in (first + timedelta(days=ahead) for ahead in range(days)):
            if day in _public_holidays(self.calendar, day.year):
                continue
            for opens, closes in self.week.get(day.weekday(), ()):
                yield self._instant(day, opens), self._instant(day, closes)

    def _instant(self, day: date, minutes: int) -> datetime:
        # By the clock on the wall: where the hour changes in between, the day is shorter or longer.
        if minutes == 24 * 60:
            day, minutes = day + timedelta(days=1), 0
        wall = datetime.combine(day, time(minutes // 60, minutes % 60), self.zone)
        return wall.astimezone(timezone.utc)


@lru_cache(maxsize=64)
def _public_holidays(calendar: str, year: int) -> frozenset[date]:
    """The holidays of one year: a calendar that fills itself while it is read is not safe in several threads."""
    if not calendar:
        return frozenset()
    country, _, region = calendar.partition("-")
    return frozenset(country_holidays(country, subdiv=region or None, years=year, expand=False))
