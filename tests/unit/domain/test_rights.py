"""What the law gives: withdrawals and claims, whatever the policy excludes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from returnsdesk.domain.eligibility import claim_findings, withdrawal_findings
from returnsdesk.domain.findings import ParcelFacts, is_allowed
from tests.unit.domain.facts import (
    DELIVERED,
    UTC,
    arrived,
    codes,
    facts_of,
    line,
    policy_with,
)

POLICY = policy_with()
DAY_AFTER = DELIVERED + timedelta(days=1)
ON_ITS_WAY = ParcelFacts(DELIVERED, None)


def test_a_withdrawal_is_open_for_fourteen_days_to_the_last_second():
    last_second = datetime(2026, 6, 15, 21, 59, 59, tzinfo=UTC)
    found = withdrawal_findings(line(), POLICY, last_second)
    assert facts_of(found, "WITHDRAWAL_AVAILABLE") == {"until": date(2026, 6, 15)}
    late = withdrawal_findings(line(), POLICY, last_second + timedelta(seconds=1))
    assert codes(late) == ["WITHDRAWAL_EXPIRED"]
    assert facts_of(late, "WITHDRAWAL_EXPIRED") == {"last_day": date(2026, 6, 15)}
    assert not is_allowed(late)


def test_a_shop_may_give_more_days_than_the_law():
    kind = policy_with(withdrawal={"days": 30})
    found = withdrawal_findings(line(), kind, DELIVERED + timedelta(days=20))
    assert facts_of(found, "WITHDRAWAL_AVAILABLE") == {"until": date(2026, 7, 1)}


@pytest.mark.parametrize(
    ("country", "has_it"), [("NL", True), ("NO", True), ("GB", False), ("US", False)]
)
def test_the_right_of_withdrawal_is_of_the_eea(country, has_it):
    found = withdrawal_findings(line(country=country), POLICY, DAY_AFTER)
    assert is_allowed(found) is has_it
    if not has_it:
        assert codes(found) == ["WITHDRAWAL_NOT_OFFERED"]


@pytest.mark.parametrize("parcels", [(None,), (ON_ITS_WAY,), (arrived(), None)])
def test_one_can_withdraw_before_everything_has_arrived(parcels):
    found = withdrawal_findings(line(*parcels), POLICY, DELIVERED)
    assert is_allowed(found)
    assert "WITHDRAWAL_AVAILABLE" in codes(found)


def test_the_days_begin_with_the_last_parcel_of_the_order():
    late = arrived(DELIVERED + timedelta(days=40))
    split = line(arrived(), order_parcels=(arrived(), late))
    assert is_allowed(withdrawal_findings(split, POLICY, DELIVERED + timedelta(days=50)))


def test_days_whose_begin_nobody_reported_are_not_held_against_the_shopper():
    found = withdrawal_findings(line(ON_ITS_WAY), POLICY, DELIVERED + timedelta(days=60))
    assert is_allowed(found)
    assert codes(found, "review") == ["DELIVERY_DATE_UNKNOWN"]


def test_a_final_sale_does_not_take_the_right_away_and_nor_does_an_excluded_category():
    for facts in ({"final_sale": True}, {"category": "gift_card"}):
        assert codes(withdrawal_findings(line(**facts), POLICY, DAY_AFTER)) == [
            "WITHDRAWAL_AVAILABLE"
        ]


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"personalised": True}, "PERSONALISED"), ({"category": "digital"}, "CATEGORY_EXCLUDED")],
)
def test_what_the_law_excepts_cannot_be_withdrawn_from(facts, code):
    assert codes(withdrawal_findings(line(**facts), POLICY, DAY_AFTER), "block") == [code]
    kinder = policy_with(exclusions={"personalised": False, "categories": []})
    assert is_allowed(withdrawal_findings(line(**facts), kinder, DAY_AFTER))


def test_whether_hygiene_goods_were_unsealed_is_for_a_colleague_to_see():
    found = withdrawal_findings(line(hygiene=True), POLICY, DAY_AFTER)
    assert codes(found) == ["HYGIENE", "WITHDRAWAL_AVAILABLE"]
    assert codes(found, "review") == ["HYGIENE"]


def test_what_is_gone_cannot_be_withdrawn_from():
    gone = line(claimed=1, blocking_rma="RMA-1")
    assert codes(withdrawal_findings(gone, POLICY, DAY_AFTER)) == ["ALREADY_RETURNED"]
    cancelled = line(order_status="cancelled")
    assert codes(withdrawal_findings(cancelled, POLICY, DAY_AFTER)) == ["ORDER_CANCELLED"]


@pytest.mark.parametrize("claim_type", ["damaged", "missing", "wrong_item"])
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"final_sale": True},
        {"hygiene": True},
        {"personalised": True},
        {"category": "digital"},
        {"country": "US"},
    ],
)
def test_no_exclusion_counts_against_a_claim(claim_type, facts):
    found = claim_findings(line(**facts), claim_type, POLICY, DAY_AFTER, has_photo=True)
    assert found == []


@pytest.mark.parametrize(
    ("claim_type", "needed"),
    [("damaged", True), ("wrong_item", True), ("missing", False), ("never_arrived", False)],
)
def test_a_claim_waits_for_a_photo_where_the_policy_wants_one(claim_type, needed):
    bought = line(ON_ITS_WAY) if claim_type == "never_arrived" else line()
    now = DELIVERED + timedelta(days=10)
    found = claim_findings(bought, claim_type, POLICY, now, has_photo=False)
    assert is_allowed(found)
    assert ("NEEDS_PHOTO" in codes(found, "review")) is needed
    if needed:
        assert facts_of(found, "NEEDS_PHOTO")["status"] == "need_evidence"


def test_a_claim_can_be_made_until_the_end_of_the_legal_guarantee():
    last_second = datetime(2028, 5, 31, 21, 59, 59, tzinfo=UTC)
    assert claim_findings(line(), "missing", POLICY, last_second, has_photo=True) == []
    after = last_second + timedelta(seconds=1)
    late = claim_findings(line(), "missing", POLICY, after, has_photo=True)
    assert codes(late, "block") == ["CLAIM_WINDOW_EXPIRED"]
    assert facts_of(late, "CLAIM_WINDOW_EXPIRED") == {"last_day": date(2028, 5, 31)}


def test_a_parcel_counts_as_missing_some_days_after_it_left():
    bought = line(ON_ITS_WAY)
    due = DELIVERED + timedelta(days=7)
    early = claim_findings(
        bought, "never_arrived", POLICY, due - timedelta(seconds=1), has_photo=False
    )
    assert codes(early, "block") == ["CLAIM_TOO_EARLY"]
    assert facts_of(early, "CLAIM_TOO_EARLY")["claim_from"] == date(2026, 6, 8)
    assert claim_findings(bought, "never_arrived", POLICY, due, has_photo=False) == []


def test_a_parcel_that_was_reported_delivered_can_still_be_missing():
    found = claim_findings(line(), "never_arrived", POLICY, DAY_AFTER, has_photo=False)
    assert is_allowed(found)
    assert codes(found, "review") == ["REPORTED_DELIVERED"]
    assert facts_of(found, "REPORTED_DELIVERED") == {"delivered_at": DELIVERED}


def test_what_the_shopper_holds_in_hand_can_be_claimed_before_the_carrier_reports_it():
    now = DELIVERED + timedelta(hours=30)
    found = claim_findings(line(ON_ITS_WAY), "damaged", POLICY, now, has_photo=True)
    assert is_allowed(found)
    assert codes(found, "review") == ["IN_TRANSIT"]


def test_only_units_that_left_and_are_in_no_document_can_be_claimed():
    nothing = claim_findings(line(None), "damaged", POLICY, DAY_AFTER, has_photo=True)
    assert codes(nothing) == ["NOT_SHIPPED"]
    two = line(arrived(), arrived(), None, claimed=1, blocking_rma="RMA-1")
    enough = claim_findings(two, "damaged", POLICY, DAY_AFTER, has_photo=True, quantity=1)
    assert is_allowed(enough)
    too_many = claim_findings(two, "damaged", POLICY, DAY_AFTER, has_photo=True, quantity=2)
    assert facts_of(too_many, "QTY_EXCEEDS")["available"] == 1
    gone = line(claimed=1, blocking_rma="RMA-1")
    found = claim_findings(gone, "damaged", POLICY, DAY_AFTER, has_photo=True)
    assert codes(found, "block") == ["ALREADY_RETURNED"]


def test_a_claim_that_makes_no_sense_is_refused_kindly_not_with_an_error():
    found = claim_findings(line(), "ugly", POLICY, DAY_AFTER, has_photo=True)
    assert codes(found, "block") == ["CLAIM_TYPE_UNKNOWN"]
    cancelled = line(order_status="cancelled")
    found = claim_findings(cancelled, "damaged", POLICY, DAY_AFTER, has_photo=True)
    assert codes(found, "block") == ["ORDER_CANCELLED"]
