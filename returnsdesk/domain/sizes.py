"""Finding sizes in a message: "42½", "M please", "W32/L34", "128/134", "90 x 200", "size 8", "w rozmiarze 40"."""

from __future__ import annotations

import re
from functools import lru_cache

from returnsdesk.domain.measures import LETTER_SIZE, UNITS
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import LONGEST_TEXT, Mention, fold_with_places
from returnsdesk.domain.words import signals, vocabulary, word_set

_WAIST_LENGTH = re.compile(r"(?<!\w)w\s?(\d{2})\s?[/x,-]?\s?l\s?(\d{2})(?!\w)")
_PATTERNS = (
    ("waist and length", _WAIST_LENGTH),
    ("dimensions", re.compile(r"(?<![\w.,])(\d{2,3})\s?x\s?(\d{2,3})(?:\s?cm)?(?![\w])")),
    ("pair", re.compile(r"(?<![\w./-])(\d{2,3})\s?/\s?(\d{2,3})(?![\w./])")),
    ("range", re.compile(r"(?<![\w.-])(\d{2})-(\d{2})(?![\w.-])")),
    ("cup", re.compile(r"(?<!\w)((?:6|7|8|9|10|11)[05]|3[0-9]|4[0-6])(\s?[a-f]{1,2})(?!\w)")),
    (
        "number",
        re.compile(
            r"(?<![\w.,/#€$£+-])(\d{2,3})"
            r"(?:([.,]5)0?|\s?(\.5|\.33|\.67)|\s(1/2|[12]/3)"
            r"|\s(?:i |en een |and a |og en |og et |und )?(half|halve|halb|halv|pol))?"
            r"(?![\w/%]|[.,:-]\d)"
        ),
    ),
    ("letters", re.compile(rf"(?<![\w'&/.])({LETTER_SIZE})(?![\w'&]|\.\w)")),
)
_FRACTIONS = {
    **dict.fromkeys(("half", "halve", "halb", "halv", "pol"), ".5"),
    "1/2": ".5",
    ".5": ".5",
    ",5": ".5",
    ".33": ".33",
    "1/3": ".33",
    ".67": ".67",
    "2/3": ".67",
}
_KIDS = frozenset((*range(50, 93, 6), *range(92, 183, 6)))
_EU = range(36, 51)
_WIDER = range(26, 70)
_REGIONS = frozenset(("eu", "uk", "us"))
# A message of so few words that names a size is an answer about sizes.
_SHORT = 4


def find_sizes(text: str) -> list[Mention]:
    """The sizes named in a message; the value is written as a shop does ("42.5", "XL", "W32/L34", "90x200")."""
    folded, places = fold_with_places(text[:LONGEST_TEXT])
    reading = read(text)
    found: list[Mention] = []
    for shape, pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            start, end = places[match.start()], places[match.end() - 1] + 1
            value = _value(shape, match)
            if (
                value
                and _is_free(found, start, end)
                and _is_meant(shape, value, reading, start, end)
            ):
                found.append(Mention("size", value, start, end))
    found.extend(_single_sides(reading, folded, places, found))
    found.extend(_keyed_numbers(reading, found))
    found.extend(_word_sizes(reading, found))
    return sorted(found, key=lambda mention: mention.start)


def _is_free(found: list[Mention], start: int, end: int) -> bool:
    return all(end <= mention.start or mention.end <= start for mention in found)


def _value(shape: str, match: re.Match[str]) -> str | None:
    if shape == "waist and length":
        return f"W{match.group(1)}/L{match.group(2)}"
    if shape == "dimensions":
        return f"{match.group(1)}x{match.group(2)}"
    if shape in ("pair", "range"):
        first, second = int(match.group(1)), int(match.group(2))
        # Two small numbers are a date.
        if not 24 <= first < second <= 188 and not (
            shape == "pair" and 26 <= second <= 38 <= 44 and 24 <= first <= 44
        ):
            return None
        return f"{first}{'/' if shape == 'pair' else '-'}{second}"
    if shape == "number":
        fraction = next((part for part in match.groups()[1:] if part), "")
        return f"{int(match.group(1))}{_FRACTIONS.get(fraction, '')}"
    if shape == "cup":
        return f"{match.group(1)}{match.group(2).strip().upper()}"
    return _letters_value(match.group(1))


def _letters_value(letters: str) -> str:
    letters = letters.upper().replace(" ", "")
    count = letters.count("X")
    if count > 2:
        return f"{count}X{letters[-1]}"
    if letters[0] == "2":
        return f"XX{letters[-1]}"
    return letters


def _is_meant(shape: str, value: str, reading: Reading, start: int, end: int) -> bool:
    written = reading.text[start:end]
    if shape not in ("letters", "number"):
        # A bra's cup may stand apart from its width only as a capital ("36 C").
        return " " not in written or shape != "cup" or written[-1].isupper()
    first, after = reading.word_at(start), reading.word_at(end)
    if shape == "letters":
        return _are_letters_meant(value, reading, first, after, written)
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
    unit = reading.words[after]
    is_measured = (unit in UNITS and unit not in ("l", "stop")) or unit == "m"
    return (unit_at is not None or is_measured) and not reading.is_break(after)


def _follows_size_word(reading: Reading, first: int) -> bool:
    place = first - 1
    while place >= 0 and first - place <= 3:
        if reading.words[place] in word_set("size_words"):
            return True
        if reading.words[place] not in word_set("size_links") | _REGIONS:
            return False
        place -= 1
    return False


def _follows_order_word(reading: Reading, first: int) -> bool:
    before = reading.words[max(0, first - 2) : first]
    named = word_set("order_words") | word_set("number_words") | {"nr", "no", "rma"}
    return any(word in named for word in before)


@lru_cache(maxsize=64)
def _after_wish(reading: Reading) -> frozenset[int]:
    """The words that stand right after a wish or an exchange word ("need", "til", "gegen"), small words between."""
    places: set[int] = set()
    for found in reading.signals("want", "exchange", "instead_of", "or", "same"):
        places.update(range(found.start - 1, min(found.end + 4, len(reading.words))))
    for place, word in enumerate(reading.words):
        if word in word_set("ways") | word_set("articles"):
            places.add(place + 1)
    return frozenset(places)


def _single_sides(
    reading: Reading, folded: str, places: list[int], found: list[Mention]
) -> list[Mention]:
    """A waist or a length alone: "W32", "L 34"."""
    sides = []
    for match in re.finditer(r"(?<!\w)([wl])(\s?)(\d{2})(?!\w)", folded):
        # "w 36" is Polish for "in 36".
        if match.group(2) and not reading.text[places[match.start()]].isupper():
            continue
        start, end = places[match.start()], places[match.end() - 1] + 1
        sides.append(Mention("size", f"{match.group(1).upper()}{match.group(3)}", start, end))
    inner = {
        (m.start, m.end)
        for m in found
        for side in sides
        if side.start <= m.start and m.end <= side.end
    }
    found[:] = [m for m in found if (m.start, m.end) not in inner or m.value.startswith("W")]
    return [side for side in sides if _is_free(found, side.start, side.end)]


def _keyed_numbers(reading: Reading, found: list[Mention]) -> list[Mention]:
    """Any number that follows a size word, a region, or the way from another size: "size 8", "UK 10", "from 7 to 8"."""
    mentions: list[Mention] = []
    for place, token in enumerate(reading.tokens):
        if (
            not token.is_number
            or len(token.word) > 4
            or not _is_free([*found, *mentions], token.start, token.end)
        ):
            continue
        region = reading.words[place - 1] if place and reading.words[place - 1] in _REGIONS else ""
        if (
            region
            or _follows_size_word(reading, place)
            or _is_way_between(reading, place, [*found, *mentions])
        ):
            prefix = f"{region.upper()} " if region in ("uk", "us") else ""
            value, end = _keyed_value(reading, place)
            mentions.append(Mention("size", prefix + value, token.start, end))
    return mentions


def _keyed_value(reading: Reading, place: int) -> tuple[str, int]:
    token = reading.tokens[place]
    value = token.word.replace(",", ".")
    if (
        place + 1 < len(reading.tokens)
        and reading.breaks[place + 1] == "-"
        and reading.tokens[place + 1].is_number
    ):
        return f"{value}-{reading.words[place + 1]}", reading.tokens[place + 1].end
    return value, token.end


def _is_way_between(reading: Reading, place: int, found: list[Mention]) -> bool:
    """Whether a size was named before and this number is what it goes to: "z rozmiaru 7 na 8", "3 instead of 2"."""
    if not found or place == 0 or _has_unit(reading, place + 1):
        return False
    return reading.words[place - 1] in word_set("ways") or place - 1 in reading.places_of(
        "instead_of"
    )


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
    polite = reading.places_of(
        "fillers", "instead", "one", "size_words", "yes", "want", "no", "only"
    )
    return all(
        place in polite
        or word in word_set("ways") | word_set("prepositions") | word_set("articles")
        for place, word in enumerate(reading.words)
        if not start <= place < end
    )
