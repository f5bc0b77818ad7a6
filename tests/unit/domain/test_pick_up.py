"""Days on which a parcel can be fetched."""

from __future__ import annotations

from datetime import date, datetime, timezone

from returnsdesk.domain.pick_up import pick_up_days


def test_pick_ups_are_on_working_days_of_the_country_from_tomorrow_for_two_weeks() -> None:
    # A Tuesday; the 25th and 26th are holidays in the Netherlands, the 24th is not.
    days = pick_up_days("NL", datetime(2026, 12, 22, 12, tzinfo=timezone.utc))

    assert days[:3] == [date(2026, 12, 23), date(2026, 12, 24), date(2026, 12, 28)]
    assert days[-1] == date(2027, 1, 5)
    assert date(2027, 1, 1) not in days


def test_tomorrow_is_that_of_the_shopper() -> None:
    # Already Wednesday in Oslo.
    late = datetime(2026, 6, 9, 23, tzinfo=timezone.utc)

    assert pick_up_days("NO", late)[0] == date(2026, 6, 11)
