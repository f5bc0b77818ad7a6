"""What holds for the rules whatever the record says: they never fail, never waver, and more is never less."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.eligibility import check, claim_findings, withdrawal_findings
from returnsdesk.domain.findings import (
    SEVERITIES,
    LineFacts,
    ParcelFacts,
    ShopperFacts,
    Wish,
    is_allowed,
)
from returnsdesk.domain.return_windows import last_return_day, return_period
from tests.unit.domain.facts import UTC, policy_with

instants = st.integers(min_value=0, max_value=36500).flatmap(
    lambda day: st.integers(min_value=0, max_value=86399).map(
        lambda second: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    )
)
countries = st.sampled_from(["NL", "NO", "DE", "PL", "IE", "US", "GB", "IS", "XX", ""])
maybe_instant = st.none() | instants
parcels = st.none() | st.builds(ParcelFacts, shipped_at=maybe_instant, delivered_at=maybe_instant)
words = st.none() | st.sampled_from(["shoes", "gift_card", "digital", "", "4711"])
lines = st.builds(
    LineFacts,
    unit_parcels=st.lists(parcels, max_size=4).map(tuple),
    order_parcels=st.lists(parcels, max_size=4).map(tuple),
    claimed=st.integers(min_value=0, max_value=6),
    order_status=st.sampled_from(["delivered", "shipped", "cancelled", "odd"]),
    country=countries,
    currency=st.sampled_from(["EUR", "NOK", "JPY", "??"]),
    category=words,
    final_sale=st.booleans(),
    hygiene=st.booleans(),
    personalised=st.booleans(),
    blocking_rma=words,
    product_id=words,
    placed_at=maybe_instant,
    blocking_document=words,
    blocking_state=words,
    other_variants=st.none() | st.integers(min_value=0, max_value=3),
)
wishes = st.builds(
    Wish,
    quantity=st.integers(min_value=-2, max_value=9),
    outcome=st.sampled_from(["refund", "exchange", "odd"]),
    reason=st.none() | st.sampled_from(["defective", "style", "odd"]),
    settlement=st.none() | st.sampled_from(["original", "store_credit", "odd"]),
    asked_at=maybe_instant,
)
shoppers = st.builds(
    ShopperFacts,
    tier=st.sampled_from(["none", "silver", "gold", "odd"]),
    member_since=maybe_instant,
    recent_returns=st.integers(min_value=0, max_value=99),
)
days = st.integers(min_value=0, max_value=400)


@st.composite
def windows_of_a_policy(draw):
    """The window's keys with all that can lengthen it."""
    return {
        "return_days": draw(days),
        "exchange_days": draw(days),
        "move_to_working_day": draw(st.booleans()),
        "extra_days_by_tier": {"gold": draw(days)},
        "days_by_category": draw(st.just({}) | st.fixed_dictionaries({"shoes": days})),
        "days_by_product": draw(st.just({}) | st.fixed_dictionaries({"4711": days})),
        "tenure": [
            {"years": draw(st.integers(min_value=1, max_value=20)), "extra_days": draw(days)}
        ],
        "seasons": [
            {"bought_from": "2010-01-01", "bought_to": "2030-12-31", "last_day": "2040-06-15"}
        ],
    }


@given(line=lines, wish=wishes, shopper=shoppers, now=instants, window=windows_of_a_policy())
def test_odd_facts_are_judged_and_the_judgement_never_wavers(line, wish, shopper, now, window):
    policy = policy_with(window=window, review={"many_returns": 3})
    found = check(line, wish, shopper, policy, now)
    assert found == check(replace(line), replace(wish), shopper, policy, now)
    assert found
    weights = [SEVERITIES.index(each.severity) for each in found]
    assert weights == sorted(weights)
    seen = [each.code for each in found]
    assert len(seen) == len(set(seen))
    withdrawal_findings(line, policy, now)
    for claim_type in ("damaged", "never_arrived", "odd"):
        claim_findings(line, claim_type, policy, now, has_photo=False)


@given(
    line=lines,
    shopper=shoppers,
    window=windows_of_a_policy(),
    key=st.sampled_from(["return_days", "exchange_days", "tier", "category", "product", "tenure"]),
    more=st.integers(min_value=1, max_value=100),
    outcome=st.sampled_from(["refund", "exchange"]),
)
def test_a_longer_policy_never_shortens_the_last_day(line, shopper, window, key, more, outcome):
    longer = {**window}
    if key == "tier":
        longer["extra_days_by_tier"] = {"gold": window["extra_days_by_tier"]["gold"] + more}
    elif key == "tenure":
        (step,) = window["tenure"]
        longer["tenure"] = [{**step, "extra_days": step["extra_days"] + more}]
    elif key in ("category", "product"):
        name = f"days_by_{key}"
        longer[name] = {each: own + more for each, own in window[name].items()}
    else:
        longer[key] = window[key] + more
    before = last_return_day(line, outcome, shopper, policy_with(window=window))
    after = last_return_day(line, outcome, shopper, policy_with(window=longer))
    assert (before is None) == (after is None)
    assert before is None or after >= before


@given(line=lines, shopper=shoppers, window=windows_of_a_policy())
def test_the_last_day_is_never_before_what_the_law_gives(line, shopper, window):
    policy = policy_with(window=window)
    period = return_period(line, "refund", shopper, policy)
    if period is None:
        return
    assert period.last_day >= period.start_day + timedelta(days=period.days)
    if period.law_days:
        assert period.last_day >= period.start_day + timedelta(days=14)


@given(line=lines, wish=wishes, shopper=shoppers, now=instants, earlier=instants)
def test_having_asked_earlier_never_takes_anything_away(line, wish, shopper, now, earlier):
    policy = policy_with()
    wish = replace(wish, asked_at=None)
    if is_allowed(check(line, wish, shopper, policy, now)):
        asked = replace(wish, asked_at=min(earlier, now))
        assert is_allowed(check(line, asked, shopper, policy, now))


@given(line=lines, quantity=st.integers(min_value=1, max_value=6), now=instants)
def test_never_more_units_than_arrived_and_are_free(line, quantity, now):
    policy = policy_with()
    wish = Wish(quantity, "refund", "defective")
    if is_allowed(check(line, wish, ShopperFacts(), policy, now)):
        assert quantity + line.claimed <= line.delivered(policy, now)
