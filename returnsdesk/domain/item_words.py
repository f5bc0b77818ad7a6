"""The words of a message that belong to the items at hand: their names, what describes them, typing errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from returnsdesk.domain.item_profile import Item, Profile, profile
from returnsdesk.domain.options import OptionWord, families, find_mistyped_colours, find_options
from returnsdesk.domain.products import ProductWord, find_products, wider
from returnsdesk.domain.reading import Reading
from returnsdesk.domain.typos import closest
from returnsdesk.domain.words import is_everyday, product_names

# Words that agree in so many letters may differ in their ending ("Fjorden", "merinowollen").
_SHARED_BEGINNING = 5
_LONGEST_ENDING = 3
# A pasted mail has many unknown words; those after the first few hundred name no item.
_MOST_UNKNOWN = 60
_SHORT = 3
_SHORTEST_ALONE = 4


@dataclass(frozen=True)
class ItemWords:
    """For each word of the message the items (places in the list) that it names or describes, and typing errors."""

    profiles: tuple[Profile, ...]
    names: Mapping[int, frozenset[int]]
    attributes: Mapping[int, frozenset[int]]
    mistyped: tuple[ProductWord | OptionWord, ...]


def find_item_words(reading: Reading, items: Sequence[Item]) -> ItemWords:
    """Look every word up in what is known of the items."""
    profiles = tuple(profile(item) for item in items)
    by_name = _index((number, own.names) for number, own in enumerate(profiles))
    by_attribute = _index((number, own.attributes) for number, own in enumerate(profiles))
    taken = _known_places(reading)
    names: dict[int, frozenset[int]] = {}
    attributes: dict[int, frozenset[int]] = {}
    unknown: list[int] = []
    for place, word in enumerate(reading.words):
        if word in by_attribute and not is_everyday(word):
            attributes[place] = by_attribute[word]
        if place in taken or is_everyday(word) or not word.isalpha():
            continue
        owners = by_name.get(word) or _with_other_ending(word, by_name)
        if owners:
            names[place] = owners
        elif place not in attributes:
            unknown.append(place)
    mistyped = _mistyped(reading, unknown[:_MOST_UNKNOWN], profiles, by_name, names)
    return ItemWords(profiles, names, attributes, mistyped)


def _index(owned: Iterable[tuple[int, frozenset[str]]]) -> dict[str, frozenset[int]]:
    index: dict[str, set[int]] = defaultdict(set)
    for number, words in owned:
        for word in words:
            index[word].add(number)
    return {word: frozenset(numbers) for word, numbers in index.items()}


def _known_places(reading: Reading) -> frozenset[int]:
    """The words that are read as products or options already."""
    found: list[ProductWord | OptionWord] = [*find_products(reading), *find_options(reading.text)]
    known = {place for word in found for place in range(word.start, word.end)}
    return reading.places_of("no_item") | known


def _with_other_ending(word: str, index: Mapping[str, frozenset[int]]) -> frozenset[int]:
    owners: set[int] = set()
    for known, numbers in index.items():
        shared = min(len(known), len(word))
        longest = max(len(known), len(word))
        if (
            shared >= _SHARED_BEGINNING
            and longest - shared <= _LONGEST_ENDING
            and (word.startswith(known) or known.startswith(word))
        ):
            owners |= numbers
    return frozenset(owners)


def _mistyped(
    reading: Reading,
    unknown: list[int],
    profiles: Sequence[Profile],
    by_name: Mapping[str, frozenset[int]],
    names: dict[int, frozenset[int]],
) -> tuple[ProductWord | OptionWord, ...]:
    """Typing errors of product words, colours and names; those of names are added to `names`."""
    products = frozenset(product for own in profiles for product in own.products)
    product_of = _product_forms(products, reading.languages | {"en"})
    candidates = frozenset(product_of) | frozenset(by_name)
    found: list[ProductWord | OptionWord] = []
    for place in unknown:
        if not _stands_for_a_thing(reading, place):
            continue
        meant = closest(reading.words[place], candidates)
        meanings = frozenset(kind for form in meant for kind in product_of.get(form, ()))
        if meanings:
            found.append(ProductWord(meanings, place, place + 1))
        elif meant:
            names[place] = frozenset(number for form in meant for number in by_name[form])
    colours = {colour for own in profiles for colour in own.colours}
    colours |= {family for colour in colours for family in families(colour)}
    settled = (
        set(range(len(reading.words))) - set(unknown) | {word.start for word in found} | set(names)
    )
    return (*found, *find_mistyped_colours(reading, sorted(colours), settled))


def _stands_for_a_thing(reading: Reading, place: int) -> bool:
    """Whether an unknown word may be a mistyped thing: in a very short answer, or after "the", "my" or a colour."""
    word = reading.words[place]
    if len(reading.words) <= _SHORT and len(word) > _SHORTEST_ALONE:
        return True
    follows_option = any(option.end == place for option in find_options(reading.text))
    return not reading.is_break(place) and (
        place - 1 in reading.places_of("determiners") or follows_option
    )


@lru_cache(maxsize=256)
def _product_forms(
    products: frozenset[str], languages: frozenset[str]
) -> Mapping[str, frozenset[str]]:
    """The one-word names of these products and their wider kinds, with the products that each names."""
    kinds = products | {kind for product in products for kind in wider(product)}
    found: dict[str, set[str]] = defaultdict(set)
    for phrase in product_names().phrases:
        if phrase.meaning in kinds and phrase.language in languages and len(phrase.words) == 1:
            for form in phrase.words[0]:
                found[form].add(phrase.meaning)
    return {form: frozenset(named) for form, named in found.items()}
