"""How money goes back: over which payments, with delivery or without, and what credit brings on top."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.refund_rules import (
    PaymentRoom,
    credit_bonus_minor,
    delivery_refund_minor,
    settlement_of,
    share_over_payments,
)
from tests.unit.domain.facts import policy_with

ORDERS = {
    order: policy_with(refund={"order": order})
    for order in ("proportional", "credit_first", "credit_last")
}
rooms = st.builds(
    PaymentRoom,
    kind=st.sampled_from(["credit_card", "paypal", "gift_card", "store_credit"]),
    room_minor=st.integers(min_value=0, max_value=10**7),
)


@given(
    payments=st.lists(rooms, min_size=1, max_size=5),
    order=st.sampled_from(sorted(ORDERS)),
    data=st.data(),
)
def test_shares_add_up_and_no_payment_gets_more_than_it_gave(payments, order, data):
    total = data.draw(st.integers(min_value=0, max_value=sum(each.room_minor for each in payments)))
    shares = share_over_payments(total, payments, ORDERS[order])
    assert sum(shares) == total
    assert all(0 <= share <= each.room_minor for share, each in zip(shares, payments, strict=True))


@pytest.mark.parametrize(
    ("order", "shares"),
    [
        ("proportional", [2800, 1200]),
        ("credit_first", [1000, 3000]),
        ("credit_last", [4000, 0]),
    ],
)
def test_the_policy_says_which_payment_goes_back_first(order, shares):
    payments = [PaymentRoom("credit_card", 7000), PaymentRoom("gift_card", 3000)]
    assert share_over_payments(4000, payments, ORDERS[order]) == shares


def test_more_than_was_paid_does_not_go_back():
    with pytest.raises(ValueError, match="more is to be paid back"):
        share_over_payments(11, [PaymentRoom("credit_card", 10)], ORDERS["credit_first"])


def test_delivery_goes_back_with_a_withdrawal_from_the_whole_order_and_not_the_express():
    policy = policy_with(refund={"standard_delivery_by_currency": {"EUR": "4.95"}})

    def back(paid, currency="EUR", whole=True):
        return delivery_refund_minor(paid, currency, whole_order_withdrawn=whole, policy=policy)

    assert back(495) == 495
    assert back(1495) == 495
    assert back(0) == 0
    assert back(1495, whole=False) == 0
    # No standard price is known in crowns: all of it.
    assert back(9900, "NOK") == 9900


def test_credit_brings_its_present_rounded_down():
    assert credit_bonus_minor(9999, policy_with(refund={"credit_bonus_percent": 10})) == 999
    assert credit_bonus_minor(9999, policy_with()) == 0


@pytest.mark.parametrize(
    ("wanted", "settled"),
    [
        ("original", ("original", True)),
        ("store_credit", ("store_credit", True)),
        (None, ("original", True)),
        ("cash", ("original", False)),
    ],
)
def test_a_way_of_paying_back_that_does_not_exist_falls_back_and_says_so(wanted, settled):
    assert settlement_of(wanted) == settled
