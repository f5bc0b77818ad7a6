"""How a return travels: its label once more, and another way of sending it before a carrier has it."""

from __future__ import annotations

from datetime import date

from actions import wording
from actions.cancelling import cancellable
from actions.chosen_return import (
    items_text,
    named_among,
    of_number,
    standings_of,
    take_return,
    which_return,
)
from actions.owners_action import OwnersAction
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
from actions.turn import Button, Turn, database, handover_button, offer, settings
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.domain.pick_up import pick_up_days
from returnsdesk.services import labels, links, policies
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.status import Standing

PICK_UP = "pick_up"
OWN_CARRIER = "own_carrier"
MOST_REPORTED = 3
MOST_DAYS = 6


class SendingTask(Task):
    """Which return, which way, the day of a pick-up, and the yes."""

    kind = "sending"
    starts = frozenset({"returns_label", "returns_change"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """The first thing that is not known yet."""
        number = state.get("rma_number")
        if number is None:
            return which_return(turn, cancellable(turn), "returns_label_which")
        standing = of_number(turn, number)
        if standing is None or "is_confirmed" in state:
            return None
        if state.get("method") is None:
            buttons = _way_buttons(turn, standing, "way")
            text = turn.label("returns_sending_which", rma_number=number)
            return Question("way", text, (*buttons, stop_button(turn))) if buttons else None
        if state["method"] == PICK_UP and state.get("day") is None:
            days = pick_up_days(standing.document.country, turn.now)[:MOST_DAYS]
            buttons = [
                Button(formatting.day(day, turn.language), f"day:{day.isoformat()}") for day in days
            ]
            text = turn.label("returns_sending_day", rma_number=number)
            return Question("day", text, (*buttons, stop_button(turn)))
        day = state.get("day")
        text = turn.label(
            f"returns_sending_confirm_{state['method']}",
            rma_number=number,
            day=formatting.day(date.fromisoformat(day), turn.language) if day else "",
        )
        return Question("confirm", text, yes_or_no(turn, "label_sending_yes", "label_sending_no"))

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """A return, a way, a day, or the yes."""
        kind, _, value = (choice or "").partition(":")
        if state.get("rma_number") is None:
            return take_return(turn, state, choice, cancellable(turn))
        if state.get("question") == "confirm":
            return take_yes_or_no(turn, state, choice)
        if kind == "way":
            state["method"] = value
        elif kind == "day":
            state["day"] = value
        else:
            return False
        return True

    def finish(self, turn: Turn, state: State) -> Events:
        """Change the way of sending and say what to do now."""
        number = str(state.get("rma_number"))
        if not state.get("is_confirmed"):
            turn.say("returns_sending_kept", rma_number=number)
            return []
        day = date.fromisoformat(state["day"]) if state.get("day") else None
        try:
            labels.choose_method(
                database(), number, state["method"], day, actor="shopper", now=turn.now
            )
        except NotAllowed:
            turn.say(
                "returns_sending_not_possible", rma_number=number, buttons=[handover_button(turn)]
            )
            return [offer("action_handover_person")]
        method = turn.label(f"label_sending_{state['method']}")
        turn.say("returns_sending_done", rma_number=number, method=method)
        standing = of_number(turn, number)
        if standing is not None:
            say_label(turn, standing)
        return []


class ActionReturnsLabel(OwnersAction):
    """My label, no printer, where to hand the parcel in, pick-up."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_label"

    def pressed(self, turn: Turn) -> Events | None:
        """Another way of sending a return."""
        if turn.choice is None or not turn.choice.startswith("sending:"):
            return None
        _, number, method = turn.choice.split(":")
        return start(turn, SendingTask(), {"rma_number": number, "method": method})

    def tell(self, turn: Turn) -> Events:
        """The label of each open return with the other ways of sending it; what to expect where there is none."""
        found = [
            each for each in standings_of(turn) if each.document.status not in states.RETURN_ENDED
        ]
        chosen = named_among(turn, found) or found[:MOST_REPORTED]
        if not chosen:
            turn.say("returns_label_none", buttons=[wording.start_button(turn)])
        for standing in chosen:
            say_label(turn, standing, with_ways=True)
        return []


def say_label(turn: Turn, standing: Standing, *, with_ways: bool = False) -> None:
    """Where the label of a return is, or why there is none."""
    document = standing.document
    ways = _way_buttons(turn, standing, f"sending:{document.rma_number}") if with_ways else []
    turn.say(
        _label_key(standing),
        rma_number=document.rma_number,
        items=items_text(turn, standing),
        label_url=links.label_url(settings(), document.rma_number, now=turn.now),
        tracking_url=links.tracking_url(settings(), document.rma_number, now=turn.now),
        address=policies.active_policy().return_.address,
        ship_by=formatting.day(
            windows.local_date(document.ship_by, document.country), turn.language
        ),
        pick_up_on=formatting.day(document.pick_up_on, turn.language)
        if document.pick_up_on
        else "",
        buttons=ways,
    )


def _label_key(standing: Standing) -> str:
    document = standing.document
    if document.status == states.REQUESTED:
        return "returns_label_waits"
    if document.status not in states.RETURN_BEFORE_SCAN:
        return "returns_label_not_needed"
    if document.method == OWN_CARRIER:
        return "returns_label_own_carrier"
    if not any(parcel.label_ready for parcel in document.parcels):
        return "returns_label_being_made"
    return "returns_label_pick_up" if document.pick_up_on else "returns_label_ready"


def _way_buttons(turn: Turn, standing: Standing, prefix: str) -> list[Button]:
    """The other ways in which a return could travel, while no carrier has it."""
    document = standing.document
    if not states.may("choose_method", document.status):
        return []
    return [
        Button(turn.label(f"label_sending_{method}"), f"{prefix}:{method}", "returns_label")
        for method in standing.methods
        if method != document.method
    ]
