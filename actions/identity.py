"""Proving identity in the chat: a code sent to the address of an order, or order number and postcode."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk.events import ActionExecutionRejected, ActiveLoop, FollowupAction, SlotSet

from actions.turn import Button, DeskAction, Turn, database, handover_button, settings
from returnsdesk.domain.mentions import Mention, find_mentions
from returnsdesk.services import identity
from returnsdesk.services.errors import NotAllowed

FORM = "identity_form"
LOCKED = "locked"
# Said inside the form these are answers or small talk; other intents are answered by their own rules first.
ANSWERS = frozenset({"inform", "affirm", "deny", "nlu_fallback", "continue", "out_of_scope"})

_FOUR_DIGITS = re.compile(r"(?<![\w-])\d{4}(?![\w-])")
_MOST_WORDS_BESIDE = 5


def needs_identity(turn: Turn) -> bool:
    """Whether the conversation has yet to prove whose orders it may see."""
    with database().read() as session:
        return identity.scope_of(session, turn.conversation_id, turn.now) is None


def offers_proof(turn: Turn) -> bool:
    """Whether the message names an order number or an address, with which proving identity begins."""
    return not {"order_number", "email"}.isdisjoint(_proof_in(turn.text))


def ask_identity_for(action: str) -> list[dict[str, Any]]:
    """Events that ask for identity first and then come back to `action`."""
    return [SlotSet("resume_task", action), FollowupAction(FORM)]


class ValidateIdentityForm(DeskAction):
    """Look for proof in a message."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "validate_identity_form"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Try what the message offers: a code, an address, order number and postcode."""
        if turn.slots.get("requested_slot") is None:
            return _asked_again(turn, self._take(turn, quietly=True))
        if turn.intent == "stop" or turn.choice == "stop":
            return _leave(turn)
        if any(
            each.get("event") == "action_execution_rejected" and each.get("name") == FORM
            for each in turn.events_of_turn()
        ):
            return [SlotSet("requested_slot", "identity_proof")]
        if not _proof_in(turn.text) and turn.intent not in ANSWERS:
            return [ActionExecutionRejected(FORM)]
        return _asked_again(turn, self._take(turn, quietly=False))

    def _take(self, turn: Turn, *, quietly: bool) -> list[dict[str, Any]]:
        """Use the proof in the message; `quietly` says nothing when there is none (the form has not asked yet)."""
        asked = turn.slots.get("identity_order_number")
        proof = _proof_in(turn.text, is_postcode_asked=asked is not None)
        try:
            if "code" in proof and _is_code_pending(turn):
                return self._take_code(turn, proof["code"])
            if "email" in proof:
                identity.request_code(
                    database(),
                    turn.conversation_id,
                    proof["email"],
                    key=settings().derived_secret("one-time-code"),
                    now=turn.now,
                )
                return [
                    SlotSet("identity_question", "code"),
                    SlotSet("identity_email", proof["email"]),
                ]
            return self._take_order(turn, proof, quietly=quietly)
        except NotAllowed:
            turn.say("identity_too_many_tries", buttons=[handover_button(turn)])
            return [SlotSet("identity_question", LOCKED)]

    def _take_code(self, turn: Turn, code: str) -> list[dict[str, Any]]:
        key = settings().derived_secret("one-time-code")
        if not identity.check_code(database(), turn.conversation_id, code, key=key, now=turn.now):
            turn.say("identity_code_wrong")
        return []

    def _take_order(
        self, turn: Turn, proof: dict[str, str], *, quietly: bool
    ) -> list[dict[str, Any]]:
        number, postcode = proof.get("order_number"), proof.get("postcode")
        asked = turn.slots.get("identity_order_number")
        if asked and (number is None or turn.text.strip().isdigit()):
            number, postcode = asked, postcode or _bare_postcode(turn.text)
        if number and postcode:
            if identity.check_order_and_postcode(
                database(), turn.conversation_id, number, postcode, now=turn.now
            ):
                return []
            turn.say("identity_no_match")
            return [SlotSet("identity_order_number", None), SlotSet("identity_question", "start")]
        if number:
            return [
                SlotSet("identity_order_number", number),
                SlotSet("identity_question", "postcode"),
            ]
        if not quietly:
            turn.say("identity_not_understood")
        return []


class AskIdentityProof(DeskAction):
    """Ask for what is missing."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_ask_identity_proof"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """One question: the code, the postcode, or who is speaking."""
        question = turn.slots.get("identity_question") or "start"
        stop = Button(turn.label("label_stop"), "stop", intent="stop")
        if question == "code":
            turn.say(
                "identity_ask_code", email=turn.slots.get("identity_email") or "", buttons=[stop]
            )
        elif question == "postcode":
            turn.say(
                "identity_ask_postcode",
                number=turn.slots.get("identity_order_number") or "",
                buttons=[stop],
            )
        else:
            turn.say("identity_ask_who")
        return []


class ActionIdentityResume(DeskAction):
    """Go on with what the shopper had asked for."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_identity_resume"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Confirm the proof and follow up, or say that nothing was opened."""
        events = [
            SlotSet(slot, None)
            for slot in (
                "identity_proof",
                "identity_question",
                "identity_order_number",
                "identity_email",
            )
        ]
        task = turn.slots.get("resume_task")
        if needs_identity(turn):
            return events
        turn.say("identity_verified")
        events.append(SlotSet("resume_task", None))
        return [*events, FollowupAction(task)] if task else events


def _asked_again(turn: Turn, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The form goes on asking, unless identity is proven or too many tries have closed it for now."""
    if not needs_identity(turn):
        return _done()
    if any(each.get("value") == LOCKED for each in events):
        return [SlotSet("identity_proof", None), SlotSet("requested_slot", None)]
    return [*events, SlotSet("identity_proof", None)]


def _done() -> list[dict[str, Any]]:
    return [SlotSet("identity_proof", "verified"), SlotSet("requested_slot", None)]


def _leave(turn: Turn) -> list[dict[str, Any]]:
    return [
        SlotSet("identity_question", None),
        SlotSet("identity_order_number", None),
        SlotSet("resume_task", None),
        SlotSet("requested_slot", None),
        ActiveLoop(None),
        ActionExecutionRejected(FORM),
    ]


def _proof_in(text: str, *, is_postcode_asked: bool = False) -> dict[str, str]:
    """The last mention of each kind that can prove something.

    Five digits are mentioned as an order number and as a postcode: beside an order number, or asked for a postcode,
    they are the postcode, otherwise the order number.
    """
    kinds = ("email", "order_number", "postcode", "code")
    found: list[Mention] = [each for each in find_mentions(text) if each.kind in kinds]
    postcodes = {(each.start, each.end) for each in found if each.kind == "postcode"}
    numbers = [(each.start, each.end) for each in found if each.kind == "order_number"]
    has_sure_number = any(place not in postcodes for place in numbers)
    number_place = None if has_sure_number or is_postcode_asked else next(iter(numbers), None)
    proof = {}
    for each in found:
        place = (each.start, each.end)
        is_other_kind = (
            place == number_place
            if each.kind == "postcode"
            else place in postcodes - {number_place}
        )
        if not is_other_kind:
            proof[each.kind] = each.value
    if "order_number" in proof and "postcode" not in proof:
        proof |= _short_postcode_beside(text, numbers)
    return proof


def _short_postcode_beside(text: str, numbers: list[tuple[int, int]]) -> dict[str, str]:
    """Four digits beside an order number and next to nothing else: a postcode of Norway, Belgium, Austria and others.

    In a longer message four digits are as likely a year or an amount.
    """
    rest = text
    for start, end in sorted(numbers, reverse=True):
        rest = f"{rest[:start]} {rest[end:]}"
    codes = _FOUR_DIGITS.findall(rest)
    is_little_else = len(rest.split()) <= _MOST_WORDS_BESIDE
    return {"postcode": codes[0]} if len(codes) == 1 and is_little_else else {}


def _bare_postcode(text: str) -> str | None:
    """An answer to the question for a postcode that is nothing else, whatever its country's form."""
    words = text.strip()
    return words if 3 <= len(words) <= 10 and any(char.isdigit() for char in words) else None


def _is_code_pending(turn: Turn) -> bool:
    with database().read() as session:
        return identity.is_code_pending(session, turn.conversation_id, turn.now)
