"""Until when something can come back: to the second, over DST, weekends, holidays, tiers, years and seasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from returnsdesk.domain.eligibility import check
from returnsdesk.domain.findings import ParcelFacts, ShopperFacts, is_allowed
from returnsdesk.domain.return_windows import (
    claim_last_day,
    last_return_day,
    return_period,
    withdrawal_last_day,
)
from tests.unit.domain.facts import (
    DELIVERED,
    NOBODY,
    REFUND,
    UTC,
    arrived,
    codes,
    line,
    policy_with,
    utc,
)

SHIPPED = policy_with()
EXACT = policy_with(window={"move_to_working_day": False})


def last_day(policy=SHIPPED, outcome="refund", shopper=NOBODY, **facts):
    return last_return_day(line(**facts), outcome, shopper, policy)


def delivered_on(day, country, policy=SHIPPED, **facts):
    parcel = arrived(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12))
    return last_return_day(line(parcel, country=country, **facts), "refund", NOBODY, policy)


@pytest.mark.parametrize(
    ("country", "delivered", "last_second"),
    [
        # A summer's day in Oslo and Amsterdam ends two hours before it does in UTC, in Dublin one, in New York later.
        ("NO", (2026, 6, 1, 10), (2026, 7, 1, 21, 59, 59)),
        ("NL", (2026, 6, 1, 10), (2026, 7, 1, 21, 59, 59)),
        ("IE", (2026, 6, 1, 10), (2026, 7, 1, 22, 59, 59)),
        ("US", (2026, 6, 1, 10), (2026, 7, 2, 3, 59, 59)),
        # In winter one hour.
        ("NO", (2026, 1, 5, 10), (2026, 2, 4, 22, 59, 59)),
        # Half past midnight in Oslo is the evening before in UTC; the day in Oslo counts.
        ("NO", (2026, 6, 1, 22, 30), (2026, 7, 2, 21, 59, 59)),
    ],
)
def test_the_last_second_where_the_shopper_lives_is_in_and_the_next_is_out(
    country, delivered, last_second
):
    bought = line(arrived(utc(*delivered)), country=country)
    end = utc(*last_second)
    assert is_allowed(check(bought, REFUND, NOBODY, EXACT, end))
    assert codes(check(bought, REFUND, NOBODY, EXACT, end + timedelta(seconds=1)), "block") == [
        "WINDOW_EXPIRED"
    ]


@pytest.mark.parametrize(
    ("delivered", "last_second"),
    [
        # 29 March 2026 has 23 hours in Amsterdam, 25 October has 25.
        ((2026, 2, 27, 10), (2026, 3, 29, 21, 59, 59)),
        ((2026, 9, 25, 10), (2026, 10, 25, 22, 59, 59)),
        # The period goes over a change of the clock and still ends at midnight.
        ((2026, 3, 2, 10), (2026, 4, 1, 21, 59, 59)),
        ((2026, 10, 1, 10), (2026, 10, 31, 22, 59, 59)),
    ],
)
def test_a_change_of_the_clock_neither_gives_nor_takes_an_hour(delivered, last_second):
    bought = line(arrived(utc(*delivered)))
    end = utc(*last_second)
    assert is_allowed(check(bought, REFUND, NOBODY, EXACT, end))
    assert not is_allowed(check(bought, REFUND, NOBODY, EXACT, end + timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("country", "delivered", "expected"),
    [
        # Saturday and Sunday go to Monday.
        ("NL", date(2026, 6, 4), date(2026, 7, 6)),
        ("NL", date(2026, 6, 5), date(2026, 7, 6)),
        # Constitution day in Norway, King's day, German unity day before a weekend, Polish independence day.
        ("NO", date(2027, 4, 17), date(2027, 5, 18)),
        ("NL", date(2027, 3, 28), date(2027, 4, 28)),
        ("DE", date(2025, 9, 3), date(2025, 10, 6)),
        ("PL", date(2026, 10, 12), date(2026, 11, 12)),
        # Maundy Thursday to Easter Monday are no working days in Norway; in the Netherlands Thursday is one.
        ("NO", date(2026, 3, 3), date(2026, 4, 7)),
        ("NL", date(2026, 3, 3), date(2026, 4, 2)),
        # A holiday elsewhere is none here.
        ("DE", date(2027, 3, 28), date(2027, 4, 27)),
    ],
)
def test_a_last_day_on_a_weekend_or_holiday_of_the_country_moves_on(country, delivered, expected):
    assert delivered_on(delivered, country) == expected


def test_a_leap_day_counts_and_can_be_the_last_day():
    assert delivered_on(date(2028, 1, 30), "NL", EXACT) == date(2028, 2, 29)
    assert delivered_on(date(2027, 1, 30), "NL", EXACT) == date(2027, 3, 1)
    assert delivered_on(date(2028, 2, 29), "NL", EXACT) == date(2028, 3, 30)


def test_the_law_s_end_moves_over_a_weekend_even_where_the_policy_moves_nothing():
    short = policy_with(window={"return_days": 3, "move_to_working_day": False})
    # Fourteen days after Saturday 6 June 2026 is a Saturday.
    assert delivered_on(date(2026, 6, 6), "NL", short) == date(2026, 6, 22)
    assert delivered_on(date(2026, 6, 6), "US", short) == date(2026, 6, 9)


def test_the_law_s_days_are_the_least_in_the_eea_and_nowhere_else():
    short = policy_with(window={"return_days": 5, "move_to_working_day": False})
    for country in ("NL", "NO", "IS", "PL"):
        assert delivered_on(date(2026, 6, 1), country, short) == date(2026, 6, 15)
    for country in ("US", "GB", "CH"):
        assert delivered_on(date(2026, 6, 1), country, short) == date(2026, 6, 6)


@pytest.mark.parametrize(
    ("window", "facts", "days"),
    [
        ({"days_by_category": {"shoes": 60}}, {"category": "shoes"}, 60),
        ({"days_by_category": {"shoes": 20}}, {"category": "shoes"}, 20),
        ({"days_by_category": {"shoes": 20}}, {"category": "hats"}, 30),
        ({"days_by_product": {"4711": 90}}, {"product_id": "4711"}, 90),
        # A product's own time goes before its category's, longer or shorter.
        (
            {"days_by_product": {"4711": 20}, "days_by_category": {"shoes": 60}},
            {"product_id": "4711", "category": "shoes"},
            20,
        ),
        # Ten days for a category of a shop that otherwise gives five are ten.
        ({"return_days": 5, "days_by_category": {"hats": 20}}, {"category": "hats"}, 20),
        # Shorter than the law is the law.
        ({"days_by_product": {"4711": 3}}, {"product_id": "4711"}, 14),
    ],
)
def test_products_and_categories_have_a_time_of_their_own(window, facts, days):
    policy = policy_with(window={**window, "move_to_working_day": False})
    expected = max(DELIVERED.date() + timedelta(days=days), date(2026, 6, 15))
    assert last_day(policy, **facts) == expected
    assert last_day(policy, outcome="exchange", **facts) == (
        expected if days != 30 else date(2026, 7, 16)
    )


TENURE = [{"years": 2, "extra_days": 5}, {"years": 5, "extra_days": 20}]


@pytest.mark.parametrize(
    ("member_since", "days"),
    [
        (None, 30),
        # Bought on 25 May 2026: two years since, and one day less.
        (datetime(2024, 5, 25, tzinfo=UTC), 35),
        (datetime(2024, 5, 26, tzinfo=UTC), 30),
        (datetime(2021, 5, 25, tzinfo=UTC), 50),
        (datetime(1999, 1, 1, tzinfo=UTC), 50),
        (datetime(2027, 1, 1, tzinfo=UTC), 30),
    ],
)
def test_long_standing_customers_have_more_days_by_the_years_when_they_bought(member_since, days):
    policy = policy_with(window={"tenure": TENURE, "move_to_working_day": False})
    shopper = ShopperFacts(member_since=member_since)
    bought = line(placed_at=datetime(2026, 5, 25, 12, tzinfo=UTC))
    expected = DELIVERED.date() + timedelta(days=days)
    assert last_return_day(bought, "refund", shopper, policy) == expected


def test_tier_and_years_add_up_on_top_of_the_longest_time():
    policy = policy_with(window={"return_days": 3, "tenure": TENURE, "move_to_working_day": False})
    shopper = ShopperFacts(tier="gold", member_since=datetime(2010, 1, 1, tzinfo=UTC))
    period = return_period(line(), "refund", shopper, policy)
    assert (period.law_days, period.tier_days, period.tenure_days) == (14, 15, 20)
    assert period.days == 49
    assert period.last_day == DELIVERED.date() + timedelta(days=49)


SEASON = {"bought_from": "2026-11-15", "bought_to": "2026-12-24", "last_day": "2027-01-31"}


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        ((2026, 11, 15, 0, 0), date(2027, 1, 31)),
        # Half past eleven in the evening in UTC is the first day of the season in Amsterdam.
        ((2026, 11, 14, 23, 30), date(2027, 1, 31)),
        ((2026, 11, 14, 22, 30), date(2026, 12, 27)),
        ((2026, 12, 24, 22, 59), date(2027, 1, 31)),
        ((2026, 12, 24, 23, 0), date(2026, 12, 27)),
    ],
)
def test_a_season_has_a_common_last_day_for_what_was_bought_in_it(placed, expected):
    policy = policy_with(window={"seasons": [SEASON], "move_to_working_day": False})
    bought = line(arrived(datetime(2026, 11, 27, 10, tzinfo=UTC)), placed_at=utc(*placed))
    assert last_return_day(bought, "refund", NOBODY, policy) == expected
    assert last_return_day(bought, "exchange", NOBODY, policy) >= expected


def test_a_season_never_shortens():
    policy = policy_with(window={"seasons": [{**SEASON, "last_day": "2026-12-26"}]})
    late = line(
        arrived(datetime(2026, 12, 23, 10, tzinfo=UTC)),
        placed_at=datetime(2026, 12, 20, tzinfo=UTC),
    )
    assert last_return_day(late, "refund", NOBODY, policy) > date(2027, 1, 21)


def test_how_the_last_day_came_about_is_told():
    period = return_period(
        line(arrived(datetime(2026, 5, 28, 10, tzinfo=UTC))),
        "refund",
        ShopperFacts("silver"),
        SHIPPED,
    )
    assert (period.source, period.policy_days, period.tier_days) == ("general", 30, 7)
    assert (period.start_day, period.moved_from, period.last_day) == (
        date(2026, 5, 28),
        date(2026, 7, 4),
        date(2026, 7, 6),
    )


def test_an_unreported_delivery_counts_from_dispatch_with_days_to_travel():
    sent = ParcelFacts(shipped_at=DELIVERED, delivered_at=None)
    expected = DELIVERED.date() + timedelta(days=7 + 30)
    assert last_return_day(line(sent), "refund", NOBODY, EXACT) == expected


def test_a_window_that_has_not_begun_has_no_last_day():
    half = line(arrived(), order_parcels=(arrived(), None))
    assert "WINDOW_NOT_STARTED" in codes(check(half, REFUND, NOBODY, SHIPPED, DELIVERED))
    on_its_way = line(arrived(), order_parcels=(arrived(), ParcelFacts(DELIVERED, None)))
    found = codes(check(on_its_way, REFUND, NOBODY, SHIPPED, DELIVERED + timedelta(days=1)))
    assert "WINDOW_NOT_STARTED" in found
    assert "WINDOW_OPEN" not in found
    begun = check(on_its_way, REFUND, NOBODY, SHIPPED, DELIVERED + timedelta(days=8))
    assert "WINDOW_OPEN" in codes(begun)


def test_what_was_asked_in_time_stays_in_time_while_the_conversation_goes_on():
    asked = datetime(2026, 7, 1, 21, 59, tzinfo=UTC)
    after_midnight = datetime(2026, 7, 1, 22, 5, tzinfo=UTC)
    assert not is_allowed(check(line(), REFUND, NOBODY, SHIPPED, after_midnight))
    wish = replace(REFUND, asked_at=asked)
    assert is_allowed(check(line(), wish, NOBODY, SHIPPED, after_midnight))


def test_the_moment_of_asking_counts_for_the_window_and_nothing_else():
    # All else is as of now: the units are gone meanwhile.
    wish = replace(REFUND, asked_at=DELIVERED)
    gone = line(claimed=1, blocking_rma="RMA-1")
    now = DELIVERED + timedelta(days=60)
    assert codes(check(gone, wish, NOBODY, SHIPPED, now), "block") == ["ALREADY_RETURNED"]
    # A clock that went ahead takes nothing away.
    ahead = replace(REFUND, asked_at=now)
    assert is_allowed(check(line(), ahead, NOBODY, SHIPPED, DELIVERED + timedelta(days=1)))


def test_a_market_has_its_own_days():
    market = {"NO": {"window": {"return_days": 60}}}
    norway, elsewhere = policy_with("NO", markets=market), policy_with("SE", markets=market)
    assert delivered_on(date(2026, 6, 1), "NO", norway) == date(2026, 7, 31)
    assert delivered_on(date(2026, 6, 1), "SE", elsewhere) == date(2026, 7, 1)
    # What the market does not name stays.
    assert last_day(norway, outcome="exchange") == last_day(elsewhere, outcome="exchange")


def test_the_days_of_the_law_end_on_a_working_day():
    # Receipt on Saturday 6 June 2026.
    saturday = line(arrived(datetime(2026, 6, 6, 10, tzinfo=UTC)))
    assert withdrawal_last_day(saturday, EXACT) == date(2026, 6, 22)
    assert withdrawal_last_day(line(None), EXACT) is None


def test_claims_have_the_two_years_of_the_law_at_least_in_the_eea():
    short = policy_with(claims={"days": 60})
    day = claim_last_day(line(), short)
    assert date(2028, 5, 31) <= day <= date(2028, 6, 5)
    assert claim_last_day(line(country="US"), short) < date(2026, 8, 6)
    assert claim_last_day(line(None), short) is None
