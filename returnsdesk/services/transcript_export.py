"""Transcripts as files: CSV and JSON lines, a message at a time, so that a list of any length fits into memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message, Order
from returnsdesk.db.session import Database
from returnsdesk.services import transcripts
from returnsdesk.services.feedback import RATING
from returnsdesk.services.transcript_filters import Filters

COLUMNS: Final = (
    "conversation", "channel", "language", "state", "outcome", "order", "message", "at", "author", "text", "buttons",
    "picture", "rating", "intent", "confidence", "fallback",
)  # fmt: skip
KINDS: Final = ("csv", "jsonl")

_AT_ONCE: Final = 100
# What spreadsheets take for a formula when a cell begins with it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def rows_of_list(
    database: Database, filters: Filters, *, reader_id: int
) -> Iterator[dict[str, Any]]:
    """Every message of every conversation that the filters leave, latest conversation first."""
    before = None
    while True:
        # A transaction for each part: the file is written by many threads in turn, and takes as long as it takes.
        with database.read() as session:
            found = transcripts.places(
                session, filters, reader_id=reader_id, before=before, size=_AT_ONCE
            )
            rows = _rows(session, [place.id for place in found])
        yield from rows
        if len(found) < _AT_ONCE:
            return
        before = found[-1]


def rows_of_one(database: Database, conversation_id: str) -> Iterator[dict[str, Any]]:
    """Every message of one conversation."""
    with database.read() as session:
        rows = _rows(session, [conversation_id])
    yield from rows


def written(rows: Iterable[dict[str, Any]], kind: str) -> Iterator[str]:
    """The rows as a file of a kind, in parts."""
    return _as_csv(rows) if kind == "csv" else _as_lines(rows)


def harmless(value: object) -> str:
    """A cell of a CSV file that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _rows(session: Session, ids: list[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    found = session.execute(
        select(Conversation, Order.number)
        .outerjoin(Order, Order.id == Conversation.order_id)
        .where(Conversation.id.in_(ids))
    )
    about = {conversation.id: (conversation, number) for conversation, number in found}
    said: dict[str, list[Message]] = {each: [] for each in ids}
    for message in session.scalars(
        select(Message).where(Message.conversation_id.in_(ids)).order_by(Message.seq)
    ):
        said[message.conversation_id].append(message)
    return [_row(*about[each], message) for each in ids for message in said[each]]


def _row(conversation: Conversation, order_number: str | None, message: Message) -> dict[str, Any]:
    content = message.content
    buttons = content.get("buttons") or []
    is_rating = content.get("kind") == RATING
    return {
        "conversation": conversation.id,
        "channel": message.channel or conversation.channel,
        "language": conversation.language,
        "state": conversation.state,
        "outcome": conversation.outcome,
        "order": order_number,
        "message": message.seq,
        "at": message.created_at.isoformat(),
        "author": message.author,
        "text": str(content.get("comment") or "") if is_rating else message.text,
        "buttons": [str(each.get("title", "")) for each in buttons if isinstance(each, dict)],
        "picture": content.get("image"),
        "rating": content.get("score") if is_rating else None,
        "intent": message.intent,
        "confidence": message.confidence,
        "fallback": message.is_fallback,
    }


def _as_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _as_csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    # The mark by which spreadsheets know that letters are UTF-8.
    buffer.write("\ufeff")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = {**row, "buttons": " | ".join(row["buttons"]), "fallback": int(row["fallback"])}
        writer.writerow([harmless(cells[column]) for column in COLUMNS])
        if buffer.tell() > 30_000:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
