"""The commands of the chat, and the list of them that Telegram shows."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Conversation
from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.commands import SHOWN
from returnsdesk.settings import LANGUAGES
from returnsdesk.texts import render
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.telegram import FakeTelegram, User
from tests.telegram.looking import messages_of, until


@pytest.mark.parametrize(
    ("command", "intent"), [("person", "handover_person"), ("status", "returns_status")]
)
def test_a_topics_command_does_what_its_button_does(
    desk: Served, robin: User, rasa: FakeRasa, command: str, intent: str
) -> None:
    robin.says(f"/{command}")
    robin.reads("You said")
    choice = {"intent": intent, "entities": {"choice": f"topic:{intent}"}}
    assert [turn["choice"] for turn in rasa.turns] == [choice]


def test_start_greets(desk: Served, robin: User, rasa: FakeRasa) -> None:
    robin.starts()
    robin.reads("You said")
    assert rasa.turns[0]["choice"]["intent"] == "greet"


@pytest.mark.parametrize("sent", ["/help", "/HELP", "/nonsense", "/help please"])
def test_help_and_commands_that_there_are_not_are_answered_with_the_list(
    desk: Served, robin: User, rasa: FakeRasa, sent: str
) -> None:
    robin.says(sent)
    text = robin.reads("/status")["text"]
    assert all(f"/{name}" in text for name in SHOWN)
    assert not rasa.turns


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_names_every_command_in_every_language(language: str) -> None:
    text = render("telegram_help", language, shop="Lund & Linde")
    assert all(f"/{name} - " in text for name in SHOWN)


def test_a_language_is_chosen_by_a_button_and_stays(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    robin.says("/language")
    robin.reads("Which language")
    robin.presses("Polski")
    robin.reads(render("telegram_language_set", "pl")[:15])
    robin.says("zwrot")
    robin.reads("You said: zwrot")
    assert rasa.turns[-1]["language"] == "pl"


def test_new_begins_another_conversation_and_asks_nothing(
    desk: Served, robin: User, rasa: FakeRasa, database: Database
) -> None:
    robin.says("hello")
    robin.reads("You said: hello")
    robin.says("/new")
    robin.reads(render("telegram_new", "en")[:15])
    robin.says("again")
    robin.reads("You said: again")
    with database.read() as session:
        found = session.scalars(select(Conversation).order_by(Conversation.created_at)).all()
        assert [each.ended_at is not None for each in found] == [True, False]
    assert rasa.turns[0]["conversation_id"] != rasa.turns[1]["conversation_id"]


def test_buttons_of_the_conversation_before_are_old(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    button = {"title": "Yes", "payload": {"intent": "affirm"}}
    rasa.answer = lambda _turn: [{"text": "Shall I?", "buttons": [button]}]
    robin.says("return it")
    question = robin.reads("Shall I")
    robin.says("/new")
    robin.reads(render("telegram_new", "en")[:15])
    pressed = robin.presses_button(question, question["reply_markup"]["inline_keyboard"][0][0])
    assert pressed.answer() == render("telegram_button_old", "en")
    assert len(rasa.turns) == 1


def test_a_rating_is_kept(desk: Served, robin: User, rasa: FakeRasa, database: Database) -> None:
    rasa.trace = {"intent": "bye", "confidence": 1.0, "slots": {}}
    robin.says("bye")
    robin.sees("4 ⭐")
    robin.presses("4")

    def score() -> int | None:
        with database.read() as session:
            return session.scalars(select(Conversation.csat)).one()

    until(lambda: score() == 4)


def test_a_command_is_kept_without_what_follows_it(
    desk: Served, robin: User, database: Database
) -> None:
    robin.says("/help my-secret")
    robin.reads("/status")
    assert [row.text for row in messages_of(database) if row.author == "shopper"] == ["/help"]


def test_commands_are_registered_in_every_language(desk: Served, telegram: FakeTelegram) -> None:
    until(lambda: len(telegram.calls_of("setMyCommands")) == 7)
    calls = telegram.calls_of("setMyCommands")
    codes = [call.parameters.get("language_code") for call in calls]
    assert codes == [None, "en", "nl", "de", "nb", "no", "pl"]
    polish = {each["command"]: each["description"] for each in calls[-1].parameters["commands"]}
    assert tuple(polish) == SHOWN
    assert polish["person"] == render("telegram_command_person", "pl")
