"""Which of a shopper's ordered items a message means, and how many of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from returnsdesk.domain.identifiers import (
    find_named_order_numbers,
    find_possible_order_numbers,
    is_same_order_number,
)
from returnsdesk.domain.item_candidates import Selection, select
from returnsdesk.domain.item_clauses import Clause, find_clauses, find_ordinals
from returnsdesk.domain.item_profile import Item
from returnsdesk.domain.item_words import ItemWords, find_item_words
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import LONGEST_TEXT

__all__ = ["Item", "ItemMatch", "match_items"]


@dataclass(frozen=True)
class ItemMatch:
    """What a message says about items.

    `keys` are the items it may mean; with `is_certain` it means all of them, otherwise ask among them (an uncertain
    single key is a guess to be confirmed). `quantities` holds the numbers of pieces that were named, also where
    fewer are there. `sure_keys` are those of `keys` that are certain already. `is_about_items` is False where the
    message says nothing about items ("I want to return it"); then the only item of the list is meant, if there is one.
    """

    keys: tuple[int, ...]
    quantities: Mapping[int, int]
    is_certain: bool
    is_about_items: bool
    sure_keys: tuple[int, ...] = field(default=())


def match_items(text: str, items: Sequence[Item]) -> ItemMatch:
    """Find the items that a message means among these, in five languages. Never raises, never guesses silently."""
    reading = read(text[:LONGEST_TEXT])
    if not items:
        return ItemMatch((), {}, False, bool(find_clauses_with_products(reading)))
    in_order = _of_named_orders(text, items)
    pool = in_order if in_order else list(items)
    words = find_item_words(reading, pool)
    clauses = find_clauses(reading, words.mistyped) if reading.words else []
    outcome = _Outcome(list(items), pool, has_order=bool(in_order))
    for clause in _groups(clauses, words):
        outcome.add(clause, select(clause, words, pool, reading))
    return outcome.result(reading)
