"""What a replacement costs more or less, and what may replace what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.exchange_rules import (
    difference_minor,
    difference_status,
    replacement_findings,
)
from tests.unit.domain.facts import codes, policy_with

SWAPS = policy_with()
COUNTS = policy_with(exchange={"same_product_without_difference": False})
amounts = st.integers(min_value=0, max_value=10**8)


@pytest.mark.parametrize(
    ("policy", "same_product", "expected"),
    [(SWAPS, True, 0), (SWAPS, False, 500), (COUNTS, True, 500), (COUNTS, False, 500)],
)
def test_within_a_product_the_policy_may_swap_at_no_difference(policy, same_product, expected):
    found = difference_minor(9500, 5000, 2, same_product=same_product, policy=policy)
    assert found == expected


@given(paid=amounts, price=amounts, quantity=st.integers(min_value=1, max_value=50))
def test_what_was_paid_and_the_difference_are_the_new_price_exactly(paid, price, quantity):
    found = difference_minor(paid, price, quantity, same_product=False, policy=SWAPS)
    assert paid + found == price * quantity


@pytest.mark.parametrize(("paid", "price", "quantity"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_a_difference_of_nonsense_is_refused(paid, price, quantity):
    with pytest.raises(ValueError, match="not negative"):
        difference_minor(paid, price, quantity, same_product=False, policy=SWAPS)


def test_a_dearer_replacement_is_paid_by_a_link_or_not_offered():
    refuses = policy_with(exchange={"dearer": "refuse"})
    assert [difference_status(each, SWAPS) for each in (-1, 0, 1)] == ["owed", "none", "due"]
    assert [difference_status(each, refuses) for each in (-1, 0, 1)] == ["owed", "none", "refused"]


def against(policy=SWAPS, difference=0, **facts):
    values = {"same_variant": False, "same_product": True, "same_currency": True, **facts}
    return codes(replacement_findings(difference=difference, policy=policy, **values))


def test_what_may_replace_what():
    assert against() == []
    assert against(same_variant=True) == ["SAME_VARIANT"]
    assert against(same_product=False) == ["OTHER_PRODUCT"]
    assert against(policy_with(exchange={"other_products": True}), same_product=False) == []
    assert against(same_currency=False) == ["OTHER_CURRENCY"]
    assert against(policy_with(exchange={"allowed": False})) == ["EXCHANGE_DISABLED"]
    assert against(difference=5) == ["DIFFERENCE_DUE"]
    assert against(difference=-5) == ["DIFFERENCE_OWED"]
    assert against(policy_with(exchange={"dearer": "refuse"}), difference=5) == ["PRICE_DIFFERS"]
