"""Which items a shopper's words about a return mean: chosen, corrected, added, taken out, or each with its own wish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from returnsdesk.db.models import DraftLine
from returnsdesk.domain.item_wishes import (
    ItemWish,
    find_item_wishes,
    is_adding,
    is_corrected,
    wants_whole_order,
)
from returnsdesk.domain.matching import ItemMatch, match_items
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import read
from returnsdesk.domain.reasons import find_reason
from returnsdesk.domain.text import words
from returnsdesk.domain.variants import match_variant
from returnsdesk.services import identity, orders
from returnsdesk.services.draft_changes import DraftChanges, Notice
from returnsdesk.services.page_hints import lines_shown, names_nothing
from returnsdesk.services.return_questions import siblings_of

# Questions to which an option or a number is the answer: only words for another thing change the item then.
_OF_ONE_ITEM = frozenset({"outcome", "exchange_only", "variant", "quantity"})
# "The socks" and no more, said to a summary of several items, is what shall stay in it.
_MOST_WORDS_OF_AN_ITEM = 3


class ItemListener:
    """One message about the items of a draft. `focus` are the lines that the rest of the message speaks of."""

    def __init__(
        self,
        changes: DraftChanges,
        text: str,
        question: str | None,
        offered: list[dict[str, str]],
        *,
        is_first: bool,
    ) -> None:
        self.changes, self.text, self.question = changes, text, question
        self.offered, self.is_first = offered, is_first
        self.draft, self.session = changes.draft, changes.session
        self.focus: list[DraftLine] = []

    def take_separate_wishes(self) -> bool:
        """Take a message that wants different things for different items; False when it is no such message."""
        wishes = find_item_wishes(self.text)
        meant = self._items_of(wishes) if wishes else []
        if not meant:
            return False
        keys = [key for _, match, own in meant for key in own]
        quantities = {
            key: match.quantities[key]
            for _, match, own in meant
            for key in own
            if key in match.quantities
        }
        self.changes.choose_items(keys, quantities, find_reason(self.text))
        lines = {line.order_line_id: line for line in self.draft.lines}
        for wish, _, own in meant:
            for line in (lines[key] for key in own if key in lines):
                self._apply(wish, line)
        return True

    def _apply(self, wish: ItemWish, line: DraftLine) -> None:
        line.reason = wish.reason or line.reason
        if wish.outcome is not None:
            self.changes.set_outcome(line, wish.outcome)
        if wish.outcome == "exchange":
            self.changes.take_variant(line, wish.text)

    def _items_of(
        self, wishes: tuple[ItemWish, ...]
    ) -> list[tuple[ItemWish, ItemMatch, tuple[int, ...]]]:
        """The items of each wish, all of one order; empty where any of them is not clear."""
        views = self.changes.views()
        candidates = orders.matchable(self.session, list(views))
        matches = [match_items(wish.text, candidates) for wish in wishes]
        if not all(match.is_about_items and match.keys for match in matches):
            return []
        of_each = [{views[key].order_id for key in match.keys} for match in matches]
        # Items of several orders: those of the first one now, and it is said that the others come after.
        common = set.intersection(*of_each) or of_each[0]
        if len(common) != 1:
            return []
        order_id = common.pop()
        if not all(order_id in orders_of_wish for orders_of_wish in of_each):
            number = next(each.order_number for each in views.values() if each.order_id == order_id)
            self.changes.notices.append(Notice("ONE_ORDER_AT_A_TIME", {"order_number": number}))
        meant = []
        for wish, match in zip(wishes, matches, strict=True):
            own = tuple(key for key in match.keys if views[key].order_id == order_id)
            if not own:
                continue
            if len(own) > 1 and not match.is_certain:
                return []
            meant.append((wish, match, own))
        every = [key for _, _, own in meant for key in own]
        return meant if len(set(every)) == len(every) else []

    def take(self) -> None:
        """Take the items that the words name, if they name any."""
        if self._named_no_order_of_theirs():
            return
        if not self.draft.lines:
            self._take_first()
        elif not self.is_first:
            self._take_later()

    def _named_no_order_of_theirs(self) -> bool:
        """Whether the message names an order that is not in sight; nothing else is taken for it then."""
        scope = identity.scope_of(self.session, self.draft.conversation_id, self.changes.now)
        numbers = orders.numbers_out_of_sight(self.session, scope, self.text) if scope else ()
        if numbers:
            self.changes.notices.append(Notice("NUMBER_UNKNOWN", {"number": numbers[0]}))
        return bool(numbers)

    def _take_first(self) -> None:
        candidates = self._candidates()
        match = self._match(candidates)
        if self.question == "order" and self._took_order(match):
            return
        if not (match.is_about_items and match.keys):
            if not self._took_item_at_hand() and not match.is_about_items:
                self._take_what_is_shown(candidates)
        elif wants_whole_order(self.text) and self._took_whole_order(match):
            return
        elif match.is_certain:
            self._choose(list(match.keys), dict(match.quantities))
        else:
            self._narrow_down(self._shown(match.keys) or list(match.keys), len(candidates))

    def _took_item_at_hand(self) -> bool:
        """Words as "how do I return this?" right after a question about one item mean that one."""
        item = self.draft.wish.get("item")
        if not self.is_first or not isinstance(item, int):
            return False
        self._choose([item], {})
        return True

    def _take_what_is_shown(self, candidates: list[int]) -> None:
        """The same words on the page of an order or a product mean what it shows, as far as it is the shopper's."""
        shown = self._shown(candidates) if names_nothing(self.text) else []
        if len(shown) == 1:
            self._choose(shown, {})
        elif shown:
            self._narrow_down(shown, len(candidates))

    def _shown(self, keys: Sequence[int]) -> list[int]:
        """Those of the order lines that were on the shop's page when the first words were said."""
        page = self.draft.wish.get("page") if self.is_first else None
        return list(lines_shown(self.session, keys, page)) if page else []

    def _took_whole_order(self, match: ItemMatch) -> bool:
        """Take all of the only order that is meant, or have it asked which one."""
        views = self.changes.views()
        meant = {views[key].order_id for key in match.keys if views[key].is_returnable}
        if len(meant) > 1:
            # "The whole order", said on the page of one.
            shown = {views[key].order_id for key in self._shown(match.keys)} & meant
            meant = shown if len(shown) == 1 else meant
        if len(meant) > 1:
            self.draft.wish = {**self.draft.wish, "whole_order": True}
            return True
        order_id = next(iter(meant), None)
        every = {key for key, item in views.items() if item.order_id == order_id}
        if not every <= set(match.keys):
            return False
        if order_id is None:
            return False
        self.changes.choose_order(order_id)
        return True

    def _took_order(self, match: ItemMatch) -> bool:
        """An order's number, "the newer one" or one of its items, said to the question for the order."""
        views = self.changes.views()
        meant = {views[key].order_id for key in match.keys} if match.is_about_items else set()
        if len(meant) != 1 or _names_thing(self.text):
            return False
        self.changes.choose_order(meant.pop())
        self.focus = list(self.draft.lines)
        return True

    def _take_later(self) -> None:
        if self._names_a_replacement():
            return
        if self._took_out():
            return
        known = self.changes.known()
        match = self._match(self._candidates())
        if not (match.is_about_items and match.keys):
            return
        if is_adding(self.text) and not is_corrected(self.text):
            self._add(match)
            return
        if not match.is_certain or set(match.keys) == set(known):
            return
        if set(match.keys) < set(known) and not self._is_choice_among_known():
            self.focus = [line for line in self.draft.lines if line.order_line_id in match.keys]
        elif self.question not in _OF_ONE_ITEM or self._is_other_thing(match):
            self._choose(list(match.keys), dict(match.quantities))

    def _took_out(self) -> bool:
        """Words as "without the socks", said of several items, take one out."""
        known = self.changes.known()
        ruled_out = read(self.text).signals("except", "not", "keep")
        if len(known) < 2 or not ruled_out or find_reason(self.text):
            return False
        match = self._match(known)
        if not match.keys or not set(match.keys) < set(known) or not _names_thing(self.text):
            return False
        self._choose(list(match.keys), dict(match.quantities))
        return True

    def _add(self, match: ItemMatch) -> None:
        known = self.changes.known()
        views = self.changes.views()
        new = [key for key in match.keys if key not in known]
        here = [key for key in new if views[key].order_id == self.draft.order_id]
        if not match.is_certain and len(here) != 1:
            return
        added = here if here and not match.is_certain else new
        if not added:
            return
        quantities = {key: count for key, count in match.quantities.items() if key in added}
        self.changes.choose_items([*known, *added], quantities, find_reason(self.text))
        self.focus = [line for line in self.draft.lines if line.order_line_id in added]

    def _is_choice_among_known(self) -> bool:
        """Whether naming some of the draft's items means only these, not that something is said of them."""
        reading = read(self.text)
        if is_corrected(self.text) or reading.signals("only"):
            return True
        is_bare = len(reading.words) <= _MOST_WORDS_OF_AN_ITEM and find_reason(self.text) is None
        return self.question == "confirmation" and is_bare

    def _is_other_thing(self, match: ItemMatch) -> bool:
        """Whether words for a thing name another one than the item that is asked about, or a correction is said."""
        if is_corrected(self.text):
            return True
        if not _names_thing(self.text):
            return False
        own = self._match(self.changes.known())
        return not own.keys

    def _names_a_replacement(self) -> bool:
        """Whether the words say what to get for the item in exchange ("M"), not which item comes back."""
        line = next((each for each in self.draft.lines if each.outcome == "exchange"), None)
        if line is None or _names_thing(self.text):
            return False
        current, siblings = siblings_of(self.session, line)
        return current is not None and bool(match_variant(self.text, current, siblings).wanted)

    def _narrow_down(self, keys: list[int], among: int) -> None:
        """Several items fit: take the only one that can come back and say why the others cannot, or ask."""
        views = self.changes.views(find_reason(self.text))
        possible = [key for key in keys if views[key].is_returnable or views[key].is_exchangeable]
        # A single item that is not certain is a guess, and asked about.
        if len(possible) <= 1 < len(keys) or not possible:
            self._choose(keys, {})
            return
        self.draft.wish = {**self.draft.wish, "candidates": possible}
        if 1 < len(possible) < among:
            self.changes.notices.append(Notice("SEVERAL_FIT", {"count": len(possible)}))

    def _choose(self, keys: list[int], quantities: dict[int, int]) -> None:
        self.changes.choose_items(keys, quantities, find_reason(self.text))

    def names_items(self) -> bool:
        """Whether the message names any item in sight."""
        return self._match(self._candidates()).is_about_items

    def _match(self, keys: list[int]) -> ItemMatch:
        return match_items(self.text, orders.matchable(self.session, keys))

    def _candidates(self) -> list[int]:
        """Order lines to look among: those of the open question in its order, otherwise all in scope."""
        everything = list(self.changes.views())
        if self.question != "item":
            return everything
        asked = [int(value) for value in self._offered("item")]
        return asked + [key for key in everything if key not in asked]

    def _offered(self, kind: str) -> list[Any]:
        values = [each["value"].partition(":") for each in self.offered]
        return [value for offered, _, value in values if offered == kind]


def _names_thing(text: str) -> bool:
    """Whether a message has a word for a thing, or the place of one in a list."""
    return bool(find_products(read(text))) and bool(words(text))
