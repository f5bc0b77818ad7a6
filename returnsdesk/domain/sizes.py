"""Sizes and measures: finding them in a message, comparing them ("1000 ml" and "1 liter"), putting them in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import Mention, fold, fold_with_places
from returnsdesk.domain.words import signals, vocabulary

_LETTERS = {"xxs": 0.0, "xs": 1.0, "s": 2.0, "m": 3.0, "l": 4.0, "xl": 5.0, "xxl": 6.0}
# Steps that shops write out; they share the scale of the letters.
_STEPS = {
    "extra small": 1.0,
    "portable": 1.5,
    "basic": 1.5,
    "beginner": 1.5,
    "low": 2.0,
    "small": 2.0,
    "medium": 3.0,
    "intermediate": 3.0,
    "standard": 3.0,
    "large": 4.0,
    "high": 4.0,
    "professional": 4.0,
    "expert": 4.0,
    "extra large": 5.0,
}
# Unit -> (dimension, factor to the smallest unit of that dimension).
_UNITS = {
    **dict.fromkeys(("ml", "milliliter", "mililitr", "mililitrow"), ("volume", 1.0)),
    **dict.fromkeys(("cl", "centiliter"), ("volume", 10.0)),
    **dict.fromkeys(("dl", "desiliter", "deciliter"), ("volume", 100.0)),
    **dict.fromkeys(
        ("l", "liter", "liters", "litre", "litres", "litr", "litry", "litrow", "lt", "ltr"),
        ("volume", 1000.0),
    ),
    **dict.fromkeys(("cup", "cups", "kopjes", "tassen", "kopper", "filizanek"), ("cups", 1.0)),
    "mm": ("length", 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre", "centymetrow"), ("length", 10.0)),
    **dict.fromkeys(("m", "meter", "metre", "metr", "metry", "metrow"), ("length", 1000.0)),
    **dict.fromkeys(
        ("inch", "inches", "in", "zoll", "tommer", "tommers", "cali", "cale", "calowy", "duim", '"'),
        ("inches", 1.0),
    ),
    **dict.fromkeys(("ft", "foot", "feet", "voet", "fuss", "fot", "stop"), ("feet", 1.0)),
    **dict.fromkeys(("gb", "gig", "giga", "gigabyte"), ("storage", 1.0)),
    **dict.fromkeys(("tb", "terabyte"), ("storage", 1024.0)),
    **dict.fromkeys(("g", "gr", "gram", "gramm"), ("weight", 1.0)),
    **dict.fromkeys(("kg", "kilo", "kilogram"), ("weight", 1000.0)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("pounds", 1.0)),
    "mah": ("charge", 1.0),
    **dict.fromkeys(("w", "watt"), ("power", 1.0)),
    "mp": ("pixels", 1.0),
    "bar": ("pressure", 1.0),
    **dict.fromkeys(("hour", "hours", "uur", "stunden", "timer", "godzin"), ("hours", 1.0)),
    **dict.fromkeys(("degree", "degrees", "grad", "graden", "grader"), ("degrees", 1.0)),
    "%": ("percent", 1.0),
    **dict.fromkeys(("eur", "euro", "€"), ("money", 1.0)),
}
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_NUMBER = r"\d+(?:[.,]\d+)?"
_MEASURE = re.compile(rf"(?<![\w.,])({_NUMBER})[\s-]?({_UNIT_NAMES})(?![\w])")
_LETTER_SIZE = r"(?:x{1,4}[sl]|[2-6]\s?x[sl]|[sml])"
_WHOLE_LETTERS = re.compile(rf"({_LETTER_SIZE})(?:\s?[/-]\s?({_LETTER_SIZE}))?")
_PAPER = re.compile(r"a([0-9])")
_WAIST_LENGTH = re.compile(r"(?<!\w)w\s?(\d{2})\s?[/x,-]?\s?l\s?(\d{2})(?!\w)")
_SAME_AMOUNT = 0.011


@dataclass(frozen=True)
class Measure:
    """A size that can be compared: what is measured, and the amounts in the smallest unit, in their order."""

    kind: str
    amounts: tuple[float, ...]
    is_range: bool = False


def _letter_rank(letters: str) -> float:
    letters = letters.replace(" ", "")
    if letters in _LETTERS:
        return _LETTERS[letters]
    count = int(letters[0]) if letters[0].isdigit() else letters.count("x")
    return 4.0 + count if letters.endswith("l") else 2.0 - count


def _number(text: str) -> float:
    return float(text.replace(",", "."))


@lru_cache(maxsize=2048)
def read_measure(value: str) -> Measure | None:
    """What a size or capacity of the catalogue measures; None where it is only a name ("fabric")."""
    folded = fold(value).strip()
    letters = _WHOLE_LETTERS.fullmatch(folded)
    if letters:
        ranks = [_letter_rank(part) for part in letters.groups() if part]
        return Measure("letters", (sum(ranks) / len(ranks),))
    if folded in _STEPS:
        return Measure("letters", (_STEPS[folded],))
    if folded == "full size":
        return Measure("percent", (100.0,))
    paper = _PAPER.fullmatch(folded)
    if paper:
        return Measure("paper", (-float(paper.group(1)),))
    return _read_numbers(folded)


def _read_numbers(folded: str) -> Measure | None:
    numbers = tuple(_number(number) for number in re.findall(_NUMBER, folded))
    rest = re.sub(_NUMBER, " ", folded)
    known = [_UNITS[word] for word in re.findall(r'[a-z]+|[%"€]', rest) if word in _UNITS]
    if not numbers or re.match(r"[a-z]{3}", folded):
        return None
    kind, factor = known[0] if known else ("number", 1.0)
    is_range = bool(re.search(r"\d\s?-\s?\d", folded)) and len(numbers) == 2
    return Measure(kind, tuple(number * factor for number in numbers), is_range)


def is_same_size(asked: str, value: str) -> bool:
    """Whether a shopper's size is this one of the catalogue; a range ("39-42") has all sizes within it."""
    if fold(asked) == fold(value):
        return True
    wanted, offered = read_measure(asked), read_measure(value)
    if wanted is None or offered is None:
        return False
    if wanted.kind != offered.kind:
        # "104 cm" for the size "104", "15" for the screen size "15-inch"; a shop's own number stays itself.
        if "number" not in (wanted.kind, offered.kind) or len(wanted.amounts) != 1:
            return False
        return re.findall(_NUMBER, fold(asked)) == re.findall(_NUMBER, fold(value))
    if offered.is_range and len(wanted.amounts) == 1:
        return offered.amounts[0] <= wanted.amounts[0] <= offered.amounts[1]
    if len(wanted.amounts) != len(offered.amounts):
        return False
    return all(
        abs(one - other) <= _SAME_AMOUNT * max(abs(one), 1e-9)
        for one, other in zip(wanted.amounts, offered.amounts, strict=True)
    ) and (wanted.kind not in ("number", "letters") or wanted.amounts == offered.amounts)


def size_key(value: str) -> tuple[str, tuple[float, ...], str]:
    """What to sort sizes by: letters among letters, numbers among numbers, names that measure nothing last."""
    measure = read_measure(value)
    if measure is None:
        return ("~", (), fold(value))
    return (measure.kind, measure.amounts, fold(value))


def size_order(values: Iterable[str]) -> list[str]:
    """The different sizes from small to large: S < M < L, 42 < 42.5, 500ml < 1.5L, W32/L32 < W32/L34."""
    return sorted(set(values), key=size_key)


# --- finding sizes in a message -------------------------------------------------------------------------------

_PATTERNS = (
    ("dimensions", re.compile(r"(?<![\w.,])(\d{2,3})\s?x\s?(\d{2,3})(?:\s?cm)?(?![\w])")),
    ("pair", re.compile(r"(?<![\w./-])(\d{2,3})\s?/\s?(\d{2,3})(?![\w./])")),
    ("range", re.compile(r"(?<![\w.-])(\d{2})-(\d{2})(?![\w.-])")),
    (
        "number",
        re.compile(r"(?<![\w.,/#€$£+-])(\d{2,3})(?:([.,]5)0?|\s?(\.5|\.33|\.67)|\s(1/2|[12]/3))?(?![\w/%]|[.,:-]\d)"),
    ),
    ("letters", re.compile(rf"(?<![\w'&/.])({_LETTER_SIZE})(?![\w'&]|\.\w)")),
    ("cup", re.compile(r"(?<!\w)((?:6|7|8|9|10|11)[05]|3[0-9]|4[0-6])([a-f]{1,2})(?!\w)")),
)
_FRACTIONS = {"1/2": ".5", ".5": ".5", ",5": ".5", ".33": ".33", "1/3": ".33", ".67": ".67", "2/3": ".67"}
_KIDS = frozenset((*range(50, 93, 6), *range(92, 183, 6)))
_EU = range(36, 51)
_WIDER = range(26, 70)
_REGIONS = frozenset(("eu", "uk", "us"))
_LINKS = frozenset(("is", "nr", "eu", "uk", "us", "no", "number", "nummer", "van", "von", "a", "it's", "til", "na"))
# A message of so few words that names a size is an answer about sizes.
_SHORT = 4


def find_sizes(text: str) -> list[Mention]:
    """The sizes named in a message; the value is written as a shop does ("42.5", "XL", "W32/L34", "90x200")."""
    folded, places = fold_with_places(text[:4000])
    reading = read(text)
    found: list[Mention] = []
    for match in _WAIST_LENGTH.finditer(folded):
        value = f"W{match.group(1)}/L{match.group(2)}"
        found.append(Mention("size", value, places[match.start()], places[match.end() - 1] + 1))
    for shape, pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            start, end = places[match.start()], places[match.end() - 1] + 1
            value = _value(shape, match)
            if value and _is_free(found, start, end) and _is_meant(shape, value, reading, start, end, text):
                found.append(Mention("size", value, start, end))
    found.extend(_single_sides(folded, places, found))
    found.extend(_keyed_numbers(reading, found))
    found.extend(_word_sizes(reading, found))
    return sorted(found, key=lambda mention: mention.start)


def _is_free(found: list[Mention], start: int, end: int) -> bool:
    return all(end <= mention.start or mention.end <= start for mention in found)


def _value(shape: str, match: re.Match[str]) -> str | None:
    if shape == "dimensions":
        return f"{match.group(1)}x{match.group(2)}"
    if shape in ("pair", "range"):
        first, second = int(match.group(1)), int(match.group(2))
        # Two small numbers are a date.
        if not 24 <= first < second <= 188 and not (shape == "pair" and 26 <= second <= 38 <= 44 and 24 <= first <= 44):
            return None
        return f"{first}{'/' if shape == 'pair' else '-'}{second}"
    if shape == "number":
        fraction = next((part for part in match.groups()[1:] if part), "")
        return f"{int(match.group(1))}{_FRACTIONS.get(fraction, '')}"
    if shape == "cup":
        return f"{match.group(1)}{match.group(2).upper()}"
    return _letters_value(match.group(1))


def _letters_value(letters: str) -> str:
    letters = letters.upper().replace(" ", "")
    count = letters.count("X")
    if count > 2:
        return f"{count}X{letters[-1]}"
    if letters[0] == "2":
        return f"XX{letters[-1]}"
    return letters


def _is_meant(shape: str, value: str, reading: Reading, start: int, end: int, text: str) -> bool:
    if shape in ("dimensions", "pair", "range", "cup"):
        return True
    first, after = reading.word_at(start), reading.word_at(end)
    if shape == "letters":
        return _are_letters_meant(value, reading, first, after, text[start:end])
    return _is_number_meant(value, reading, first, after)


def _are_letters_meant(value: str, reading: Reading, first: int, after: int, written: str) -> bool:
    if len(value) > 1 or _follows_size_word(reading, first):
        return True
    if _is_unit_of_number(reading, first):
        return False
    if written.isupper() and not text_is_shouted(reading.text):
        return True
    if first > 0 and reading.words[first - 1] in ("i", "it", "that", "he", "she"):
        return False
    is_wished = first in _after_wish(reading) and reading.is_break(after)
    return is_wished or (len(reading.words) <= _SHORT and _is_polite(reading, first, after))


def text_is_shouted(text: str) -> bool:
    """Whether a longer message is written in capitals, so that capitals say nothing."""
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) > 12 and sum(map(str.isupper, letters)) > 0.8 * len(letters)


def _is_unit_of_number(reading: Reading, place: int) -> bool:
    return place > 0 and reading.tokens[place - 1].is_number and not reading.breaks[place]


def _is_number_meant(value: str, reading: Reading, first: int, after: int) -> bool:
    amount = float(value)
    if _follows_size_word(reading, first):
        return True
    if _has_unit(reading, after) or _follows_order_word(reading, first):
        return False
    if amount in _EU or (amount % 1 and 35 <= amount <= 51):
        return True
    is_wished = first in _after_wish(reading) or len(reading.words) <= 3
    return is_wished and (amount in _WIDER or amount in _KIDS)


def _has_unit(reading: Reading, after: int) -> bool:
    if after >= len(reading.words):
        return "%" in reading.breaks[after] or "€" in reading.breaks[after]
    if set(reading.breaks[after]) & set("%€$£"):
        return True
    unit_at = signals("units", "pieces").at(reading.words, after, reading.languages)
    is_measured = reading.words[after] in _UNITS and reading.words[after] not in ("in", "l", "m", "stop")
    return (unit_at is not None or is_measured) and not reading.is_break(after)


def _follows_size_word(reading: Reading, first: int) -> bool:
    place = first - 1
    while place >= 0 and first - place <= 3:
        if reading.words[place] in _size_words():
            return True
        if reading.words[place] not in _LINKS:
            return False
        place -= 1
    return False


@lru_cache(maxsize=1)
def _size_words() -> frozenset[str]:
    return frozenset(form for phrase in signals("size_words").phrases for form in phrase.words[0])


def _follows_order_word(reading: Reading, first: int) -> bool:
    before = reading.words[max(0, first - 2) : first]
    return any(word in ("nr", "order", "no", "number", "nummer", "numer", "ordre", "rma", "w") for word in before)


@lru_cache(maxsize=64)
def _after_wish(reading: Reading) -> frozenset[int]:
    """The words that stand right after a wish or an exchange word ("need", "til", "gegen"), small words between."""
    places: set[int] = set()
    for found in reading.signals("want", "exchange", "instead_of", "or", "same"):
        places.update(range(found.end, min(found.end + 4, len(reading.words))))
    for place, word in enumerate(reading.words):
        if word in _PREPOSITIONS:
            places.add(place + 1)
    return frozenset(places)


_PREPOSITIONS = frozenset(
    ("for", "to", "in", "into", "voor", "naar", "tegen", "gegen", "auf", "statt", "mot", "til", "med", "i", "na", "w", "a", "an", "the")
)


def _single_sides(folded: str, places: list[int], found: list[Mention]) -> list[Mention]:
    """A waist or a length alone: "W32", "L 34"."""
    sides = []
    for match in re.finditer(r"(?<!\w)([wl])\s?(\d{2})(?!\w)", folded):
        start, end = places[match.start()], places[match.end() - 1] + 1
        sides.append(Mention("size", f"{match.group(1).upper()}{match.group(2)}", start, end))
    inner = {(m.start, m.end) for m in found for side in sides if side.start <= m.start and m.end <= side.end}
    found[:] = [m for m in found if (m.start, m.end) not in inner or m.value.startswith("W")]
    return [side for side in sides if _is_free(found, side.start, side.end)]


def _keyed_numbers(reading: Reading, found: list[Mention]) -> list[Mention]:
    """Any number that follows a size word or a region: "size 8", "maat 10", "UK 10"."""
    mentions = []
    for place, token in enumerate(reading.tokens):
        if not token.is_number or len(token.word) > 4 or not _is_free(found, token.start, token.end):
            continue
        region = reading.words[place - 1] if place and reading.words[place - 1] in _REGIONS else ""
        if region or _follows_size_word(reading, place):
            value = token.word.replace(",", ".")
            prefix = f"{region.upper()} " if region in ("uk", "us") else ""
            mentions.append(Mention("size", prefix + value, token.start, token.end))
    return mentions


def _word_sizes(reading: Reading, found: list[Mention]) -> list[Mention]:
    """Words for letter sizes where they stand for a size, not for a judgement ("small talk", "too small")."""
    mentions = []
    too = reading.places_of("too")
    for phrase in reading.find(vocabulary("sizes")):
        start, end = reading.span(phrase.start, phrase.end)
        if phrase.start - 1 in too or not _is_free(found, start, end):
            continue
        is_alone = len(reading.words) <= _SHORT and _is_polite(reading, phrase.start, phrase.end)
        is_wished = phrase.start in _after_wish(reading) and (
            reading.is_break(phrase.end) or phrase.end in reading.places_of("one", "instead")
        )
        if is_alone or is_wished or _follows_size_word(reading, phrase.start):
            mentions.append(Mention("size", min(phrase.meanings), start, end))
    return mentions


def _is_polite(reading: Reading, start: int, end: int) -> bool:
    """Whether nothing but small talk stands around these words: "M graag", "ja, small bitte"."""
    polite = reading.places_of("fillers", "instead", "one", "size_words", "yes", "want", "no", "only")
    return all(
        place in polite or word in _PREPOSITIONS
        for place, word in enumerate(reading.words)
        if not start <= place < end
    )
