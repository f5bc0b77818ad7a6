"""From facts of the services to texts and buttons about returns; every value is one that was just read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from actions.cards import question_card
from actions.turn import Button, Turn, database, settings
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.services import label_requests, links, orders, policies
from returnsdesk.services.draft_changes import Notice
from returnsdesk.services.drafts import Summary, SummaryLine
from returnsdesk.services.orders import ItemView
from returnsdesk.services.return_questions import Choice, Question
from returnsdesk.services.views import ReturnView

# Findings that have a text of their own; any other says that the item cannot come back, and offers a person.
EXPLAINED = frozenset(
    {
        "WINDOW_EXPIRED", "NOT_SHIPPED", "IN_TRANSIT", "FINAL_SALE", "HYGIENE", "PERSONALISED", "CATEGORY_EXCLUDED",
        "ALREADY_RETURNED", "ORDER_CANCELLED",
    }
)  # fmt: skip


# Intents that a button can name when a message was not clear.
NAMED_INTENTS = frozenset(
    {
        "refunds_status", "refunds_amount", "returns_start", "returns_status", "returns_cancel", "returns_label",
        "exchanges_start", "exchanges_status", "orders_status", "claims_start", "policy_window", "policy_cost",
        "policy_refund_time", "policy_exclusions", "sizes_advice",
    }
)  # fmt: skip


def item_text(item: ItemView) -> str:
    """An item with its options."""
    return formatting.item(item.name, item.options)


def say_notices(turn: Turn, notices: Iterable[Notice]) -> None:
    """Say what a message led to before the next question."""
    for notice in notices:
        facts = dict(notice.facts)
        if notice.code == "NOT_RETURNABLE":
            say_not_returnable(turn, facts["item"], facts["finding"].code, facts["finding"].facts)
        elif notice.code == "QTY_EXCEEDS":
            key = "returns_quantity_exceeds" + ("_held" if facts.get("rma_number") else "")
            turn.say(key, **{**facts, "item": item_text(facts["item"])})
        elif notice.code == "SOLD_OUT":
            turn.say("exchanges_sold_out", options=formatting.options(facts["asked_for"]))
        else:
            turn.say(f"returns_notice_{notice.code.lower()}", **facts)


def say_not_returnable(turn: Turn, item: ItemView, code: str, facts: Any) -> None:
    """Say why an item cannot come back, with the facts of the rule."""
    turn.note_finding(code, item_text(item))
    if code == "ALREADY_RETURNED" or code not in EXPLAINED:
        key = (
            "returns_not_possible_already_returned"
            if code == "ALREADY_RETURNED"
            else "returns_not_possible"
        )
        turn.say(key, item=item_text(item), rma_number=facts.get("rma_number") or "")
        return
    last_day = facts.get("last_day")
    # The same product often stands in another order that can still come back.
    named = (
        f"{item_text(item)}, {item.order_number}" if code == "WINDOW_EXPIRED" else item_text(item)
    )
    turn.say(
        f"returns_not_possible_{code.lower()}",
        item=named,
        last_day=formatting.day(last_day, turn.language) if last_day else "",
        order_number=item.order_number,
    )


def say_nothing_returnable(turn: Turn, question: Question) -> None:
    """There is nothing that could come back: say so, and why when it is about few items."""
    items: list[ItemView] = list(question.facts.get("items") or [])
    if not items:
        turn.say("returns_no_orders")
        return
    turn.say("returns_nothing_returnable")
    for item in items[:3]:
        blocks = [finding for finding in item.findings if finding.severity == "block"]
        say_not_returnable(turn, item, blocks[0].code, blocks[0].facts)


def choice_buttons(turn: Turn, question: Question) -> list[Button]:
    """The choices of a question as buttons with labels in the shopper's language."""
    return [
        Button(_choice_label(turn, question, choice), choice.value, intent=_intent_of(choice))
        for choice in question.choices
    ]


def is_one_exchange(question: Question) -> bool:
    """Whether the question is for the yes to a single exchange, in place of which the money may be wanted."""
    lines = question.facts["summary"].lines if question.kind == "confirmation" else []
    return [line.outcome for line in lines] == ["exchange"]


def say_question(turn: Turn, question: Question, buttons: list[Button]) -> None:
    """Ask the open question."""
    if question.kind == "confirmation":
        say_summary(turn, question.facts["summary"], buttons)
        return
    item = question.facts.get("item")
    facts = _item_facts(turn, item) if item else {}
    kind = (
        "item_ambiguous"
        if question.kind == "item" and question.facts.get("is_ambiguous")
        else question.kind
    )
    card = question_card(question)
    turn.say(f"returns_ask_{kind}", buttons=buttons, card=card, **facts)


def _item_facts(turn: Turn, item: ItemView) -> dict[str, Any]:
    def on(last: date | None) -> str:
        return formatting.day(last, turn.language) if last else ""

    return {
        "item": item_text(item),
        "available": item.available,
        "last_day": on(item.last_day),
        "last_exchange_day": on(item.last_exchange_day),
    }


def say_summary(turn: Turn, summary: Summary, buttons: list[Button]) -> None:
    """Everything that a yes would do, and the question for the yes."""
    lines = [turn.label("returns_summary_head", order_number=summary.order_number)]
    lines += [_summary_line(turn, line) for line in summary.lines]
    if any(line.outcome == "refund" for line in summary.lines):
        lines.append(
            turn.label(
                "returns_summary_credit" if summary.is_credit else "returns_summary_refund",
                amount=formatting.money(summary.refund_minor, summary.currency, turn.language),
            )
        )
        if summary.bonus_minor:
            bonus = formatting.money(summary.bonus_minor, summary.currency, turn.language)
            lines.append(turn.label("returns_summary_bonus", bonus=bonus))
        fee = formatting.money(summary.fee_minor, summary.currency, turn.language)
        lines.append(
            turn.label(
                "returns_summary_fee" if summary.fee_minor else "returns_summary_free", fee=fee
            )
        )
    if any(line.outcome == "exchange" for line in summary.lines):
        lines.append(_difference_text(turn, summary))
    if summary.needs_look:
        lines.append(turn.label("returns_summary_review"))
    lines.append(turn.label("returns_summary_question"))
    turn.say_text("\n".join(lines), buttons=buttons)


def _difference_text(turn: Turn, summary: Summary) -> str:
    """What the exchange costs: nothing, or the difference in price before anything is agreed."""
    difference = summary.difference_minor
    if difference == 0:
        return turn.label("exchanges_summary_free")
    amount = formatting.money(abs(difference), summary.currency, turn.language)
    key = "exchanges_summary_dearer" if difference > 0 else "exchanges_summary_cheaper"
    return turn.label(key, amount=amount)


def difference_due_text(turn: Turn, document: ReturnView) -> str | None:
    """What is to be paid for a dearer replacement, by when and where; None when nothing is."""
    exchange = document.exchange
    if exchange is None or exchange.difference_status != states.DIFFERENCE_DUE:
        return None
    amount = formatting.money(exchange.difference_minor, document.currency, turn.language)
    if exchange.payment_url is None or exchange.payment_due_at is None:
        return turn.label("exchanges_difference_link_follows", amount=amount)
    due_on = windows.local_date(exchange.payment_due_at, document.country)
    return turn.label(
        "exchanges_difference_due",
        amount=amount,
        due_on=formatting.day(due_on, turn.language),
        payment_url=exchange.payment_url,
    )


def say_registered(turn: Turn, document: ReturnView) -> None:
    """The return is in the record: its number, what is reserved, where the parcel goes and by when."""
    turn.say("returns_registered", rma_number=document.rma_number)
    if document.exchange is not None:
        names = names_in(turn, document.order_number)
        wanted = [
            formatting.item(names.get(line.line_external_id, line.name), line.new_options or {})
            for line in document.lines
            if line.outcome == "exchange"
        ]
        turn.say(
            "exchanges_reserved",
            number=document.exchange.number,
            items=formatting.enumeration(wanted, turn.language),
        )
    difference = difference_due_text(turn, document)
    if difference is not None:
        turn.say_text(difference)
    if document.status == states.REQUESTED:
        turn.say("returns_waits_for_look", rma_number=document.rma_number)
        return
    ship_by = formatting.day(windows.local_date(document.ship_by, document.country), turn.language)
    if document.method != label_requests.OWN_CARRIER:
        turn.say(
            "returns_label_follows",
            rma_number=document.rma_number,
            ship_by=ship_by,
            tracking_url=links.tracking_url(settings(), document.rma_number, now=turn.now),
        )
        return
    rules = policies.active_policy().return_
    turn.say(
        "returns_how_to_send",
        rma_number=document.rma_number,
        ship_by=ship_by,
        address=rules.address,
    )
    turn.say("returns_postage_paid" if rules.postage_paid else "returns_postage_by_shopper")


def names_in(turn: Turn, order_number: str) -> dict[str, str]:
    """The names of an order's items in the shopper's language, by the shop's id of the line."""
    with database().read() as session:
        return orders.names_of(session, order_number, turn.language)


def say_what_i_can_do(turn: Turn) -> None:
    """What can be asked here, as buttons."""
    turn.say("conversation_what_i_can_do", buttons=topic_buttons(turn))


def start_button(turn: Turn) -> Button:
    """The way into a return."""
    return Button(turn.label("label_topic_returns_start"), "topic:returns_start", "returns_start")


def topic_buttons(turn: Turn) -> list[Button]:
    """The main topics as buttons; none while a form asks its own question."""
    if turn.slots.get("requested_slot") is not None:
        return []
    topics = ("refunds_status", "returns_start", "exchanges_start", "handover_person")
    return [
        Button(turn.label(f"label_topic_{topic}"), f"topic:{topic}", intent=topic)
        for topic in topics
    ]


def _summary_line(turn: Turn, line: SummaryLine) -> str:
    facts = {
        "quantity": line.quantity,
        "item": formatting.item(line.name, line.options),
        "reason": turn.label(f"label_reason_{line.reason}"),
    }
    if line.outcome == "exchange":
        new = formatting.options(line.new_options or {})
        text = turn.label("returns_summary_line_exchange", new=new, **facts)
    else:
        text = turn.label("returns_summary_line_refund", **facts)
    return text + (
        " " + turn.label("returns_summary_kept", kept=line.kept) if line.kept > 0 else ""
    )


def _choice_label(turn: Turn, question: Question, choice: Choice) -> str:
    kind, _, value = choice.value.partition(":")
    if kind == "order":
        ordered: ItemView = choice.facts["item"]
        day = formatting.day(ordered.placed_on, turn.language)
        return turn.label("label_order_choice", number=ordered.order_number, day=day)
    if kind == "item":
        item: ItemView = choice.facts["item"]
        return f"{item_text(item)} · {item.order_number}"
    if kind == "quantity":
        return str(choice.facts["count"])
    if kind == "variant":
        return _variant_label(question.facts["item"], choice)
    if kind == "reason":
        return turn.label(f"label_reason_{value}")
    if kind == "outcome":
        return turn.label("label_outcome_refund")
    return turn.label(f"label_{kind}")


def _variant_label(item: ItemView, choice: Choice) -> str:
    """A replacement by what differs from the item that comes back: "43", or "navy, 43"."""
    options = choice.facts["options"]
    differing = {name: value for name, value in options.items() if item.options.get(name) != value}
    return formatting.options(differing or options)


def _intent_of(choice: Choice) -> str:
    kind = choice.value.partition(":")[0]
    return {"confirm": "affirm", "stop": "stop"}.get(kind, "inform")
