"""What open pages of the console compare to see that something has changed: for all lists, and for one conversation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import ConversationViewer, Event, Message
from returnsdesk.services import conversations, waiting


@dataclass(frozen=True)
class ConversationMark:
    """A conversation as those who look at it see it; `mark` changes with anything that they see."""

    mark: str
    typist: str | None


@dataclass(frozen=True)
class Marks:
    """How many wait, what changes with anything that a list shows, and the conversations that were asked for."""

    waiting: int
    lists: str
    conversations: dict[str, ConversationMark]


def read(session: Session, conversation_ids: Collection[str], *, now: datetime) -> Marks:
    """The marks at an instant; every desk process reads the same."""
    return Marks(
        waiting=waiting.count(session),
        lists=_lists(session, now),
        conversations=_conversations(session, conversation_ids, now),
    )


def _lists(session: Session, now: datetime) -> str:
    # Rows of both kinds are only ever added, and no change of a conversation goes without one of them or a viewer.
    viewers = session.execute(
        select(ConversationViewer.conversation_id, ConversationViewer.account_id)
        .where(ConversationViewer.looking_until > now)
        .order_by(ConversationViewer.conversation_id, ConversationViewer.account_id)
    ).all()
    newest = session.execute(
        select(
            select(func.max(Message.id)).scalar_subquery(),
            select(func.max(Event.id)).scalar_subquery(),
        )
    ).one()
    return _digest(tuple(newest), [tuple(row) for row in viewers])


def _conversations(
    session: Session, ids: Collection[str], now: datetime
) -> dict[str, ConversationMark]:
    if not ids:
        return {}
    viewers = waiting.viewers(session, ids, now=now)
    newest = dict(
        session.execute(
            select(Event.conversation_id, func.max(Event.id))
            .where(Event.conversation_id.in_(ids))
            .group_by(Event.conversation_id)
        ).all()
    )
    found = {}
    for each, mark in conversations.marks(session, ids).items():
        *seen, typing_until = mark
        is_typing = typing_until is not None and typing_until > now
        typist = conversations.name_of_person(session, each) if is_typing else None
        digest = _digest(seen, newest.get(each), viewers.get(each))
        found[each] = ConversationMark(digest, typist)
    return found


def _digest(*facts: object) -> str:
    return blake2s(repr(facts).encode(), digest_size=8).hexdigest()
