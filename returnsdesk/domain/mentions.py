"""What a message names outright: order and return numbers, e-mail, postcode, code, sizes and numbers of pieces."""

from __future__ import annotations

from collections.abc import Iterable

from returnsdesk.domain.identifiers import (
    find_codes,
    find_emails,
    find_named_order_numbers,
    find_possible_order_numbers,
    find_postcodes,
    find_rma_numbers,
    is_code_named,
    is_postcode_named,
    is_same_order_number,
    normalise_email,
    normalise_order_number,
    normalise_postcode,
    order_number_spellings,
)
from returnsdesk.domain.quantities import find_quantities
from returnsdesk.domain.reading import read
from returnsdesk.domain.sizes import find_sizes
from returnsdesk.domain.text import Mention

__all__ = [
    "KINDS",
    "Mention",
    "find_mentions",
    "is_same_order_number",
    "normalise_email",
    "normalise_order_number",
    "normalise_postcode",
    "order_number_spellings",
]

KINDS = ("order_number", "rma_number", "email", "postcode", "code", "size", "quantity")
_CODE_LENGTH = 6


def find_mentions(text: str) -> list[Mention]:
    """Everything that a message names, in its order. Never fails; an unclear number is mentioned in each of its kinds.

    A bare number of five digits or more is an `order_number`; one of six digits is a `code` as well unless the
    message speaks of a code, one of five a `postcode` as well unless the message calls it one. Values are normalised
    as look-ups compare them; a `quantity` is a number in digits ("both" is 2) or "all".
    """
    postcodes = find_postcodes(text)
    sure_postcodes = [code for code in postcodes if _is_sure_postcode(text, code)]
    if sure_postcodes:
        postcodes = sure_postcodes
    codes = find_codes(text)
    orders = find_possible_order_numbers(text)
    if is_code_named(text):
        orders = [order for order in orders if len(order.value) != _CODE_LENGTH]
    found: list[Mention] = []
    # Surest first: nothing may overlap what was found before it, but one number may be several things in one round.
    for round_of_finds in (
        find_emails(text),
        find_rma_numbers(text),
        find_named_order_numbers(text),
        sure_postcodes,
        [*orders, *codes, *_not_inside(postcodes, orders)],
        find_sizes(text),
        _quantities(text),
    ):
        found.extend([mention for mention in round_of_finds if _is_free(mention, found)])
    return sorted(_without_repeats(found), key=lambda mention: (mention.start, mention.end))


def _is_sure_postcode(text: str, mention: Mention) -> bool:
    written = text[mention.start : mention.end]
    return any(map(str.isalpha, written)) or "-" in written or is_postcode_named(text, mention)


def _not_inside(mentions: Iterable[Mention], others: Iterable[Mention]) -> list[Mention]:
    """Those that are no mere part of another one ("10234" of "LL 10234")."""
    return [
        mention
        for mention in mentions
        if not any(
            other.start <= mention.start
            and mention.end <= other.end
            and other.end - other.start > mention.end - mention.start
            for other in others
        )
    ]


def _is_free(mention: Mention, found: Iterable[Mention]) -> bool:
    return all(mention.end <= other.start or other.end <= mention.start for other in found)


def _without_repeats(mentions: Iterable[Mention]) -> list[Mention]:
    """One mention of each kind at a place: the longest."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda mention: mention.start - mention.end):
        if all(mention.kind != other.kind or _is_free(mention, [other]) for other in kept):
            kept.append(mention)
    return kept


def _quantities(text: str) -> list[Mention]:
    reading = read(text)
    return [
        Mention(
            "quantity",
            "all" if quantity.value is None else str(quantity.value),
            *reading.span(quantity.start, quantity.end),
        )
        for quantity in find_quantities(text)
    ]
