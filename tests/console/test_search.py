"""Searching transcripts, on both databases: five languages, beginnings of words, phrases, and an index kept in step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, event, select, text

from returnsdesk.db import migrate
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Conversation, ConversationTag, Message
from returnsdesk.db.session import Database
from returnsdesk.services import conversations, transcript_filters, transcript_search, transcripts
from returnsdesk.services.transcript_search import Piece, snippet, terms_of

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)
NOBODY = 0
SAID = {
    "german": "Die Größe passt nicht, wo bleibt die Erstattung?",
    "polish": "Chciałabym zwrócić żółtą sukienkę z zamówienia LL-10240",
    "norwegian": "Jakken er for trang, kan jeg få større størrelse på æskens adresse?",
    "dutch": "Waar blijft mijn geld? Het pakket is al één week bij jullie",
    "english": "Where's my refund for the running shoes? Anna's order",
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    mapper_registry.metadata.create_all(database.engine)
    for number, (name, said) in enumerate(SAID.items()):
        at = NOW + timedelta(minutes=number)
        own_id = conversations.start(database, channel="web", language="en", now=at).id
        conversations.accept(database, own_id, message_id=name, text=said, now=at)
    yield database
    database.dispose()


def found(database: Database, **query: str) -> list[str]:
    """Names of the conversations that a list shows, latest first."""
    filters, problems = transcript_filters.read(query)
    assert problems == ()
    with database.read() as session:
        lines = transcripts.page(session, filters, reader_id=NOBODY).lines
        names = dict(
            session.execute(
                select(Message.conversation_id, Message.channel_message_id).where(Message.seq == 1)
            ).all()
        )
        return [names[line.id] for line in lines]


@pytest.fixture(params=["collected", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Few hits are collected from the index, many are met on the way down the list: both find the same."""
    if request.param == "walked":
        monkeypatch.setattr(transcript_filters, "FEW", 0)
    return str(request.param)


SEARCHES: list[tuple[str, list[str]]] = [
    ("größe", ["german"]),
    ("GROSSE", ["german"]),
    ("groesse", []),
    ("erstatt", ["german"]),
    ("zolta", ["polish"]),
    ("żółtą sukienkę", ["polish"]),
    ("zamowien", ["polish"]),
    ("LL-10240", ["polish"]),
    ("10240", ["polish"]),
    ("storrelse", ["norwegian"]),
    ("størr", ["norwegian"]),
    ("aeskens", ["norwegian"]),
    ("een week", ["dutch"]),
    ("één", ["dutch"]),
    ('"running shoes"', ["english"]),
    ('"shoes running"', []),
    ('"running sho"', []),
    ("shoes running", ["english"]),
    ("unning", []),
    ("anna's", ["english"]),
    ("where refund", ["english"]),
    ("w", ["dutch", "english", "german"]),
    ("refund sukienke", []),
]
MARKS = (
    '"', '""', "'", "*", "a OR b NEAR(", 'x" OR "y', "NOT", "-", "(((", "'; DROP TABLE messages; --", "%", "_", "\\",
    "&|!:*", "\u202e", "<->", "😀", "ﷺ" * 90,
)  # fmt: skip


def test_words_are_found_in_every_language(database: Database, way: str) -> None:
    shown = [(wanted, sorted(found(database, q=wanted))) for wanted, _ in SEARCHES]

    assert shown == SEARCHES


def test_marks_mean_nothing_to_the_database(database: Database, way: str) -> None:
    for wanted in MARKS:
        found(database, q=wanted)

    assert found(database, q="erstattung") == ["german"]


def test_marks_alone_ask_for_nothing(database: Database) -> None:
    assert len(found(database, q="?!")) == len(SAID)


def test_a_changed_message_is_found_by_its_new_words_alone(database: Database) -> None:
    with database.write() as session:
        row = session.scalars(select(Message).where(Message.channel_message_id == "dutch")).one()
        row.text = "erased"

    assert found(database, q="geld") == []
    assert found(database, q="erased") == ["dutch"]


def test_a_deleted_message_is_not_found_any_more(database: Database) -> None:
    with database.write() as session:
        session.execute(
            delete(Message)
            .where(Message.channel_message_id == "dutch")
            .execution_options(synchronize_session=False)
        )

    assert found(database, q="geld") == []
    with database.write() as session:
        if database.is_sqlite:
            # Raises when the index says something else than the messages.
            session.execute(
                text(
                    "INSERT INTO message_search(message_search, rank) VALUES ('integrity-check', 1)"
                )
            )


def test_a_message_that_is_not_stored_is_not_indexed(database: Database) -> None:
    def fail_late() -> None:
        with database.write() as session:
            row = session.scalars(select(Conversation).limit(1)).one()
            session.add(
                conversations.new_message(
                    row, author="shopper", text="zeppelin", state="waiting", now=NOW
                )
            )
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()

    assert found(database, q="zeppelin") == []


def test_messages_from_before_the_index_are_found_after_the_migration(
    database_url: str,
) -> None:
    database = Database(database_url)
    migrate.upgrade(database, "0003")
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO conversations (id, channel, language, created_at, last_message_at, last_seq, "
                "state, fallback_count) VALUES ('c', 'web', 'pl', :at, :at, 1, 'bot', 0)"
            ),
            {"at": NOW.replace(tzinfo=None) if database.is_sqlite else NOW},
        )
        connection.execute(
            text(
                "INSERT INTO messages (conversation_id, seq, author, text, content, state, failed_tries, "
                "is_fallback, created_at, channel_message_id) "
                "VALUES ('c', 1, 'shopper', 'Żółta sukienka', '{}', 'answered', 0, :no, :at, 'old')"
            ),
            {"at": NOW.replace(tzinfo=None) if database.is_sqlite else NOW, "no": False},
        )

    migrate.upgrade(database)

    assert found(database, q="zolta suk") == ["old"]
    database.dispose()


def test_a_snippet_marks_what_was_found_in_the_words_as_typed() -> None:
    assert snippet(SAID["german"], terms_of("grosse"), around=10) == (
        Piece("Die "),
        Piece("Größe", is_hit=True),
        Piece(" passt nicht, wo ble"),
        Piece(" …"),
    )


def test_a_snippet_marks_only_the_beginning_that_was_asked_for() -> None:
    pieces = snippet("zwroty i zwrot", terms_of("zwro"))

    assert [piece.text for piece in pieces if piece.is_hit] == ["zwro", "zwro"]
    assert "".join(piece.text for piece in pieces) == "zwroty i zwrot"


@pytest.mark.parametrize("wanted", ["große", "ß", "straße", "æ", "ﬁ", "i̇"])
def test_a_snippet_of_letters_that_fold_into_several_never_breaks(wanted: str) -> None:
    said = f"x {wanted} {wanted}y z"

    pieces = snippet(said, terms_of(wanted))

    assert "".join(piece.text for piece in pieces) == said


def test_collected_hits_are_listed_and_paged_like_all_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "PAGE", 2)
    filters, _ = transcript_filters.read({"q": "w"})
    with database.read() as session:
        top = transcripts.page(session, filters, reader_id=NOBODY, size=2)
        rest = transcripts.page(session, filters, reader_id=NOBODY, before=top.older, size=2)
        back = transcripts.page(session, filters, reader_id=NOBODY, after=rest.newer, size=2)

    assert (top.number, len(top.lines), len(rest.lines)) == (3, 2, 1)
    assert (top.newer, rest.older) == (None, None)
    assert back.lines == top.lines


MAIN_FILTERS = [
    {},
    {"state": "waiting"},
    {"channel": "web"},
    {"language": "pl"},
    {"outcome": "case"},
    {"csat": "1"},
    {"fallbacks": "2"},
    {"from": "2026-06-01", "to": "2026-06-30"},
    {"intent": "greet"},
    {"confidence": "0.3"},
    {"tag": "late"},
    {"reviewed": "yes"},
    {"assigned": "mila@lundlinde.example"},
    {"order": "LL-10240"},
    {"q": "erstattung"},
]


def test_no_list_reads_a_whole_table(database: Database, way: str) -> None:
    steps: list[str] = []
    words = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"

    def explain(
        _connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> None:
        if statement.lstrip().startswith("SELECT"):
            beside = cursor.connection.cursor()
            beside.execute(f"{words} {statement}", parameters)
            steps.extend(str(row[-1]) for row in beside.fetchall())

    with database.read() as session:
        if not database.is_sqlite:
            # A small table is read as a whole because that is quicker; whether it has to be, is the question.
            session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(database.engine, "before_cursor_execute", explain)
        for query in MAIN_FILTERS:
            transcripts.page(session, transcript_filters.read(query)[0], reader_id=NOBODY)

    assert len(steps) > len(MAIN_FILTERS)
    whole = [
        step
        for step in steps
        if "Seq Scan" in step
        or (step.startswith("SCAN") and "INDEX" not in step and "VIRTUAL" not in step)
    ]
    assert [step for step in whole if "message" in step or "conversations" in step] == []


def test_the_tags_of_a_line_are_its_own(database: Database) -> None:
    with database.write() as session:
        own_id = session.scalars(
            select(Message.conversation_id).where(Message.channel_message_id == "dutch")
        ).one()
        session.add(ConversationTag(conversation_id=own_id, tag="late", added_by="x", added_at=NOW))

    assert found(database, tag="late") == ["dutch"]
    with database.read() as session:
        every = transcripts.page(session, transcript_filters.Filters(), reader_id=NOBODY).lines
    assert [line.tags for line in every if line.tags] == [("late",)]


def test_a_search_has_bounds() -> None:
    terms = terms_of("a " * 500)

    assert len(terms) == transcript_search.MOST_TERMS
