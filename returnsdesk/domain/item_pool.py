"""Items by what a message says of their order: its number, its month, the price, or just the item's name in full."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from returnsdesk.domain.identifiers import (
    find_named_order_numbers,
    find_possible_order_numbers,
    is_same_order_number,
)
from returnsdesk.domain.item_profile import Item
from returnsdesk.domain.reading import Reading
from returnsdesk.domain.text import words
from returnsdesk.domain.words import vocabulary

_PRICE = re.compile(
    r"(?:€|\$|£|eur|kr|zl)\s?(\d{1,5})(?:[.,](\d{2}))?(?!\d)|(?<![\d.,])(\d{1,5})[.,](\d{2})(?![\d.,])"
)


def pool_of(reading: Reading, items: Sequence[Item]) -> list[Item]:
    """The items of the orders, months and prices that the message names; all of them where it names none."""
    pool = list(items)
    for narrowed in (
        _of_orders(reading, pool),
        _of_months(reading, pool),
        _of_prices(reading, pool),
    ):
        kept = [item for item in pool if item in narrowed]
        pool = kept or pool
    return pool


def _of_orders(reading: Reading, items: list[Item]) -> list[Item]:
    numbers = [*find_named_order_numbers(reading.text), *find_possible_order_numbers(reading.text)]
    return [
        item
        for item in items
        if any(is_same_order_number(number.value, item.order_number) for number in numbers)
    ]


def _of_months(reading: Reading, items: list[Item]) -> list[Item]:
    before = reading.places_of("from")
    months = {
        int(min(found.meanings, key=int))
        for found in reading.find(vocabulary("months"))
        if found.start - 1 in before or found.start - 2 in before
    }
    return [item for item in items if item.ordered_on.month in months]


def _of_prices(reading: Reading, items: list[Item]) -> list[Item]:
    prices = {
        int(match.group(1) or match.group(3)) * 100 + int(match.group(2) or match.group(4) or 0)
        for match in _PRICE.finditer(reading.text.casefold())
    }
    return [item for item in items if item.unit_price_minor and item.unit_price_minor in prices]


def items_of_that_name(reading: Reading, items: Sequence[Item]) -> list[Item]:
    """The items whose name is the whole message, whatever words it is made of."""
    return [
        item
        for item in items
        if any(_words_of_name(name) == reading.words for name in (item.name, *item.other_names))
    ]


@lru_cache(maxsize=8192)
def _words_of_name(name: str) -> tuple[str, ...]:
    return words(name)
