"""Passing a conversation to a person of the support team."""

from __future__ import annotations

from typing import Any

from actions.turn import DeskAction, Turn, database, handover_button, offer, settings
from returnsdesk import formatting
from returnsdesk.domain import windows
from returnsdesk.services import cases, identity, orders
from returnsdesk.services.support_hours import SupportHours

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
        say_what_comes_next(turn)
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
        say_what_comes_next(turn)
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


def say_what_comes_next(turn: Turn) -> None:
    """Say that somebody comes, or when the team is back, in the shopper's language and time zone."""
    hours = SupportHours.of(settings())
    opening = hours.next_opening(turn.now)
    if hours.is_open(turn.now):
        turn.say("handover_open")
    elif opening is None:
        turn.say("handover_closed_for_now")
    else:
        local = opening.astimezone(windows.zone_of(country_of(turn)))
        turn.say("handover_closed", when=formatting.day_and_time(local, turn.language))


def country_of(turn: Turn) -> str:
    """Where the shopper lives, by the latest order; by the language while identity is not proven."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        found = orders.orders_of(session, scope, turn.now) if scope else []
    return found[0].country if found else COUNTRY_BY_LANGUAGE[turn.language]
