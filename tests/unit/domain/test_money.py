"""Money: parsing and splits that always add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.money import allocate, fill_up_to, split_evenly, to_major, to_minor

amounts = st.integers(min_value=0, max_value=10**9)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.50", "EUR", 1250), ("12", "EUR", 1200), ("0.01", "PLN", 1), ("500", "JPY", 500)],
)
def test_amounts_are_read_in_the_currencys_own_precision(text, currency, minor):
    assert to_minor(text, currency) == minor
    assert to_minor(str(to_major(minor, currency)), currency) == minor


@pytest.mark.parametrize("text", ["12.505", "twelve", "", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"amount|precise"):
        to_minor(text, "EUR")


@given(total=amounts, parts=st.integers(min_value=1, max_value=200))
def test_even_shares_add_up_and_differ_by_at_most_one(total, parts):
    shares = split_evenly(total, parts)
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


@given(total=amounts, weights=st.lists(amounts, min_size=1, max_size=20))
def test_shares_in_proportion_add_up_and_stay_within_one_of_their_exact_value(total, weights):
    shares = allocate(total, weights)
    assert sum(shares) == total
    if sum(weights):
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share * sum(weights) - total * weight) < sum(weights)


@given(capacities=st.lists(amounts, min_size=1, max_size=6), data=st.data())
def test_paying_back_stays_within_each_payment(capacities, data):
    total = data.draw(st.integers(min_value=0, max_value=sum(capacities)))
    shares = fill_up_to(total, capacities)
    assert sum(shares) == total
    assert all(0 <= share <= capacity for share, capacity in zip(shares, capacities, strict=True))


def test_more_than_was_paid_cannot_be_paid_back():
    with pytest.raises(ValueError, match="more is to be paid back"):
        fill_up_to(101, [50, 50])


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [-1, 2])])
def test_shares_of_nonsense_are_refused(total, weights):
    with pytest.raises(ValueError, match="not negative"):
        allocate(total, weights)
