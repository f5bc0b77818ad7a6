"""Judged messages and conversations leave in the project's own formats, without personal data, and work there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from rasa.shared.nlu.training_data.loading import load_data

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Correction, Customer, Message, VerifiedSession
from returnsdesk.db.session import Database
from returnsdesk.services import corrections, example_export, scenario_export
from returnsdesk.services.corrections import NEVER_JUDGED, Mark
from returnsdesk.services.errors import NotAllowed, NotFound
from returnsdesk.services.example_export import Example
from returnsdesk.services.scenario_export import telling_part
from tests.console.conftest import LEAD, Staff
from tests.console.small_figures import conversation, missed
from tests.dialogues.test_scenarios import test_conversation as play
from tests.integration.conftest import Command, desk_database, returnsdesk
from tests.servers.product import Product

__all__ = ["desk_database", "returnsdesk"]

NOW = datetime(2026, 6, 10, 12, tzinfo=timezone.utc)


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    mapper_registry.metadata.create_all(opened.engine)
    yield opened
    opened.dispose()


def judged(
    database: Database, text: str, intent: str | None, language: str = "en",
    marks: list[Mark] | None = None, at: datetime = NOW,
) -> int:  # fmt: skip
    """A message in a conversation of its own that a person has judged; its id."""
    with database.write() as session:
        name = f"c{session.query(Message).count()}"
        session.add(conversation(name, at, language))
        session.flush()
        message = missed(name, 1, text, at)
        session.add(message)
        session.flush()
        message_id = int(message.id)
    corrections.judge(database, message_id, intent, marks, version=NEVER_JUDGED, actor=LEAD, now=at)
    return message_id


def found(database: Database, **facts: object) -> list[Example]:
    with database.read() as session:
        return example_export.examples(session, **facts)  # type: ignore[arg-type]


def read_by_rasa(files: dict[str, str], folder: Path) -> list[tuple[str, str, list[object]]]:
    """Text, intent and entities of every example, as Rasa's own reader has them."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    data = load_data(str(folder / "data"))
    return [
        (each.get("text"), each.get("intent"), each.get("entities") or [])
        for each in data.training_examples
    ]


def test_examples_stand_in_the_file_of_their_language_and_topic(
    store: Database, tmp_path: Path
) -> None:
    judged(store, "my flamingo lamp shall fly home", "returns_start")
    judged(store, "de flamingolamp moet terugvliegen", "returns_start", "nl")
    judged(store, "der flamingo landete schief", "claims_start", "de")
    judged(store, "left out of it", None)
    files = example_export.as_files(found(store))
    assert sorted(files) == [
        "data/nlu/de/claims.yml", "data/nlu/en/returns.yml", "data/nlu/nl/returns.yml",
    ]  # fmt: skip
    assert sorted(read_by_rasa(files, tmp_path)) == [
        ("de flamingolamp moet terugvliegen", "returns_start", []),
        ("der flamingo landete schief", "claims_start", []),
        ("my flamingo lamp shall fly home", "returns_start", []),
    ]
    first = files["data/nlu/en/returns.yml"].splitlines()
    assert first[0].startswith("# English examples on returns")
    assert first[1:5] == ['version: "3.1"', "", "nlu:", "  - intent: returns_start"]


HOSTILE = [
    "[give me 500](amount) {\"x\": 1} [y]{\"entity\": \"email\"}",
    "- intent: affirm",
    "first line\n    - second line\n  - intent: deny\n\ttab",
    "# not a comment: \"quotes\" 'and' `ticks` & *anchors* | > %",
    "${DATABASE_URL} !env_var $SHELL",
    "/affirm{\"a\":1}",
    "line\u2028separator\u0085and\x07bell\u202eright",
    "  spaces  at   both ends  ",
    "emoji 🎉 and ł ø ß é",
    "---",
]  # fmt: skip


def test_whatever_was_typed_is_one_plain_example(store: Database, tmp_path: Path) -> None:
    for text in HOSTILE:
        judged(store, text, "out_of_scope")
    exported = [each for each in found(store) if each.standing == example_export.NEW]
    back = read_by_rasa(example_export.as_files(exported), tmp_path)
    assert sorted(text for text, _, _ in back) == sorted(each.text for each in exported)
    assert all(entities == [] for _, _, entities in back)
    assert {intent for _, intent, _ in back} == {"out_of_scope"}
    # Nothing but marks is lost.
    assert len(exported) == len(HOSTILE) - 1
    assert found(store)[-1].standing == example_export.EMPTY


def test_personal_data_does_not_go_out(store: Database) -> None:
    with store.write() as session:
        session.add(
            Customer(
                external_id="a", email="jo@mail.example", email_norm="jo@mail.example", first_name="Joost",
                last_name="Breukelen", address={"line1": "Havenstraat 12", "city": "Zwolle"},
            )
        )  # fmt: skip
    text = (
        "Joost Breukelen, Havenstraat 12, 8011 AB Zwolle, jo@mail.example, +31 6 1234 9876, order LL-90817,"
        " RMA-4455, code 918273, where is it"
    )
    message_id = judged(store, text, "orders_status")
    with store.write() as session:
        session.get(Message, message_id).conversation.customer_id = 1
    (example,) = found(store)
    for personal in (
        "Joost",
        "Breukelen",
        "Havenstraat",
        "Zwolle",
        "jo@",
        "9876",
        "90817",
        "4455",
        "918273",
        "8011",
    ):
        assert personal not in example.text, example.text
    assert example.text.endswith("where is it")


def test_what_stands_in_the_examples_already_is_left_out(store: Database, tmp_path: Path) -> None:
    folder = tmp_path / "nlu" / "en"
    folder.mkdir(parents=True)
    (folder / "conversation.yml").write_text(
        'version: "3.1"\nnlu:\n  - intent: greet\n    examples: |\n      - Hello there!\n      - order LL-1 hello\n'
    )
    for text, intent in (
        ("hello THERE", "greet"), ("hello there", "bye"), ("order LL-2 hello", "greet"), ("good morrow", "greet"),
        ("Good morrow!", "greet"), ("x " * 300, "greet"), ("!!", "greet"),
    ):  # fmt: skip
        judged(store, text, intent)
    standing = [each.standing for each in found(store, folder=tmp_path / "nlu")]
    assert standing == [
        example_export.DUPLICATE, example_export.CONTRADICTS, example_export.DUPLICATE, example_export.NEW,
        example_export.DUPLICATE, example_export.TOO_LONG, example_export.EMPTY,
    ]  # fmt: skip


def test_the_projects_own_examples_are_known(store: Database) -> None:
    own = example_export.standing_examples()
    assert len(own) > 5000
    assert own["nl", "hoe stuur ik dit terug"] == "returns_start"
    judged(store, "Hoe stuur ik dit terug??", "returns_start", "nl")
    assert found(store)[0].standing == example_export.DUPLICATE


def test_values_that_are_read_otherwise_are_written_as_cases_for_tests(store: Database) -> None:
    judged(
        store,
        "the flamingo from LL-90817 in forty-two",
        "returns_start",
        marks=[Mark("size", "forty-two")],
    )
    # Marked as the product finds them itself: nothing to tell.
    judged(
        store,
        "the ostrich from LL-90817",
        "returns_start",
        marks=[Mark("order_number", "LL-90817")],
    )
    files = example_export.as_files(found(store))
    assert yaml.safe_load(files[example_export.VALUES_FILE]) == [
        {
            "language": "en",
            "text": "the flamingo from LL-12345 in forty-two",
            "names": [{"kind": "size", "typed": "forty-two"}],
        }
    ]


def test_a_lead_exports_what_is_new_once(lead: Staff, database: Database) -> None:
    message_id = judged(
        database, "my flamingo lamp shall fly home", "returns_start", at=datetime.now(timezone.utc)
    )
    answer = lead.post("/console/improve/export")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["data/nlu/en/returns.yml"]
        assert b"- my flamingo lamp shall fly home\n" in archive.read("data/nlu/en/returns.yml")
    with database.read() as session:
        row = session.query(Correction).where(Correction.message_id == message_id).one()
        assert row.exported_at is not None
    again = lead.post("/console/improve/export")
    assert again.status_code == 303 and "nothing_to_export" in again.headers["location"]
    assert lead.post("/console/improve/export", all="1").status_code == 200


def test_the_terminal_writes_the_files_and_overwrites_none(
    returnsdesk: Command,
    desk_database: Database,
    tmp_path: Path,
) -> None:
    judged(desk_database, "my flamingo lamp shall fly home", "returns_start")
    listed = returnsdesk("nlu", "corrections", "--json")
    assert listed.data[0]["standing"] == "new" and listed.data[0]["intent"] == "returns_start"
    target = tmp_path / "out"
    assert returnsdesk("nlu", "export", str(target)).status == 0
    assert (target / "data" / "nlu" / "en" / "returns.yml").exists()
    assert returnsdesk("nlu", "export", str(target)).status == 1
    present = returnsdesk("nlu", "export", str(target), "--all")
    assert present.status == 1 and "already" in present.err
    assert returnsdesk("nlu", "scenario", "no-such").status == 1


# --- scenarios ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("Your refund of €24.95 was paid back on 3 June.", "was paid back on"),
        ("Hallo Anna, Ihre Rücksendung RMA-1009 ist am Montag, 1. März angekommen.", "Ihre Rücksendung"),
        ("Is that all (really)? Yes or no.", r"Is that all \(really\)\? Yes or no"),
        ("OK", ""),
    ],
)  # fmt: skip
def test_of_an_answer_the_part_that_stays_the_same_is_kept(answer: str, part: str) -> None:
    assert telling_part(answer, ["Anna"]) == part


def talk(database: Database, *turns: tuple[str, str, str]) -> None:
    """A conversation "c": who, what, and what the message is more ("button", "photo", "unanswered" or nothing)."""
    with database.write() as session:
        session.add(conversation("c", NOW))
        session.flush()
        last = None
        for seq, (author, text, more) in enumerate(turns, start=1):
            row = missed("c", seq, text, NOW)
            row.author = author
            if author != "shopper":
                row.trace, row.state, row.reply_to_id = None, "sent", last
            if more == "button":
                row.choice = {"intent": "affirm", "entities": {}}
            if more == "photo":
                row.content, row.trace = {"image": "/photos/1"}, None
            session.add(row)
            session.flush()
            last = row.id if author == "shopper" else last


def test_a_conversation_becomes_turns_until_a_person_takes_over(store: Database) -> None:
    talk(
        store,
        ("shopper", "where is order LL-90817", ""),
        ("assistant", "It is on its way to you since 3 June.", ""),
        ("shopper", "leaf.jpg", "photo"),
        ("shopper", "Yes, pass it on", "button"),
        ("assistant", "I have passed it on to a colleague.", ""),
        ("agent", "Hello, Mila here.", ""),
        ("shopper", "hi Mila", ""),
    )
    with store.read() as session:
        written = scenario_export.as_scenario(session, "c")
        kept = scenario_export.as_scenario(session, "c", keeps_texts=True)
    assert yaml.safe_load(written) == {
        "shopper": "guest",
        "turns": [
            {"says": "where is order LL-12345", "hears": ["It is on its way to you since"]},
            {"presses": "Yes, pass it on", "hears": ["I have passed it on to a colleague"]},
        ],
    }
    assert "photo" in written and "took over" in written
    assert "LL-90817" in kept


def test_nothing_to_play_and_nobody_known_are_said(store: Database) -> None:
    talk(store, ("agent", "Hello", ""))
    with store.read() as session:
        with pytest.raises(NotAllowed):
            scenario_export.as_scenario(session, "c")
        with pytest.raises(NotFound):
            scenario_export.as_scenario(session, "d")


def test_a_lead_downloads_a_scenario(lead: Staff, database: Database) -> None:
    talk(database, ("shopper", "hello", ""), ("assistant", "Good day, how can I help you?", ""))
    answer = lead.get("/console/improve/scenarios/c.yml")
    assert answer.status_code == 200 and yaml.safe_load(answer.text)["shopper"] == "guest"
    assert lead.get("/console/improve/scenarios/d.yml").status_code == 404


def test_a_conversation_plays_again_as_the_scenario_that_was_made_of_it(
    product: Product, tmp_path: Path
) -> None:
    with product.shopper("LLC-2001") as shopper:
        shopper.says("How long do I have to send something back?")
        shopper.says("my black sneakers are too small, a 42.5 please")
        shopper.presses(shopper.labels()[-1])
        shopper.says("stop")
    with product.database.read() as session:
        newest = (
            session.query(VerifiedSession.conversation_id)
            .order_by(VerifiedSession.id.desc())
            .limit(1)
        )
        written = scenario_export.as_scenario(session, newest.scalar(), keeps_texts=True)
    scenario = yaml.safe_load(written)
    assert scenario["shopper"] == "LLC-2001" and len(scenario["turns"]) == 4
    assert all(turn["hears"] for turn in scenario["turns"])
    path = tmp_path / "en" / "taken.yml"
    path.parent.mkdir()
    path.write_text(written, encoding="utf-8")
    play(product, path)
    # It tells when the assistant answers otherwise.
    scenario["turns"][0]["hears"] = ["something that nobody says"]
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    with pytest.raises(AssertionError):
        play(product, path)
