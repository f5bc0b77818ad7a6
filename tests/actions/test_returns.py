"""The form of returns: what a message fills, what it does not, and that one yes is one return."""

import re

import pytest
from sqlalchemy import func, select

from actions.returns import (
    ActionAnswerOutsideForm,
    ActionReturnsBegin,
    ActionReturnsContinue,
    ActionReturnsSubmit,
    ActionStopped,
    AskReturnsAnswer,
    ValidateReturnsForm,
)  # fmt: skip
from returnsdesk.db.models import Return
from returnsdesk.db.session import Database
from tests.actions.conftest import Answer, Talk


def begins(talk: Talk, text: str, intent: str = "returns_start") -> Answer:
    """The first message of a return and the first question."""
    talk.slots["requested_slot"] = None
    talk.says(text, intent)
    begun = talk.runs(ActionReturnsBegin())
    if begun.next_action != "returns_form":
        return begun
    opened = talk.runs(ValidateReturnsForm())
    question = talk.runs(AskReturnsAnswer()) if talk.slots["requested_slot"] else Answer([], [], [])
    return Answer(begun.texts + opened.texts + question.texts, question.buttons, question.events)


def answers(talk: Talk, text: str, intent: str = "inform", *, choice: str | None = None) -> Answer:
    """An answer to the form's question, and the next question or the return."""
    talk.says(text, intent, choice=choice)
    taken = talk.runs(ValidateReturnsForm())
    if taken.is_left_to_other_rules:
        return taken
    following = AskReturnsAnswer() if talk.slots["requested_slot"] else ActionReturnsSubmit()
    then = talk.runs(following)
    return Answer(taken.texts + then.texts, then.buttons, taken.events + then.events)


def presses(talk: Talk, label: str, answer: Answer) -> Answer:
    """A button of an answer."""
    choice = answer.choices[label]
    return answers(
        talk, label, "affirm" if choice.startswith("confirm") else "inform", choice=choice
    )


def to_summary(talk: Talk) -> Answer:
    begins(talk, "I want to return the sneakers")
    return answers(talk, "changed my mind")


def returns_made(shop: Database) -> int:
    with shop.read() as session:
        count: int = session.scalar(select(func.count()).select_from(Return))
        return count


def test_guest_proves_identity_first_and_the_words_are_kept(talk: Talk) -> None:
    answer = begins(talk, "I want to return the sneakers, too small")
    assert answer.next_action == "identity_form"
    assert answer.slots["resume_task"] == "action_returns_begin"


def test_words_fill_item_and_reason_and_only_the_rest_is_asked(anna: Talk) -> None:
    answer = begins(anna, "I want to return the sneakers, they are too small")
    assert "Would you like one of these instead" in answer.text
    assert list(answer.choices) == ["42.5", "43", "Money back (refund)"]


def test_nothing_is_made_before_the_yes(anna: Talk, shop: Database) -> None:
    answer = to_summary(anna)
    assert "Shall I register" in answer.text
    assert returns_made(shop) == 0


@pytest.mark.parametrize("text", ["1", "the first one", "number 1", "do what?"])
def test_only_a_yes_registers(anna: Talk, shop: Database, text: str) -> None:
    to_summary(anna)
    answers(anna, text)
    assert returns_made(shop) == 0


def test_yes_makes_one_return(anna: Talk, shop: Database) -> None:
    to_summary(anna)
    answer = answers(anna, "yes please", "affirm")
    assert "RMA-" in answer.text
    assert anna.slots["returns_token"] is None
    assert returns_made(shop) == 1


def test_button_pressed_twice_is_answered_with_the_same_return(anna: Talk, shop: Database) -> None:
    summary = to_summary(anna)
    first = presses(anna, "Yes, please do that", summary)
    anna.says("Yes", "affirm", choice=summary.choices["Yes, please do that"])
    second = anna.runs(ActionAnswerOutsideForm())
    assert second.texts == first.texts
    assert returns_made(shop) == 1


def test_turn_repeated_after_a_crash_finds_the_same_return(anna: Talk, shop: Database) -> None:
    to_summary(anna)
    slots = dict(anna.slots)
    first = answers(anna, "yes", "affirm")
    anna.slots = slots
    again = answers(anna, "yes", "affirm")
    assert again.texts == first.texts
    assert returns_made(shop) == 1


def test_yes_to_an_older_summary_shows_the_present_one(anna: Talk, shop: Database) -> None:
    older = to_summary(anna)
    answers(anna, "the reason is that they are too large, money back")
    answer = presses(anna, "Yes, please do that", older)
    assert answer.next_action == "returns_form"
    assert returns_made(shop) == 0


def test_no_at_the_summary_asks_what_to_change(anna: Talk) -> None:
    to_summary(anna)
    answer = answers(anna, "no", "deny")
    assert "what should be different" in answer.text
    assert "Shall I register" in answer.text


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("no, the shirts", "Shirt"),
        ("the reason is that they are too large", "Reason: Too large|Would you like"),
    ],
)
def test_correction_at_the_summary_changes_what_it_names(anna: Talk, text: str, heard: str) -> None:
    to_summary(anna)
    assert re.search(heard, answers(anna, text).text)


def test_number_beside_the_number_bought_is_the_one_wished(anna: Talk) -> None:
    answer = begins(anna, "I bought 3 shirts, 2 of them I want to return, not my style")
    assert "2 × Shirt" in answer.text


def test_more_than_there_is_is_not_reduced(anna: Talk) -> None:
    answer = begins(anna, "I want to return 4 shirts")
    assert "at most 3" in answer.text
    assert list(answer.choices) == ["1", "2", "3"]


def test_item_named_again_is_no_reason(anna: Talk) -> None:
    begins(anna, "I want to return the sneakers")
    answer = answers(anna, "the sneakers")
    assert "reason" in answer.text
    assert "Shall I register" not in answer.text


def test_unclear_answer_is_said_to_be_unclear(anna: Talk) -> None:
    begins(anna, "I want to return the sneakers")
    answer = answers(anna, "hm")
    assert "did not quite get that" in answer.text


def test_other_question_is_left_to_its_rule_and_the_form_asks_again(anna: Talk) -> None:
    question = begins(anna, "I want to return the sneakers")
    assert answers(anna, "what does it cost?", "policy_cost").is_left_to_other_rules
    anna.events.append({"event": "action_execution_rejected", "name": "returns_form"})
    coming_back = anna.runs(ValidateReturnsForm())
    assert coming_back.slots == {"requested_slot": "returns_answer"}
    assert not coming_back.texts
    assert anna.runs(AskReturnsAnswer()).texts == question.texts


def test_stop_leaves_the_form_and_keeps_the_draft(anna: Talk) -> None:
    to_summary(anna)
    answer = answers(anna, "stop", "stop")
    assert answer.is_left_to_other_rules
    assert "continue" in anna.runs(ActionStopped()).text
    anna.says("continue", "continue")
    assert anna.runs(ActionReturnsContinue()).next_action == "returns_form"


def test_stop_after_the_yes_says_that_the_return_stays(anna: Talk) -> None:
    to_summary(anna)
    answers(anna, "yes", "affirm")
    anna.says("stop", "stop")
    assert "RMA-" in anna.runs(ActionStopped()).text


def test_nothing_to_continue_is_said(anna: Talk) -> None:
    anna.says("continue", "continue")
    answer = anna.runs(ActionReturnsContinue())
    assert answer.next_action is None
    assert "nothing left open" in answer.text


def test_money_is_understood_in_place_of_an_exchange_at_the_summary(anna: Talk) -> None:
    begins(anna, "I want to return the sneakers, they are too small")
    assert "instead: black, 43" in answers(anna, "43 please").text
    answer = answers(anna, "money back rather")
    assert "You get €" in answer.text
    assert "instead" not in answer.text


def test_bare_size_at_an_exchanges_summary_is_the_new_size(anna: Talk) -> None:
    begins(anna, "the sneakers are too small, can I get a 43", "exchanges_start")
    answer = answers(anna, "42.5")
    assert "instead: black, 42.5" in answer.text


def test_button_of_a_closed_question_is_outdated(anna: Talk, shop: Database) -> None:
    anna.says("Too small", choice="reason:too_small")
    answer = anna.runs(ActionAnswerOutsideForm())
    assert answer.texts
    assert answer.next_action is None
    assert returns_made(shop) == 0


def test_confirmation_of_somebody_else_makes_nothing(talk: Talk, shop: Database) -> None:
    talk.says("Yes", "affirm", choice="confirm:0123456789abcdef")
    talk.runs(ActionAnswerOutsideForm())
    assert returns_made(shop) == 0


def test_order_number_of_a_guest_leads_to_proof_of_identity(talk: Talk) -> None:
    talk.says("LL-10001")
    assert talk.runs(ActionAnswerOutsideForm()).next_action == "identity_form"
