"""Where things stand: refunds, returns, exchanges and orders, each answer read from the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from actions import cards, wording
from actions.identity import ask_identity_for, needs_identity
from actions.turn import Button, DeskAction, Turn, database, handover_button, offer
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.domain.mentions import find_mentions, order_number_spellings
from returnsdesk.services import identity, orders, status
from returnsdesk.services.status import Standing

# More documents than this are named only when asked for by number.
MOST_REPORTED = 3
# Ways of paying back that have a text of their own.
WAYS = ("card", "paypal", "gift_card", "invoice", "store_credit")


class ActionRefundsStatus(DeskAction):
    """Where is my refund?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_refunds_status"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Every return that money is or was owed for, open ones first."""
        return _report(turn, self.name(), _owes_money, "refunds_none")


class ActionRefundsAmount(DeskAction):
    """Why did I get less than I paid?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_refunds_amount"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The latest refund, or the one named, with what makes up its amount."""
        if needs_identity(turn):
            return ask_identity_for(self.name())
        paid = [each for each in _standings(turn) if each.document.refunds]
        named = [each for each in paid if _numbers_of(each) & _mentioned_numbers(turn)]
        if not paid:
            turn.say("refunds_amount_none")
            return []
        latest = max(named or paid, key=lambda each: each.document.refunds[-1].created_at)
        say_standing(turn, latest, with_breakdown=True)
        return []


class ActionReturnsStatus(DeskAction):
    """Has my return arrived?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_status"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Every return, open ones first."""
        return _report(turn, self.name(), lambda standing: True, "returns_none")


class ActionExchangesStatus(DeskAction):
    """Where is my exchanged item?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_exchanges_status"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Every exchange with its return leg and its outbound leg."""
        return _report(
            turn,
            self.name(),
            lambda standing: standing.document.exchange is not None,
            "exchanges_none",
        )


class ActionOrdersStatus(DeskAction):
    """Where is my parcel?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_orders_status"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The latest orders with their parcels."""
        if needs_identity(turn):
            return ask_identity_for(self.name())
        with database().read() as session:
            scope = identity.scope_of(session, turn.conversation_id, turn.now)
            found = orders.orders_of(session, scope, turn.now) if scope else []
        numbers = _mentioned(turn, "order_number")
        named = [order for order in found if numbers & {*order_number_spellings(order.number)}]
        chosen = named or found[:MOST_REPORTED]
        if not chosen:
            turn.say("orders_none")
        for order in chosen:
            _say_order(turn, order)
        return []


def _report(
    turn: Turn, action: str, is_relevant: Callable[[Standing], bool], none_key: str
) -> list[dict[str, Any]]:
    if needs_identity(turn):
        return ask_identity_for(action)
    relevant = _narrowed(turn, [each for each in _standings(turn) if is_relevant(each)])
    if not relevant:
        turn.say(none_key, buttons=[wording.start_button(turn)])
        return [offer("action_returns_begin")]
    for standing in relevant:
        say_standing(turn, standing)
    return []


def _narrowed(turn: Turn, found: list[Standing]) -> list[Standing]:
    """Those named by number; otherwise the open ones, and when none is open the latest."""
    numbers = _mentioned_numbers(turn)
    named = [standing for standing in found if _numbers_of(standing) & numbers]
    if named:
        return named
    is_open = [
        standing for standing in found if standing.document.status not in states.RETURN_ENDED
    ]
    return is_open[:MOST_REPORTED] or found[:1]


def _standings(turn: Turn) -> list[Standing]:
    """All returns that the conversation may see, latest first."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        return status.standings(session, scope, turn.now) if scope else []


def _numbers_of(standing: Standing) -> set[str]:
    document = standing.document
    return {document.rma_number, *order_number_spellings(document.order_number)}


def _mentioned_numbers(turn: Turn) -> set[str]:
    return _mentioned(turn, "rma_number") | _mentioned(turn, "order_number")


def _mentioned(turn: Turn, kind: str) -> set[str]:
    return {mention.value for mention in find_mentions(turn.text) if mention.kind == kind}


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
                [formatting.item(line.name, line.options) for line in document.lines], turn.language
            ),
            order_number=document.order_number,
        ),
        _stage_text(turn, standing),
    ]
    parts += _breakdown_texts(turn, standing) if with_breakdown else []
    parts += _money_texts(turn, standing)
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

    late = "_late" if standing.is_late else ""
    return turn.label(
        f"returns_status_{document.status}{late}",
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


def _money_texts(turn: Turn, standing: Standing) -> list[str]:
    texts = []
    for refund in standing.document.refunds:
        amount = formatting.money(refund.amount_minor, refund.currency, turn.language)
        ways = formatting.enumeration([_way(turn, part) for part in refund.parts], turn.language)
        if refund.settled_at is None:
            texts.append(turn.label("refunds_status_sending", amount=amount, ways=ways))
        elif standing.money_from and standing.money_to:
            paid_on = windows.local_date(refund.settled_at, standing.document.country)
            texts.append(
                turn.label(
                    _settled_key(standing, paid_on),
                    amount=amount,
                    ways=ways,
                    paid_on=formatting.day(paid_on, turn.language),
                    money_from=formatting.day(standing.money_from, turn.language),
                    money_to=formatting.day(standing.money_to, turn.language),
                )
            )
        if refund.breakdown.get("fee_minor"):
            fee = formatting.money(refund.breakdown["fee_minor"], refund.currency, turn.language)
            texts.append(turn.label("refunds_status_fee", fee=fee))
    return [*texts, *_rejection_texts(turn, standing)]


def _settled_key(standing: Standing, paid_on: date) -> str:
    if standing.money_to == paid_on:
        return "refunds_status_settled_at_once"
    return (
        "refunds_status_settled_overdue" if standing.is_money_overdue else "refunds_status_settled"
    )


def _rejection_texts(turn: Turn, standing: Standing) -> list[str]:
    """How many units were not accepted, and what the warehouse noted about them."""
    texts = []
    for line in standing.document.lines:
        if line.rejected:
            because = "_because" if line.rejection_reasons else ""
            reasons = "; ".join(line.rejection_reasons)
            texts.append(
                turn.label(
                    f"returns_status_units_rejected{because}", count=line.rejected, reasons=reasons
                )
            )
    return texts


def _breakdown_texts(turn: Turn, standing: Standing) -> list[str]:
    """What was paid for the accepted items, and that a discount on the order is the reason where it is."""
    document = standing.document
    items_minor = sum(refund.breakdown.get("items_minor", 0) for refund in document.refunds)
    items = formatting.money(items_minor, document.currency, turn.language)
    texts = [turn.label("refunds_breakdown", items=items)]
    if any(line.paid_minor < line.list_minor for line in document.refund_lines):
        texts.append(turn.label("refunds_breakdown_discount"))
    return texts


def _exchange_texts(turn: Turn, standing: Standing) -> list[str]:
    exchange = standing.document.exchange
    if exchange is None:
        return []
    wanted = [
        formatting.item(line.name, line.new_options)
        for line in standing.document.lines
        if line.new_options is not None
    ]
    return [
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


def _way(turn: Turn, part: Any) -> str:
    """How a part of the money goes back: "your card ending in 4242"."""
    if part.kind == "credit_card" and part.last_four:
        return turn.label("label_payment_credit_card", last_four=part.last_four)
    kind = {"credit_card": "card"}.get(part.kind, part.kind)
    return turn.label(f"label_payment_{kind if kind in WAYS else 'other'}")


def _next_buttons(turn: Turn, standing: Standing) -> list[Button]:
    needs_person = standing.is_late or standing.document.status in ("rejected", "declined")
    return [handover_button(turn)] if needs_person else []


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
    turn.say_text("\n".join(parts), card=cards.order_card(turn, order))
