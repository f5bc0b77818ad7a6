"""The separate wishes of one message: "exchange the raincoat for M and return the socks" is two of them."""

from __future__ import annotations

from dataclasses import dataclass

from returnsdesk.domain.item_clauses import Clause, find_clauses, places_wished_for
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.reasons import find_reason
from returnsdesk.domain.text import LONGEST_TEXT

REFUND, EXCHANGE = "refund", "exchange"


@dataclass(frozen=True)
class ItemWish:
    """What a part of a message says of one item: `outcome` and `reason` as far as it names them."""

    text: str
    outcome: str | None
    reason: str | None


def find_item_wishes(text: str) -> tuple[ItemWish, ...]:
    """The parts of a message that each say something of their own about an item of their own.

    Empty where there is only one such part, where all parts want the same, and where something is ruled out ("keep the
    socks"): such messages are understood as a whole.
    """
    reading = read(text[:LONGEST_TEXT])
    clauses = find_clauses(reading)
    if any(clause.is_excluded for clause in clauses):
        return ()
    wishes = tuple(_wish(reading, start, end) for start, end in _parts(clauses))
    telling = [wish for wish in wishes if wish.outcome or wish.reason]
    is_the_same = len({(wish.outcome, wish.reason) for wish in telling}) == 1
    has_exchange = any(wish.outcome == EXCHANGE for wish in telling)
    if len(telling) < len(wishes) or len(wishes) < 2 or (is_the_same and not has_exchange):
        return ()
    return wishes


def has_separate_wishes(text: str) -> bool:
    """Whether a message wants different things for different items."""
    return len({wish.outcome for wish in find_item_wishes(text)}) > 1


def wants_whole_order(text: str) -> bool:
    """Whether all items of one order are meant: "everything from this order"."""
    return bool(read(text[:LONGEST_TEXT]).signals("whole_order"))


def is_adding(text: str) -> bool:
    """Whether what is named comes to what was named before: "the socks too", "and also the belt"."""
    reading = read(text[:LONGEST_TEXT])
    if reading.signals("adding") or 0 in reading.places_of("and"):
        return True
    return any(reading.is_break(place + 1) for place in reading.places_of("adding_last"))


def is_corrected(text: str) -> bool:
    """Whether the message says that something else was meant: "I mean the bottle"."""
    reading = read(text[:LONGEST_TEXT])
    return bool(reading.signals("meant")) or 0 in reading.places_of("no")


def find_settlement(text: str) -> str | None:
    """How a message wants the money: `store_credit`, or `original` for the way it was paid; None where it says none."""
    reading = read(text[:LONGEST_TEXT])
    if reading.signals("original_payment"):
        return "original"
    return "store_credit" if reading.signals("store_credit") else None


def wants_money(text: str) -> bool:
    """Whether the words ask for the money, or to give something back, and for no other item."""
    reading = read(text[:LONGEST_TEXT])
    return bool(reading.signals("give_back")) and not reading.signals("exchange")


def is_withdrawal(text: str) -> bool:
    """Whether the message speaks of a withdrawal in words of the law."""
    return bool(read(text[:LONGEST_TEXT]).signals("withdrawing"))


def _parts(clauses: list[Clause]) -> list[tuple[int, int]]:
    """Stretches of words, each about products of its own; what names none belongs to the stretch before."""
    parts: list[tuple[int, int, frozenset[str]]] = []
    start = 0
    for clause in clauses:
        named = frozenset(kind for word in clause.products for kind in word.products)
        if named and (not parts or named.isdisjoint(parts[-1][2])):
            if parts:
                before = parts[-1]
                parts[-1] = (before[0], clause.start, before[2])
                start = clause.start
            parts.append((start, clause.end, named))
        elif parts:
            before = parts[-1]
            parts[-1] = (before[0], clause.end, before[2] | named)
    return [(start, end) for start, end, _ in parts]


def _wish(reading: Reading, start: int, end: int) -> ItemWish:
    first, last = reading.span(start, end)
    text = reading.text[first:last]
    places = range(start, end)
    wants_other = not (reading.places_of("exchange") | places_wished_for(reading)).isdisjoint(
        places
    )
    wants_money = not reading.places_of("give_back").isdisjoint(places)
    outcome = EXCHANGE if wants_other else REFUND if wants_money else None
    return ItemWish(text, outcome, find_reason(text))
