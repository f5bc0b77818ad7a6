"""Money as integer minor units: parsing, and splits whose parts always add up to the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from babel.numbers import get_currency_precision, list_currencies


class AmountsByCurrency(dict[str, int]):
    """Amounts in minor units by currency (ISO 4217), read from decimal strings in the major unit: {"EUR": "2.95"}."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], AmountsByCurrency]]:
        """How pydantic reads it."""
        yield cls.parse

    @classmethod
    def __modify_schema__(cls, schema: dict[str, Any]) -> None:
        """What an editor may suggest: the amounts as they are written, not as they are kept."""
        schema.update(
            type="object",
            propertyNames={"pattern": "^[A-Z]{3}$"},
            additionalProperties={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        )

    @classmethod
    def parse(cls, value: Any) -> AmountsByCurrency:
        """Read what a policy file says; raises `ValueError` for unknown currencies and what is no amount."""
        if not isinstance(value, dict):
            raise ValueError('amounts are written by currency, for example {EUR: "2.95"}')
        amounts = cls()
        for currency, amount in value.items():
            if currency not in list_currencies():
                raise ValueError(
                    f"{currency!r} is not a currency; write three capitals such as EUR"
                )
            amounts[currency] = to_minor(str(amount), currency)
            if amounts[currency] < 0:
                raise ValueError(f"{amount!r} is less than nothing")
        return amounts


def to_minor(amount: str, currency: str) -> int:
    """Turn a decimal string in the major unit ("12.50", EUR) into minor units (1250).

    Raises `ValueError` for text that is no amount, or one more precise than the currency allows.
    """
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not an amount") from None
    if not value.is_finite():
        raise ValueError(f"{amount!r} is not an amount")
    scaled = value.scaleb(get_currency_precision(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount!r} is more precise than {currency} allows")
    return int(scaled)


def to_major(amount_minor: int, currency: str) -> Decimal:
    """Turn minor units into an exact decimal in the major unit."""
    precision = get_currency_precision(currency)
    return Decimal(amount_minor).scaleb(-precision).quantize(Decimal(1).scaleb(-precision))


def split_evenly(total: int, parts: int) -> list[int]:
    """Split minor units into `parts` shares that differ by at most one and add up to `total`."""
    return allocate(total, [1] * parts)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Share out minor units in proportion to `weights` by the largest remainder; the shares add up to `total`.

    With all weights at zero the shares are even. Raises `ValueError` for no weights or negative input.
    """
    if not weights or total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("shares need a total and weights that are not negative")
    whole = sum(weights)
    if whole == 0:
        return allocate(total, [1] * len(weights))
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def fill_up_to(total: int, capacities: Sequence[int]) -> list[int]:
    """Share out `total` in proportion to `capacities`, none above its capacity.

    Used for paying back by several payments: each part stays within what is left of its payment.
    Raises `ValueError` when the capacities together are too small.
    """
    if total > sum(capacities):
        raise ValueError("more is to be paid back than was paid")
    if total == 0:
        return [0] * len(capacities)
    return allocate(total, capacities)
