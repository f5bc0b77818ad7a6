"""Options of variants (colour, material, size, capacity): finding them in a message, comparing with the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from returnsdesk.domain.measures import find_measures, is_same_size
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.sizes import find_sizes
from returnsdesk.domain.text import fold
from returnsdesk.domain.typos import closest
from returnsdesk.domain.words import is_everyday, product_names, vocabulary, word_set

COLOUR, FEATURE, SIZE, MEASURE, VALUE = "colour", "feature", "size", "measure", "value"

# A shade is met by the name of its family: navy shoes are "the blue ones".
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "navy": ("blue",),
    "night blue": ("blue", "navy"),
    "light blue": ("blue",),
    "indigo": ("blue", "navy"),
    "burgundy": ("red",),
    "rust": ("red", "brown", "orange"),
    "dark green": ("green",),
    "sea green": ("green", "turquoise", "blue"),
    "sage": ("green",),
    "olive": ("green",),
    "moss": ("green",),
    "mint": ("green",),
    "turquoise": ("blue", "green"),
    "space grey": ("grey",),
    "anthracite": ("grey",),
    "ochre": ("yellow",),
    "lilac": ("purple",),
    "cognac": ("brown",),
    "sand": ("beige",),
    "oatmeal": ("beige", "white"),
    "cream": ("beige", "white"),
    "steel": ("silver", "grey"),
    "stainless steel": ("silver", "steel"),
    "gold-plated": ("gold",),
    "rose gold": ("gold", "pink"),
    "brass": ("gold",),
}
# First parts of shades that are in no list: "knallrot", "lysegrønn", "zachtroze".
# Options by which shoppers choose what fits, the most usual name first; other shops' words for them follow.
SIZE_NAMES = (
    "size",
    "maat",
    "grosse",
    "storrelse",
    "rozmiar",
    "frame size",
    "kit size",
    "room size",
    "waist",
    "length",
    "capacity",
    "volume",
    "inhoud",
    "volumen",
    "kapazitat",
    "pojemnosc",
    "screen size",
    "storage",
    "diameter",
    "height",
    "width",
    "weight range",
    "weight",
    "piece count",
    "pieces",
    "amount",
    "thickness",
    "set",
)
COLOUR_NAMES = ("color", "colour", "kleur", "farbe", "farge", "kolor")
_EXACT, _SHADE = 2, 1
# In a longer message an unknown word is too likely to be something else than a mistyped colour.
_SHORT = 3


@dataclass(frozen=True)
class OptionWord:
    """Words `start` to `end` of a text name an option; `values` are canonical colours or features, or a size.

    `is_guess`: the word is no known one, only near to it.
    """

    kind: str
    values: frozenset[str]
    start: int
    end: int
    is_guess: bool = False


def is_colour_name(name: str) -> bool:
    """Whether an option of this name holds a colour ("frame color")."""
    return any(part in COLOUR_NAMES for part in fold(name).split())


def is_size_name(name: str) -> bool:
    """Whether an option of this name holds a size or another measure by which one chooses."""
    return fold(name) in SIZE_NAMES


@lru_cache(maxsize=256)
def find_options(text: str) -> tuple[OptionWord, ...]:
    """The colours, materials, sizes and measures that a message names, in its order, none inside another."""
    reading = read(text)
    found: list[OptionWord] = []
    for mentions, kind in ((find_measures(text), MEASURE), (find_sizes(text), SIZE)):
        for mention in mentions:
            start, end = reading.word_at(mention.start), reading.word_at(mention.end)
            _add(found, OptionWord(kind, frozenset((mention.value,)), start, max(end, start + 1)))
    no_item = reading.places_of("no_item")
    for section, kind in (("colours", COLOUR), ("materials", FEATURE)):
        for phrase in reading.find(vocabulary(section, is_inflected=True)):
            if phrase.start not in no_item and not _is_other(reading, phrase.start, kind):
                _add(found, OptionWord(kind, phrase.meanings, phrase.start, phrase.end))
    for place, word in enumerate(reading.words):
        colours = _shade(word)
        if colours:
            _add(found, OptionWord(COLOUR, colours, place, place + 1))
    return tuple(sorted(found, key=lambda option: option.start))


def _add(found: list[OptionWord], option: OptionWord) -> None:
    """A longer reading of the same words wins: "stainless steel" over "steel"."""
    rivals = [other for other in found if other.start < option.end and option.start < other.end]
    length = option.end - option.start
    if all(other.end - other.start < length for other in rivals):
        found[:] = [other for other in found if other not in rivals]
        found.append(option)


def _is_other(reading: Reading, place: int, kind: str) -> bool:
    """Whether the word means something else here: "100 złotych", "bla bla", a wood that is the number three."""
    before = reading.words[place - 1] if place else ""
    if reading.words[place] == "tre" and (kind == FEATURE):
        return True
    is_amount = bool(before) and before[-1].isdigit() and reading.words[place].startswith("zlot")
    is_babble = before == reading.words[place] and before == "bla"
    after = reading.words[place + 1] if place + 1 < len(reading.words) else ""
    return is_amount or is_babble or (reading.words[place] == after == "bla")


@lru_cache(maxsize=4096)
def _shade(word: str) -> frozenset[str]:
    for cut in range(3, min(len(word) - 2, 8)):
        if word[:cut] in word_set("shades"):
            found = vocabulary("colours", is_inflected=True).at((word[cut:],), 0)
            if found:
                return found.meanings
    return frozenset()


def find_mistyped_colours(
    reading: Reading, colours: Iterable[str], taken: Iterable[int]
) -> list[OptionWord]:
    """Words that are typing errors of one of these colours ("blak"), in a short answer or beside a product's name."""
    meaning_of = _colour_forms(frozenset(colours), reading.languages | {"en"})
    taken = set(taken)
    products = {product.start for product in reading.find(product_names())}
    followers = products | reading.places_of("one")
    found = []
    for place, word in enumerate(reading.words):
        is_beside = place + 1 in followers or place - 1 in products
        is_known = is_everyday(word) or word in product_names() or colours_of(word)
        if place in taken or is_known or not (is_beside or len(reading.words) <= _SHORT):
            continue
        meant = closest(word, meaning_of)
        if meant:
            values = frozenset(meaning_of[form] for form in meant)
            found.append(OptionWord(COLOUR, values, place, place + 1, is_guess=True))
    return found


@lru_cache(maxsize=256)
def _colour_forms(colours: frozenset[str], languages: frozenset[str]) -> Mapping[str, str]:
    """The one-word names of these colours in these languages, with the colour that each names."""
    return {
        form: phrase.meaning
        for phrase in vocabulary("colours", is_inflected=True).phrases
        if phrase.meaning in colours and phrase.language in languages and len(phrase.words) == 1
        for form in sorted(phrase.words[0])
    }


@lru_cache(maxsize=4096)
def colours_of(value: str) -> frozenset[str]:
    """The colours that a catalogue's value or name speaks of."""
    return _meanings(value, "colours")


@lru_cache(maxsize=4096)
def features_of(value: str) -> frozenset[str]:
    """The materials and other features that a catalogue's value or name speaks of."""
    return _meanings(value, "materials")


def _meanings(value: str, section: str) -> frozenset[str]:
    found = read(value).find(vocabulary(section, is_inflected=True))
    return frozenset(meaning for phrase in found for meaning in phrase.meanings)


def families(colour: str) -> tuple[str, ...]:
    """The wider colours by which this shade is also called."""
    return _FAMILIES.get(colour, ())


def colour_match(asked: Iterable[str], offered: Iterable[str]) -> int:
    """How well an offered colour is the one asked for: 2 the very one, 1 a shade of it or it of a shade, 0 another."""
    asked, offered = set(asked), set(offered)
    if asked & offered:
        return _EXACT
    is_shade = any(set(families(colour)) & asked for colour in offered)
    is_wider = any(set(families(colour)) & offered for colour in asked)
    return _SHADE if is_shade or is_wider else 0


def option_match(word: OptionWord, name: str, value: str) -> int:
    """How well a catalogue option is what the words name: 2 exactly, 1 nearly, 0 not at all."""
    if word.kind == VALUE:
        return _EXACT if fold(value) in map(fold, word.values) else 0
    if word.kind == COLOUR:
        return (
            colour_match(word.values, colours_of(value))
            if is_colour_name(name) or colours_of(value)
            else 0
        )
    if word.kind == FEATURE:
        has_feature = bool(word.values & features_of(value))
        is_said_yes = fold(value) == "yes" and bool(word.values & features_of(name))
        return _EXACT if has_feature or is_said_yes else 0
    if word.kind == MEASURE:
        return _EXACT if any(is_same_size(asked, value) for asked in word.values) else 0
    return (
        _EXACT
        if is_size_name(name) and any(is_asked_size(asked, name, value) for asked in word.values)
        else 0
    )


def is_asked_size(asked: str, name: str, value: str) -> bool:
    """Whether a named size is this value of the option; a waist and a length are two options in some shops."""
    option = fold(name)
    if asked.startswith("W") and asked[1:3].isdigit():
        waist, _, length = asked[1:].partition("/L")
        if option in ("waist", "length"):
            return value == (waist if option == "waist" else length)
    if asked.startswith("L") and asked[1:].isdigit():
        return option == "length" and value == asked[1:]
    if "/" in asked and option in ("waist", "length"):
        return value == asked.split("/")[0 if option == "waist" else 1]
    if option == "length" and asked.isdecimal():
        # A bare number is a waist; a length is named as one.
        return False
    region, _, number = asked.rpartition(" ")
    return is_same_size(number if region == "US" else asked, value)
