"""Takeover: the assistant is silent while a person has the chat, the shopper reads who it is, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from typer.testing import CliRunner

from returnsdesk.cli import conversations as commands
from returnsdesk.db import migrate
from returnsdesk.db.models import Case, Event, Message, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services import answers, takeover
from returnsdesk.services.answers import Reply
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.settings import Settings
from returnsdesk.texts import render
from tests.desk.fake_rasa import FakeRasa
from tests.desk.pictures import picture
from tests.desk.serving import Served
from tests.desk.shopper import Shopper, eventually

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)
ANNA, BEN = "anna@shop.example", "ben@shop.example"


@pytest.fixture(autouse=True)
def staff(database: Database) -> None:
    with database.write() as session:
        for email, name, is_active in (
            (ANNA, "Anna", True),
            (BEN, "Ben", True),
            ("gone@shop.example", "Gone", False),
        ):
            session.add(
                StaffAccount(
                    email=email,
                    name=name,
                    role="agent",
                    password_hash="-",
                    is_active=is_active,
                    created_at=NOW,
                )
            )


def authors_of(shopper: Shopper) -> list[str]:
    return [message["author"] for message in shopper.history()]


def test_while_a_person_has_the_chat_rasa_is_not_asked(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    shopper.say("hello")
    shopper.wait_for_answers(1)

    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    shopper.say("are you there?")
    takeover.say(database, shopper.conversation_id, "Anna@Shop.example", "Yes, I am.", now=NOW)

    joined, asked, answered = shopper.history()[2:]
    assert joined["text"] == render("takeover_joined", "en", name="Anna")
    assert joined["person"] == {"joined": True, "name": "Anna"}
    assert (asked["author"], asked["text"]) == ("shopper", "are you there?")
    assert (answered["author"], answered["custom"]) == ("agent", {"name": "Anna"})
    assert rasa.texts == ["hello"]
    # Nothing waits for an answer, so nothing says that somebody is typing.
    assert shopper.client.get("/api/history").json()["typing"] is False


def test_after_leaving_the_assistant_says_so_and_answers_again(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    shopper.say("for Anna")
    takeover.leave(database, shopper.conversation_id, ANNA, now=NOW)
    shopper.say("for the assistant")

    eventually(lambda: len(shopper.history()) == 6)
    left, back = shopper.history()[2:4]
    assert left["person"] == {"joined": False, "name": "Anna"}
    assert (back["author"], back["text"]) == (
        "assistant",
        render("takeover_assistant_is_back", "en"),
    )
    assert rasa.texts == ["for the assistant"]


def test_an_answer_under_way_when_a_person_joins_is_not_said(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()
    shopper.say("slow")
    rasa.hung.wait(10)

    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    rasa.may_answer.set()
    takeover.leave(database, shopper.conversation_id, ANNA, now=NOW)
    shopper.say("next")

    eventually(lambda: "You said: next" in shopper.said_to())
    assert "You said: slow" not in shopper.said_to()


def test_an_answer_to_a_message_that_a_person_has_taken_is_dropped(
    shopper: Shopper, database: Database
) -> None:
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    shopper.say("mine")
    with database.read() as session:
        message_id = session.query(Message).filter_by(text="mine").one().id

    answers.store_answer(database, message_id, [Reply("late")], {}, owner="turn", now=NOW)

    assert "late" not in shopper.said_to()


def test_a_photo_gets_no_answer_of_the_assistant(shopper: Shopper, database: Database) -> None:
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)

    sent = shopper.client.post("/api/photos?message_id=p1", content=picture())

    assert sent.status_code == 201
    assert authors_of(shopper) == ["system", "shopper"]


def test_one_person_at_a_time_and_each_is_told_once(shopper: Shopper, database: Database) -> None:
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)

    with pytest.raises(Conflict):
        takeover.join(database, shopper.conversation_id, BEN, now=NOW)
    with pytest.raises(NotAllowed):
        takeover.say(database, shopper.conversation_id, BEN, "Hello", now=NOW)
    with pytest.raises(NotAllowed):
        takeover.leave(database, shopper.conversation_id, BEN, now=NOW)
    assert authors_of(shopper) == ["system"]
    with database.read() as session:
        assert [(case.reason, case.status, case.summary) for case in session.query(Case)] == [
            ("takeover", "with_person", ANNA)
        ]
        assert [event.actor for event in session.query(Event).filter_by(document="case")] == [ANNA]


@pytest.mark.parametrize("agent", ["nobody@shop.example", "gone@shop.example", ""])
def test_only_active_staff_may_join(shopper: Shopper, database: Database, agent: str) -> None:
    with pytest.raises(NotFound):
        takeover.join(database, shopper.conversation_id, agent, now=NOW)

    assert shopper.history() == []


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
def test_what_is_no_message_is_not_sent(shopper: Shopper, database: Database, text: str) -> None:
    takeover.join(database, shopper.conversation_id, ANNA, now=NOW)

    with pytest.raises(ServiceError):
        takeover.say(database, shopper.conversation_id, ANNA, text, now=NOW)

    assert authors_of(shopper) == ["system"]


def test_a_conversation_that_is_over_cannot_be_joined(shopper: Shopper, database: Database) -> None:
    shopper.client.delete("/api/session")

    with pytest.raises(NotFound):
        takeover.join(database, shopper.conversation_id, ANNA, now=NOW)
    with pytest.raises(NotFound):
        takeover.join(database, "no-such-id", ANNA, now=NOW)


@pytest.fixture
def run(desk_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    for name in ("database_url", "var_dir"):
        monkeypatch.setenv(name.upper(), str(getattr(desk_settings, name)))
    monkeypatch.setattr(migrate, "current", lambda _database: migrate.head())

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(commands.app, arguments)
        assert result.exception is None, result.exception
        return result.output

    return call


def test_the_terminal_takes_over_and_hands_back(
    shopper: Shopper, rasa: FakeRasa, desk: Served, run: Callable[..., str]
) -> None:
    own = shopper.conversation_id
    assert own in run("list", "--json")

    assert "Anna" in run("join", own, "--as", ANNA)
    run("say", own, "Good morning", "--as", ANNA)
    assert ANNA in run("list", "--json")
    run("leave", own, "--as", ANNA)

    assert authors_of(shopper) == ["system", "agent", "system", "assistant"]
    assert "Good morning" in run("show", own)
