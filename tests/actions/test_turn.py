"""What an action knows of a message."""

import json
from datetime import timezone

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.turn import MEANT, Button, Turn, offer, offered_action
from tests.actions.conftest import Talk


def turn_of(talk: Talk) -> Turn:
    return talk.turn(CollectingDispatcher())


def test_text_intent_and_time_are_those_of_the_message(talk: Talk) -> None:
    talk.says("where is my refund?", "refunds_status", ranking=("refunds_status", "inform"))
    turn = turn_of(talk)
    assert (turn.text, turn.intent, turn.choice) == ("where is my refund?", "refunds_status", None)
    assert turn.ranking == ("refunds_status", "inform")
    assert turn.now.tzinfo == timezone.utc


def test_pressed_button_gives_its_choice(talk: Talk) -> None:
    talk.says("Too small", choice="reason:too_small")
    assert turn_of(talk).choice == "reason:too_small"


def test_button_that_tells_what_was_meant_brings_the_words_before_it(talk: Talk) -> None:
    talk.says("the socks back pls", "nlu_fallback")
    talk.says("Return something", "returns_start", choice=MEANT)
    turn = turn_of(talk)
    assert (turn.text, turn.choice, turn.intent) == ("the socks back pls", None, "returns_start")


@pytest.mark.parametrize("language", ["xx", None])
def test_unknown_language_is_the_shops_own(talk: Talk, language: str | None) -> None:
    talk.says("hei")
    tracker = Tracker(
        talk.conversation_id, {"language": language}, talk.message, [], False, None, {}, None
    )
    assert Turn.of(tracker, CollectingDispatcher()).language == "en"


def test_button_keeps_intent_and_choice_in_its_payload() -> None:
    payload = Button("Stop", "stop", intent="stop").payload()
    assert payload["title"] == "Stop"
    assert json.loads(payload["payload"]) == {"intent": "stop", "entities": {"choice": "stop"}}


def test_yes_means_the_offer_of_the_message_before(talk: Talk) -> None:
    talk.says("it is broken", "claims_start")
    talk.events.append(offer("action_handover_person"))
    talk.says("yes", "affirm")
    assert offered_action(turn_of(talk)) == "action_handover_person"


def test_offer_is_forgotten_after_another_message(talk: Talk) -> None:
    talk.says("it is broken", "claims_start")
    talk.events.append(offer("action_handover_person"))
    talk.says("hello", "greet")
    talk.says("yes", "affirm")
    assert offered_action(turn_of(talk)) is None


def test_a_message_carries_the_texts_it_is_made_of_and_its_findings_once(talk: Talk) -> None:
    talk.says("hi")
    dispatcher = CollectingDispatcher()
    turn = talk.turn(dispatcher)
    turn.note_finding("FINAL_SALE", "blazer")
    head = turn.label("returns_registered", rma_number="RMA-1")
    turn.label("label_stop")
    turn.say_text(head)
    turn.say("utter_bye")

    first, second = dispatcher.messages
    assert first["told"] == [{"key": "returns_registered", "facts": {"rma_number": "RMA-1"}}]
    assert first["findings"] == [{"code": "FINAL_SALE", "about": "blazer"}]
    assert second["told"] == [{"key": "utter_bye", "facts": {}}]
    assert second["findings"] == []
