"""Numbers of pieces in a message: "2 of the 3", "both", "two of them", "only one", "3 shirts, 2 don't fit"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.sizes import find_sizes
from returnsdesk.domain.words import (
    everyday_languages,
    product_names,
    signals,
    vocabulary,
    word_set,
)

_MOST = 20
_AMBIGUOUS = frozenset(("to", "fire", "ti", "ni", "elf", "acht", "ten"))


@dataclass(frozen=True)
class Quantity:
    """A number of pieces at words `start` to `end`; `value` None means all, `total` is the 3 of "2 of the 3"."""

    value: int | None
    start: int
    end: int
    total: int | None = None
    is_both: bool = False


@lru_cache(maxsize=256)
def find_quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers of pieces in a message, in its order; sizes, dates, prices and numbers of orders are none."""
    reading = read(text)
    numbers = _numbers(reading)
    found = _both_and_all(reading)
    corrected = _corrected_away(reading, numbers)
    place = 0
    while place < len(reading.words):
        quantity = None
        if place in numbers and place not in corrected:
            quantity = _part_of_total(reading, numbers, place) or _plain(reading, numbers, place)
            if corrected and not _measures(reading, place):
                # "Not 3 but 2": what is not taken back is what is meant.
                quantity = quantity or Quantity(numbers[place], place, place + 1)
        if quantity and not any(q.start < quantity.end and quantity.start < q.end for q in found):
            found.append(quantity)
        place = quantity.end if quantity else place + 1
    return tuple(sorted(found, key=lambda quantity: quantity.start))


def _both_and_all(reading: Reading) -> list[Quantity]:
    unsaid = reading.places_of("not_all", "rest")
    found = []
    for phrase in reading.signals("both", "all", "not_all"):
        is_both = "both" in phrase.meanings
        if phrase.start in unsaid or phrase.start - 1 in reading.places_of("not"):
            continue
        if is_both and _is_group(reading, phrase.start):
            continue
        found.append(Quantity(2 if is_both else None, phrase.start, phrase.end, is_both=is_both))
    numbers = _numbers(reading)
    joined = []
    for quantity in found:
        # "all three", "alle drie", "wszystkie cztery"
        if (
            quantity.value is None
            and quantity.end in numbers
            and not _measures(reading, quantity.end)
        ):
            value = numbers[quantity.end]
            quantity = Quantity(value, quantity.start, quantity.end + 1, is_both=True)
        joined.append(quantity)
    return joined


@lru_cache(maxsize=256)
def _numbers(reading: Reading) -> dict[int, int]:
    """The words that can be a number of pieces, with their value."""
    sizes = [(mention.start, mention.end) for mention in find_sizes(reading.text)]
    found: dict[int, int] = {}
    for place, token in enumerate(reading.tokens):
        if token.word.isdecimal() and len(token.word) <= 2 and 0 < int(token.word) <= _MOST:
            is_size = any(start <= token.start < end for start, end in sizes)
            if not is_size and not _is_glued(reading, place):
                found[place] = int(token.word)
    for phrase in reading.find(vocabulary("numbers")):
        value = int(min(phrase.meanings, key=int))
        found.setdefault(phrase.start, value)
    return found


def _is_glued(reading: Reading, place: int) -> bool:
    """Whether the number is part of a code, date, price or decimal ("LL-10", "3/5", "€9", "i5")."""
    token = reading.tokens[place]
    before = reading.text[token.start - 1] if token.start else " "
    after = reading.text[token.end] if token.end < len(reading.text) else " "
    if before.isalpha() and before.casefold() != "x":
        return True
    if (
        before in "-/#€$£+'"
        or after in "%€/:'"
        or (after == "-" and place + 1 < len(reading.words))
    ):
        return True
    return after.isalpha() and after.casefold() != "x"


def _measures(reading: Reading, place: int) -> bool:
    """Whether the number counts something else than pieces: days, euros, sizes, steps."""
    after = place + 1
    if after >= len(reading.words):
        return False
    if reading.is_break(after):
        # "3. mai"
        return reading.breaks[after] == "." and bool(vocabulary("months").at(reading.words, after))
    return (
        signals("units", "size_words", "bigger", "smaller").at(
            reading.words, after, reading.languages
        )
        is not None
    )


def _corrected_away(reading: Reading, numbers: dict[int, int]) -> set[int]:
    """Numbers that are taken back: the 3 of "2 not 3" and of "not 3 but 2"."""
    negations = reading.places_of("not", "instead_of")
    return {place for place in numbers if place - 1 in negations and len(numbers) > 1}


def _part_of_total(reading: Reading, numbers: dict[int, int], place: int) -> Quantity | None:
    after = place + 1
    pieces = (
        signals("pieces").at(reading.words, after, reading.languages)
        if after < len(reading.words)
        else None
    )
    after = pieces.end if pieces else after
    if after >= len(reading.words) or reading.is_break(after):
        return None
    of_them = signals("of_them").at(reading.words, after, reading.languages)
    of = signals("of").at(reading.words, after, reading.languages)
    if of:
        total = of.end
        while total < len(reading.words) and total in reading.places_of("determiners"):
            total += 1
        if total in numbers and numbers[total] >= numbers[place] and not _measures(reading, total):
            return Quantity(numbers[place], place, total + 1, total=numbers[total])
    if of_them:
        return Quantity(numbers[place], place, of_them.end)
    is_of_product = of and of.end < len(reading.words) and _names_product(reading, of.end)
    return Quantity(numbers[place], place, of.end) if of and is_of_product else None


def _names_product(reading: Reading, place: int) -> bool:
    while place < len(reading.words) and place in reading.places_of("determiners"):
        place += 1
    return (
        place < len(reading.words)
        and product_names().at(reading.words, place, reading.languages) is not None
    )


def _plain(reading: Reading, numbers: dict[int, int], place: int) -> Quantity | None:
    word, after = reading.words[place], place + 1
    if _measures(reading, place) or _is_counted_off(reading, place):
        return None
    quantity = Quantity(numbers[place], place, after)
    if len(reading.words) == 1:
        return None if word in _AMBIGUOUS else quantity
    pieces = (
        signals("pieces").at(reading.words, after, reading.languages)
        if after < len(reading.words)
        else None
    )
    is_few = (
        bool(pieces) and word in word_set("weak_ones") and reading.words[after] in ("paar", "par")
    )
    if pieces and not is_few:
        return Quantity(numbers[place], place, pieces.end)
    if _is_only(reading, place):
        return quantity
    if word in word_set("weak_ones"):
        return _weak_one(reading, place, quantity)
    return quantity if _is_followed_by_pieces(reading, place) else None


def _weak_one(reading: Reading, place: int, quantity: Quantity) -> Quantity | None:
    """The word for one counts before a product ("one shirt") and beside a verb of keeping ("keep one")."""
    start, end = reading.span(place, place + 1)
    is_stressed = any(letter in "éÉ" for letter in reading.text[start:end])
    if reading.words[place] not in word_set("strong_ones") and not is_stressed:
        return None
    keeps = reading.places_of("keep")
    if place - 1 in keeps or (place + 1 in keeps):
        return quantity
    if place + 1 < len(reading.words) and not reading.is_break(place + 1):
        is_product = product_names().at(reading.words, place + 1, reading.languages)
        is_first = place == 0 or place - 1 not in reading.places_of("determiners")
        return quantity if is_product and is_first else None
    return None


def _is_only(reading: Reading, place: int) -> bool:
    only = reading.places_of("only")
    is_last = reading.is_break(place + 1)
    return place - 1 in only and (is_last or place not in reading.places_of("weak_ones"))


def _is_counted_off(reading: Reading, place: int) -> bool:
    """Whether the number is a place in a list or in a size ("number 2", "nr 3", "size 8")."""
    if place == 0:
        return False
    before = signals("size_words", "choice_words").at(reading.words, place - 1, reading.languages)
    is_on_the_way = place - 1 in reading.places_of("ways") and not _is_followed_by_product(
        reading, place
    )
    return before is not None or is_on_the_way or _is_group(reading, place)


def _is_group(reading: Reading, place: int) -> bool:
    """Whether the number only says how large a group is: "the older of the two"."""
    start = place - 1
    while start >= 0 and start in reading.places_of("determiners"):
        start -= 1
    if start < 0 or start not in reading.places_of("of"):
        return False
    return start < place - 1 or not _is_followed_by_product(reading, place)


def _is_followed_by_product(reading: Reading, place: int) -> bool:
    after = place + 1
    if after >= len(reading.words) or reading.is_break(after):
        return False
    return product_names().at(reading.words, after, reading.languages) is not None


def _is_followed_by_pieces(reading: Reading, place: int) -> bool:
    """Whether the number counts what follows: a product, a colour, or the rest of a clause that begins here."""
    after = place + 1
    word = reading.words[place]
    if after >= len(reading.words) or reading.is_break(after):
        return word not in _AMBIGUOUS and _is_asked_for(reading, place)
    steps = (after,) if after in reading.places_of("ways") else (after, after + 1)
    for step in steps:
        if step < len(reading.words) and not (step > after and reading.is_break(step)):
            if product_names().at(reading.words, step, reading.languages):
                return True
            if vocabulary("colours", is_inflected=True).at(reading.words, step, reading.languages):
                return True
    if word in _AMBIGUOUS and len(reading.languages) > 1:
        return False
    begins = reading.is_break(place) or place - 1 in reading.places_of("and", "but", "all")
    return (begins or _is_asked_for(reading, place)) and bool(
        everyday_languages(reading.words[after])
    )


def _is_asked_for(reading: Reading, place: int) -> bool:
    """Whether a verb of sending back, keeping or wanting, or an article, stands right before the number."""
    if place == 0:
        return len(reading.words) <= 3
    before = reading.words[place - 1]
    return before in word_set("before_count") or place - 1 in reading.places_of(
        "keep", "want", "not", "instead_of"
    )
