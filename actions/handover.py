"""Passing a conversation to a person of the support team."""

from __future__ import annotations

from typing import Any

from actions.turn import DeskAction, Turn, database, handover_button, offer
from returnsdesk.services import cases, identity, orders

COUNTRY_BY_LANGUAGE = {"en": "IE", "nl": "NL", "de": "DE", "nb": "NO", "pl": "PL"}


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
        turn.say("handover_offer", buttons=[handover_button(turn)])
        return [offer("action_handover_person")]


def country_of(turn: Turn) -> str:
    """Where the shopper lives, by the latest order; by the language while identity is not proven."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        found = orders.orders_of(session, scope, turn.now) if scope else []
    return found[0].country if found else COUNTRY_BY_LANGUAGE[turn.language]
