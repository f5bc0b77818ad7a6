"""Calling a registered return off: possible until a carrier has the parcel, and done after a yes."""

from __future__ import annotations

from actions.chosen_return import (
    items_text,
    named_among,
    of_number,
    standings_of,
    take_return,
    which_return,
)
from actions.owners_action import OwnersAction
from actions.tasks import Events, Question, State, Task, start, take_yes_or_no, yes_or_no
from actions.turn import Turn, database, handover_button, offer
from returnsdesk import formatting
from returnsdesk.domain import states, windows
from returnsdesk.services import return_moves
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.status import Standing


class CancelTask(Task):
    """Which return, and the yes."""

    kind = "cancel"
    starts = frozenset({"returns_cancel"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """Which of several returns; then the yes, while nothing was handed to a carrier."""
        if "is_confirmed" in state:
            return None
        if state.get("rma_number") is None:
            return which_return(turn, cancellable(turn), "returns_cancel_which")
        standing = of_number(turn, state["rma_number"])
        if standing is None or standing.document.status not in states.RETURN_BEFORE_SCAN:
            return None
        return Question(
            "confirm",
            turn.label(
                "returns_cancel_confirm",
                rma_number=standing.document.rma_number,
                items=items_text(turn, standing),
            ),
            yes_or_no(turn, "label_cancel_yes", "label_cancel_no"),
        )

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """A return's number, item or button; or the yes."""
        if state.get("rma_number") is None:
            return take_return(turn, state, choice, cancellable(turn))
        return take_yes_or_no(turn, state, choice)

    def finish(self, turn: Turn, state: State) -> Events:
        """Cancel, or say that it stays as it is and why."""
        number = str(state.get("rma_number"))
        standing = of_number(turn, number)
        if standing is None:
            turn.say("returns_cancel_none")
            return []
        if not state.get("is_confirmed", False):
            return _say_kept(turn, standing, is_refused="is_confirmed" not in state)
        try:
            return_moves.cancel(database(), number, actor="shopper", now=turn.now)
        except NotAllowed:
            return _say_kept(turn, standing, is_refused=True)
        turn.say("returns_cancel_done", rma_number=number)
        return []


class ActionReturnsCancel(OwnersAction):
    """Cancel my return."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_cancel"

    def tell(self, turn: Turn) -> Events:
        """Begin with the return that is named or the only one; say so when there is none to cancel."""
        named = named_among(turn, standings_of(turn))
        possible = cancellable(turn)
        chosen = named if len(named) == 1 else possible if len(possible) == 1 else []
        if not chosen and not possible:
            return _say_nothing_to_cancel(turn)
        number = chosen[0].document.rma_number if chosen else None
        return start(turn, CancelTask(), {"rma_number": number})


def cancellable(turn: Turn) -> list[Standing]:
    """The returns that no carrier has yet."""
    return [
        each for each in standings_of(turn) if each.document.status in states.RETURN_BEFORE_SCAN
    ]


def _say_kept(turn: Turn, standing: Standing, *, is_refused: bool) -> Events:
    """Nothing was cancelled: as the shopper wished, or because the parcel is on its way."""
    document = standing.document
    if not is_refused:
        turn.say("returns_cancel_kept", rma_number=document.rma_number)
        return []
    shipped_on = (
        formatting.day(windows.local_date(document.shipped_at, document.country), turn.language)
        if document.shipped_at
        else ""
    )
    ended = document.status in states.RETURN_ENDED
    key = "returns_cancel_ended" if ended else "returns_cancel_too_late"
    turn.say(
        key if ended or shipped_on else "returns_cancel_not_possible",
        rma_number=document.rma_number,
        shipped_on=shipped_on,
        buttons=[handover_button(turn)],
    )
    return [] if ended else [offer("action_handover_person")]


def _say_nothing_to_cancel(turn: Turn) -> Events:
    """No return can be cancelled: say how the latest open one stands, if there is one."""
    is_open = [
        each for each in standings_of(turn) if each.document.status not in states.RETURN_ENDED
    ]
    if is_open:
        return _say_kept(turn, is_open[0], is_refused=True)
    turn.say("returns_cancel_none")
    return []
