"""Where things stand: refunds, returns, exchanges and orders, each answer read from the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actions import cards, wording
from actions.chosen_return import (
    is_named,
    mentioned,
    name_in,
    named_among,
    orders_of_named_items,
    standings_of,
)
from actions.claim_status import say_claims
from actions.money_texts import breakdown_texts, money_texts
from actions.owners_action import OwnersAction
from actions.turn import MEANT, Button, Turn, database, handover_button, offer, settings
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.domain.claim_words import find_claim_type
from returnsdesk.services import identity, label_requests, links, orders
from returnsdesk.services.status import Standing

# More documents than this are named only when asked for by number.
MOST_REPORTED = 3


class ActionRefundsStatus(OwnersAction):
    """Where is my refund?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_refunds_status"

    def tell(self, turn: Turn) -> list[dict[str, Any]]:
        """Every return that money is or was owed for, open ones first."""
        return _report(turn, _owes_money, "refunds_none")


class ActionRefundsAmount(OwnersAction):
    """Why did I get less than I paid?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_refunds_amount"

    def tell(self, turn: Turn) -> list[dict[str, Any]]:
        """The latest refund, or the one named, with what makes up its amount."""
        paid = [each for each in standings_of(turn) if each.document.refunds]
        named = named_among(turn, paid)
        if not paid:
            turn.say("refunds_amount_none")
            return []
        latest = max(named or paid, key=lambda each: each.document.refunds[-1].created_at)
        say_standing(turn, latest, with_breakdown=True)
        return []


class ActionReturnsStatus(OwnersAction):
    """Has my return arrived?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_status"

    def tell(self, turn: Turn) -> list[dict[str, Any]]:
        """Every return, open ones first."""
        return _report(turn, lambda standing: True, "returns_none")


class ActionExchangesStatus(OwnersAction):
    """Where is my exchanged item?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_exchanges_status"

    def tell(self, turn: Turn) -> list[dict[str, Any]]:
        """Every exchange with its return leg and its outbound leg."""
        return _report(
            turn,
            lambda standing: standing.document.exchange is not None,
            "exchanges_none",
        )


class ActionOrdersStatus(OwnersAction):
    """Where is my parcel?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_orders_status"

    def tell(self, turn: Turn) -> list[dict[str, Any]]:
        """The latest orders with their parcels."""
        with database().read() as session:
            scope = identity.scope_of(session, turn.conversation_id, turn.now)
            found = orders.orders_of(session, scope, turn.now, turn.language) if scope else []
        numbers = mentioned(turn, "order_number")
        named = [order for order in found if is_named(order.number, numbers)]
        of_items = orders_of_named_items(turn)
        named = named or [order for order in found if order.number in of_items]
        chosen = named or found[:MOST_REPORTED]
        if not chosen:
            turn.say("orders_none")
        for order in chosen:
            _say_order(turn, order)
        return []


def _report(
    turn: Turn, is_relevant: Callable[[Standing], bool], none_key: str
) -> list[dict[str, Any]]:
    relevant = _narrowed(turn, [each for each in standings_of(turn) if is_relevant(each)])
    has_claims = say_claims(turn)
    if not relevant and has_claims:
        return []
    if not relevant:
        turn.say(none_key, buttons=[wording.start_button(turn)])
        return [offer("action_returns_begin")]
    for standing in relevant:
        say_standing(turn, standing)
    return []


def _narrowed(turn: Turn, found: list[Standing]) -> list[Standing]:
    """Those named by number or item; otherwise the open ones, and when none is open the latest."""
    named = named_among(turn, found)
    if named:
        return named
    is_open = [
        standing for standing in found if standing.document.status not in states.RETURN_ENDED
    ]
    return is_open[:MOST_REPORTED] or found[:1]


def _owes_money(standing: Standing) -> bool:
    return any(line.outcome == "refund" for line in standing.document.lines)


def say_standing(turn: Turn, standing: Standing, *, with_breakdown: bool = False) -> None:
    """One return: what it is, where it stands with dates, what comes next and by when."""
    document = standing.document
    parts = [
        turn.label(
            "returns_status_head",
            rma_number=document.rma_number,
            items=formatting.enumeration(
                [formatting.item(name_in(standing, line), line.options) for line in document.lines],
                turn.language,
            ),
            order_number=document.order_number,
        ),
        _stage_text(turn, standing),
    ]
    parts += _label_texts(turn, standing)
    parts += breakdown_texts(turn, standing) if with_breakdown else []
    parts += money_texts(turn, standing)
    parts += _exchange_texts(turn, standing)
    turn.say_text(
        "\n".join(parts),
        buttons=_next_buttons(turn, standing),
        card=cards.return_card(turn, standing),
    )


def _stage_text(turn: Turn, standing: Standing) -> str:
    document = standing.document

    def on(moment: Any) -> str:
        return (
            formatting.day(windows.local_date(moment, document.country), turn.language)
            if moment
            else ""
        )

    return turn.label(
        _stage_key(standing),
        decision_text=document.decision_text or "",
        requested_on=on(document.requested_at),
        ship_by=on(document.ship_by),
        shipped_on=on(document.shipped_at),
        arrived_on=on(document.arrived_at),
        inspected_on=on(document.inspected_at),
        closed_on=on(document.closed_at),
        inspection_days=standing.inspection_working_days,
        inspection_by=formatting.day(standing.inspection_by, turn.language)
        if standing.inspection_by
        else "",
    )


def _stage_key(standing: Standing) -> str:
    document = standing.document
    if document.status == states.ARRIVED and standing.is_late:
        return "returns_status_arrived_late"
    if document.status == states.LOST and document.method == label_requests.OWN_CARRIER:
        return "returns_status_lost_own_carrier"
    if document.status == states.DECLINED and document.decision_text:
        return "returns_status_declined_because"
    return f"returns_status_{document.status}"


def _label_texts(turn: Turn, standing: Standing) -> list[str]:
    """Where the label is while it is needed, and the page that shows how it goes on."""
    document = standing.document
    if document.status not in (states.APPROVED, states.LABEL_ISSUED):
        return []
    tracking_url = links.tracking_url(settings(), document.rma_number, now=turn.now)
    if not any(parcel.label_ready for parcel in document.parcels):
        return [turn.label("returns_status_page", tracking_url=tracking_url)]
    label_url = links.label_url(settings(), document.rma_number, now=turn.now)
    return [
        turn.label("returns_status_label_links", label_url=label_url, tracking_url=tracking_url)
    ]


def _exchange_texts(turn: Turn, standing: Standing) -> list[str]:
    exchange = standing.document.exchange
    if exchange is None:
        return []
    wanted = [
        formatting.item(name_in(standing, line), line.new_options)
        for line in standing.document.lines
        if line.new_options is not None
    ]
    texts = [
        turn.label(
            f"exchanges_status_{exchange.status}",
            number=exchange.number,
            items=formatting.enumeration(wanted, turn.language),
            tracking_number=exchange.tracking_number or "",
            shipped_on=formatting.day(
                windows.local_date(exchange.shipped_at, standing.document.country), turn.language
            )
            if exchange.shipped_at
            else "",
        )
    ]
    difference = wording.difference_due_text(turn, standing.document)
    return [*texts, difference] if difference else texts


def _next_buttons(turn: Turn, standing: Standing) -> list[Button]:
    exchange = standing.document.exchange
    if exchange is not None and exchange.status == states.EXCHANGE_CHOOSE_AGAIN:
        choice = f"choose_again:{standing.document.rma_number}"
        return [Button(turn.label("label_choose_again"), choice, "returns_change")]
    needs_person = standing.is_late or standing.document.status in (
        states.REJECTED,
        states.DECLINED,
        states.LOST,
    )
    return [handover_button(turn)] if needs_person else []


def _claim_buttons(turn: Turn, order: orders.OrderView) -> list[Button]:
    """The way into a claim for a shopper who says that a parcel never came."""
    if order.status == "cancelled" or find_claim_type(turn.text) != "never_arrived":
        return []
    return [Button(turn.label("label_claim_type_never_arrived"), MEANT, "claims_start")]


def _say_order(turn: Turn, order: orders.OrderView) -> None:
    items = formatting.enumeration(order.item_names, turn.language)
    parts = [turn.label("orders_status_head", number=order.number, items=items)]
    if order.status == "cancelled":
        parts.append(turn.label("orders_status_cancelled"))
    elif not order.parcels:
        parts.append(turn.label("orders_status_not_shipped"))
    for parcel in order.parcels if order.status != "cancelled" else ():
        moment = parcel.delivered_at or parcel.shipped_at
        key = "orders_status_delivered" if parcel.delivered_at else "orders_status_shipped"
        parts.append(
            turn.label(
                key if moment else "orders_status_not_shipped",
                day=formatting.day(windows.local_date(moment, order.country), turn.language)
                if moment
                else "",
                tracking_number=parcel.tracking_number,
            )
        )
    turn.say_text(
        "\n".join(parts),
        buttons=_claim_buttons(turn, order),
        card=cards.order_card(turn, order),
    )
