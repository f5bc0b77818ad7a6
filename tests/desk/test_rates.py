"""Token buckets: a burst, then a steady rate, for each key by itself."""

from __future__ import annotations

from returnsdesk.desk.rates import Rate, TokenBuckets


def test_a_burst_is_let_through_and_then_one_at_a_time() -> None:
    buckets = TokenBuckets(Rate(burst=3, per_second=0.5))

    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0.0) == 2.0
    assert buckets.take("a", 1.0) == 1.0
    assert buckets.take("a", 2.0) == 0
    assert buckets.take("a", 2.0) == 2.0


def test_a_refused_try_costs_nothing() -> None:
    buckets = TokenBuckets(Rate(burst=1, per_second=1))
    buckets.take("a", 0.0)
    for _ in range(100):
        buckets.take("a", 0.5)

    assert buckets.take("a", 1.0) == 0


def test_one_key_does_not_spend_anothers_tokens() -> None:
    buckets = TokenBuckets(Rate(burst=1, per_second=1))
    buckets.take("a", 0.0)

    assert buckets.take("b", 0.0) == 0


def test_a_long_pause_saves_up_no_more_than_a_burst() -> None:
    buckets = TokenBuckets(Rate(burst=2, per_second=1))
    buckets.take("a", 0.0)

    assert [buckets.take("a", 1000.0) for _ in range(3)] == [0, 0, 1.0]


def test_many_keys_that_come_once_are_forgotten() -> None:
    buckets = TokenBuckets(Rate(burst=2, per_second=1))
    for number in range(25_000):
        buckets.take(str(number), number / 100)

    assert len(buckets._buckets) < 11_000
