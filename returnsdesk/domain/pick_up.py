"""On which days a carrier can fetch a parcel at the shopper's."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from returnsdesk.domain import windows

DAYS_AHEAD: Final = 14


def pick_up_days(country: str, now: datetime) -> list[date]:
    """The working days of the next two weeks where the shopper lives, from tomorrow on."""
    today = windows.local_date(now, country)
    ahead = (today + timedelta(days=number) for number in range(1, DAYS_AHEAD + 1))
    return [day for day in ahead if windows.is_working_day(day, country)]
