"""What a figure looks at: days in the team's time zone, channel, language; and the same days in SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import case, func
from sqlalchemy.orm import Session

LONGEST_DAYS: Final = 731
"""A longer period is no longer looked at day by day."""

_DAYS_SHOWN_ONE_BY_ONE: Final = 31

Value = TypeVar("Value")


@dataclass(frozen=True)
class Scope:
    """Days from `first` to `last`, both included, as the team's calendar has them; None: any channel or language."""

    first: date
    last: date
    zone: str
    channel: str | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for days that do not follow each other, or too many of them."""
        if not 0 <= (self.last - self.first).days < LONGEST_DAYS:
            raise ValueError(f"a period has 1 to {LONGEST_DAYS} days, the first one first")

    @classmethod
    def of_days(cls, days: int, zone: str, now: datetime) -> Scope:
        """The last so many days, today included."""
        today = now.astimezone(ZoneInfo(zone)).date()
        return cls(today - timedelta(days=days - 1), today, zone)

    @property
    def length(self) -> int:
        """Number of days."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return _begin(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it, in UTC."""
        return _begin(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=step) for step in range(self.length)]

    @property
    def step_days(self) -> int:
        """How many days make one step of a line: single days of a long period say little."""
        return 1 if self.length <= _DAYS_SHOWN_ONE_BY_ONE else 7

    def before(self) -> Scope:
        """As many days, just before these."""
        length = timedelta(days=self.length)
        return replace(self, first=self.first - length, last=self.last - length)

    def step_of(self, day: date) -> date:
        """First day of the step that a day belongs to; steps count from the first day of the period."""
        passed = (day - self.first).days
        return self.first + timedelta(days=passed - passed % self.step_days)


@dataclass
class Look:
    """A look at the data within a scope; what several figures need is read once."""

    session: Session
    scope: Scope
    _kept: dict[Callable[[Look], Any], Any] = field(default_factory=dict)

    @cached_property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, which knows no time zones."""
        return bool(self.session.get_bind().dialect.name == "sqlite")

    def once(self, read: Callable[[Look], Value]) -> Value:
        """What `read` finds, read at most once."""
        if read not in self._kept:
            self._kept[read] = read(self)
        kept: Value = self._kept[read]
        return kept

    def is_within(self, column: Any) -> Any:
        """The condition that an instant lies in the scope."""
        return (column >= self.scope.start) & (column < self.scope.end)

    def day(self, column: Any) -> Any:
        """The expression for an instant's day in the team's zone; read its values with `as_day`."""
        zone = self.scope.zone
        if not self.is_sqlite:
            return func.date(func.timezone(zone, column))
        shifts = _offsets(self.scope)
        *earlier, (_, last) = shifts
        if not earlier:
            return func.date(column, last)
        # An offset holds until the next one begins.
        ends = [begin for begin, _ in shifts[1:]]
        cases = [(column < end, shift) for end, (_, shift) in zip(ends, earlier, strict=True)]
        return func.date(column, case(*cases, else_=last))


def as_day(value: Any) -> date:
    """A day as either database gives it."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _begin(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)


def _offsets(scope: Scope) -> list[tuple[datetime, str]]:
    """From when on, in UTC, the zone has which distance from UTC, as SQLite's date() takes it."""
    zone, found = ZoneInfo(scope.zone), []
    instant, end = scope.start, scope.end
    # Zones change at full quarters of an hour, if at all.
    step, shown = timedelta(minutes=15), None
    for day in range(scope.length + 1):
        upto = min(_begin(scope.first + timedelta(days=day + 1), scope.zone), end)
        is_changing = instant.astimezone(zone).utcoffset() != upto.astimezone(zone).utcoffset()
        while instant < upto:
            shift = _shift(instant, zone)
            if shift != shown:
                found.append((instant, shift))
                shown = shift
            instant = instant + step if is_changing else upto
    return found


def _shift(instant: datetime, zone: ZoneInfo) -> str:
    offset = instant.astimezone(zone).utcoffset() or timedelta()
    return f"{int(offset.total_seconds()):+d} seconds"
