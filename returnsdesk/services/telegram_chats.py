"""Private chats on Telegram: the conversation that each holds, who is served by whom, and what is said in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import ButtonToken, Conversation, Message, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.services import conversation_state
from returnsdesk.services.chat_wishes import DESK
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.conversations import (
    foreign_channel,
    is_taken_over,
    locked,
    new_message,
    next_waiting,
)
from returnsdesk.services.errors import NotFound

LEASE: Final = timedelta(seconds=8)

CORRECTED: Final = "corrected"
KEPT_FOR_PERSON: Final = "kept_for_person"
TOO_LATE: Final = "too_late"
UNCHANGED: Final = "unchanged"
"""What became of an edited message."""


@dataclass(frozen=True)
class ChatView:
    """A chat as the channel needs to know it."""

    chat_id: int
    conversation_id: str
    language: str
    customer_id: int | None
    keyboard_message_id: int | None


@dataclass(frozen=True)
class Pressed:
    """A button that can still be pressed: its label, and what is pressed with it only once."""

    label: str
    key: str


def message_id(chat_id: int, of_message: int | str) -> str:
    """The channel's own id of a shopper's message, by Telegram's number of it."""
    return f"tg-{chat_id}-{of_message}"


def find(session: Session, chat_id: int) -> ChatView | None:
    """The chat of that id."""
    row = session.execute(
        select(TelegramChat, Conversation.language)
        .join(Conversation, Conversation.id == TelegramChat.conversation_id)
        .where(TelegramChat.chat_id == chat_id)
    ).one_or_none()
    return None if row is None else _view(row[0], row[1])


def open_chat(database: Database, chat_id: int, language: str, *, now: datetime) -> ChatView:
    """The chat with a conversation that goes on; a new one, in `language`, for a new chat.

    A chat whose conversation was ended elsewhere gets a new one in the language of the old.
    """
    try:
        return _open(database, chat_id, language, now)
    except IntegrityError:
        # Another process has opened it meanwhile.
        return _open(database, chat_id, language, now)


def _open(database: Database, chat_id: int, language: str, now: datetime) -> ChatView:
    with database.write() as session:
        chat = _locked(session, chat_id)
        conversation = session.get(Conversation, chat.conversation_id) if chat else None
        if chat is None:
            conversation = _begin(session, language, now)
            chat = TelegramChat(
                chat_id=chat_id, conversation_id=conversation.id, created_at=now, sent_seq=0,
                sent_parts=0, failures=0, wants_notices=False,
            )  # fmt: skip
            session.add(chat)
            session.flush()
        elif conversation is None or conversation.ended_at is not None:
            conversation = _begin(session, conversation.language if conversation else language, now)
            _turn_to(chat, conversation)
        return _view(chat, conversation.language)


def begin_anew(
    database: Database, chat_id: int, text: str, *, said_id: str, command: str, now: datetime
) -> tuple[str, ...]:
    """End the chat's conversation and begin another in its language with a text; gives the ids of both.

    The command of `said_id` does so once.
    """
    with database.write() as session:
        chat = _known(session, chat_id)
        old = locked(session, chat.conversation_id)
        if _said(session, old.id, said_id) is not None:
            return (old.id,)
        old.ended_at = old.ended_at or now
        conversation_state.settle(session, old.id)
        new = _begin(session, old.language, now)
        _turn_to(chat, new)
        _add(session, new, text, said_id, command, {}, now)
        return old.id, new.id


def say(
    database: Database,
    chat_id: int,
    text: str,
    *,
    said_id: str,
    command: str | None = None,
    content: Mapping[str, Any] | None = None,
    now: datetime,
) -> str:
    """Say something in the chat's conversation, once for each `said_id`; gives the conversation's id.

    A `command` that it answers is kept as the shopper's message.
    """
    with database.write() as session:
        chat = _known(session, chat_id)
        conversation = locked(session, chat.conversation_id)
        if _said(session, conversation.id, said_id) is None:
            _add(session, conversation, text, said_id, command, content or {}, now)
        return str(conversation.id)


def _add(
    session: Session,
    conversation: Conversation,
    text: str,
    said_id: str,
    command: str | None,
    content: Mapping[str, Any],
    now: datetime,
) -> None:
    if command is not None:
        asked = new_message(conversation, author="shopper", text=command, state="answered", now=now)
        asked.channel = foreign_channel(conversation, TELEGRAM)
        session.add(asked)
    row = new_message(conversation, author="assistant", text=text, state="sent", now=now)
    row.content, row.channel_message_id = dict(content), said_id
    session.add(row)


def set_language(database: Database, chat_id: int, language: str) -> None:
    """Hold the chat's conversation in another language from now on; the assistant's next turn takes it over."""
    with database.write() as session:
        locked(session, _known(session, chat_id).conversation_id).language = language


def pressed(session: Session, conversation_id: str, token: str) -> Pressed | None:
    """The button of a token, if it belongs to what the assistant asked last, or to no question; None for any other."""
    found = session.get(ButtonToken, token)
    if found is None or found.conversation_id != conversation_id:
        return None
    if DESK in found.choice:
        return Pressed(found.label, f"b{token}")
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author != "shopper")
        .order_by(Message.seq.desc())
        .limit(50)
    )
    asked: Message | None = None
    for row in rows:
        tokens = [button.get("token") for button in row.content.get("buttons") or []]
        if not tokens:
            continue
        if asked is not None and (
            asked.reply_to_id is None or row.reply_to_id != asked.reply_to_id
        ):
            return None
        asked = row
        if token in tokens:
            return Pressed(found.label, f"q{row.seq}")
    return None


def correct(database: Database, chat_id: int, message: str, text: str, *, now: datetime) -> str:
    """Take an edited text over where its message has not been looked at yet; gives what became of it.

    A person of the team who has the conversation gets the edited text as a further message. Raises `NotFound` for a
    message that is not known.
    """
    with database.write() as session:
        conversation = locked(session, _known(session, chat_id).conversation_id)
        row = _said(session, conversation.id, message)
        if row is None:
            raise NotFound("MESSAGE_UNKNOWN", f"there is no message {message}")
        if row.text == text:
            return UNCHANGED
        first = next_waiting(session, conversation.id)
        is_in_work = (
            conversation.turn_owner is not None and first is not None and first.id == row.id
        )
        if row.state == "waiting" and not is_in_work:
            row.text = text
            return CORRECTED
        if not is_taken_over(session, conversation.id):
            return TOO_LATE
        further = new_message(conversation, author="shopper", text=text, state="answered", now=now)
        further.channel = foreign_channel(conversation, TELEGRAM)
        session.add(further)
        return KEPT_FOR_PERSON


def note_blocked(database: Database, chat_id: int, *, now: datetime) -> None:
    """The shopper has blocked the bot or is gone: nothing is sent until they write again."""
    _set_blocked(database, chat_id, now)


def note_unblocked(database: Database, chat_id: int) -> None:
    """The shopper can be reached again; what waits for them is sent."""
    _set_blocked(database, chat_id, None)


def claim(database: Database, chat_id: int, *, owner: str, now: datetime) -> bool:
    """Take the right to serve a chat for as long as the lease lasts; False if another process has it."""
    with database.write() as session:
        result = session.execute(
            update(TelegramChat)
            .where(
                TelegramChat.chat_id == chat_id,
                or_(
                    TelegramChat.owner.is_(None),
                    TelegramChat.owner == owner,
                    TelegramChat.lease_until <= now,
                ),
            )
            .values(owner=owner, lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )
        return bool(result.rowcount == 1)


def release(database: Database, chat_id: int, *, owner: str) -> None:
    """Give the right to serve a chat up."""
    with database.write() as session:
        session.execute(
            update(TelegramChat)
            .where(and_(TelegramChat.chat_id == chat_id, TelegramChat.owner == owner))
            .values(owner=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )


def _set_blocked(database: Database, chat_id: int, blocked_at: datetime | None) -> None:
    with database.write() as session:
        chat = _locked(session, chat_id)
        if chat is None or (chat.blocked_at is None) == (blocked_at is None):
            return
        chat.blocked_at = blocked_at
        chat.failures, chat.due_at = 0, None


def _begin(session: Session, language: str, now: datetime) -> Conversation:
    conversation = Conversation(
        id=str(uuid4()),
        channel=TELEGRAM,
        language=language,
        created_at=now,
        last_message_at=now,
        last_seq=0,
    )
    session.add(conversation)
    session.flush()
    return conversation


def _turn_to(chat: TelegramChat, conversation: Conversation) -> None:
    chat.conversation_id = conversation.id
    chat.sent_seq = chat.sent_parts = chat.failures = 0
    chat.due_at = chat.keyboard_message_id = None


def _said(session: Session, conversation_id: str, said_id: str) -> Message | None:
    found: Message | None = session.scalars(
        select(Message).where(
            Message.conversation_id == conversation_id, Message.channel_message_id == said_id
        )
    ).one_or_none()
    return found


def _locked(session: Session, chat_id: int) -> TelegramChat | None:
    found: TelegramChat | None = session.get(
        TelegramChat, chat_id, with_for_update=True, populate_existing=True
    )
    return found


def _known(session: Session, chat_id: int) -> TelegramChat:
    chat = _locked(session, chat_id)
    if chat is None:
        raise NotFound("CHAT_UNKNOWN", f"there is no chat {chat_id}")
    return chat


def _view(chat: TelegramChat, language: str) -> ChatView:
    return ChatView(
        chat.chat_id, chat.conversation_id, language, chat.customer_id, chat.keyboard_message_id
    )
