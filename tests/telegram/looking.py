"""Looking at what a chat has come to: waiting for a condition, the rows of a conversation, staff to take it over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from returnsdesk.db.models import Message, StaffAccount
from returnsdesk.db.session import Database
from tests.servers.telegram import FakeTelegram
from tests.servers.telegram.books import Waiting

SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true; fail after a while."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def deliver_again(telegram: FakeTelegram, sent: dict[str, Any]) -> None:
    """Have Telegram offer the update of a sent message once more."""
    message = {name: part for name, part in sent.items() if name != "update_id"}
    update = {"update_id": sent["update_id"], "message": message}
    with telegram.books.changed:
        telegram.books.waiting.insert(0, Waiting(update, message["chat"]["id"]))
        telegram.books.changed.notify_all()


def messages_of(database: Database) -> list[Message]:
    """All messages, oldest first."""
    with database.read() as session:
        rows = session.scalars(select(Message).order_by(Message.id)).all()
        session.expunge_all()
    return list(rows)


def agent(database: Database, now: datetime) -> str:
    """The address of a person of the team, Mila."""
    email = "mila@shop.example"
    with database.write() as session:
        session.add(
            StaffAccount(
                email=email,
                name="Mila",
                role="agent",
                password_hash="-",
                is_active=True,
                created_at=now,
            )
        )
    return email
