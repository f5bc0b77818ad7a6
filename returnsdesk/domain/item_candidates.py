"""One clause of a message against the items: which of them fit what it names, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from returnsdesk.domain.item_clauses import LAST, Clause
from returnsdesk.domain.item_profile import Item
from returnsdesk.domain.item_words import ItemWords
from returnsdesk.domain.options import COLOUR, FEATURE, MEASURE, SIZE, OptionWord
from returnsdesk.domain.products import AKIN, UNRELATED, best_kinship
from returnsdesk.domain.reading import Reading

# In a message of so few words a colour or another attribute alone points at an item.
_SHORT = 6


@dataclass(frozen=True)
class Selection:
    """The items (places in the list) that a clause may mean; `is_unmatched` where it names a product nobody bought.

    `is_sound`: nothing contradicts and the words do point at items; not `is_certain` then only because several fit.
    """

    places: tuple[int, ...]
    is_certain: bool = False
    is_sound: bool = False
    is_unmatched: bool = False
    pieces: int | None = None
    is_whole: bool = False


def select(clause: Clause, words: ItemWords, items: Sequence[Item], reading: Reading) -> Selection:
    """The items that fit everything the clause names."""
    places, is_sure = _by_product(clause, words, items)
    if not places:
        return Selection((), is_unmatched=True)
    if clause.quantity and len(clause.products) > 1:
        # "My phone ordered 4 laptops": the number may belong to the other product.
        is_sure = is_sure and all(
            any(best_kinship(product.products, words.profiles[place].products) for place in places)
            for product in clause.products
        )
    named = _places_in(clause, words.names)
    if named or (not clause.products and _places_in(clause, words.attributes)):
        places, is_named_sure = _by_names(clause, words, places, reading)
        is_sure = is_sure and is_named_sure
    places, is_option_sure = _by_options(clause, words, places, reading)
    is_sure = is_sure and is_option_sure
    places = _by_order(clause, items, places)
    if clause.ordinals:
        picked = [_nth(places, ordinal) for ordinal in clause.ordinals]
        places = tuple(place for place in picked if place is not None)
        is_sure = is_sure and len(places) == len(picked)
    return _counted(clause, places, items, is_sure)


def _places_in(clause: Clause, found: Iterable[int]) -> list[int]:
    return [place for place in found if clause.start <= place < clause.end]


# --- by product and name ----------------------------------------------------------------------------------------------


def _by_product(
    clause: Clause, words: ItemWords, items: Sequence[Item]
) -> tuple[tuple[int, ...], bool]:
    """The items of the products that the clause names; all of them where it names none."""
    everything = tuple(range(len(items)))
    matches = []
    for product in clause.products:
        kin = [best_kinship(product.products, own.products) for own in words.profiles]
        best = max(kin, default=UNRELATED)
        if best > UNRELATED:
            matches.append((best, {place for place in everything if kin[place] == best}))
    if not matches:
        has_other = bool(_places_in(clause, words.names)) or _are_options(clause)
        return (everything if has_other or not clause.products else ()), True
    best = max(kin for kin, _ in matches)
    sets = [places for kin, places in matches if kin == best or kin >= AKIN]
    together = set.intersection(*sets)
    if together:
        return tuple(sorted(together)), best >= AKIN
    # "The boots I bought with the kettle": one of them may only be mentioned.
    return tuple(sorted(set.union(*sets))), False


def _are_options(clause: Clause) -> bool:
    """Whether every product word of the clause is an option as well: "the glass one"."""
    return all(
        any(option.start <= product.start < option.end for option in clause.options)
        for product in clause.products
    )


def _by_names(
    clause: Clause, words: ItemWords, places: tuple[int, ...], reading: Reading
) -> tuple[tuple[int, ...], bool]:
    """Those items that share most of the words that are no product's name."""
    names = _places_in(clause, words.names)
    attributes = _places_in(clause, words.attributes)
    scores = {
        place: 2 * sum(place in words.names[name] for name in names)
        + sum(place in words.attributes[attribute] for attribute in attributes)
        for place in places
    }
    best = max(scores.values())
    if best == 0:
        # The name is another item's: certain only if it stands apart from the product's word.
        touching = any(product.start - 1 in names for product in clause.products)
        return places, not touching
    chosen = tuple(place for place, score in scores.items() if score == best)
    pointing = [name for name in names if set(chosen) & words.names[name]] or attributes
    return chosen, bool(clause.products or clause.options) or any(
        is_pointed_at(reading, place, place + 1) for place in pointing
    )


def is_pointed_at(reading: Reading, start: int, end: int) -> bool:
    """Whether words that only describe stand for an item here: in a short answer, or as in "the blue ones"."""
    if not (
        reading.is_break(end)
        or end
        in reading.places_of(
            "one", "fillers", "instead", "of", "from", "want", "not", "and", "only"
        )
        or end in reading.places_of("prepositions", "after_item")
    ):
        # "The gold card": the word describes something that is no item.
        return False
    if len(reading.words) <= _SHORT or end in reading.places_of("one"):
        return True
    return _is_pointer(reading, start - 1) and start - 2 not in reading.places_of("prepositions")


def _is_pointer(reading: Reading, place: int) -> bool:
    return place in reading.places_of("determiners", "only")


# --- by options -------------------------------------------------------------------------------------------------------


def _by_options(
    clause: Clause, words: ItemWords, places: tuple[int, ...], reading: Reading
) -> tuple[tuple[int, ...], bool]:
    is_sure = True
    for kinds in ((COLOUR,), (FEATURE,), (SIZE, MEASURE)):
        options = [option for option in clause.options if option.kind in kinds]
        if not options:
            continue
        narrowed, fits = _by_option(options, words, places)
        places = narrowed
        is_sure = is_sure and fits
    has_more = clause.products or _places_in(clause, words.names)
    if clause.options and not has_more:
        is_sure = is_sure and any(_is_item(option, reading) for option in clause.options)
    return places, is_sure


def _is_item(option: OptionWord, reading: Reading) -> bool:
    """Whether an option without a product stands for the item; a material does so only in "the leather ones"."""
    if option.is_guess or not is_pointed_at(reading, option.start, option.end):
        return False
    is_alone = option.end - option.start == len(reading.words)
    has_pointer = (
        _is_pointer(reading, option.start - 1) or option.end in reading.places_of("one") or is_alone
    )
    if option.kind in (SIZE, MEASURE):
        # A size alone is more often the one that is wanted or asked about.
        return has_pointer and "?" not in reading.text
    return option.kind != FEATURE or has_pointer


def _by_option(
    options: list[OptionWord], words: ItemWords, places: tuple[int, ...]
) -> tuple[tuple[int, ...], bool]:
    """The items that have one of these options best; all of them, and no certainty, where none has.

    A material that the catalogue does not tell is no contradiction; a colour or a size that it does tell is one.
    """
    scores = {
        place: max(words.profiles[place].match(option) for option in options) for place in places
    }
    best = max(scores.values())
    if best > 0:
        return tuple(place for place, score in scores.items() if score == best), True
    return places, options[0].kind == FEATURE


# --- by order, price and place ----------------------------------------------------------------------------------------


def _by_order(clause: Clause, items: Sequence[Item], places: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the newest or oldest order, the cheapest or dearest, where the clause says so."""

    def day(place: int) -> int:
        return items[place].ordered_on.toordinal()

    def price(place: int) -> int:
        return items[place].unit_price_minor

    choices: tuple[tuple[str, Callable[[int], int], int], ...] = (
        ("newer", day, 1),
        ("older", day, -1),
        ("dearer", price, 1),
        ("cheaper", price, -1),
    )
    for flag, value, sign in choices:
        # A price of 0 is not known.
        is_known = all(value(place) for place in places)
        if flag in clause.flags and places and is_known:
            best = max(sign * value(place) for place in places)
            places = tuple(place for place in places if sign * value(place) == best)
    return places


def _nth(places: tuple[int, ...], ordinal: int) -> int | None:
    if ordinal == LAST:
        return places[-1] if places else None
    return places[ordinal - 1] if 1 <= ordinal <= len(places) else None


# --- how many ---------------------------------------------------------------------------------------------------------


def _counted(
    clause: Clause, places: tuple[int, ...], items: Sequence[Item], is_sure: bool
) -> Selection:
    """What the numbers and "both", "all" of the clause say about the items found."""
    quantity = clause.quantity
    if quantity is None:
        is_list = len(clause.ordinals) > 1 and len(places) == len(clause.ordinals)
        return Selection(places, is_sure and (len(places) == 1 or is_list), is_sure)
    if quantity.value is None:
        # "Everything" of several orders is rarely meant; "all shirts" is.
        is_one_order = len({items[place].order_number for place in places}) == 1
        is_limited = not clause.names_nothing or bool(clause.flags & {"newer", "older"})
        return Selection(places, is_sure and (is_limited or is_one_order), is_sure, is_whole=True)
    return _number_of(quantity.value, quantity.is_both, places, items, is_sure)


def _number_of(
    number: int, is_both: bool, places: tuple[int, ...], items: Sequence[Item], is_sure: bool
) -> Selection:
    if len(places) == 1:
        return Selection(places, is_sure, is_sure, pieces=number)
    available = sum(items[place].quantity for place in places)
    if number == len(places) and (is_both or available == number):
        return Selection(places, is_sure, is_sure, is_whole=is_both)
    if number == available:
        return Selection(places, is_sure, is_sure, is_whole=True)
    return Selection(places, is_sound=is_sure)
