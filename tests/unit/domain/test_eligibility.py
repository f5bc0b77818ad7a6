"""What the rules find on a line: windows, exclusions, quantities, fees."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
import yaml

from returnsdesk.domain.eligibility import (
    LineFacts,
    ParcelFacts,
    ShopperFacts,
    Wish,
    check,
    is_allowed,
    last_return_day,
    return_fee_minor,
)
from returnsdesk.domain.policy import Policy
from returnsdesk.settings import PROJECT_ROOT

DELIVERED = datetime(2026, 6, 1, 10, tzinfo=timezone.utc)
ARRIVED = ParcelFacts(shipped_at=DELIVERED - timedelta(days=2), delivered_at=DELIVERED)
LAST_DAY = date(2026, 7, 1)
REFUND = Wish(quantity=1, outcome="refund")
NOBODY = ShopperFacts()


@pytest.fixture(scope="module")
def policy():
    return Policy.parse_obj(yaml.safe_load((PROJECT_ROOT / "policy.yml").read_text()))


def line(*parcels, **facts):
    units = parcels or (ARRIVED,)
    values = {
        "unit_parcels": units, "order_parcels": units, "claimed": 0, "order_status": "delivered", "country": "NL",
        "currency": "EUR",
    }  # fmt: skip
    return LineFacts(**{**values, **facts})


def codes(findings, severity=None):
    return [each.code for each in findings if severity in (None, each.severity)]


def test_a_delivered_item_can_come_back_and_the_last_day_is_named(policy):
    findings = check(line(), REFUND, NOBODY, policy, DELIVERED + timedelta(days=3))
    assert is_allowed(findings)
    assert [each.facts["last_day"] for each in findings if each.code == "WINDOW_OPEN"] == [LAST_DAY]


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        # The last day ends at midnight in Amsterdam, two hours before it does in UTC.
        (datetime(2026, 7, 1, 21, 59, 59, tzinfo=timezone.utc), True),
        (datetime(2026, 7, 1, 22, 0, 0, tzinfo=timezone.utc), False),
    ],
)
def test_the_last_day_counts_to_its_last_second_where_the_shopper_lives(policy, moment, allowed):
    findings = check(line(), REFUND, NOBODY, policy, moment)
    assert is_allowed(findings) is allowed
    assert ("WINDOW_EXPIRED" in codes(findings)) is not allowed


def test_an_exchange_is_possible_for_longer_than_a_refund(policy):
    now = DELIVERED + timedelta(days=40)
    assert not is_allowed(check(line(), REFUND, NOBODY, policy, now))
    assert is_allowed(check(line(), replace(REFUND, outcome="exchange"), NOBODY, policy, now))


@pytest.mark.parametrize(("tier", "days"), [("none", 30), ("silver", 37), ("gold", 45)])
def test_loyal_customers_have_more_days(policy, tier, days):
    shopper = ShopperFacts(tier=tier)
    expected = date(2026, 6, 1) + timedelta(days=days)
    last = last_return_day(line(), "refund", shopper, policy)
    # Never earlier, and later only over a weekend or holiday.
    assert expected <= last <= expected + timedelta(days=4)


def test_the_law_is_the_minimum_in_the_eea_only(policy):
    short = policy.copy(update={"window": policy.window.copy(update={"return_days": 5})})
    assert last_return_day(line(), "refund", NOBODY, short) == date(2026, 6, 15)
    assert last_return_day(line(country="US"), "refund", NOBODY, short) < date(2026, 6, 10)


def test_the_window_begins_with_the_last_parcel_of_the_order(policy):
    late = ParcelFacts(DELIVERED, DELIVERED + timedelta(days=10))
    split = line(ARRIVED, order_parcels=(ARRIVED, late))
    assert last_return_day(split, "refund", NOBODY, policy) >= LAST_DAY + timedelta(days=10)


def test_what_has_arrived_can_come_back_while_the_rest_is_still_to_leave(policy):
    split = line(ARRIVED, order_parcels=(ARRIVED, None))
    assert last_return_day(split, "refund", NOBODY, policy) is None
    assert is_allowed(check(split, REFUND, NOBODY, policy, DELIVERED + timedelta(days=90)))


def test_nothing_sent_and_on_its_way_are_told_apart(policy):
    assert codes(check(line(None), REFUND, NOBODY, policy, DELIVERED), "block") == ["NOT_SHIPPED"]
    moving = line(ParcelFacts(DELIVERED, None))
    assert codes(check(moving, REFUND, NOBODY, policy, DELIVERED), "block") == ["IN_TRANSIT"]


def test_an_unreported_delivery_is_decided_in_the_shoppers_favour(policy):
    unreported = line(ParcelFacts(DELIVERED - timedelta(days=8), None))
    findings = check(unreported, REFUND, NOBODY, policy, DELIVERED)
    assert is_allowed(findings)
    assert "DELIVERY_DATE_UNKNOWN" in codes(findings)


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"final_sale": True}, "FINAL_SALE"),
        ({"hygiene": True}, "HYGIENE"),
        ({"personalised": True}, "PERSONALISED"),
        ({"category": "gift_card"}, "CATEGORY_EXCLUDED"),
    ],
)
def test_exclusions_block_a_change_of_mind_but_never_a_fault(policy, fact, code):
    now = DELIVERED + timedelta(days=1)
    assert codes(check(line(**fact), REFUND, NOBODY, policy, now), "block") == [code]
    assert is_allowed(check(line(**fact), replace(REFUND, reason="defective"), NOBODY, policy, now))


def test_all_reasons_against_are_given_not_only_the_first(policy):
    findings = check(
        line(final_sale=True, hygiene=True), REFUND, NOBODY, policy, DELIVERED + timedelta(days=60)
    )
    assert codes(findings, "block") == ["FINAL_SALE", "HYGIENE", "WINDOW_EXPIRED"]


def test_units_in_another_document_are_not_free(policy):
    two = line(ARRIVED, ARRIVED, claimed=1, blocking_rma="RMA-1009")
    found = check(two, replace(REFUND, quantity=2), NOBODY, policy, DELIVERED + timedelta(days=1))
    assert [(each.code, each.facts["available"]) for each in found if each.severity == "block"] == [
        ("QTY_EXCEEDS", 1)
    ]
    gone = replace(two, claimed=2)
    assert codes(check(gone, REFUND, NOBODY, policy, DELIVERED), "block") == ["ALREADY_RETURNED"]


@pytest.mark.parametrize(
    ("wish", "tier", "fee"),
    [
        ({}, "none", 295),
        ({"outcome": "exchange"}, "none", 0),
        ({"settlement": "store_credit"}, "none", 0),
        ({"reason": "defective"}, "none", 0),
        ({"reason": "too_small"}, "none", 295),
        ({}, "gold", 0),
    ],
)
def test_the_fee_is_waived_as_the_policy_says(policy, wish, tier, fee):
    assert return_fee_minor(line(), replace(REFUND, **wish), ShopperFacts(tier), policy) == fee


def test_a_cancelled_order_has_nothing_to_return(policy):
    findings = check(line(order_status="cancelled"), REFUND, NOBODY, policy, DELIVERED)
    assert "ORDER_CANCELLED" in codes(findings, "block")
