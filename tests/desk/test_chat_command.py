"""`returnsdesk chat`: a conversation in the terminal through the desk's real entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from returnsdesk.cli import chat
from returnsdesk.cli.errors import CommandError, sentence_for
from returnsdesk.clients.mail import Mail, mail_folder
from returnsdesk.db import migrate
from returnsdesk.db.session import Database
from returnsdesk.services import feedback
from returnsdesk.services.conversations import locked, new_message
from returnsdesk.settings import LANGUAGES, Settings
from returnsdesk.texts import render
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.processes import free_port


@dataclass(frozen=True)
class Run:
    out: str
    error: Exception | None

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Chat = Callable[..., Run]


@pytest.fixture
def run(desk_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """Call the command as a terminal would; `typed` is what is entered line by line."""
    for name in ("database_url", "var_dir", "desk_port", "rasa_port"):
        monkeypatch.setenv(name.upper(), str(getattr(desk_settings, name)))
    # The tables are there; which revision of the schema they are is no matter of this command.
    monkeypatch.setattr(migrate, "current", lambda _database: migrate.head())

    def call(*arguments: str, typed: str = "") -> Run:
        result = CliRunner().invoke(chat.app, arguments, input=typed)
        return Run(result.output, result.exception)  # type: ignore[arg-type]

    return call


def test_it_says_and_shows_what_was_answered(desk: Served, run: Chat) -> None:
    done = run("--say", "where is my refund?", "--say", "and now?")

    assert done.error is None
    assert "You said: where is my refund?" in done.out
    assert done.out.index("where is") < done.out.index("and now?")


def test_a_script_gets_the_replies_as_json(desk: Served, rasa: FakeRasa, run: Chat) -> None:
    choice = {"intent": "inform", "entities": {"size": "43"}}
    rasa.answer = lambda turn: [
        {"text": f"You said: {turn['text']}"},
        {"text": "Which?", "buttons": [{"title": "43 [navy]", "payload": choice}]},
    ]

    done = run("--say", "another size", "--say", "1", "--json")

    first, second = done.data
    assert first["say"] == "another size"
    assert [reply["text"] for reply in first["replies"]] == ["You said: another size", "Which?"]
    assert first["replies"][1]["buttons"][0]["title"] == "43 [navy]"
    assert second["replies"][0]["text"] == "You said: 43 [navy]"
    assert rasa.turns[1]["choice"] == choice


@pytest.mark.parametrize("shopper", ["aoife@mail.example", "C-aoife"])
def test_it_plays_a_customer_who_is_logged_in(
    desk: Served, rasa: FakeRasa, run: Chat, shopper: str
) -> None:
    done = run("--as", shopper, "--say", "hello", "--language", "nl", "--json")

    assert done.error is None
    assert rasa.turns[0]["language"] == "nl"


def test_it_speaks_the_customers_language_unless_told_otherwise(
    desk: Served, rasa: FakeRasa, run: Chat
) -> None:
    run("--as", "C-eoin", "--say", "hello")

    assert rasa.turns[0]["language"] == "en"


def test_typed_lines_and_numbers_are_a_conversation(
    desk: Served, rasa: FakeRasa, run: Chat
) -> None:
    choice = {"intent": "inform", "entities": {}}
    rasa.answer = lambda turn: [
        {"text": f"You said: {turn['text']}", "buttons": [{"title": "Yes", "payload": choice}]}
    ]

    done = run(typed="hello\n\n1\n2\nquit\nnever said\n")

    assert rasa.texts == ["hello", "Yes", "2"]
    assert "1  Yes" in done.out
    assert "/demo/mail" in done.out
    assert done.error is None


def test_mail_that_comes_is_told_of(
    desk: Served, desk_settings: Settings, rasa: FakeRasa, run: Chat, clock: Clock
) -> None:
    folder = mail_folder(desk_settings)
    folder.send(Mail("old", "aoife@mail.example", "An old one", "", "en"), now=clock())

    def answer(_turn: dict[str, Any]) -> list[dict[str, Any]]:
        folder.send(Mail("code", "aoife@mail.example", "123456 is it", "", "en"), now=clock())
        return [{"text": "I have sent a code."}]

    rasa.answer = answer

    done = run(typed="hello\n")

    assert "123456 is it" in done.out
    assert "An old one" not in done.out


def test_a_notice_of_delay_is_shown_and_the_answer_after_it(
    desk: Served, rasa: FakeRasa, run: Chat
) -> None:
    rasa.status = 503
    rasa.on_turn = lambda: setattr(rasa, "status", 200 if len(rasa.turns) > 5 else 503)

    done = run("--say", "hello", "--json")

    said = [reply["text"] for reply in done.data[0]["replies"]]
    assert said == [render("desk_delayed", "en"), "You said: hello"]


def test_addresses_of_a_card_are_shown_and_a_rating_is_no_message(
    desk: Served, rasa: FakeRasa, run: Chat, database: Database, clock: Clock
) -> None:
    links = [{"label": "Label", "url": "https://shop.example/label.pdf"}]

    def answer(turn: dict[str, Any]) -> list[dict[str, Any]]:
        feedback.rate(database, turn["conversation_id"], score=5, comment="", now=clock())
        custom = {"card": "status", "title": "RMA-1", "links": links}
        return [{"text": "Here it is.", "custom": custom}]

    rasa.answer = answer

    shown = run("--say", "label please")
    as_data = run("--say", "label please", "--json")

    assert shown.error is None
    assert "https://shop.example/label.pdf" in shown.out
    assert [reply["text"] for reply in as_data.data[0]["replies"]] == ["Here it is."]


def test_a_label_that_comes_by_itself_is_shown_with_its_address(
    desk: Served, rasa: FakeRasa, run: Chat, database: Database, clock: Clock
) -> None:
    def answer(turn: dict[str, Any]) -> list[dict[str, Any]]:
        with database.write() as session:
            conversation = locked(session, turn["conversation_id"])
            row = new_message(
                conversation, author="assistant", text="Your label", state="sent", now=clock()
            )
            row.content = {"label": {"url": "/track/t/label.pdf", "rma_number": "RMA-1"}}
            session.add(row)
        return [{"text": "Done."}]

    rasa.answer = answer

    assert "/track/t/label.pdf" in run("--say", "label please").out


def test_an_answer_that_does_not_come_is_said(desk: Served, rasa: FakeRasa, run: Chat) -> None:
    rasa.status = 503

    done = run("--say", "hello", "--timeout", "1")

    assert "No answer came within 1 seconds" in sentence_for(done.error)


def test_without_a_desk_it_says_what_to_do(
    database: object, run: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PORT", str(free_port()))

    done = run("--say", "hello")

    assert "returnsdesk up" in sentence_for(done.error)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--as", "nobody@mail.example", "--say", "x"), "There is no customer nobody@mail.example"),
        (("--language", "fr", "--say", "x"), ", ".join(LANGUAGES)),
        (("--json",), "--json needs --say"),
    ],
)
def test_a_wrong_call_is_a_sentence(
    desk: Served, run: Chat, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*arguments)

    assert isinstance(done.error, CommandError)
    assert sentence in str(done.error)
