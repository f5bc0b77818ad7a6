"""Small talk and what the assistant says when it did not understand."""

from __future__ import annotations

from typing import Any

from rasa_sdk.events import FollowupAction

from actions import wording
from actions.returns import tells_enough
from actions.turn import MEANT, Button, DeskAction, Turn, handover_button
from returnsdesk.domain.claim_words import find_claim_type


class ActionGreet(DeskAction):
    """A greeting with the main topics as buttons."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_greet"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Say hello and what can be done here."""
        turn.say("conversation_greeting", buttons=wording.topic_buttons(turn))
        return []


class ActionNotUnderstood(DeskAction):
    """The model is not sure enough: never act, offer the likeliest meanings and a person."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_not_understood"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Say so and offer what was probably meant; the main topics when nothing is likely."""
        if tells_enough(turn):
            return [FollowupAction("action_returns_begin")]
        if tells_of_a_fault(turn):
            return [FollowupAction("action_claims_begin")]
        likely = [intent for intent in turn.ranking if intent in wording.NAMED_INTENTS][:2]
        if not likely:
            turn.say("conversation_not_understood", buttons=wording.topic_buttons(turn))
            return []
        meanings = [Button(turn.label(f"label_topic_{intent}"), MEANT, intent) for intent in likely]
        turn.say("conversation_not_understood", buttons=[*meanings, handover_button(turn)])
        return []


def tells_of_a_fault(turn: Turn) -> bool:
    """Whether an unclear message that may be a claim says what went wrong; a claim is asked about before it is made."""
    return "claims_start" in turn.ranking[:3] and find_claim_type(turn.text) is not None


class ActionOutOfScope(DeskAction):
    """Something that this desk does not do."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_out_of_scope"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Say what this desk is for."""
        turn.say("conversation_out_of_scope", buttons=wording.topic_buttons(turn))
        return []
