"""Statutory withdrawals: the declaration is stored with the message itself; opening its return is a second step."""

from __future__ import annotations

from hashlib import sha256

from rasa_sdk.events import SlotSet

from actions import wording
from actions.handover import country_of
from actions.identity import ask_identity_for, needs_identity
from actions.tasks import Events, Question, State, Task, start, take_yes_or_no, yes_or_no
from actions.turn import Button, DeskAction, Turn, channel_of, database, handover_button, offer
from returnsdesk import formatting
from returnsdesk.domain import windows
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.mentions import find_mentions, is_same_order_number
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import read
from returnsdesk.services import identity, orders, returns, withdrawal_returns, withdrawals
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.orders import ItemView, OrderView
from returnsdesk.services.views import WithdrawalView
from returnsdesk.services.withdrawals import Declaration

MOST_CHOICES = 8


class WithdrawalTask(Task):
    """Which order, where the declaration did not say, and the yes to opening its return."""

    kind = "withdrawal"
    starts = frozenset({"withdrawals_start"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """Which order; then whether the return shall be opened."""
        if "is_confirmed" in state:
            return None
        found = _withdrawable(turn)
        if state.get("order_number") is None:
            if len(found) == 1:
                state["order_number"] = found[0].number
            elif not found:
                return None
            else:
                return _order_question(turn, found)
        text = turn.label("withdrawals_ask_return", order_number=state["order_number"])
        return Question(
            "confirm", text, yes_or_no(turn, "label_withdrawal_yes", "label_withdrawal_no")
        )

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """An order by button, number or item; or the yes."""
        kind, _, value = (choice or "").partition(":")
        if state.get("order_number") is not None:
            return take_yes_or_no(turn, state, choice)
        numbers = {each.number for each in _withdrawable(turn)}
        named = {value} if kind == "order" else _orders_named(turn, turn.text)
        if len(named & numbers) != 1:
            return False
        state["order_number"] = (named & numbers).pop()
        return True

    def finish(self, turn: Turn, state: State) -> Events:
        """Open the return of the declaration, or say how it goes on without."""
        number = str(state["number"])
        if not state.get("is_confirmed"):
            key = "withdrawals_stands" if state.get("order_number") else "withdrawals_no_order"
            turn.say(key, number=number, buttons=[handover_button(turn)])
            return [offer("action_handover_person")]
        try:
            view = withdrawal_returns.open_return(
                database(),
                number,
                actor="shopper",
                now=turn.now,
                order_number=str(state["order_number"]),
            )
        except ServiceError:
            turn.say("withdrawals_for_a_person", number=number)
            return []
        _say_opened(turn, view)
        return []


class ActionWithdrawalsBegin(DeskAction):
    """I withdraw from the purchase."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_withdrawals_begin"

    def answer(self, turn: Turn) -> Events:
        """Store the declaration before anything else, say the receipt, then see to the goods."""
        order, lines = _meant(turn)
        with database().read() as session:
            scope = identity.scope_of(session, turn.conversation_id, turn.now)
            buyer = orders.buyer_of(session, scope) if scope else None
        typed = [each.value for each in find_mentions(turn.text) if each.kind == "email"]
        contact = buyer.email if buyer else next(iter(typed), "")
        view = withdrawals.declare(
            database(),
            Declaration(
                order_number_given=order.number if order else _number_given(turn),
                order_id=order.id if order else None,
                name=buyer.name if buyer else "",
                contact=contact,
                words=turn.text,
                language=turn.language,
                idempotency_key=_key(turn),
                lines=lines,
            ),
            actor="shopper",
            channel=channel_of(turn),
            now=turn.now,
            conversation_id=turn.conversation_id,
        )
        _say_receipt(turn, view)
        if view.rma_number is not None:
            _say_opened(turn, view)
            return []
        state = {
            "kind": WithdrawalTask.kind,
            "number": view.number,
            "order_number": view.order_number,
        }
        if needs_identity(turn):
            turn.say("withdrawals_who")
            return [SlotSet("task", state), *ask_identity_for("action_tasks_resume")]
        return start(turn, WithdrawalTask(), state)


def _say_receipt(turn: Turn, view: WithdrawalView) -> None:
    """When the declaration came in, under which number, and where its receipt goes (art. 11(3) of the directive)."""
    country = view.country or country_of(turn)
    declared = view.declared_at.astimezone(windows.zone_of(country))
    turn.say(
        "withdrawals_received_mailed" if view.contact else "withdrawals_received",
        number=view.number,
        day=formatting.day(declared.date(), turn.language),
        time=declared.strftime("%H:%M"),
        contact=view.contact,
    )


def _say_opened(turn: Turn, view: WithdrawalView) -> None:
    """What comes back and by when goods and money go; what cannot come back as it stands is for a person."""
    country = view.country or country_of(turn)
    with database().read() as session:
        document = returns.find(session, view.rma_number) if view.rma_number else None
    if document is None:
        turn.say("withdrawals_for_a_person", number=view.number)
        return
    wording.say_registered(turn, document)
    if view.goods_by and view.refund_due_at:
        turn.say(
            "withdrawals_deadlines",
            goods_by=formatting.day(windows.local_date(view.goods_by, country), turn.language),
            refund_by=formatting.day(
                windows.local_date(view.refund_due_at, country), turn.language
            ),
        )


def _meant(turn: Turn) -> tuple[OrderView | None, tuple[tuple[str, int], ...]]:
    """The order that the words mean, and its lines where they name some; None while it is not clear."""
    found = _withdrawable(turn)
    items = _items(turn)
    named = _orders_named(turn, turn.text)
    if not named:
        # The only order that there is; where the law has closed on others, one of those may be meant.
        named = {each.order_number for each in items}
    meant = [each for each in found if each.number in named] if len(named) == 1 else []
    if len(meant) != 1:
        return None, ()
    items = [each for each in items if each.order_number == meant[0].number]
    chosen = _items_named(turn, items)
    whole = len(chosen) == len(items)
    return meant[0], () if whole else tuple(chosen)


def _orders_named(turn: Turn, text: str) -> set[str]:
    """Numbers of the shopper's orders that a text names, by number or by an item of just one of them."""
    items = _items(turn)
    numbers = {each.value for each in find_mentions(text) if each.kind == "order_number"}
    by_number = {
        each.order_number
        for each in items
        if any(is_same_order_number(number, each.order_number) for number in numbers)
    }
    if by_number or not find_products(read(text)):
        return by_number
    with database().read() as session:
        match = match_items(text, orders.matchable(session, [each.order_line_id for each in items]))
    return {each.order_number for each in items if each.order_line_id in match.keys}


def _items_named(turn: Turn, items: list[ItemView]) -> list[tuple[str, int]]:
    with database().read() as session:
        match = match_items(
            turn.text, orders.matchable(session, [each.order_line_id for each in items])
        )
    if not (match.is_about_items and match.is_certain and find_products(read(turn.text))):
        return []
    return [
        (
            each.line_external_id,
            min(match.quantities.get(each.order_line_id, each.ordered), each.ordered),
        )
        for each in items
        if each.order_line_id in match.keys
    ]


def _items(turn: Turn) -> list[ItemView]:
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        return orders.items_of(session, scope, turn.language, turn.now) if scope else []


def _withdrawable(turn: Turn) -> list[OrderView]:
    """The shopper's orders with anything that the law still lets them withdraw from."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        return orders.withdrawable(session, scope, turn.now, turn.language) if scope else []


def _order_question(turn: Turn, found: list[OrderView]) -> Question:
    buttons = tuple(
        Button(
            f"{each.number} · {formatting.enumeration(each.item_names, turn.language)}"[:200],
            f"order:{each.number}",
        )
        for each in found[:MOST_CHOICES]
    )
    return Question("order", turn.label("withdrawals_ask_order"), buttons)


def _number_given(turn: Turn) -> str:
    numbers = [each.value for each in find_mentions(turn.text) if each.kind == "order_number"]
    return ", ".join(numbers)


def _key(turn: Turn) -> str:
    content = f"{turn.conversation_id}\n{turn.text}\n{turn.now.date().isoformat()}"
    return f"chat-{sha256(content.encode()).hexdigest()[:32]}"
