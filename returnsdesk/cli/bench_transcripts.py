"""`returnsdesk bench transcripts`: how fast the console's list, search and reading view are with many messages."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.orm import Session

from returnsdesk.cli.console import AsJson, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.db import migrate
from returnsdesk.db.message_search import search_text
from returnsdesk.db.models import Conversation, ConversationTag, Message
from returnsdesk.db.session import Database
from returnsdesk.services import (
    conversation_reading,
    conversation_subject,
    transcript_filters,
    transcripts,
)
from returnsdesk.services.transcripts import Place

app = typer.Typer(add_completion=False)

_MESSAGES_EACH: Final = 10
_AT_ONCE: Final = 2000
_NOBODY: Final = 0
_SAYINGS: Final = {
    "en": ("where is my refund", "I want to return the shoes from order", "the jacket is too small, can I swap it"),
    "nl": ("waar blijft mijn geld", "ik wil de laarzen terugsturen van bestelling", "de jurk is te groot"),
    "de": ("wo bleibt meine Erstattung", "ich möchte die Schuhe zurückschicken, Bestellung", "die Größe passt nicht"),
    "nb": ("hvor er pengene mine", "jeg vil returnere skoene fra ordre", "genseren er for liten"),
    "pl": ("gdzie jest mój zwrot", "chcę oddać buty z zamówienia", "sukienka jest za duża, czy można wymienić"),
}  # fmt: skip
_ANSWER: Final = {
    "en": "We check a parcel within 5 working days of its arrival and pay back right after.",
    "nl": "We controleren een pakket binnen 5 werkdagen na aankomst en betalen meteen daarna terug.",
    "de": "Wir prüfen ein Paket innerhalb von 5 Werktagen nach der Ankunft und zahlen gleich danach zurück.",
    "nb": "Vi kontrollerer en pakke innen 5 virkedager etter at den er kommet, og betaler tilbake rett etterpå.",
    "pl": "Sprawdzamy paczkę w ciągu 5 dni roboczych od jej nadejścia i zaraz potem zwracamy pieniądze.",
}
_INTENTS: Final = ("refunds_status", "returns_start", "exchanges_start", "nlu_fallback")


@app.command()
def bench_transcripts(
    messages: Annotated[
        int, typer.Option(min=1000, help="How many messages to fill in.")
    ] = 100_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 20,
    database_url: Annotated[
        str, typer.Option(help="An empty database to fill; a new SQLite file without.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List, search and reading view of the console with many messages.

    Fills a new SQLite file, which is removed afterwards, or the empty database of --database-url, which is left filled.
    """
    with tempfile.TemporaryDirectory(prefix="returnsdesk-bench-") as place:
        database = Database(database_url or f"sqlite:///{Path(place) / 'bench.db'}")
        if inspect(database.engine).get_table_names():
            raise CommandError(
                "The database is not empty, and a measurement would fill it. Name an empty one."
            )
        migrate.upgrade(database)
        started = time.perf_counter()
        _fill(database, messages // _MESSAGES_EACH)
        filled = time.perf_counter() - started
        rows = [_measured(database, name, run, rounds) for name, run in _questions(database)]
        database.dispose()
    if as_json:
        write_json({"messages": messages, "seconds_to_fill": round(filled, 1), "measured": rows})
        return
    numbers = ("found", "p50 ms", "p95 ms", "max ms")
    result = table(
        f"{messages} messages, filled in {filled:.0f} s", "what", *numbers, numbers=numbers
    )
    for row in rows:
        result.add_row(*(str(value) for value in row.values()))
    out.print(result)


def _questions(database: Database) -> Iterator[tuple[str, Callable[[Session], int]]]:
    """What is measured, each with how it is asked."""
    yield "list, top", _list({})
    yield "list, far back", _list({}, before=_far_back(database))
    queries: tuple[dict[str, str], ...] = (
        {"state": "waiting"},
        {"channel": "telegram", "language": "pl"},
        {"intent": "exchanges_start"},
        {"intent": "handover_complaint"},
        {"confidence": "0.05"},
        {"fallbacks": "3"},
        {"outcome": "exchange", "handover": "yes"},
        {"csat": "1"},
        {"tag": "late"},
        {"reviewed": "no"},
        {"unread": "yes"},
        {"order": "LL-100777"},
        {"from": "2026-02-01", "to": "2026-02-02"},
        {"q": "erstattung"},
        {"q": "grosse"},
        {"q": "re"},
        {"q": '"terugsturen van"'},
        {"q": "100777"},
        {"q": "zwrot", "language": "pl", "channel": "telegram"},
        {"q": "erstattung", "language": "en"},
    )
    for query in queries:
        name = " ".join(f"{key}={value}" for key, value in query.items())
        yield name, _list(query)
    yield "counts by state", lambda session: len(transcript_filters.counts_by_state(session))
    yield "reading view", _reading


def _list(query: dict[str, str], before: Place | None = None) -> Callable[[Session], int]:
    filters, problems = transcript_filters.read(query)
    if problems:
        raise ValueError(problems[0])
    ask = partial(transcripts.page, filters=filters, reader_id=_NOBODY, before=before)
    return lambda session: len(ask(session).lines)


def _reading(session: Session) -> int:
    wanted = select(Conversation).order_by(Conversation.last_message_at.desc()).offset(500).limit(1)
    row = session.scalars(wanted).one()
    return len(conversation_reading.read(session, row).entries)


def _far_back(database: Database) -> Place:
    with database.read() as session:
        wanted = select(Conversation.last_message_at, Conversation.id).order_by(
            Conversation.last_message_at
        )
        return Place(*session.execute(wanted.offset(1000).limit(1)).one())


def _measured(
    database: Database, name: str, run: Callable[[Session], int], rounds: int
) -> dict[str, Any]:
    taken, found = [], 0
    for _ in range(rounds + 1):
        with database.read() as session:
            started = time.perf_counter()
            found = run(session)
            taken.append((time.perf_counter() - started) * 1000)
    # The first one warms the caches.
    measured = sorted(taken[1:])
    return {
        "what": name,
        "found": found,
        "p50_ms": round(statistics.median(measured), 1),
        "p95_ms": round(measured[min(len(measured) - 1, int(len(measured) * 0.95))], 1),
        "max_ms": round(measured[-1], 1),
    }


def _fill(database: Database, conversations: int) -> None:
    """Conversations of ten messages each over ten months, always the same ones."""
    chance = random.Random(7)  # noqa: S311  the same data each time
    first = datetime(2026, 1, 1, tzinfo=timezone.utc)
    apart = timedelta(days=300) / conversations
    batch: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    for number in range(conversations):
        batch.append(_conversation(chance, number, first + number * apart))
        if len(batch) == _AT_ONCE // _MESSAGES_EACH or number == conversations - 1:
            _store(database, batch)
            batch = []
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _store(database: Database, batch: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    with database.write() as session:
        session.execute(insert(Conversation), [row for row, _ in batch])
        session.execute(insert(Message), [each for _, said in batch for each in said])
        tags = [
            {"conversation_id": row["id"], "tag": "late", "added_by": "bench", "added_at": row["created_at"]}
            for row, _ in batch
            if row["csat"] == 1
        ]  # fmt: skip
        if tags:
            session.execute(insert(ConversationTag), tags)


def _conversation(
    chance: random.Random, number: int, at: datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    own_id, language = (
        str(UUID(int=chance.getrandbits(128), version=4)),
        chance.choice(list(_SAYINGS)),
    )
    said = [
        _message(chance, own_id, language, seq, number, at) for seq in range(1, _MESSAGES_EACH + 1)
    ]
    sure = [each["confidence"] for each in said if each["confidence"] is not None]
    fallbacks = sum(each["is_fallback"] for each in said)
    is_handed_over = chance.random() < 0.03
    row = {
        "id": own_id,
        "channel": "telegram" if chance.random() < 0.2 else "web",
        "language": language,
        "created_at": at,
        "last_message_at": said[-1]["created_at"],
        "last_seq": _MESSAGES_EACH,
        "state": "waiting" if chance.random() < 0.001 else "bot",
        "handed_over_at": at if is_handed_over else None,
        "lowest_confidence": min(sure),
        "fallback_count": fallbacks,
        "outcome": chance.choice(conversation_subject.OUTCOMES),
        "csat": chance.choice((None, None, None, None, 1, 3, 4, 5, 5, 5)),
        "reviewed_at": at if chance.random() < 0.05 else None,
    }
    return row, said


def _message(
    chance: random.Random, conversation_id: str, language: str, seq: int, number: int, at: datetime
) -> dict[str, Any]:
    is_shopper = seq % 2 == 1
    words = chance.choice(_SAYINGS[language]) if is_shopper else _ANSWER[language]
    said = f"{words} LL-{100_000 + number}" if seq == 1 else words
    rare = number % 20_011 == 0 and seq == 3
    intent = ("handover_complaint" if rare else chance.choice(_INTENTS)) if is_shopper else None
    trace: dict[str, Any] = {
        "intent": intent,
        "ranking": [],
        "entities": [],
        "actions": [],
        "slots": {},
    }
    return {
        "conversation_id": conversation_id,
        "seq": seq,
        "author": "shopper" if is_shopper else "assistant",
        "text": said,
        "search_text": search_text(said),
        "content": {},
        "state": "answered" if is_shopper else "sent",
        "trace": trace if is_shopper else None,
        "intent": intent,
        "confidence": round(0.02 + 0.98 * chance.random() ** 0.2, 3) if is_shopper else None,
        "is_fallback": intent == "nlu_fallback",
        "created_at": at + timedelta(seconds=20 * seq),
    }
