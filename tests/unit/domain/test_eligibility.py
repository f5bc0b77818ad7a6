"""What the rules find on a line: windows, exclusions, quantities, fees."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from returnsdesk.domain.eligibility import check, last_return_day, return_fee_minor
from returnsdesk.domain.findings import ParcelFacts, ShopperFacts, is_allowed
from tests.unit.domain.facts import (
    DELIVERED,
    EXCHANGE,
    NOBODY,
    REFUND,
    arrived,
    codes,
    facts_of,
    line,
    policy_with,
)

ARRIVED = arrived()
LAST_DAY = date(2026, 7, 1)
DAY_AFTER = DELIVERED + timedelta(days=1)


@pytest.fixture(scope="module")
def policy():
    return policy_with()


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


@pytest.mark.parametrize("reason", ["defective", "not_as_described"])
def test_nobody_pays_for_a_fault_of_the_shop_whatever_the_policy_says(reason):
    greedy = policy_with(fees={"waived_for_reasons": [], "waived_for_outcomes": []})
    assert return_fee_minor(line(), replace(REFUND, reason=reason), NOBODY, greedy) == 0
    assert return_fee_minor(line(), replace(REFUND, reason="style"), NOBODY, greedy) == 295


@pytest.mark.parametrize(
    ("wish", "tier", "because"),
    [
        (EXCHANGE, "none", "outcome"),
        (replace(REFUND, settlement="store_credit"), "none", "settlement"),
        (replace(REFUND, reason="defective"), "none", "reason"),
        (REFUND, "gold", "tier"),
    ],
)
def test_a_fee_that_is_waived_is_told_with_what_waives_it(policy, wish, tier, because):
    found = check(line(), wish, ShopperFacts(tier), policy, DAY_AFTER)
    assert facts_of(found, "FEE_WAIVED") == {
        "fee_minor": 295,
        "currency": "EUR",
        "because": because,
    }
    assert "RETURN_FEE" not in codes(found)


def test_a_fee_is_named_in_the_currency_of_the_order(policy):
    found = check(line(country="NO", currency="NOK"), REFUND, NOBODY, policy, DAY_AFTER)
    assert facts_of(found, "RETURN_FEE") == {"fee_minor": 3900, "currency": "NOK"}
    unknown = check(line(currency="SEK"), REFUND, NOBODY, policy, DAY_AFTER)
    assert not {"RETURN_FEE", "FEE_WAIVED"} & set(codes(unknown))


def test_a_shop_without_exchanges_exchanges_nothing_not_even_a_fault():
    closed = policy_with(exchange={"allowed": False})
    for reason in (None, "defective"):
        found = check(line(), replace(EXCHANGE, reason=reason), NOBODY, closed, DAY_AFTER)
        assert codes(found, "block") == ["EXCHANGE_DISABLED"]
    assert is_allowed(check(line(), REFUND, NOBODY, closed, DAY_AFTER))


def test_a_product_of_one_variant_has_nothing_to_exchange_it_for(policy):
    single = line(other_variants=0)
    found = check(single, EXCHANGE, NOBODY, policy, DAY_AFTER)
    assert codes(found, "block") == ["NO_SIBLING_VARIANT"]
    assert is_allowed(check(single, REFUND, NOBODY, policy, DAY_AFTER))
    assert is_allowed(check(line(other_variants=1), EXCHANGE, NOBODY, policy, DAY_AFTER))
    open_shop = policy_with(exchange={"other_products": True})
    assert is_allowed(check(single, EXCHANGE, NOBODY, open_shop, DAY_AFTER))


@pytest.mark.parametrize(
    ("limit", "returns", "looks"), [(0, 99, False), (5, 4, False), (5, 5, True)]
)
def test_a_colleague_looks_at_shoppers_who_send_back_much(limit, returns, looks):
    policy = policy_with(review={"many_returns": limit, "many_returns_days": 90})
    found = check(line(), REFUND, ShopperFacts(recent_returns=returns), policy, DAY_AFTER)
    assert ("SERIAL_RETURNER" in codes(found, "review")) is looks
    assert is_allowed(found)
    if looks:
        assert facts_of(found, "SERIAL_RETURNER") == {"returns": returns, "days": 90}


def test_units_in_a_claim_are_named_by_the_claim(policy):
    held = line(claimed=1, blocking_document="CL-1004", blocking_state="need_evidence")
    found = check(held, REFUND, NOBODY, policy, DAY_AFTER)
    assert codes(found, "block") == ["CLAIM_IN_PROGRESS"]
    assert facts_of(found, "CLAIM_IN_PROGRESS") == {
        "document": "CL-1004",
        "state": "need_evidence",
    }


def test_units_that_are_left_can_come_back_while_others_are_on_their_way(policy):
    three = line(
        ARRIVED,
        ARRIVED,
        ARRIVED,
        claimed=1,
        blocking_rma="RMA-1009",
        blocking_document="RMA-1009",
        blocking_state="in_transit",
    )
    found = check(three, replace(REFUND, quantity=2), NOBODY, policy, DAY_AFTER)
    assert is_allowed(found)
    assert "CLAIM_IN_PROGRESS" in codes(found, "info")
    over = check(replace(three, blocking_state="closed"), REFUND, NOBODY, policy, DAY_AFTER)
    assert "CLAIM_IN_PROGRESS" not in codes(over)


def test_a_return_that_took_all_units_is_named_with_its_state(policy):
    gone = line(
        claimed=1, blocking_rma="RMA-1009", blocking_document="RMA-1009", blocking_state="closed"
    )
    found = check(gone, REFUND, NOBODY, policy, DAY_AFTER)
    assert facts_of(found, "ALREADY_RETURNED") == {
        "rma_number": "RMA-1009",
        "document": "RMA-1009",
        "state": "closed",
    }


def test_countries_without_a_label_use_a_carrier_of_their_own():
    served = policy_with(return_={"label_countries": ["NL", "DE"]})
    far = line(country="NO", currency="NOK")
    found = check(far, REFUND, NOBODY, served, DAY_AFTER)
    assert facts_of(found, "COUNTRY_NOT_SERVED") == {"country": "NO"}
    assert "COUNTRY_NOT_SERVED" in codes(found, "info")
    assert "COUNTRY_NOT_SERVED" not in codes(check(line(), REFUND, NOBODY, served, DAY_AFTER))
    no_way = policy_with(return_={"label_countries": ["NL"], "methods": ["drop_off"]})
    assert "COUNTRY_NOT_SERVED" in codes(check(far, REFUND, NOBODY, no_way, DAY_AFTER), "review")


@pytest.mark.parametrize(
    ("country", "needed"),
    [("NL", False), ("PL", False), ("NO", True), ("GB", True), ("US", True), ("CH", True)],
)
def test_papers_are_needed_over_a_customs_border_which_the_eea_has_inside(country, needed):
    policy = policy_with(return_={"country": "NL"})
    found = check(line(country=country), REFUND, NOBODY, policy, DAY_AFTER)
    assert ("CUSTOMS_NEEDED" in codes(found, "info")) is needed
    at_home = policy_with(return_={"country": country})
    assert "CUSTOMS_NEEDED" not in codes(
        check(line(country=country), REFUND, NOBODY, at_home, DAY_AFTER)
    )


def test_a_window_that_is_over_names_what_is_left_a_claim_for_a_fault(policy):
    found = check(line(), REFUND, NOBODY, policy, DELIVERED + timedelta(days=90))
    assert facts_of(found, "WINDOW_EXPIRED") == {
        "last_day": LAST_DAY,
        "claim_until": date(2028, 5, 31),
    }


def test_what_is_on_its_way_names_the_day_from_which_it_is_overdue(policy):
    found = check(line(ParcelFacts(DELIVERED, None)), REFUND, NOBODY, policy, DELIVERED)
    assert facts_of(found, "IN_TRANSIT") == {
        "shipped_at": DELIVERED,
        "claim_from": date(2026, 6, 8),
    }


def test_the_right_of_withdrawal_is_named_as_long_as_it_stands_even_in_a_final_sale(policy):
    sale = line(final_sale=True)
    found = check(sale, REFUND, NOBODY, policy, DAY_AFTER)
    assert codes(found, "block") == ["FINAL_SALE"]
    assert facts_of(found, "WITHDRAWAL_AVAILABLE") == {"until": date(2026, 6, 15)}
    over = check(sale, REFUND, NOBODY, policy, datetime(2026, 6, 15, 22, tzinfo=timezone.utc))
    assert "WITHDRAWAL_AVAILABLE" not in codes(over)


def test_information_never_stands_in_the_way(policy):
    found = check(line(country="NO", currency="NOK"), REFUND, NOBODY, policy, DAY_AFTER)
    assert codes(found, "info") == ["WINDOW_OPEN", "CUSTOMS_NEEDED", "WITHDRAWAL_AVAILABLE"]
    assert is_allowed(found)
    weights = [each.severity for each in found]
    assert weights == sorted(weights, key=("block", "review", "fee", "info").index)
