"""Until when something can come back: the period of a return or exchange, with all that made it what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from returnsdesk.domain import windows
from returnsdesk.domain.findings import LineFacts, ShopperFacts
from returnsdesk.domain.policy import Policy, Season

# Directive 2011/83/EU, art. 9(1)
LEGAL_WITHDRAWAL_DAYS: Final = 14
# Directive (EU) 2019/771, art. 10(1): two years for what was not as agreed
LEGAL_GUARANTEE_DAYS: Final = 730


@dataclass(frozen=True)
class Period:
    """A period and how it came about; days are calendar days where the shopper lives.

    `policy_days` come from the `source` (`general`, `category` or `product`), `law_days` are the least by law (0
    outside the EEA), `tier_days` and `tenure_days` are on top. `season_day` is a season's common last day, and
    `moved_from` the day on which the period would have ended had it not been a weekend or public holiday.
    """

    start: datetime
    start_day: date
    source: str
    policy_days: int
    law_days: int
    tier_days: int
    tenure_days: int
    season_day: date | None
    moved_from: date | None
    last_day: date

    @property
    def days(self) -> int:
        """The days that count, before a season and before weekends."""
        return max(self.policy_days, self.law_days) + self.tier_days + self.tenure_days


def return_period(
    line: LineFacts, outcome: str, shopper: ShopperFacts, policy: Policy
) -> Period | None:
    """The period in which the shopper can ask; None while parcels of the order are still to leave.

    It begins with the arrival of the order's last parcel (Directive 2011/83/EU, art. 9(2)(b)(i)). A product's or a
    category's own time, longer or shorter, takes the place of the general one, a product's before its category's.
    The law's days are the least in the EEA whatever the policy says. Days of the tier and of the longest tenure
    reached come on top. A season can only ever make the last day later.
    """
    start = line.window_start(policy)
    if start is None:
        return None
    start_day = windows.local_date(start, line.country)
    source, policy_days = _policy_days(line, outcome, policy)
    law_days = LEGAL_WITHDRAWAL_DAYS if line.country in windows.EEA_COUNTRIES else 0
    tier_days = policy.window.extra_days_by_tier.get(shopper.tier, 0)
    tenure_days = _tenure_days(line, shopper, policy, start)
    days = max(policy_days, law_days) + tier_days + tenure_days
    unmoved = windows.day_after(start_day, days)
    ended = (
        windows.next_working_day(unmoved, line.country)
        if policy.window.move_to_working_day
        else max(unmoved, legal_last_day(start, law_days, line.country))
    )
    season = _season_of(line, policy)
    last_day = max(ended, season.last_day) if season else ended
    return Period(
        start=start,
        start_day=start_day,
        source=source,
        policy_days=policy_days,
        law_days=law_days,
        tier_days=tier_days,
        tenure_days=tenure_days,
        season_day=season.last_day if season else None,
        moved_from=unmoved if last_day == ended > unmoved else None,
        last_day=last_day,
    )


def last_return_day(
    line: LineFacts, outcome: str, shopper: ShopperFacts, policy: Policy
) -> date | None:
    """The last day on which the shopper can ask, where they live; None while parcels are still to leave."""
    period = return_period(line, outcome, shopper, policy)
    return period.last_day if period else None


def legal_last_day(start: datetime, days: int, country: str) -> date:
    """The end of a period of the law: at a weekend or on a public holiday it always moves to a working day.

    Regulation (EEC, Euratom) No 1182/71, art. 3(4). `days` of 0 end on the day of `start` itself.
    """
    if days == 0:
        return windows.local_date(start, country)
    return windows.last_day(start, days, country, to_working_day=True)


def withdrawal_last_day(line: LineFacts, policy: Policy) -> date | None:
    """The last day to declare a withdrawal; None while not everything of the order has left."""
    start = line.window_start(policy)
    return legal_last_day(start, policy.withdrawal.days, line.country) if start else None


def claim_last_day(line: LineFacts, policy: Policy) -> date | None:
    """The last day for a claim, from the arrival of the line's own last parcel; None before any left.

    In the EEA never less than the two years of the legal guarantee.
    """
    arrivals = [parcel.arrival(policy) for parcel in line.shipped()]
    known = [arrival for arrival in arrivals if arrival is not None]
    if not known:
        return None
    days = policy.claims.days
    if line.country in windows.EEA_COUNTRIES:
        days = max(days, LEGAL_GUARANTEE_DAYS)
    return legal_last_day(max(known), days, line.country)


def _policy_days(line: LineFacts, outcome: str, policy: Policy) -> tuple[str, int]:
    window = policy.window
    if line.product_id is not None and line.product_id in window.days_by_product:
        return "product", window.days_by_product[line.product_id]
    if line.category is not None and line.category in window.days_by_category:
        return "category", window.days_by_category[line.category]
    return "general", window.exchange_days if outcome == "exchange" else window.return_days


def _tenure_days(line: LineFacts, shopper: ShopperFacts, policy: Policy, start: datetime) -> int:
    """Days for the whole years that the shopper had been a customer when they bought."""
    if shopper.member_since is None:
        return 0
    joined = windows.local_date(shopper.member_since, line.country)
    bought = windows.local_date(line.placed_at or start, line.country)
    years = bought.year - joined.year - ((bought.month, bought.day) < (joined.month, joined.day))
    reached = [step.extra_days for step in policy.window.tenure if step.years <= years]
    return max(reached, default=0)


def _season_of(line: LineFacts, policy: Policy) -> Season | None:
    """The season of the day on which it was bought; of several the one that ends last."""
    if line.placed_at is None:
        return None
    bought = windows.local_date(line.placed_at, line.country)
    fitting = [
        season
        for season in policy.window.seasons
        if season.bought_from <= bought <= season.bought_to
    ]
    return max(fitting, key=lambda season: season.last_day, default=None)
