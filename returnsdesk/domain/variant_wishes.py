"""What a message says of the variant that is wanted: named options, steps in size, a second choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from itertools import product as combinations

from returnsdesk.domain.options import (
    COLOUR,
    FEATURE,
    MEASURE,
    SIZE,
    SIZE_NAMES,
    VALUE,
    OptionWord,
    colours_of,
    find_mistyped_colours,
    find_options,
    is_colour_name,
    is_size_name,
    option_match,
)
from returnsdesk.domain.products import find_products
from returnsdesk.domain.quantities import find_quantities
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.reasons import find_reasons
from returnsdesk.domain.text import fold
from returnsdesk.domain.words import is_everyday, signals, vocabulary, word_set

Options = Mapping[str, str]
_SHORT = 5
_MOST_STEPS = 6
_REACH_OF_COUNT = 4
_MOST_WISHES = 8


@dataclass(frozen=True)
class NamedOption:
    """An option of the wish: the words, the catalogue's options that they may be, and how well a value must match."""

    word: OptionWord
    names: tuple[str, ...]
    least: int
    value: str


@dataclass(frozen=True)
class VariantWish:
    """One choice of the shopper; `step` counts sizes up, or down if negative.

    `is_counted`: how many sizes was said. `is_extreme`: the largest or smallest of all. `is_of_length`: longer or
    shorter, for shops that tell length from width.
    """

    named: tuple[NamedOption, ...] = ()
    step: float = 0.0
    is_counted: bool = False
    is_extreme: bool = False
    is_fallback: bool = False
    is_of_length: bool = False

    @property
    def asked_for(self) -> dict[str, str]:
        """The named options by their first possible name in the catalogue."""
        return {option.names[0]: option.value for option in self.named}


def read_wishes(text: str, current: Options, others: Sequence[Options]) -> list[VariantWish]:
    """The choices that a message names, first choices before fallbacks; empty where it speaks of no variant."""
    reading = read(text)
    if not reading.words:
        return []
    named = _named_options(reading, current, others)
    step = _step(reading)
    if not named and not step:
        return []
    split = _place_of_fallback(reading, [option.word for option in named])
    first = [option for option in named if option.word.start < split]
    second = [option for option in named if option.word.start >= split]
    has_size = any(_is_size(option) for option in named)
    wishes = [
        wish if has_size or not step else _with_step(wish, step) for wish in _alternatives(first)
    ]
    fallbacks = [
        replace(_with_unsaid(wish, first), is_fallback=True)
        for wish in _alternatives(second)
        if second
    ]
    return [*wishes, *fallbacks][:_MOST_WISHES]


def _with_step(wish: VariantWish, step: VariantWish) -> VariantWish:
    return replace(step, named=wish.named)


def _is_size(option: NamedOption) -> bool:
    return any(is_size_name(name) for name in option.names) and option.word.kind != COLOUR


def _with_unsaid(wish: VariantWish, first: Sequence[NamedOption]) -> VariantWish:
    """A second choice keeps what the first one named and it does not: "navy in M, or L if there is none"."""
    own = {name for option in wish.named for name in option.names}
    kept = tuple(option for option in first if not own & set(option.names))
    return replace(wish, named=(*wish.named, *kept))


def _alternatives(named: Sequence[NamedOption]) -> list[VariantWish]:
    """One wish for each combination of what was named: "43 or 44 in navy" are two."""
    groups: dict[tuple[str, ...], list[NamedOption]] = {}
    for option in named:
        groups.setdefault(option.names, []).append(option)
    first = islice(combinations(*groups.values()), _MOST_WISHES)
    return [VariantWish(tuple(options)) for options in first]


# --- named options ----------------------------------------------------------------------------------------------------


def _named_options(
    reading: Reading, current: Options, others: Sequence[Options]
) -> list[NamedOption]:
    """The options that are asked for: not those of the current variant, of its reason or of another item."""
    found = _found_words(reading, current, others)
    named = [_in_catalogue(word, reading, current, others) for word in found]
    known = [option for option in named if option is not None]
    wished = [option for option in known if not _is_of_current(option, current)]
    sources = {
        place
        for signal in reading.signals("instead_of")
        for place in range(signal.end, signal.end + 2)
    }
    wished = [option for option in wished if option.word.start not in sources or len(known) == 1]
    if wished or find_reasons(reading.text) or len(reading.words) > _SHORT:
        return wished
    return known


def _found_words(reading: Reading, current: Options, others: Sequence[Options]) -> list[OptionWord]:
    names = {fold(name) for options in (current, *others) for name in options}
    words = list(find_options(reading.text))
    if {"waist", "length"} <= names:
        words = [part for word in words for part in _waist_and_length(word, reading)]
    taken = {place for word in words for place in range(word.start, word.end)}
    colours = sorted(
        colour
        for options in (current, *others)
        for value in options.values()
        for colour in colours_of(value)
    )
    words += find_mistyped_colours(reading, colours, taken)
    products = {product.start for product in find_products(reading)}
    has_size = any(word.kind in (SIZE, MEASURE) for word in words)
    words = [
        word for word in words if not (word.kind == COLOUR and has_size and word.end in products)
    ]
    taken = {place for word in words for place in range(word.start, word.end)}
    words += _values_in(reading, [current, *others], taken)
    return sorted(words, key=lambda word: word.start)


def _waist_and_length(word: OptionWord, reading: Reading) -> list[OptionWord]:
    """A size such as "W33/L32" as the two options that it is in some shops; "length 34" is one of them."""
    if word.kind != SIZE:
        return [word]
    value = min(word.values)
    waist, _, length = value.removeprefix("W").partition("/")
    if length:
        parts = [f"W{waist}", f"L{length.removeprefix('L')}"]
    elif value.isdecimal() and word_set("lengths") & set(
        reading.words[max(0, word.start - 2) : word.end + 2]
    ):
        parts = [f"L{value}"]
    else:
        return [word]
    return [replace(word, values=frozenset((part,))) for part in parts]


def _values_in(reading: Reading, catalogue: Sequence[Options], taken: set[int]) -> list[OptionWord]:
    """Values of the catalogue as they stand in the message ("v-neck", "espresso", "9")."""
    found: list[OptionWord] = []
    counted = {
        place
        for quantity in find_quantities(reading.text)
        for place in range(quantity.start, quantity.end)
        if len(reading.words) > 1
    }
    for name, value in sorted({pair for options in catalogue for pair in options.items()}):
        parts = read(value).words
        if not parts or fold(value) in ("yes", "no", "none"):
            continue
        if is_size_name(name) and parts[0][-1:].isdigit():
            parts = parts[:1]
        elif all(map(is_everyday, parts)) or max(map(len, parts)) < 3:
            continue
        for start in range(len(reading.words) - len(parts) + 1):
            places = set(range(start, start + len(parts)))
            is_there = reading.words[start : start + len(parts)] == parts
            if is_there and not places & (taken | counted) and _is_meant(reading, start, parts):
                found.append(OptionWord(VALUE, frozenset((value,)), start, start + len(parts)))
    return found


def _is_meant(reading: Reading, start: int, parts: tuple[str, ...]) -> bool:
    """Whether a number of the catalogue is a size here: in a short answer or after a wish; words always are."""
    if not parts[0][-1:].isdigit():
        return True
    end = start + len(parts)
    has_unit = (
        end < len(reading.words)
        and not reading.is_break(end)
        and (
            signals("units", "size_words", "bigger", "smaller").at(
                reading.words, end, reading.languages
            )
        )
    )
    before = range(max(0, start - _REACH_OF_COUNT), start)
    follows_wish = any(
        place in reading.places_of("want", "exchange", "size_words") for place in before
    )
    return not has_unit and (len(reading.words) <= _SHORT or follows_wish)


def _in_catalogue(
    word: OptionWord, reading: Reading, current: Options, others: Sequence[Options]
) -> NamedOption | None:
    """The words as an option of this product; None where it has no such option at all."""
    catalogue = [current, *others]
    all_names = list(dict.fromkeys(name for options in catalogue for name in options))
    scores = {
        name: max(
            option_match(word, name, options[name]) for options in catalogue if name in options
        )
        for name in all_names
    }
    best = max(scores.values(), default=0)
    if best == 0:
        name = _likely_name(word, all_names)
        return NamedOption(word, (name,), 2, _value(word)) if name else None
    names = [name for name, score in scores.items() if score == best]
    names = _hinted(names, reading, word) or names
    if word.kind in (SIZE, MEASURE, VALUE):
        names.sort(key=lambda name: SIZE_NAMES.index(fold(name)) if is_size_name(name) else 99)
    values = {
        options[name]
        for options in catalogue
        for name in names
        if name in options and option_match(word, name, options[name]) == best
    }
    value = min(values) if len(values) == 1 else _value(word)
    return NamedOption(word, tuple(names), best, value)


def _hinted(names: list[str], reading: Reading, word: OptionWord) -> list[str]:
    """Of several options those that the message speaks of: the lens colour of "blue lenses"."""
    around = reading.words[max(0, word.start - 2) : word.end + 2]
    return [
        name
        for name in names
        if any(
            part in other
            for part in fold(name).split()
            for other in around
            if len(part) > 3 and part not in ("color", "colour", "size")
        )
    ]


def _likely_name(word: OptionWord, names: Sequence[str]) -> str | None:
    """Under which option a value would stand that no variant has."""
    if word.kind == COLOUR:
        return next((name for name in names if is_colour_name(name)), None)
    if word.kind == FEATURE:
        return next((name for name in names if "material" in fold(name)), None)
    sized = [name for name in names if is_size_name(name)]
    sized.sort(key=lambda name: SIZE_NAMES.index(fold(name)))
    return sized[0] if sized else None


def _value(word: OptionWord) -> str:
    return min(word.values)


def _is_of_current(option: NamedOption, current: Options) -> bool:
    """Whether the words only name what the current variant is already."""
    return any(
        name in current and option_match(option.word, name, current[name]) >= option.least
        for name in option.names
    )


# --- steps ------------------------------------------------------------------------------------------------------------


def _step(reading: Reading) -> VariantWish | None:
    """A wish for a larger or smaller size; None where there is none or both are named."""
    steps = []
    for section, sign, is_extreme in (
        ("bigger", 1, False),
        ("smaller", -1, False),
        ("biggest", 1, True),
        ("smallest", -1, True),
    ):
        for found in reading.signals(section):
            is_comparison = found.end < len(reading.words) and reading.words[found.end] in word_set(
                "than"
            )
            is_negated = found.start - 1 in reading.places_of("not")
            if not (is_comparison or is_negated):
                steps.append((sign, is_extreme, found.start, found.end))
    if not steps or len({sign for sign, _, _, _ in steps}) > 1:
        return None
    sign, is_extreme, start, end = steps[0]
    count, is_counted = _count(reading, start, end)
    is_of_length = bool(word_set("longer_or_shorter") & set(reading.words[start:end]))
    return VariantWish((), sign * count, is_counted, is_extreme, is_of_length=is_of_length)


def _count(reading: Reading, start: int, end: int) -> tuple[float, bool]:
    """How many sizes the step is; "bigger" alone does not say."""
    window = range(max(0, start - _REACH_OF_COUNT), min(end + 2, len(reading.words)))
    if any(place in reading.places_of("half") for place in window):
        return 0.5, True
    for place in window:
        word = reading.words[place]
        named = vocabulary("numbers").at(reading.words, place, reading.languages)
        if word.isdecimal() and 1 <= int(word) <= _MOST_STEPS:
            return float(word), True
        if named and place < start:
            return float(min(named.meanings, key=int)), True
    is_counted = any(reading.words[place] in word_set("steps") for place in window)
    is_next = any(reading.words[place] in word_set("next_step") for place in window)
    return 1.0, is_counted and not is_next


# --- second choices ---------------------------------------------------------------------------------------------------


def _place_of_fallback(reading: Reading, words: Sequence[OptionWord]) -> int:
    """The word at which the second choice begins; behind the end where there is none ("M or L" leaves it open)."""
    end = len(reading.words)
    conditions = reading.signals("if_none")
    if len(words) < 2 or not conditions:
        return end
    first, last = words[0], words[-1]
    for condition in conditions:
        if first.end <= condition.start and condition.end <= last.start:
            return condition.start
    ors = [found.start for found in reading.signals("or") if first.end <= found.start <= last.start]
    return min(ors, default=words[1].start)
