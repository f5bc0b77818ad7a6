"""Products by their names in five languages: what a message or a catalogue name speaks of, and how they are akin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.words import everyday_languages, product_entries, product_names, word_set

# How sure it is that a shopper who names one product means another one.
SAME, AKIN, DISTANT, UNRELATED = 3, 2, 1, 0
_TOO_WIDE = frozenset(("clothing", "furniture", "jewellery"))
_COMPOUNDING = frozenset(("nl", "de", "nb"))
_SHORT_HEADS = frozenset(("jas", "sko", "rok", "tas", "hut", "koc", "bh"))


@dataclass(frozen=True)
class ProductWord:
    """Words `start` to `end` of a text name one of these products; `is_head`: only the end of a compound is known."""

    products: frozenset[str]
    start: int
    end: int
    is_head: bool = False


@cache
def wider(product: str) -> tuple[str, ...]:
    """The product's wider kinds, the next one first: sneakers are footwear."""
    kinds: list[str] = []
    current = product_entries()[product].get("is")
    while current and current not in kinds:
        kinds.append(str(current))
        current = product_entries()[current].get("is")
    return tuple(kinds)


@cache
def _near(product: str) -> frozenset[str]:
    listed = str(product_entries()[product].get("near", ""))
    return frozenset(part.strip() for part in listed.split(",") if part.strip())


@lru_cache(maxsize=8192)
def kinship(asked: str, owned: str) -> int:
    """How likely the asked product is the owned one: SAME, AKIN (others' word for it), DISTANT or UNRELATED."""
    if asked == owned:
        return SAME
    if asked in wider(owned):
        # "Clothes" and "furniture" are too wide to mean a single thing for sure.
        return DISTANT if asked in _TOO_WIDE else SAME
    if owned in wider(asked) or owned in _near(asked) or asked in _near(owned):
        return AKIN
    shared = (set(wider(asked)) & set(wider(owned))) - _TOO_WIDE
    return DISTANT if shared else UNRELATED


def best_kinship(asked: Iterable[str], owned: Iterable[str]) -> int:
    """The closest kinship between any two of both."""
    owned = tuple(owned)
    return max((kinship(one, other) for one in asked for other in owned), default=UNRELATED)


def find_products(reading: Reading) -> list[ProductWord]:
    """The products that a text names, as whole words or as the end of a compound ("Lederschuhe")."""
    found = [
        ProductWord(match.meanings, match.start, match.end)
        for match in reading.find(product_names())
        if not _is_pack(reading, match.start)
    ]
    taken = {place for product in found for place in range(product.start, product.end)}
    for place, word in enumerate(reading.words):
        if place not in taken:
            products = _head_of_compound(word, reading.languages)
            if products:
                found.append(ProductWord(products, place, place + 1, is_head=True))
    return sorted(found, key=lambda product: product.start)


def _is_pack(reading: Reading, place: int) -> bool:
    """Whether the word counts pieces: the "pak" of "3-pak" is no suit."""
    return place > 0 and reading.tokens[place - 1].is_number and "-" in reading.breaks[place]


@lru_cache(maxsize=4096)
def _head_of_compound(word: str, languages: frozenset[str]) -> frozenset[str]:
    if len(word) < 6 or everyday_languages(word) & languages or not languages & _COMPOUNDING:
        return frozenset()
    names = product_names()
    for cut in range(3, len(word) - 2):
        head = word[cut:]
        if len(head) == 3 and head not in _SHORT_HEADS:
            continue
        if names.languages(head) & languages & _COMPOUNDING:
            found = names.at((head,), 0, languages & _COMPOUNDING)
            return found.meanings if found else frozenset()
    return frozenset()


@lru_cache(maxsize=4096)
def products_of_names(names: tuple[str, ...]) -> frozenset[str]:
    """What a catalogue entry is, from its names in one or more languages; those products that most names speak of."""
    votes: Counter[str] = Counter()
    for name in names:
        votes.update(_products_of_name(name))
    most = max(votes.values(), default=0)
    return frozenset(product for product, count in votes.items() if count == most)


def _products_of_name(name: str) -> frozenset[str]:
    reading = read(name)
    end = _end_of_main_part(reading)
    phrases = [found for found in reading.find(product_names()) if found.start < end]
    if phrases:
        # "Camera bag" is a bag, "torba podróżna" too: the main word stands last, in Polish first.
        is_polish = all(found.languages == {"pl"} for found in phrases)
        return phrases[0 if is_polish else -1].meanings
    heads = [product for product in find_products(reading) if product.start < end]
    return heads[-1].products if heads else frozenset()


def _end_of_main_part(reading: Reading) -> int:
    """The word at which a name's main part ends: "Mug | with your name", "Briefs | , pack of 3"."""
    inside = {
        place for found in reading.find(product_names()) for place in range(found.start, found.end)
    }
    for place, word in enumerate(reading.words):
        if place and (
            reading.is_break(place) or (word in word_set("prepositions") and place not in inside)
        ):
            return place
    return len(reading.words)
