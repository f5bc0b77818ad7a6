"""Proof of identity: what counts as proof, what a wrong one does, and what comes after it."""

from typing import Any

import pytest
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.identity import (
    ActionIdentityResume,
    AskIdentityProof,
    ValidateIdentityForm,
    needs_identity,
)
from returnsdesk.db.models import Order, OutboxJob
from returnsdesk.db.session import Database
from tests.actions.conftest import Answer, Talk


def asked(talk: Talk, text: str, intent: str = "inform", **more: Any) -> Answer:
    """An answer to the form's question."""
    talk.slots["requested_slot"] = "identity_proof"
    talk.says(text, intent, **more)
    return talk.runs(ValidateIdentityForm())


def is_proven(talk: Talk) -> bool:
    return not needs_identity(talk.turn(CollectingDispatcher()))


@pytest.mark.parametrize(
    "text",
    [
        "LL-10001, 1071 KV",
        "postcode 1071kv and order ll 10001",
        "my order is LL-10001 and I live at 1071 KV",
        "order 10001, postcode 1071 KV",
    ],
)
def test_order_number_and_postcode_open_the_order(talk: Talk, text: str) -> None:
    assert asked(talk, text).slots["identity_proof"] == "verified"
    assert is_proven(talk)


def test_bare_number_and_wrong_postcode_open_nothing(talk: Talk) -> None:
    assert asked(talk, "order 10001, postcode 1071 KX").slots["identity_proof"] is None
    assert not is_proven(talk)


def test_postcode_is_asked_for_after_the_number_alone(talk: Talk) -> None:
    answer = asked(talk, "LL-10001")
    assert answer.slots["identity_question"] == "postcode"
    assert "LL-10001" in talk.runs(AskIdentityProof()).text
    assert asked(talk, "1071KV").slots["identity_proof"] == "verified"


def test_five_digits_asked_for_as_a_postcode_are_no_order_number(
    talk: Talk, shop: Database
) -> None:
    with shop.write() as session:
        session.scalars(
            select(Order).where(Order.number == "LL-10001")
        ).one().postcode_norm = "50672"
    asked(talk, "LL-10001")
    assert asked(talk, "50672").slots["identity_proof"] == "verified"


def test_five_digits_beside_an_order_number_are_the_postcode(talk: Talk, shop: Database) -> None:
    with shop.write() as session:
        session.scalars(
            select(Order).where(Order.number == "LL-10001")
        ).one().postcode_norm = "50672"
    assert asked(talk, "LL-10001 50672").slots["identity_proof"] == "verified"


def test_another_order_number_replaces_the_one_before(talk: Talk) -> None:
    asked(talk, "LL-10077")
    answer = asked(talk, "sorry, it is LL-10001")
    assert answer.slots["identity_order_number"] == "LL-10001"
    assert not answer.texts


def test_unknown_number_and_wrong_postcode_sound_the_same(talk: Talk) -> None:
    wrong_postcode = asked(talk, "LL-10001, 9999 ZZ")
    unknown_number = asked(talk, "LL-10404, 1071 KV")
    assert wrong_postcode.text == unknown_number.text != ""
    assert not is_proven(talk)


def test_too_many_tries_close_the_form_and_offer_a_person(talk: Talk) -> None:
    for _ in range(5):
        asked(talk, "LL-10001, 9999 ZZ")
    answer = asked(talk, "LL-10001, 1071 KV")
    assert "too many tries" in answer.text
    assert list(answer.choices) == ["Talk to a person"]
    assert answer.slots["requested_slot"] is None
    assert not is_proven(talk)


def test_mailed_code_opens_the_orders_of_the_address(talk: Talk, shop: Database) -> None:
    assert asked(talk, "anna@mail.example").slots["identity_question"] == "code"
    with shop.read() as session:
        code = session.scalars(select(OutboxJob)).one().payload["code"]
    wrong = "000000" if code != "000000" else "111111"
    assert "not right" in asked(talk, wrong).text
    assert asked(talk, f"it is {code}").slots["identity_proof"] == "verified"


def test_unknown_address_sounds_like_a_known_one(talk: Talk, shop: Database) -> None:
    asked(talk, "nobody@mail.example")
    unknown = talk.runs(AskIdentityProof()).text
    asked(talk, "anna@mail.example")
    known = talk.runs(AskIdentityProof()).text
    assert unknown.replace("nobody", "anna") == known


def test_message_without_proof_is_said_to_be_none(talk: Talk) -> None:
    answer = asked(talk, "I don't know it")
    assert "looking for" in answer.text
    assert answer.slots["identity_proof"] is None


def test_other_questions_are_left_to_their_own_rules(talk: Talk) -> None:
    assert asked(talk, "what does it cost?", "policy_cost").is_left_to_other_rules


def test_stop_leaves_the_form_and_forgets_the_task(talk: Talk) -> None:
    talk.slots["resume_task"] = "action_refunds_status"
    answer = asked(talk, "stop", "stop")
    assert answer.is_left_to_other_rules
    assert answer.slots["resume_task"] is None
    assert any(each["event"] == "active_loop" and each["name"] is None for each in answer.events)


def test_proof_in_the_first_message_is_not_asked_for_again(talk: Talk) -> None:
    talk.says("where is my return? order LL-10001, 1071 KV", "returns_status")
    answer = talk.runs(ValidateIdentityForm())
    assert answer.slots["identity_proof"] == "verified"
    assert not answer.texts


def test_a_postcode_of_four_digits_beside_the_number_is_one(talk: Talk) -> None:
    answer = asked(talk, "LL-10001, 0358")
    assert answer.texts and answer.slots.get("identity_question") != "postcode"


def test_a_year_in_a_longer_message_is_no_postcode(talk: Talk) -> None:
    answer = asked(talk, "LL-10001 and I bought that back in 2025 I think")
    assert answer.slots["identity_question"] == "postcode"


def test_task_goes_on_after_the_proof(talk: Talk) -> None:
    talk.slots["resume_task"] = "action_refunds_status"
    asked(talk, "LL-10001, 1071 KV")
    answer = talk.runs(ActionIdentityResume())
    assert answer.next_action == "action_refunds_status"
    assert answer.slots["resume_task"] is None


def test_nothing_is_opened_without_proof(talk: Talk) -> None:
    talk.slots["resume_task"] = "action_refunds_status"
    talk.says("stop", "stop")
    answer = talk.runs(ActionIdentityResume())
    assert answer.next_action is None
    assert not answer.texts


def test_tries_count_for_an_order_however_its_number_is_written(talk: Talk) -> None:
    for number in ("LL-10001", "LL10001", "ll 10001", "LL-10001", "LL10001"):
        asked(talk, f"{number}, 9999 ZZ")
    assert "too many tries" in asked(talk, "LL-10001, 1071 KV").text
