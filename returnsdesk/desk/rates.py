"""How often somebody may do something: token buckets, kept by each process for itself."""

from __future__ import annotations

from dataclasses import dataclass

_MANY = 10_000


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many a second from then on."""

    burst: int
    per_second: float


class TokenBuckets:
    """One bucket for each key, full at first; a bucket that is full again is forgotten."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        # key -> (tokens left, moment of the last look)
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, moment: float) -> float:
        """Take a token at `moment` (monotonic seconds): 0 if there was one, otherwise the seconds until there is."""
        if len(self._buckets) > _MANY:
            self._forget_full(moment)
        tokens = self._tokens(key, moment)
        if tokens >= 1:
            self._buckets[key] = (tokens - 1, moment)
            return 0.0
        self._buckets[key] = (tokens, moment)
        return (1 - tokens) / self._rate.per_second

    def _tokens(self, key: str, moment: float) -> float:
        tokens, at = self._buckets.get(key, (float(self._rate.burst), moment))
        return min(self._rate.burst, tokens + (moment - at) * self._rate.per_second)

    def _forget_full(self, moment: float) -> None:
        for key in list(self._buckets):
            if self._tokens(key, moment) >= self._rate.burst:
                del self._buckets[key]
