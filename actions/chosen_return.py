"""The shopper's own returns and orders, and which of them a message names by number or item, or a button picks."""

from __future__ import annotations

from actions.page import items_on_page
from actions.tasks import Question, State, stop_button
from actions.turn import Button, Turn, database
from returnsdesk import formatting
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.mentions import find_mentions, is_same_order_number
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import read
from returnsdesk.services import identity, orders, status
from returnsdesk.services.status import Standing
from returnsdesk.services.views import ReturnLineView

MOST_CHOICES = 8


def say_number_unknown(turn: Turn) -> bool:
    """Say that a number in the message is not among the shopper's own; False when it names none such."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        numbers = orders.numbers_out_of_sight(session, scope, turn.text) if scope else ()
    if numbers:
        turn.say("orders_number_unknown", number=numbers[0])
    return bool(numbers)


def standings_of(turn: Turn) -> list[Standing]:
    """All returns that the conversation may see, latest first."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        return status.standings(session, scope, turn.now, turn.language) if scope else []


def named_among(turn: Turn, found: list[Standing]) -> list[Standing]:
    """The returns that the message names, otherwise those of what the shop's page shows."""
    named = _named_in_words(turn, found)
    if named or not found:
        return named
    shown = {item.order_line_id for item in items_on_page(turn)}
    return [each for each in found if shown & set(each.order_line_ids)]


def _named_in_words(turn: Turn, found: list[Standing]) -> list[Standing]:
    """The returns that the message names: by their number, by their order's, or by an item in them."""
    numbers = mentioned(turn, "order_number")
    by_number = [
        each
        for each in found
        if each.document.rma_number in mentioned(turn, "rma_number")
        or is_named(each.document.order_number, numbers)
    ]
    if by_number:
        return by_number
    lines = {line for each in found for line in each.order_line_ids}
    with database().read() as session:
        match = match_items(turn.text, orders.matchable(session, sorted(lines)))
    if not match.is_about_items or not find_products(read(turn.text)):
        return []
    return [each for each in found if set(each.order_line_ids) & set(match.keys)]


def orders_of_named_items(turn: Turn) -> set[str]:
    """Numbers of the orders that hold an item which the message names, otherwise of those that the page shows."""
    if not find_products(read(turn.text)):
        return {item.order_number for item in items_on_page(turn)}
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        items = orders.items_of(session, scope, turn.language, turn.now) if scope else []
        match = match_items(
            turn.text, orders.matchable(session, [each.order_line_id for each in items])
        )
    return {each.order_number for each in items if each.order_line_id in match.keys}


def is_named(order_number: str, mentioned: set[str]) -> bool:
    """Whether one of the mentioned numbers means this order."""
    return any(is_same_order_number(each, order_number) for each in mentioned)


def mentioned(turn: Turn, kind: str) -> set[str]:
    """Values of one kind that the message names outright."""
    return {mention.value for mention in find_mentions(turn.text) if mention.kind == kind}


def name_in(standing: Standing, line: ReturnLineView) -> str:
    """The name of an item in the shopper's language."""
    return standing.names.get(line.line_external_id, line.name)


def of_number(turn: Turn, rma_number: str) -> Standing | None:
    """The shopper's return of that number."""
    return next(
        (each for each in standings_of(turn) if each.document.rma_number == rma_number), None
    )


def items_text(turn: Turn, standing: Standing) -> str:
    """The items of a return in one phrase."""
    return formatting.enumeration(
        [
            formatting.item(name_in(standing, line), line.options)
            for line in standing.document.lines
        ],
        turn.language,
    )


def which_return(turn: Turn, among: list[Standing], key: str) -> Question:
    """The question for one of several returns."""
    buttons = [
        Button(
            f"{each.document.rma_number} · {items_text(turn, each)}",
            f"return:{each.document.rma_number}",
        )
        for each in among[:MOST_CHOICES]
    ]
    return Question("return", turn.label(key), (*buttons, stop_button(turn)))


def take_return(turn: Turn, state: State, choice: str | None, among: list[Standing]) -> bool:
    """Take which of several returns was meant: by button, by number, by an item in it."""
    kind, _, value = (choice or "").partition(":")
    if kind == "return":
        named = [each for each in among if each.document.rma_number == value]
    else:
        named = _named_in_words(turn, among)
    if len(named) != 1:
        return False
    state["rma_number"] = named[0].document.rma_number
    return True
