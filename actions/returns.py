"""Starting a return or an exchange: the form over the draft, its questions, the summary and the yes."""

from __future__ import annotations

from typing import Any

from rasa_sdk.events import ActionExecutionRejected, ActiveLoop, FollowupAction, SlotSet

from actions import wording
from actions.chosen_return import say_number_unknown
from actions.identity import ask_identity_for, needs_identity, offers_proof
from actions.turn import (
    DeskAction,
    Turn,
    database,
    handover_button,
    item_at_hand,
    offer,
    offered_action,
)
from returnsdesk.domain.item_wishes import has_separate_wishes
from returnsdesk.domain.reasons import find_reason
from returnsdesk.services import drafts, return_dialogue
from returnsdesk.services.errors import Conflict, NotAllowed
from returnsdesk.services.return_dialogue import Heard, Hearing
from returnsdesk.services.return_questions import Question, next_question

FORM = "returns_form"
BEGIN = "action_returns_begin"


class ActionReturnsBegin(DeskAction):
    """Open a draft with the shopper's first words."""

    def name(self) -> str:
        """Rasa's name for it."""
        return BEGIN

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Keep the words, prove identity first if need be, then go through the form."""
        is_new = turn.intent in return_dialogue.STARTS or tells_enough(turn)
        with database().read() as session:
            has_open = drafts.has_open(session, turn.conversation_id, turn.now)
        if is_new or not has_open:
            # Words that came to this by a yes or a button say nothing of the items.
            wish: dict[str, object] = {
                "text": turn.text[:2000] if is_new else "",
                "intent": _wish(turn),
            }
            at_hand = item_at_hand(turn)
            if at_hand is not None:
                wish["item"] = at_hand
            if turn.page:
                # Kept, because identity may come between the words and what they mean.
                wish["page"] = turn.page
            drafts.start(database(), turn.conversation_id, wish, now=turn.now)
        if needs_identity(turn):
            return ask_identity_for(BEGIN)
        hearing = _hear_first_words(turn)
        wording.say_notices(turn, hearing.notices)
        if any(notice.code == "NOT_RETURNABLE" for notice in hearing.notices) and not _has_items(
            turn
        ):
            # What was asked for cannot be; to be asked for something else would not be an answer.
            turn.say("returns_something_else", buttons=[handover_button(turn)])
            return [offer("action_handover_person")]
        return [
            SlotSet("returns_answer", None),
            SlotSet("returns_token", None),
            FollowupAction(FORM),
        ]


class ValidateReturnsForm(DeskAction):
    """Take a message into the draft."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "validate_returns_form"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Decide between an answer, a yes, a stop and something else that its own rule answers."""
        if turn.slots.get("requested_slot") is None:
            return [SlotSet("returns_answer", None), *_ended_if_nothing(turn)]
        if _is_coming_back(turn):
            return [SlotSet("requested_slot", "returns_answer")]
        hearing = return_dialogue.hear(
            database(), turn.conversation_id, _heard(turn), turn.language, now=turn.now
        )
        if hearing.kind == return_dialogue.UNRELATED:
            return [ActionExecutionRejected(FORM)]
        if hearing.kind == return_dialogue.STOPPED:
            return _leave()
        if hearing.kind == return_dialogue.CONFIRMED:
            return [
                SlotSet("returns_token", hearing.token),
                SlotSet("returns_answer", "confirmed"),
                SlotSet("requested_slot", None),
            ]
        wording.say_notices(turn, hearing.notices)
        return [SlotSet("returns_answer", None), *_ended_if_nothing(turn)]


class AskReturnsAnswer(DeskAction):
    """Ask the first open question of the draft."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_ask_returns_answer"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """One question with its choices as buttons; the labels are kept so that typed answers are understood."""
        question = _question(turn)
        buttons = wording.choice_buttons(turn, question)
        labels = [{"value": button.choice, "label": button.label} for button in buttons]
        if wording.is_one_exchange(question):
            # Not a button of the summary, but understood when typed.
            label = turn.label("label_outcome_refund")
            labels.append({"value": "outcome:refund", "label": label})
        drafts.remember_question(
            database(), turn.conversation_id, question.kind, labels, now=turn.now
        )
        wording.say_question(turn, question, buttons)
        return [SlotSet("returns_question", question.kind)]


class ActionReturnsSubmit(DeskAction):
    """Register what the shopper said yes to."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_submit"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Submit by the token of the summary; whatever changed meanwhile leads back to a fresh summary."""
        token = turn.slots.get("returns_token")
        cleared = [
            SlotSet(slot, None) for slot in ("returns_token", "returns_answer", "returns_question")
        ]
        if not token:
            return cleared
        return [*cleared, *submit(turn, token)]


class ActionReturnsContinue(DeskAction):
    """Go on with a draft that was left."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_returns_continue"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Back into the form, or say that there is nothing to go on with."""
        with database().read() as session:
            has_open = drafts.has_open(session, turn.conversation_id, turn.now)
        if not has_open:
            turn.say("returns_nothing_to_continue")
            return []
        if needs_identity(turn):
            return ask_identity_for("action_returns_continue")
        return [SlotSet("returns_answer", None), FollowupAction(FORM)]


class ActionAnswerOutsideForm(DeskAction):
    """An answer while no question is open: an old button, a stray yes, a fact without a wish."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_answer_outside_form"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The button of a summary is answered with what became of it; anything else with what can be asked here."""
        if turn.choice and turn.choice.startswith("confirm:"):
            return submit(turn, turn.choice.partition(":")[2])
        offered = offered_action(turn)
        if offered is not None and turn.intent == "affirm" and turn.choice is None:
            return [FollowupAction(offered)]
        with database().read() as session:
            has_open = drafts.has_open(session, turn.conversation_id, turn.now)
        if turn.choice:
            turn.say("returns_choice_outdated")
        elif has_open and turn.intent in ("affirm", "inform"):
            return [FollowupAction("action_returns_continue")]
        elif tells_enough(turn):
            # "My sneakers are too small" says what it is about without saying what for.
            return [FollowupAction(BEGIN)]
        elif offers_proof(turn) and needs_identity(turn):
            return ask_identity_for("action_orders_status")
        elif needs_identity(turn) or not say_number_unknown(turn):
            wording.say_what_i_can_do(turn)
        return []


class ActionStopped(DeskAction):
    """Never mind: say what is left as it is."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_stopped"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """An open draft is kept; a return that was just registered stays, and its number is said."""
        with database().read() as session:
            draft = drafts.latest(session, turn.conversation_id, turn.now)
            registered = drafts.return_of(session, draft) if draft else None
            is_open = draft is not None and draft.state == "open" and bool(draft.lines)
        if registered is not None:
            turn.say("returns_stays_registered", rma_number=registered)
        elif is_open:
            turn.say("returns_draft_kept")
        else:
            turn.say("conversation_stopped")
        return []


def submit(turn: Turn, token: str) -> list[dict[str, Any]]:
    """Register a draft by its summary's token and say what happened; events that follow from it."""
    try:
        document = drafts.submit(database(), turn.conversation_id, token, now=turn.now)
    except Conflict as conflict:
        key = {"OUT_OF_STOCK": "returns_stock_gone", "QTY_EXCEEDS": "returns_units_gone"}.get(
            conflict.code
        )
        turn.say(key or "returns_summary_changed")
        if conflict.code == "OUT_OF_STOCK":
            drafts.forget_variants(database(), turn.conversation_id, now=turn.now)
        return _again_if_open(turn)
    except NotAllowed as refusal:
        if refusal.code == "NOT_VERIFIED":
            return ask_identity_for("action_returns_continue")
        if refusal.code == "PRICE_DIFFERS":
            drafts.forget_variants(database(), turn.conversation_id, now=turn.now)
            turn.say("exchanges_price_differs")
            return _again_if_open(turn)
        turn.say("returns_not_possible_any_more")
        return []
    wording.say_registered(turn, document)
    return []


def _again_if_open(turn: Turn) -> list[dict[str, Any]]:
    with database().read() as session:
        has_open = drafts.has_open(session, turn.conversation_id, turn.now)
    return [FollowupAction(FORM)] if has_open else []


def _hear_first_words(turn: Turn) -> Hearing:
    """Take the words that opened the draft, which identity may have come between."""
    with database().read() as session:
        draft = drafts.latest(session, turn.conversation_id, turn.now)
        wish = dict(draft.wish) if draft else {}
    heard = Heard(
        text=str(wish.get("text") or ""), intent=str(wish.get("intent") or "returns_start")
    )
    return return_dialogue.hear(
        database(), turn.conversation_id, heard, turn.language, now=turn.now
    )


def tells_enough(turn: Turn) -> bool:
    """Whether a message without a clear wish tells what is wrong with an item, or what to do with each of several."""
    may_be_meant = turn.intent == "inform" or (
        turn.intent == "nlu_fallback" and {*turn.ranking[:3]} & {*return_dialogue.STARTS, "inform"}
    )
    return bool(may_be_meant) and (
        find_reason(turn.text) is not None or has_separate_wishes(turn.text)
    )


def _wish(turn: Turn) -> str | None:
    """The intent that opened the draft; for an unclear message the likelier of return and exchange."""
    if turn.intent in return_dialogue.STARTS:
        return turn.intent
    return next((each for each in turn.ranking if each in return_dialogue.STARTS), turn.intent)


def _has_items(turn: Turn) -> bool:
    with database().read() as session:
        draft = drafts.latest(session, turn.conversation_id, turn.now)
        return draft is not None and bool(draft.lines)


def _heard(turn: Turn) -> Heard:
    return Heard(text=turn.text, intent=turn.intent, choice=turn.choice)


def _question(turn: Turn) -> Question:
    return next_question(database(), turn.conversation_id, turn.language, now=turn.now)


def _ended_if_nothing(turn: Turn) -> list[dict[str, Any]]:
    """Leave the form when there is nothing that could be returned."""
    question = _question(turn)
    if question.kind != "nothing":
        return [SlotSet("requested_slot", "returns_answer")]
    wording.say_nothing_returnable(turn, question)
    return [SlotSet("requested_slot", None)]


def _is_coming_back(turn: Turn) -> bool:
    """Whether another rule has answered this message and the form only has to ask again."""
    return any(
        each.get("event") == "action_execution_rejected" and each.get("name") == FORM
        for each in turn.events_of_turn()
    )


def _leave() -> list[dict[str, Any]]:
    return [
        SlotSet("returns_answer", None),
        SlotSet("returns_question", None),
        SlotSet("requested_slot", None),
        ActiveLoop(None),
        ActionExecutionRejected(FORM),
    ]
