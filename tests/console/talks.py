"""Conversations as the console's tests need them: shoppers who wait for a person, and what the record says of them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from returnsdesk.db.models import Case, Conversation, Event, Message
from returnsdesk.db.session import Database
from returnsdesk.services import cases
from tests.desk.shopper import Shopper


def now() -> datetime:
    return datetime.now(timezone.utc)


def ask_for_person(
    database: Database, shopper: Shopper, text: str = "A person, please", priority: str = "normal"
) -> int:
    """What the assistant does when the shopper asks for a person; the number of the case."""
    return cases.open_case(
        database,
        shopper.conversation_id,
        "asked_for_person",
        text,
        now=now(),
        priority=priority,
    )


def let_nobody_wait(database: Database) -> None:
    """Close what waits in the sample shop, so that a test knows who does."""
    with database.write() as session:
        session.query(Case).filter_by(status="open").update({"status": "closed"})
        session.query(Conversation).filter_by(state="waiting").update({"state": "bot"})


def address(shopper: Shopper, command: str = "") -> str:
    """Address of the conversation, or of a command on it, in the console."""
    return f"/console/conversations/{shopper.conversation_id}" + (f"/{command}" if command else "")


def state_of(database: Database, shopper: Shopper) -> str:
    with database.read() as session:
        return str(session.get(Conversation, shopper.conversation_id).state)


def open_cases(database: Database, shopper: Shopper) -> list[tuple[str, str, str | None]]:
    """Reason, status and who has it, of the cases that are not closed."""
    with database.read() as session:
        rows = session.query(Case).filter_by(conversation_id=shopper.conversation_id)
        return [
            (row.reason, row.status, row.assigned_to)
            for row in rows.order_by(Case.id)
            if row.status != "closed"
        ]


def said(shopper: Shopper, author: str) -> list[str]:
    return [each["text"] for each in shopper.history() if each["author"] == author]


def trace_of(database: Database, shopper: Shopper, text: str) -> dict[str, Any] | None:
    with database.read() as session:
        row = session.query(Message).filter_by(
            conversation_id=shopper.conversation_id, text=text, author="shopper"
        )
        return row.one().trace


def commands(database: Database, shopper: Shopper) -> list[tuple[str, str]]:
    """Who did what, by the event log."""
    with database.read() as session:
        rows = session.query(Event).filter_by(conversation_id=shopper.conversation_id)
        return [(row.actor, row.command) for row in rows.order_by(Event.id)]
