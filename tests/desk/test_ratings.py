"""Ratings: asked for at a farewell, once, and never of somebody whose matter a person has to solve."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from returnsdesk.db.session import Database
from returnsdesk.services import cases, feedback
from returnsdesk.texts import render
from tests.desk.fake_rasa import FakeRasa
from tests.desk.shopper import Shopper

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


def is_welcome(shopper: Shopper) -> bool:
    return bool(shopper.client.get("/api/rating").json()["is_welcome"])


@pytest.fixture(autouse=True)
def farewell(rasa: FakeRasa) -> None:
    rasa.trace = {"intent": "bye", "slots": {}}


def test_a_farewell_is_answered_with_the_question_how_it_was(shopper: Shopper) -> None:
    shopper.say("bye")

    answer, question = shopper.wait_for_answers(2)
    assert answer["text"] == "You said: bye"
    assert question["text"] == render("desk_rating_question", "en")
    assert question["custom"] == {"card": "rating"}


def test_anything_else_is_not(shopper: Shopper, rasa: FakeRasa) -> None:
    rasa.trace = {"intent": "thanks", "slots": {}}

    shopper.say("thanks")
    shopper.say("again")

    assert len(shopper.wait_for_answers(2)) == 2


def test_it_is_asked_once(shopper: Shopper) -> None:
    shopper.say("bye")
    shopper.wait_for_answers(2)
    shopper.say("bye bye")

    assert [each["text"] for each in shopper.wait_for_answers(3)].count(
        render("desk_rating_question", "en")
    ) == 1


def test_it_is_not_asked_of_who_has_rated(shopper: Shopper) -> None:
    assert is_welcome(shopper)
    assert shopper.client.post("/api/rating", json={"score": 4}).status_code == 200
    assert not is_welcome(shopper)

    shopper.say("bye")
    shopper.say("really")

    assert [each["text"] for each in shopper.wait_for_answers(2)] == [
        "You said: bye",
        "You said: really",
    ]


@pytest.mark.parametrize("reason", ["complaint", "asked_for_person", "takeover"])
def test_it_is_held_back_where_a_person_was_needed(
    shopper: Shopper, database: Database, reason: str
) -> None:
    number = cases.open_case(database, shopper.conversation_id, reason, "so angry", now=NOW)
    cases.close_case(database, number, actor="anna@shop.example", now=NOW)

    shopper.say("bye")
    shopper.say("really")

    assert len(shopper.wait_for_answers(2)) == 2
    assert not is_welcome(shopper)
    with database.read() as session:
        assert not feedback.may_ask_for_rating(session, shopper.conversation_id)
