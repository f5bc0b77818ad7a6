"""Changing a registered return: items or sizes anew, how it travels, another replacement for one that is gone."""

from __future__ import annotations

from collections.abc import Mapping

from rasa_sdk.events import FollowupAction, SlotSet

from actions.cancelling import CancelTask, cancellable
from actions.chosen_return import (
    items_text,
    named_among,
    of_number,
    standings_of,
    take_return,
    which_return,
)
from actions.owners_action import OwnersAction
from actions.sending import SendingTask
from actions.tasks import (
    Events,
    Question,
    State,
    Task,
    start,
    stop_button,
    take_yes_or_no,
    yes_or_no,
)
from actions.turn import Button, Turn, database, handover_button, offer
from returnsdesk import formatting
from returnsdesk.domain import states
from returnsdesk.domain.variants import match_variant
from returnsdesk.services import draft_restart, exchange_endings, exchanges, return_dialogue
from returnsdesk.services.errors import Conflict, NotAllowed
from returnsdesk.services.replacement_offers import LostReplacement, lost_replacements
from returnsdesk.services.return_dialogue import Heard
from returnsdesk.services.status import Standing

ITEMS, SIZE, METHOD, CANCEL = "items", "size", "method", "cancel"
MONEY = "money"
MOST_CHOICES = 8


class ChangeTask(Task):
    """Which return, what about it, and the yes to registering it anew."""

    kind = "change"
    starts = frozenset({"returns_change"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """The first thing that is not known yet."""
        if state.get("rma_number") is None:
            return which_return(turn, cancellable(turn), "returns_label_which")
        standing = of_number(turn, state["rma_number"])
        if standing is None or "is_confirmed" in state:
            return None
        what = state.get("what")
        if what is None:
            return _what_question(turn, standing)
        if what in (METHOD, CANCEL):
            return None
        text = turn.label("returns_change_anew", rma_number=state["rma_number"])
        return Question("confirm", text, yes_or_no(turn, "label_anew_yes", "label_cancel_no"))

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """A return, what shall be different, or the yes."""
        if state.get("rma_number") is None:
            return take_return(turn, state, choice, cancellable(turn))
        if state.get("question") == "confirm":
            return take_yes_or_no(turn, state, choice)
        kind, _, value = (choice or "").partition(":")
        if kind != "change":
            return False
        state["what"] = value
        return True

    def finish(self, turn: Turn, state: State) -> Events:
        """Into the task that was chosen, or into a form over a draft of the same items."""
        number = str(state.get("rma_number"))
        if state.get("what") == METHOD:
            return start(turn, SendingTask(), {"rma_number": number})
        if state.get("what") == CANCEL:
            return start(turn, CancelTask(), {"rma_number": number})
        if not state.get("is_confirmed"):
            turn.say("returns_cancel_kept", rma_number=number)
            return []
        try:
            draft_restart.restart(
                database(),
                turn.conversation_id,
                number,
                forget_variants=state.get("what") == SIZE,
                words=str(state.get("text") or ""),
                now=turn.now,
            )
        except NotAllowed:
            return _say_too_late(turn, number)
        words = str(state.get("text") or "")
        if words:
            heard = Heard(text=words, intent="inform")
            return_dialogue.hear(
                database(), turn.conversation_id, heard, turn.language, now=turn.now
            )
        turn.say("returns_cancel_done_for_anew", rma_number=number)
        return [SlotSet("returns_answer", None), FollowupAction("returns_form")]


class ChooseAgainTask(Task):
    """Another replacement for each that is gone, or the money instead."""

    kind = "choose_again"
    starts = frozenset({"returns_change", "exchanges_status", "exchanges_start"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """What to send for the first line that has no choice yet."""
        chosen = state.get("skus") or {}
        if state.get("wants_money"):
            return None
        line = next(
            (each for each in _lost(turn, state) if each.line_external_id not in chosen), None
        )
        if line is None:
            return None
        buttons = [
            Button(_offer_label(line, each.options), f"sku:{each.sku}")
            for each in line.offers[:MOST_CHOICES]
        ]
        money = Button(turn.label("label_outcome_refund"), f"{MONEY}:yes")
        text = turn.label(
            "returns_choose_again_which",
            rma_number=state["rma_number"],
            item=formatting.item(line.name, line.wanted),
        )
        return Question(f"line:{line.line_external_id}", text, (*buttons, money, stop_button(turn)))

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """A replacement by button or in words, or the money."""
        kind, _, value = (choice or "").partition(":")
        line_id = str(state.get("question") or "").partition(":")[2]
        line = next((each for each in _lost(turn, state) if each.line_external_id == line_id), None)
        if kind == MONEY:
            state["wants_money"] = True
            return True
        if line is None:
            return False
        if kind != "sku":
            current = next((each for each in line.offers), None)
            match = match_variant(turn.text, current, list(line.offers)) if current else None
            skus = {each.key: each.sku for each in line.offers}
            if match is None or len(match.wanted) != 1 or match.wanted[0] not in skus:
                return False
            value = skus[match.wanted[0]]
        state["skus"] = {**(state.get("skus") or {}), line_id: value}
        return True

    def finish(self, turn: Turn, state: State) -> Events:
        """Reserve the new choice, or have the money go back."""
        exchange, number = str(state["exchange"]), str(state["rma_number"])
        try:
            if state.get("wants_money"):
                exchange_endings.convert_to_return(
                    database(), exchange, "original", actor="shopper", now=turn.now
                )
                turn.say("returns_choose_again_money_done", rma_number=number)
                return []
            exchanges.choose_again(
                database(), exchange, state.get("skus") or {}, actor="shopper", now=turn.now
            )
        except Conflict:
            turn.say("returns_stock_gone")
            return start(
                turn, ChooseAgainTask(), {"rma_number": number, "exchange": exchange, "skus": {}}
            )
        except NotAllowed:
            return _say_too_late(turn, number)
        standing = of_number(turn, number)
        items = items_text_of_replacements(turn, standing) if standing else ""
        turn.say("returns_choose_again_done", rma_number=number, item=items)
        return []


class ActionReturnsChange(OwnersAction):
    """Change something about a registered return."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_change"

    def pressed(self, turn: Turn) -> Events | None:
        """The choice of another replacement."""
        if turn.choice is None or not turn.choice.startswith("choose_again:"):
            return None
        return choose_again_of(turn, turn.choice.partition(":")[2])

    def tell(self, turn: Turn) -> Events:
        """Begin with the return that is named or the only one; one whose replacement is gone comes first."""
        found = standings_of(turn)
        named = named_among(turn, found)
        waiting = [each for each in named or found if is_to_choose_again(each)]
        if waiting:
            return choose_again_of(turn, waiting[0].document.rma_number)
        possible = [each for each in named or found if each in cancellable(turn)]
        if not possible:
            return _say_too_late(turn, named[0].document.rma_number if named else "")
        number = possible[0].document.rma_number if len(possible) == 1 else None
        return start(turn, ChangeTask(), {"rma_number": number, "text": turn.text[:2000]})


def is_to_choose_again(standing: Standing) -> bool:
    """Whether the replacement of a return is gone and the shopper has to choose another."""
    exchange = standing.document.exchange
    return exchange is not None and exchange.status == states.EXCHANGE_CHOOSE_AGAIN


def choose_again_of(turn: Turn, rma_number: str) -> Events:
    """Begin the choice of another replacement for a return of the shopper's."""
    standing = of_number(turn, rma_number)
    if standing is None or standing.document.exchange is None or not is_to_choose_again(standing):
        turn.say("returns_choice_outdated")
        return []
    state = {"rma_number": rma_number, "exchange": standing.document.exchange.number}
    return start(turn, ChooseAgainTask(), state)


def items_text_of_replacements(turn: Turn, standing: Standing) -> str:
    """What goes out for a return, in one phrase."""
    wanted = [
        formatting.item(
            standing.names.get(line.line_external_id, line.name), line.new_options or {}
        )
        for line in standing.document.lines
        if line.new_options is not None
    ]
    return formatting.enumeration(wanted, turn.language)


def _what_question(turn: Turn, standing: Standing) -> Question:
    has_exchange = standing.document.exchange is not None
    offered = [ITEMS, *([SIZE] if has_exchange else []), METHOD, CANCEL]
    if len(standing.methods) < 2:
        offered.remove(METHOD)
    text = turn.label(
        "returns_change_what",
        rma_number=standing.document.rma_number,
        items=items_text(turn, standing),
    )
    buttons = tuple(
        Button(turn.label(f"label_change_{each}"), f"change:{each}") for each in offered
    )
    return Question("what", text, (*buttons, handover_button(turn)))


def _lost(turn: Turn, state: State) -> list[LostReplacement]:
    with database().read() as session:
        return lost_replacements(session, str(state.get("exchange")), turn.language)


def _offer_label(line: LostReplacement, options: Mapping[str, str]) -> str:
    """A replacement by what differs from the item that comes back."""
    differing = {name: value for name, value in options.items() if line.bought.get(name) != value}
    return formatting.options(differing or options)


def _say_too_late(turn: Turn, rma_number: str) -> Events:
    if rma_number:
        turn.say("returns_change_too_late", rma_number=rma_number, buttons=[handover_button(turn)])
    else:
        turn.say("returns_change_none", buttons=[handover_button(turn)])
    return [offer("action_handover_person")]
