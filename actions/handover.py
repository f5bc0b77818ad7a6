"""Passing a conversation to a person of the support team."""

from __future__ import annotations

from typing import Any

from actions.turn import Button, DeskAction, Turn, database
from returnsdesk.services import cases


class ActionHandoverPerson(DeskAction):
    """The shopper wants a person: now, without questions."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_handover_person"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Open a case and say its number."""
        number = cases.open_case(
            database(), turn.conversation_id, "asked_for_person", turn.text[:500], now=turn.now
        )
        turn.say("handover_case", number=number)
        return []


class ActionComplaint(DeskAction):
    """An angry message: acknowledged once, passed on with priority."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_complaint"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Open an urgent case and say its number."""
        number = cases.open_case(
            database(),
            turn.conversation_id,
            "complaint",
            turn.text[:500],
            now=turn.now,
            priority="high",
        )
        turn.say("handover_complaint", number=number)
        return []


class ActionHandoverOffer(DeskAction):
    """A wish within the product's field that a person has to fulfil: offer to pass it on."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_handover_offer"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Say honestly that a colleague does this, and offer one."""
        turn.say(
            "handover_offer",
            buttons=[
                Button(
                    turn.label("label_topic_handover_person"),
                    "topic:handover_person",
                    "handover_person",
                )
            ],
        )
        return []
