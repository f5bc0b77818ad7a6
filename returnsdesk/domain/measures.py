"""Sizes and measures: what they measure, whether two are the same ("1000 ml", "1 liter"), their order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from returnsdesk.domain.text import LONGEST_TEXT, Mention, fold, fold_with_places

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
UNITS = {
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
    **dict.fromkeys(("meter", "metre", "metr", "metry", "metrow"), ("length", 1000.0)),
    **dict.fromkeys(
        ("inch", "inches", "zoll", "tommer", "tommers", "cali", "cale", "calowy", "duim", '"'),
        ("inches", 1.0),
    ),
    **dict.fromkeys(("ft", "foot", "feet", "voet", "fuss", "fot", "stop"), ("feet", 1.0)),
    **dict.fromkeys(("gb", "gig", "giga", "gigabyte"), ("storage", 1.0)),
    **dict.fromkeys(("tb", "terabyte"), ("storage", 1024.0)),
    **dict.fromkeys(("gr", "gram", "gramm"), ("weight", 1.0)),
    **dict.fromkeys(("kg", "kilo", "kilogram"), ("weight", 1000.0)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("pounds", 1.0)),
    "mah": ("charge", 1.0),
    "watt": ("power", 1.0),
    "mp": ("pixels", 1.0),
    "bar": ("pressure", 1.0),
    **dict.fromkeys(("hour", "hours", "uur", "stunden", "timer", "godzin"), ("hours", 1.0)),
    **dict.fromkeys(("degree", "degrees", "grad", "graden", "grader"), ("degrees", 1.0)),
    "%": ("percent", 1.0),
    **dict.fromkeys(("eur", "euro", "€"), ("money", 1.0)),
}
# Letters that are words or sizes of their own; they are units only where they touch their number.
TOUCHING_UNITS = {"m": ("length", 1000.0), "g": ("weight", 1.0), "w": ("power", 1.0)}
_UNIT_NAMES = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
NUMBER = r"\d+(?:[.,]\d+)?"
_MEASURE = re.compile(rf"(?<![\w.,])({NUMBER})(?:[\s-]?({_UNIT_NAMES})|([mgw]))(?![\w])")
_WRITTEN_LITRE = re.compile(
    r"(?<!\w)(?:(half a|half|halbe[nr]?|halve|een halve|halv|pol)|a|one|een|einen?|en|ett|jeden)"
    r"\s?(?:litre|liter|litra|litr)s?(?!\w)"
)
LETTER_SIZE = r"(?:x{1,4}[sl]|[2-6]\s?x[sl]|[sml])"
_WHOLE_LETTERS = re.compile(rf"({LETTER_SIZE})(?:\s?[/-]\s?({LETTER_SIZE}))?")
_PAPER = re.compile(r"a([0-9])")
# Sizes of these regions are on scales of their own.
_REGIONS = frozenset(("uk ", "us "))
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
    numbers = tuple(_number(number) for number in re.findall(NUMBER, folded))
    rest = re.sub(NUMBER, " ", folded)
    units = UNITS | TOUCHING_UNITS
    known = [units[word] for word in re.findall(r'[a-z]+|[%"€]', rest) if word in units]
    if not numbers or re.match(r"[a-z]{3}", folded):
        return None
    region = folded[:3] if folded[:3] in _REGIONS else "number"
    kind, factor = known[0] if known else (region, 1.0)
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
        # "104 cm" for the size "104", "15" for the screen size "15-inch", "50" for "50 x 50 cm".
        if "number" not in (wanted.kind, offered.kind) or {wanted.kind, offered.kind} & _REGIONS:
            return False
        numbers, offers = (
            list(map(_number, re.findall(NUMBER, fold(text)))) for text in (asked, value)
        )
        return numbers == offers or (len(numbers) == 1 and set(offers) == set(numbers))
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


def find_measures(text: str) -> list[Mention]:
    """Amounts with their unit in a message ("1000 ml", "1,5 liter", "15 inch", "5 ft"); the value is as written."""
    folded, places = fold_with_places(text[:LONGEST_TEXT])
    found = [
        Mention("measure", match.group(), places[match.start()], places[match.end() - 1] + 1)
        for match in _MEASURE.finditer(folded)
    ]
    for match in _WRITTEN_LITRE.finditer(folded):
        value = "500 ml" if match.group(1) else "1 liter"
        found.append(Mention("measure", value, places[match.start()], places[match.end() - 1] + 1))
    return found
