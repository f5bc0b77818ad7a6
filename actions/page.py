"""What "this" means on a page of the shop: the shopper's own items that the page shows, where words name nothing."""

from __future__ import annotations

from actions.turn import Turn, database
from returnsdesk.domain.matching import match_items
from returnsdesk.services import identity, orders
from returnsdesk.services.orders import ItemView
from returnsdesk.services.page_hints import lines_shown, names_nothing


def items_on_page(turn: Turn) -> list[ItemView]:
    """The items that the page shows, of those that the conversation's proof opens; none if the message names others."""
    if not {"order", "product"} & {*turn.page} or not names_nothing(turn.text):
        return []
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        items = orders.items_of(session, scope, turn.language, turn.now) if scope else []
        keys = [each.order_line_id for each in items]
        if match_items(turn.text, orders.matchable(session, keys)).is_about_items:
            return []
        shown = lines_shown(session, keys, turn.page)
    return [each for each in items if each.order_line_id in shown]
