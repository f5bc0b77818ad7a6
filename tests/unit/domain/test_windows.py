"""Last days and working days, where the shopper lives."""

from datetime import date, datetime, timezone

import pytest

from returnsdesk.domain import windows

UTC = timezone.utc


def test_the_day_of_delivery_is_not_counted():
    delivered = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert windows.last_day(delivered, 30, "NL", to_working_day=False) == date(2026, 4, 1)


def test_a_last_day_on_a_weekend_moves_to_monday():
    delivered = datetime(2026, 3, 5, 10, tzinfo=UTC)
    assert windows.last_day(delivered, 30, "NL", to_working_day=False) == date(2026, 4, 4)
    # Saturday 4 April; Sunday and Monday are Easter
    assert windows.last_day(delivered, 30, "NL", to_working_day=True) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("NO", date(2026, 5, 17)),
        ("PL", date(2026, 11, 11)),
        ("DE", date(2026, 10, 3)),
        ("IE", date(2026, 3, 17)),
    ],
)
def test_public_holidays_of_the_country_are_no_working_days(country, day):
    assert not windows.is_working_day(day, country)


def test_the_day_is_the_shoppers_own():
    late_evening_in_utc = datetime(2026, 6, 1, 22, 30, tzinfo=UTC)
    assert windows.local_date(late_evening_in_utc, "NL") == date(2026, 6, 2)
    assert windows.local_date(late_evening_in_utc, "IE") == date(2026, 6, 1)
    assert windows.local_date(late_evening_in_utc, "US") == date(2026, 6, 1)


def test_the_end_of_a_day_follows_daylight_saving():
    assert windows.end_of_day(date(2026, 3, 28), "NL") == datetime(
        2026, 3, 28, 22, 59, 59, tzinfo=UTC
    )
    assert windows.end_of_day(date(2026, 3, 29), "NL") == datetime(
        2026, 3, 29, 21, 59, 59, tzinfo=UTC
    )


def test_working_days_are_counted_over_weekends_and_holidays():
    # Thursday before Easter: neither Good Friday nor Easter Monday is a working day there
    assert windows.add_working_days(date(2026, 4, 2), 3, "NL") == date(2026, 4, 9)
    assert windows.add_working_days(date(2026, 4, 2), 0, "NL") == date(2026, 4, 2)


def test_an_unknown_country_counts_in_utc_without_holidays():
    assert windows.local_date(datetime(2026, 1, 1, 23, tzinfo=UTC), "XX") == date(2026, 1, 1)
    assert windows.is_working_day(date(2026, 1, 1), "XX")
