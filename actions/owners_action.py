"""Answers about the shopper's own returns and orders: what they all look at before they tell anything."""

from __future__ import annotations

from abc import abstractmethod

from actions.chosen_return import say_number_unknown
from actions.identity import ask_identity_for, needs_identity
from actions.tasks import Events
from actions.turn import DeskAction, Turn


class OwnersAction(DeskAction):
    """An answer about the shopper's own: after proof of identity, and for no number that is not theirs."""

    def answer(self, turn: Turn) -> Events:
        """Ask for proof, take a button, or say that a number is unknown, whichever comes first; else `tell`."""
        if needs_identity(turn):
            return ask_identity_for(self.name())
        events = self.pressed(turn)
        if events is not None:
            return events
        return [] if say_number_unknown(turn) else self.tell(turn)

    def pressed(self, turn: Turn) -> Events | None:
        """What a button of an earlier answer leads to; None when none of this action's was pressed."""
        return None

    @abstractmethod
    def tell(self, turn: Turn) -> Events:
        """Say what there is to say and give back Rasa's events."""
