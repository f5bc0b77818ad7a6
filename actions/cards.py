"""Cards that go with a text on channels that draw them: items to choose from, sizes, where a return or order stands.

Their shapes are in docs/widget.md. The text always says the same, for channels that draw none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from actions.turn import Turn
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.services.orders import ItemView, OrderView
from returnsdesk.services.return_questions import Question
from returnsdesk.services.status import Standing
from returnsdesk.services.views import ReturnLineView

Card = dict[str, Any]

SIZE = "size"

_RETURN_STAGES = {
    states.REQUESTED: 0,
    states.APPROVED: 0,
    states.LABEL_ISSUED: 0,
    states.IN_TRANSIT: 1,
    states.ARRIVED: 2,
    states.INSPECTED: 3,
    states.REFUND_PENDING: 3,
    states.CLOSED: 4,
}


def question_card(question: Question) -> Card | None:
    """The choices of a question as a card; its buttons are those of the message, in the order of the choices."""
    if question.kind in ("item", "item_ambiguous"):
        return _items_card(question)
    return _sizes_card(question)


def items_card(items: Sequence[ItemView]) -> Card | None:
    """Items as a card with pictures; None where none of them has one. Buttons are in the order of the items."""
    if not any(item.image_url for item in items):
        return None
    shown = []
    for place, item in enumerate(items):
        details = [formatting.options(item.options), item.order_number]
        row: dict[str, Any] = {"title": item.name, "button": place}
        row["detail"] = " · ".join(detail for detail in details if detail)
        if item.image_url:
            row["image"] = item.image_url
        shown.append(row)
    return {"card": "items", "items": shown}


def return_card(turn: Turn, standing: Standing) -> Card | None:
    """The stages of a return; None when it ended off the usual road, which only words can tell."""
    document = standing.document
    reached = _RETURN_STAGES.get(document.status)
    if reached is None:
        return None
    settled = [refund.settled_at for refund in document.refunds if refund.settled_at]
    is_refund = any(line.outcome == "refund" for line in document.lines)
    exchanged_at = document.exchange.shipped_at if document.exchange else None
    stages = (
        ("requested", document.requested_at),
        ("in_transit", document.shipped_at),
        ("arrived", document.arrived_at),
        ("inspected", document.inspected_at),
        ("refunded", max(settled, default=None)) if is_refund else ("exchanged", exchanged_at),
    )
    if stages[-1][1] is None:
        # Closed, but what the shopper waits for has not gone out.
        reached = min(reached, len(stages) - 2)
    return {
        "card": "status",
        "title": document.rma_number,
        "detail": turn.label("label_card_order", number=document.order_number),
        "items": [_line(standing, line) for line in document.lines],
        "stages": _stages(turn, stages, reached, document.country),
    }


def _line(standing: Standing, line: ReturnLineView) -> dict[str, str]:
    row = {
        "title": standing.names.get(line.line_external_id, line.name),
        "detail": formatting.options(line.options),
    }
    return {**row, "image": line.image_url} if line.image_url else row


def order_card(turn: Turn, order: OrderView) -> Card | None:
    """The stages of an order with one parcel; several parcels, or none to come, are told in words."""
    if order.status == "cancelled" or len(order.parcels) > 1:
        return None
    parcel = order.parcels[0] if order.parcels else None
    shipped_at = parcel.shipped_at if parcel else None
    delivered_at = parcel.delivered_at if parcel else None
    stages = (("placed", order.placed_at), ("shipped", shipped_at), ("delivered", delivered_at))
    reached = 2 if delivered_at else 1 if shipped_at else 0
    return {
        "card": "status",
        "title": turn.label("label_card_order", number=order.number),
        "stages": _stages(turn, stages, reached, order.country),
    }


def _stages(
    turn: Turn, stages: tuple[tuple[str, datetime | None], ...], reached: int, country: str
) -> list[dict[str, str]]:
    shown = []
    last = len(stages) - 1
    for place, (name, moment) in enumerate(stages):
        is_done = place < reached or place == reached == last
        state = "done" if is_done else "now" if place == reached else "next"
        stage = {"label": turn.label(f"label_stage_{name}"), "state": state}
        if moment is not None and state != "next":
            stage["date"] = windows.local_date(moment, country).isoformat()
        shown.append(stage)
    return shown


def _items_card(question: Question) -> Card | None:
    items: list[ItemView] = [
        choice.facts["item"] for choice in question.choices if "item" in choice.facts
    ]
    return items_card(items) if len(items) == len(question.choices) else None


def _sizes_card(question: Question) -> Card | None:
    groups: dict[str, list[dict[str, Any]]] = {}
    for place, choice in enumerate(question.choices):
        options = choice.facts.get("options") or {}
        if SIZE in options:
            rest = {name: value for name, value in options.items() if name != SIZE}
            sizes = groups.setdefault(formatting.options(rest), [])
            sizes.append({"label": options[SIZE], "button": place})
    if not groups:
        return None
    return {
        "card": "sizes",
        "groups": [{"label": label, "options": sizes} for label, sizes in groups.items()],
    }
