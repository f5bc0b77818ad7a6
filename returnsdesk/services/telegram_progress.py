"""How far a chat on Telegram has been sent its conversation: what is next, what was taken, when to try again.

The messages of the conversation are the outbox of the chat; Telegram knows no key under which a message counts once, so
what it has taken is kept after each part.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.services.chat_wishes import NOTICE
from returnsdesk.services.chats import came_by_telegram
from returnsdesk.services.conversations import DELAYED
from returnsdesk.services.feedback import RATING
from returnsdesk.services.telegram_chats import LEASE

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 300.0

_ROWS_AT_ONCE: Final = 50


@dataclass(frozen=True)
class Outgoing:
    """A message of the conversation that is to be sent to the chat, and how many of its parts Telegram has taken."""

    chat_id: int
    conversation_id: str
    language: str
    seq: int
    author: str
    text: str
    content: dict[str, Any]
    reply_to_id: int | None
    parts_sent: int
    failures: int
    keyboard_message_id: int | None


def due_chats(session: Session, *, owner: str, now: datetime, limit: int = 500) -> list[int]:
    """Chats with something to send that may be tried now and that no other process serves."""
    return list(
        session.scalars(
            select(TelegramChat.chat_id)
            .join(Conversation, Conversation.id == TelegramChat.conversation_id)
            .where(
                Conversation.last_seq > TelegramChat.sent_seq,
                TelegramChat.blocked_at.is_(None),
                or_(TelegramChat.due_at.is_(None), TelegramChat.due_at <= now),
                or_(
                    TelegramChat.owner.is_(None),
                    TelegramChat.owner == owner,
                    TelegramChat.lease_until <= now,
                ),
            )
            .order_by(Conversation.last_message_at)
            .limit(limit)
        )
    )


def next_outgoing(database: Database, chat_id: int, *, now: datetime) -> Outgoing | None:
    """The next message to send; None if there is none, or if it is not the time.

    Messages that are not for the chat are passed over for good: what the shopper wrote, and what was said to them in a
    browser that they have open.
    """
    with database.read() as session:
        chat = session.get(TelegramChat, chat_id)
        if chat is None or chat.blocked_at is not None or (chat.due_at and chat.due_at > now):
            return None
        conversation = session.get(Conversation, chat.conversation_id)
        if conversation is None or conversation.last_seq <= chat.sent_seq:
            return None
        rows = session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation.id, Message.seq > chat.sent_seq)
            .order_by(Message.seq)
            .limit(_ROWS_AT_ONCE)
        ).all()
        found = next((row for row in rows if is_for_chat(session, chat, conversation, row)), None)
        if found is not None:
            return _outgoing(chat, conversation, found)
        if not rows:
            return None
        passed, conversation_id = rows[-1].seq, conversation.id
    mark_sent(database, chat_id, conversation_id, passed)
    return next_outgoing(database, chat_id, now=now)


def is_for_chat(
    session: Session, chat: TelegramChat, conversation: Conversation, row: Message
) -> bool:
    """Whether a message is sent to the chat.

    Everything is that a person, the system or the assistant by itself has said; of the assistant's answers those to a
    message that came by the chat; notices where they are wanted.
    """
    kind = row.content.get("kind")
    if row.author == "shopper" or kind == RATING:
        return False
    if kind == NOTICE:
        return bool(chat.wants_notices)
    if kind == DELAYED:
        return came_by_telegram(conversation, _asked_before(session, conversation.id, row.seq))
    if row.author == "assistant" and row.reply_to_id is not None:
        return came_by_telegram(conversation, session.get(Message, row.reply_to_id))
    return True


def mark_part(
    database: Database, sent: Outgoing, parts: int, *, keyboard_message_id: int | None = None
) -> None:
    """Telegram has taken that many parts of a message."""
    values: dict[str, Any] = {
        "sent_seq": sent.seq - 1,
        "sent_parts": parts,
        "failures": 0,
        "due_at": None,
    }
    if keyboard_message_id is not None:
        values["keyboard_message_id"] = keyboard_message_id
    _advance(database, sent.chat_id, sent.conversation_id, sent.seq, values)


def mark_sent(database: Database, chat_id: int, conversation_id: str, seq: int) -> None:
    """The chat has been sent everything up to a message."""
    values = {"sent_seq": seq, "sent_parts": 0, "failures": 0, "due_at": None}
    _advance(database, chat_id, conversation_id, seq, values)


def mark_failed(database: Database, sent: Outgoing, *, now: datetime) -> None:
    """Telegram did not take the next part; it is tried again after a pause that grows."""
    steps = min(sent.failures, 20)
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**steps)
    values = {"failures": sent.failures + 1, "due_at": now + timedelta(seconds=pause)}
    _advance(database, sent.chat_id, sent.conversation_id, sent.seq, values)


def postpone(database: Database, sent: Outgoing, seconds: float, *, now: datetime) -> None:
    """Telegram wants nothing for this chat for so long; that counts for no failure."""
    values = {"due_at": now + timedelta(seconds=seconds)}
    _advance(database, sent.chat_id, sent.conversation_id, sent.seq, values)


def forget_keyboard(database: Database, chat_id: int, message_id: int) -> None:
    """The buttons of a message are gone."""
    with database.write() as session:
        session.execute(
            update(TelegramChat)
            .where(TelegramChat.chat_id == chat_id, TelegramChat.keyboard_message_id == message_id)
            .values(keyboard_message_id=None)
            .execution_options(synchronize_session=False)
        )


def renew(database: Database, chat_ids: Collection[int], *, owner: str, now: datetime) -> None:
    """Hold the right to serve chats a little longer."""
    with database.write() as session:
        session.execute(
            update(TelegramChat)
            .where(TelegramChat.chat_id.in_(list(chat_ids)), TelegramChat.owner == owner)
            .values(lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )


def release_all(database: Database, *, owner: str) -> None:
    """Give up every chat that a process serves: it is about to end."""
    with database.write() as session:
        session.execute(
            update(TelegramChat)
            .where(TelegramChat.owner == owner)
            .values(owner=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )


def _advance(
    database: Database, chat_id: int, conversation_id: str, seq: int, values: dict[str, Any]
) -> None:
    """Set the progress, unless the chat has turned to another conversation or is further already."""
    with database.write() as session:
        session.execute(
            update(TelegramChat)
            .where(
                TelegramChat.chat_id == chat_id,
                TelegramChat.conversation_id == conversation_id,
                TelegramChat.sent_seq < seq,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )


def _asked_before(session: Session, conversation_id: str, seq: int) -> Message | None:
    """The shopper's latest message before a number."""
    found: Message | None = session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == "shopper",
            Message.seq < seq,
        )
        .order_by(Message.seq.desc())
        .limit(1)
    ).one_or_none()
    return found


def _outgoing(chat: TelegramChat, conversation: Conversation, row: Message) -> Outgoing:
    return Outgoing(
        chat_id=chat.chat_id,
        conversation_id=conversation.id,
        language=conversation.language,
        seq=row.seq,
        author=row.author,
        text=row.text,
        content=dict(row.content),
        reply_to_id=row.reply_to_id,
        # Parts are counted for the message right after `sent_seq`.
        parts_sent=chat.sent_parts if row.seq == chat.sent_seq + 1 else 0,
        failures=chat.failures,
        keyboard_message_id=chat.keyboard_message_id,
    )
