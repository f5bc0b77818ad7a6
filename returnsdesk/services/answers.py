"""Answering: who may answer a conversation, which message is next, and keeping the answer.

One process at a time answers a conversation. It holds a lease that it renews, so that the messages of a process that
died are taken up by another within seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message
from returnsdesk.db.session import Database
from returnsdesk.services import conversation_state, conversation_subject, identity
from returnsdesk.services.buttons import Button, issue
from returnsdesk.services.conversations import (
    DELAYED,
    is_told_of_delay,
    locked,
    new_message,
    next_waiting,
)
from returnsdesk.services.errors import NotFound
from returnsdesk.settings import LANGUAGES

LEASE = timedelta(seconds=6)


@dataclass(frozen=True)
class WaitingMessage:
    """A shopper's message that is to be answered next."""

    id: int
    conversation_id: str
    text: str
    choice: dict[str, Any] | None
    language: str
    channel: str
    # What the shop's page said of itself: page, product, name, order. Nobody has checked it, so it opens nothing.
    page: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """One message of the assistant before it is stored."""

    text: str
    buttons: tuple[Button, ...] = ()
    image: str | None = None
    custom: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FailedTries:
    """How often a message's action has failed so far, and since when."""

    number: int
    since: datetime


def to_answer(session: Session, *, owner: str, now: datetime, limit: int = 500) -> list[str]:
    """Conversations with a waiting message that no other living process is answering, longest waiting first."""
    waiting = (
        select(Message.conversation_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.state == "waiting", _is_free_for(owner, now))
        .order_by(Message.id)
        .limit(limit)
    )
    return list(dict.fromkeys(session.scalars(waiting)))


def claim(
    database: Database, conversation_id: str, *, owner: str, now: datetime
) -> WaitingMessage | None:
    """Take the right to answer and the message to answer; None if another has it or if nothing waits."""
    with database.write() as session:
        conversation = locked(session, conversation_id)
        lease_until = conversation.turn_lease_until
        if conversation.turn_owner not in (None, owner) and lease_until and lease_until > now:
            return None
        return _take_next(session, conversation, owner, now)


def renew(database: Database, conversation_id: str, *, owner: str, now: datetime) -> bool:
    """Hold the right to answer a little longer; False if another has taken it meanwhile."""
    with database.write() as session:
        result = session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.turn_owner == owner)
            .values(turn_lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        return bool(result.rowcount == 1)


def release_all(database: Database, *, owner: str) -> None:
    """Give up every right to answer that a process holds: it is about to end."""
    with database.write() as session:
        session.execute(
            update(Conversation)
            .where(Conversation.turn_owner == owner)
            .values(turn_owner=None, turn_lease_until=None)
            .execution_options(synchronize_session=False)
        )


def store_answer(
    database: Database,
    message_id: int,
    replies: Sequence[Reply],
    trace: dict[str, Any],
    *,
    owner: str,
    now: datetime,
) -> WaitingMessage | None:
    """Keep replies, trace and state in one transaction; gives the next waiting message, or ends the owner's turn.

    A message that another process has answered meanwhile keeps that answer. When a person has joined meanwhile nothing
    is said: what the assistant would have said stays in the message's trace, as "dropped".
    """
    with database.write() as session:
        message = session.get(Message, message_id)
        if message is None:
            raise NotFound("MESSAGE_UNKNOWN", f"there is no message {message_id}")
        conversation = locked(session, message.conversation_id)
        # Another process may have answered between the look-up and the lock.
        session.refresh(message)
        if message.state == "waiting" and conversation.state != conversation_state.PERSON:
            for reply in replies:
                _add_reply(session, conversation, message, reply, now)
            message.state, message.trace = "answered", trace
            conversation_state.note_turn(conversation, message, trace)
            _note_order(session, conversation, trace, now)
            language = trace.get("slots", {}).get("language")
            if language in LANGUAGES:
                conversation.language = language
            session.flush()
        elif message.trace is None:
            message.trace = {**trace, "dropped": [reply.text for reply in replies]}
            conversation_state.note_turn(conversation, message, trace)
        if conversation.turn_owner != owner:
            return None
        return _take_next(session, conversation, owner, now)


def _note_order(
    session: Session, conversation: Conversation, trace: dict[str, Any], now: datetime
) -> None:
    scope = identity.scope_of(session, conversation.id, now)
    if scope is not None:
        conversation_subject.mentioned(
            session, conversation, trace.get("entities") or [], identity.order_filter(scope)
        )


def is_waiting(session: Session, message_id: int) -> bool:
    """Whether a message still waits for the assistant: no other process has answered it, and no person has it."""
    return session.scalar(select(Message.state).where(Message.id == message_id)) == "waiting"


def count_failed_try(database: Database, message_id: int, *, now: datetime) -> FailedTries:
    """Count, in the message's row, that an action failed; a process that takes over later goes on counting."""
    with database.write() as session:
        message = session.get(Message, message_id, with_for_update=True)
        if message is None:
            raise NotFound("MESSAGE_UNKNOWN", f"there is no message {message_id}")
        message.failed_tries += 1
        message.failing_since = message.failing_since or now
        return FailedTries(message.failed_tries, message.failing_since)


def tell_of_delay(database: Database, message_id: int, text: str, *, now: datetime) -> bool:
    """Tell the shopper that the answer to a waiting message is late, once until an answer comes."""
    with database.write() as session:
        message = session.get(Message, message_id)
        if message is None:
            raise NotFound("MESSAGE_UNKNOWN", f"there is no message {message_id}")
        conversation = locked(session, message.conversation_id)
        session.refresh(message)
        if message.state != "waiting" or is_told_of_delay(session, conversation.id):
            return False
        notice = new_message(conversation, author="system", text=text, state="sent", now=now)
        notice.content = {"kind": DELAYED}
        session.add(notice)
        return True


def _add_reply(
    session: Session, conversation: Conversation, message: Message, reply: Reply, now: datetime
) -> None:
    row = new_message(conversation, author="assistant", text=reply.text, state="sent", now=now)
    row.reply_to_id = message.id
    shown = [issue(session, conversation.id, button, now) for button in reply.buttons]
    parts = {"buttons": shown, "image": reply.image, "custom": reply.custom}
    row.content = {name: part for name, part in parts.items() if part}
    session.add(row)


def _take_next(
    session: Session, conversation: Conversation, owner: str, now: datetime
) -> WaitingMessage | None:
    message = next_waiting(session, conversation.id)
    if message is None or conversation.state == conversation_state.PERSON:
        conversation.turn_owner = conversation.turn_lease_until = None
        return None
    conversation.turn_owner, conversation.turn_lease_until = owner, now + LEASE
    return WaitingMessage(
        id=message.id,
        conversation_id=conversation.id,
        text=message.text,
        choice=message.choice,
        language=conversation.language,
        channel=conversation.channel,
        page=dict(message.content.get("page") or {}),
    )


def _is_free_for(owner: str, now: datetime) -> Any:
    return or_(
        Conversation.turn_owner.is_(None),
        Conversation.turn_owner == owner,
        Conversation.turn_lease_until <= now,
    )
