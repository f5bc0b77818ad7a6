"""Which of a shopper's ordered items a message means, and how many pieces of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from returnsdesk.domain.item_candidates import Selection, select
from returnsdesk.domain.item_clauses import Clause, find_clauses
from returnsdesk.domain.item_pool import items_of_that_name, pool_of
from returnsdesk.domain.item_profile import Item
from returnsdesk.domain.item_words import ItemWords, find_item_words
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import LONGEST_TEXT, fold

__all__ = ["Item", "ItemMatch", "match_items"]


@dataclass(frozen=True)
class ItemMatch:
    """What a message says about items.

    `keys` are the items it may mean: with `is_certain` all of them, otherwise ask among them (an uncertain single key
    is a guess to be confirmed). `sure_keys` are those of `keys` that are certain already. `quantities` holds the
    numbers of pieces that were named, also where fewer are there. `is_about_items` is False where the message says
    nothing about items ("I want to return it"); then the only item of the list is meant, if there is just one.
    """

    keys: tuple[int, ...]
    quantities: Mapping[int, int]
    is_certain: bool
    is_about_items: bool
    sure_keys: tuple[int, ...] = field(default=())


@dataclass
class _Outcome:
    """What the clauses said so far; items are places in the pool."""

    sure: dict[int, int | None] = field(default_factory=dict)
    # Clauses that fit several items, and whether only their number makes them uncertain.
    unclear: list[tuple[set[int], bool]] = field(default_factory=list)
    excluded: set[int] = field(default_factory=set)
    is_certain: bool = True
    is_exclusion_clear: bool = True
    wants_everything: bool = False
    is_rest_wanted: bool = False
    says_something: bool = False
    has_positive: bool = False


def match_items(text: str, items: Sequence[Item]) -> ItemMatch:
    """Find the items that a message means among these, in the five languages. Never fails.

    Product words, options, the places of the given order, order numbers, months, prices, quantities, "both",
    "everything except ...", "the newer order" and lists are understood; what fits several items is never certain.
    """
    reading = read(text[:LONGEST_TEXT])
    if not items or not reading.words:
        return _nothing_said(items, is_about_items=bool(find_products(reading)))
    named = items_of_that_name(reading, items)
    if len(named) == 1:
        return _only_narrowed(named)
    pool = pool_of(reading, items)
    if len(pool) > 1 and _NUMBERS.fullmatch(fold(text).strip()):
        return _numbered([int(number) for number in re.findall(r"\d+", fold(text))], pool)
    words = find_item_words(reading, pool)
    outcome = _Outcome()
    clauses = _joined(find_clauses(reading, words.mistyped), words, pool, reading)
    for clause in clauses:
        _add(outcome, clause, select(clause, words, pool, reading), pool)
    if _are_alternatives(clauses, reading):
        outcome.is_certain = False
    if not outcome.says_something:
        return (
            _only_narrowed(pool)
            if len(pool) < len(items)
            else _nothing_said(items, is_about_items=False)
        )
    return _result(outcome, pool)


def _are_alternatives(clauses: Sequence[Clause], reading: Reading) -> bool:
    """Whether an "or" between what is named leaves it open: "M or L?", "the boots or the kettle"."""
    places = [word.start for clause in clauses for word in clause.products]
    places += [word.start for clause in clauses for word in clause.options]
    return bool(places) and any(
        min(places) < found.start < max(places) for found in reading.signals("or")
    )


def _nothing_said(items: Sequence[Item], *, is_about_items: bool) -> ItemMatch:
    keys = (items[0].key,) if len(items) == 1 else ()
    return ItemMatch(keys, {}, bool(keys), is_about_items, keys)


_NUMBERS = re.compile(r"#?\d{1,2}\.?(?:(?:\s?[,&+]\s?|\s(?:and|en|und|og|i|oraz)\s)#?\d{1,2}\.?)*")


def _numbered(numbers: list[int], pool: Sequence[Item]) -> ItemMatch:
    """Bare numbers are places in the list, unless a single one may be a number of pieces or a size."""
    if not all(1 <= number <= len(pool) for number in numbers):
        return ItemMatch((), {}, False, False)
    keys = tuple(pool[number - 1].key for number in sorted(set(numbers)))
    values = {value for item in pool for value in item.options.values()}
    is_other = len(numbers) == 1 and (
        any(item.quantity > 1 for item in pool) or str(numbers[0]) in values
    )
    return ItemMatch(keys, {}, not is_other, True, () if is_other else keys)


def _only_narrowed(pool: Sequence[Item]) -> ItemMatch:
    """A name, an order, a month or a price was given and nothing else."""
    keys = tuple(item.key for item in pool)
    return ItemMatch(keys, {}, len(keys) == 1, True, keys if len(keys) == 1 else ())


# --- clauses that belong together -------------------------------------------------------------------------------------


def _joined(
    clauses: list[Clause], words: ItemWords, pool: Sequence[Item], reading: Reading
) -> list[Clause]:
    """Clauses that say something about items; what only adds to another one ("..., size 42") is put there."""
    joined: list[Clause] = []
    for number, clause in enumerate(clauses):
        if not _says_something(clause, words):
            continue
        following = clauses[number + 1] if number + 1 < len(clauses) else None
        if not clause.products and not _has_words(clause, words.names):
            if joined and _adds_to(joined[-1], clause, words, pool, reading):
                continue
            _borrow_product(clause, joined[-1] if joined else None, following, words, pool, reading)
        joined.append(clause)
    return joined


def _has_words(clause: Clause, found: Mapping[int, frozenset[int]]) -> bool:
    return any(clause.start <= place < clause.end for place in found)


_TELLING_FLAGS = frozenset(
    ("both", "all", "rest", "other_one", "newer", "older", "cheaper", "dearer")
)


def _says_something(clause: Clause, words: ItemWords) -> bool:
    return (
        not clause.names_nothing
        or clause.quantity is not None
        or bool(clause.flags & _TELLING_FLAGS)
        or _has_words(clause, words.names)
        or _has_words(clause, words.attributes)
    )


def _adds_to(
    earlier: Clause, clause: Clause, words: ItemWords, pool: Sequence[Item], reading: Reading
) -> bool:
    """Put a clause without a product of its own to the one before, if that is what it speaks of."""
    if clause.names_nothing and clause.quantity is not None and not clause.quantity.is_both:
        if clause.quantity.value is None or not (earlier.products or earlier.quantity):
            return False
        return _take_number(earlier, clause, words, pool, reading)
    is_apart = clause.joint in ("and", "except", "but") or clause.is_excluded != earlier.is_excluded
    if is_apart or clause.flags & {"rest", "all", "both", "other_one"} or not earlier.products:
        return False
    together = _with(earlier, clause)
    selection = select(together, words, pool, reading)
    if not selection.places or (
        clause.options and not selection.is_certain and len(selection.places) > 1
    ):
        return False
    earlier.options, earlier.ordinals, earlier.flags = (
        together.options,
        together.ordinals,
        together.flags,
    )
    return True


def _with(earlier: Clause, clause: Clause) -> Clause:
    return Clause(
        earlier.start,
        earlier.end,
        earlier.joint,
        products=earlier.products,
        options=[*earlier.options, *clause.options],
        ordinals=[*earlier.ordinals, *clause.ordinals],
        quantity=earlier.quantity,
        flags=earlier.flags | clause.flags,
        is_excluded=earlier.is_excluded,
    )


def _take_number(
    earlier: Clause, clause: Clause, words: ItemWords, pool: Sequence[Item], reading: Reading
) -> bool:
    """Take the later number: "3 shirts, 2 don't fit" are 2, and so are "3 shirts, keep one"."""
    if clause.quantity is None or clause.quantity.value is None:
        return False
    number = clause.quantity.value
    if clause.is_excluded:
        places = select(earlier, words, pool, reading).places
        bought = pool[places[0]].quantity if len(places) == 1 else 0
        if number >= bought:
            return True
        if earlier.quantity and earlier.quantity.value not in (None, bought):
            return True
        number = bought - number
    earlier.quantity = type(clause.quantity)(number, clause.quantity.start, clause.quantity.end)
    return True


def _borrow_product(
    clause: Clause,
    earlier: Clause | None,
    following: Clause | None,
    words: ItemWords,
    pool: Sequence[Item],
    reading: Reading,
) -> None:
    """Share the product: in "the blue and the black shirt" both are shirts, if there is a blue one."""
    if not clause.options and not clause.ordinals:
        return
    lenders = [following] if following and following.joint in ("and", "comma") else []
    lenders += [earlier] if earlier and clause.joint in ("and", "comma", "but") else []
    for lender in lenders:
        if not lender.products:
            continue
        clause.products = lender.products
        if select(clause, words, pool, reading).is_certain:
            if lender is following and lender.joint == "comma" and not lender.options:
                # "Black, sneakers": one item with a mark too many.
                lender.products = []
            return
        clause.products = []


# --- the sum of all clauses -------------------------------------------------------------------------------------------


def _add(outcome: _Outcome, clause: Clause, selection: Selection, pool: Sequence[Item]) -> None:
    outcome.says_something = True
    if "rest" in clause.flags and not clause.products:
        outcome.is_rest_wanted = not clause.is_excluded and "fine" not in clause.flags
        return
    if clause.is_excluded:
        _exclude(outcome, clause, selection, pool)
        return
    outcome.has_positive = True
    outcome.wants_everything = outcome.wants_everything or (
        selection.is_whole and not clause.products
    )
    if selection.is_unmatched:
        outcome.is_certain = False
    elif not selection.is_certain:
        outcome.unclear.append((set(selection.places), selection.is_sound))
    else:
        for place in selection.places:
            pieces = pool[place].quantity if selection.is_whole else selection.pieces
            outcome.sure[place] = pieces if pieces is not None else outcome.sure.get(place)


def _exclude(outcome: _Outcome, clause: Clause, selection: Selection, pool: Sequence[Item]) -> None:
    """Keep these items out; of several pieces, a named number is kept and the others go back."""
    if clause.names_nothing and not selection.is_certain:
        return
    kept = selection.pieces
    if kept and len(selection.places) == 1 and kept < pool[selection.places[0]].quantity:
        place = selection.places[0]
        outcome.has_positive = True
        outcome.sure[place] = pool[place].quantity - kept
        return
    outcome.excluded |= set(selection.places)
    outcome.is_exclusion_clear = outcome.is_exclusion_clear and (
        selection.is_certain or selection.is_unmatched
    )


def _result(outcome: _Outcome, pool: Sequence[Item]) -> ItemMatch:
    everything = set(range(len(pool)))
    if outcome.is_rest_wanted:
        _want_rest(outcome, everything)
    if not outcome.has_positive:
        # Only told what stays: the others are a guess.
        outcome.unclear.append((everything if outcome.excluded else set(), False))
    sure = {
        place: pieces for place, pieces in outcome.sure.items() if place not in outcome.excluded
    }
    possible = set(sure)
    is_certain = outcome.is_certain and (
        outcome.is_exclusion_clear or not (outcome.wants_everything or outcome.is_rest_wanted)
    )
    # A clause that fits everything ("a 42.5 please") takes nothing away from one that fits less.
    narrower = [each for each in outcome.unclear if each[0] != everything]
    for places, is_sound in narrower or ([] if sure else outcome.unclear):
        left = places - outcome.excluded
        possible |= left
        if len(left) == 1 and len(places) > 1 and is_sound:
            sure[min(left)] = None
        else:
            is_certain = False
    return ItemMatch(
        keys=tuple(pool[place].key for place in sorted(possible)),
        quantities={
            pool[place].key: pieces for place, pieces in sure.items() if pieces is not None
        },
        is_certain=is_certain and bool(possible),
        is_about_items=True,
        sure_keys=tuple(pool[place].key for place in sorted(sure)),
    )


def _want_rest(outcome: _Outcome, everything: set[int]) -> None:
    """Add all that was not spoken of; of what it is the rest is unclear if nothing was."""
    mentioned = outcome.excluded | set(outcome.sure)
    unclear = {place for places, _ in outcome.unclear for place in places}
    rest = everything - mentioned - unclear
    outcome.has_positive = True
    if mentioned:
        outcome.sure.update((place, None) for place in rest)
    else:
        outcome.unclear.append((rest, False))
