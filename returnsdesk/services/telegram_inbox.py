"""The inbox of Telegram: updates as they came, each once, and which of them still wait to be handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import TelegramUpdate
from returnsdesk.db.session import Database

WAITING: Final = "waiting"
DONE: Final = "done"
FAILED: Final = "failed"

MOST_ATTEMPTS: Final = 5
"""An update that has failed so often is set aside, so that the chat's next ones are handled."""

KEPT: Final = timedelta(days=3)
"""Telegram offers an update for a day at most; after that nobody sends it again and its row has no use."""

_LARGEST_ID: Final = 2**63 - 1
_ID_PLACES: Final = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "message_reaction",
    "chat_boost",
)


@dataclass(frozen=True)
class WaitingUpdate:
    """An update that is to be handled next, and how often that has failed."""

    bot_id: int
    update_id: int
    chat_id: int | None
    payload: dict[str, Any]
    attempts: int
    received_at: datetime


def store(
    database: Database, bot_id: int, updates: Sequence[Mapping[str, Any]], *, now: datetime
) -> set[int | None]:
    """Keep updates; gives the chats that have new ones. What has no usable `update_id` is left out: it is none.

    An update that is known is left as it is.
    """
    by_id = {_update_id(each): each for each in updates}
    by_id.pop(None, None)
    try:
        return _store_new(database, bot_id, by_id, now)
    except IntegrityError:
        # Another process has stored one of them meanwhile; it is known now.
        return _store_new(database, bot_id, by_id, now)


def _store_new(
    database: Database, bot_id: int, by_id: Mapping[int | None, Mapping[str, Any]], now: datetime
) -> set[int | None]:
    with database.write() as session:
        known = set(
            session.scalars(
                select(TelegramUpdate.update_id).where(
                    TelegramUpdate.bot_id == bot_id, TelegramUpdate.update_id.in_(list(by_id))
                )
            )
        )
        new = [
            TelegramUpdate(
                bot_id=bot_id,
                update_id=update_id,
                chat_id=chat_id_of(payload),
                payload=dict(payload),
                state=WAITING,
                attempts=0,
                received_at=now,
            )
            for update_id, payload in by_id.items()
            if update_id not in known
        ]
        session.add_all(new)
        return {row.chat_id for row in new}


def chats_waiting(session: Session, *, bot_id: int, limit: int = 500) -> list[int | None]:
    """Chats with updates that wait, the longest waiting first; None stands for updates of no chat."""
    rows = session.execute(
        select(TelegramUpdate.chat_id, func.min(TelegramUpdate.update_id).label("first"))
        .where(TelegramUpdate.state == WAITING, TelegramUpdate.bot_id == bot_id)
        .group_by(TelegramUpdate.chat_id)
        .order_by(func.min(TelegramUpdate.update_id))
        .limit(limit)
    )
    return [row.chat_id for row in rows]


def next_waiting(session: Session, chat_id: int | None, *, bot_id: int) -> WaitingUpdate | None:
    """The oldest update of a chat that was not handled yet."""
    of_chat = (
        TelegramUpdate.chat_id.is_(None) if chat_id is None else TelegramUpdate.chat_id == chat_id
    )
    row = session.scalars(
        select(TelegramUpdate)
        .where(of_chat, TelegramUpdate.state == WAITING, TelegramUpdate.bot_id == bot_id)
        .order_by(TelegramUpdate.update_id)
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return WaitingUpdate(
        row.bot_id, row.update_id, row.chat_id, dict(row.payload), row.attempts, row.received_at
    )


def mark_done(database: Database, update: WaitingUpdate) -> None:
    """The update was handled."""
    with database.write() as session:
        _row(session, update).state = DONE


def mark_attempt(database: Database, update: WaitingUpdate, *, is_hopeless: bool = False) -> bool:
    """Count that handling has failed; True if the update was set aside with it."""
    with database.write() as session:
        row = _row(session, update)
        row.attempts += 1
        if is_hopeless or row.attempts >= MOST_ATTEMPTS:
            row.state = FAILED
        return bool(row.state == FAILED)


def is_first_of_chat(session: Session, update: WaitingUpdate) -> bool:
    """Whether no earlier update of its chat is known."""
    earlier = select(TelegramUpdate.update_id).where(
        TelegramUpdate.bot_id == update.bot_id,
        TelegramUpdate.chat_id == update.chat_id,
        TelegramUpdate.update_id < update.update_id,
    )
    return session.scalar(earlier.limit(1)) is None


def forget_handled(database: Database, *, now: datetime) -> int:
    """Delete updates that were handled or set aside days ago: they hold what shoppers wrote; gives how many."""
    with database.write() as session:
        result = session.execute(
            delete(TelegramUpdate)
            .where(TelegramUpdate.state != WAITING, TelegramUpdate.received_at < now - KEPT)
            .execution_options(synchronize_session=False)
        )
        return int(result.rowcount)


def chat_id_of(payload: Mapping[str, Any]) -> int | None:
    """The chat that an update belongs to; None for kinds without one and for what is not of the API's form."""
    for place in _ID_PLACES:
        if place in payload:
            return _id_in(payload[place], "chat")
    pressed = payload.get("callback_query")
    if isinstance(pressed, Mapping):
        return _id_in(pressed.get("message"), "chat") or _id_in(pressed, "from")
    return None


def _id_in(part: object, name: str) -> int | None:
    inner = part.get(name) if isinstance(part, Mapping) else None
    found = inner.get("id") if isinstance(inner, Mapping) else None
    return found if _is_id(found) else None


def _update_id(payload: Mapping[str, Any]) -> int | None:
    found = payload.get("update_id")
    return found if _is_id(found) else None


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_ID


def _row(session: Session, update: WaitingUpdate) -> TelegramUpdate:
    row: TelegramUpdate | None = session.get(
        TelegramUpdate, (update.bot_id, update.update_id), with_for_update=True
    )
    if row is None:
        raise LookupError(f"update {update.update_id} is gone")
    return row
