"""What an ordered item can be recognised by in a message: its kind, telling words, colours and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from returnsdesk.domain.options import (
    OptionWord,
    colours_of,
    features_of,
    is_colour_name,
    option_match,
)
from returnsdesk.domain.products import products_of_names
from returnsdesk.domain.reading import read
from returnsdesk.domain.words import is_everyday, product_names, word_set

_SHORTEST_WORD = 3


@dataclass(frozen=True)
class Item:
    """A line of an order as the shopper may speak of it.

    `other_names` are the product's names in further languages, `unit_price_minor` is in minor units (0: unknown).
    """

    key: int
    name: str
    other_names: tuple[str, ...]
    options: Mapping[str, str]
    order_number: str
    ordered_on: date
    quantity: int
    unit_price_minor: int = 0


@dataclass(frozen=True)
class Profile:
    """What an item can be recognised by; `names` tell it by themselves, `attributes` only beside its product."""

    products: frozenset[str]
    names: frozenset[str]
    attributes: frozenset[str]
    colours: frozenset[str]
    features: frozenset[str]
    options: tuple[tuple[str, str], ...]

    def match(self, word: OptionWord) -> int:
        """How well the item has this option: 2 exactly, 1 nearly, 0 not."""
        best = max((option_match(word, name, value) for name, value in self.options), default=0)
        if word.values & (self.features | self.colours):
            return 2
        return best


def profile(item: Item) -> Profile:
    """The profile of an item; it is kept for the next message."""
    return _profile((item.name, *item.other_names), tuple(sorted(item.options.items())))


@lru_cache(maxsize=4096)
def _profile(names: tuple[str, ...], options: tuple[tuple[str, str], ...]) -> Profile:
    own_words: set[str] = set()
    attributes: set[str] = set()
    for name in names:
        parts = _words_by_role(name)
        own_words |= parts[0]
        attributes |= parts[1]
    colours = {
        colour
        for name, value in options
        if is_colour_name(name) or colours_of(value)
        for colour in colours_of(value)
    }
    features = {feature for _, value in options for feature in features_of(value)}
    features |= {feature for name in names for feature in features_of(name)}
    attributes |= {
        word
        for _, value in options
        for word in read(value).words
        if _tells(word) and word not in product_names()
    }
    return Profile(
        products=products_of_names(names),
        names=frozenset(own_words - attributes),
        attributes=frozenset(attributes),
        colours=frozenset(colours),
        features=frozenset(features),
        options=options,
    )


def _words_by_role(name: str) -> tuple[set[str], set[str]]:
    """The words of a name that are its own ("Fjord"), and those that only describe ("water" of "water bottle")."""
    reading = read(name)
    in_product: dict[int, int] = {}
    for found in reading.find(product_names()):
        for place in range(found.start, found.end):
            in_product[place] = found.end - found.start
    own, describing = set(), set()
    for place, word in enumerate(reading.words):
        if not _tells(word) or in_product.get(place) == 1:
            continue
        if place in in_product or _is_describing(word):
            describing.add(word)
        else:
            own.add(word)
    return own, describing


def _tells(word: str) -> bool:
    return (
        len(word) >= _SHORTEST_WORD
        and word.isalpha()
        and not is_everyday(word)
        and word not in word_set("generic")
    )


def _is_describing(word: str) -> bool:
    """Whether a word of a name is a colour, a material, another product's name or a plain adjective of the trade."""
    is_known = bool(colours_of(word) or features_of(word)) or word in product_names()
    return is_known or word in word_set("describing")
