"""Chats of Telegram turning to a conversation and from one: what closes, what is said, and what they are sent of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Customer, Message, TelegramChat
from returnsdesk.services import conversations, drafts, identity
from returnsdesk.services.chat_wishes import CHAT_ONLY, NOTICE, NOTICES_QUESTION, Said
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.services.errors import NotFound
from returnsdesk.services.feedback import RATING
from returnsdesk.texts import render

LINK: Final = "link"
"""Kind of the rows that are about the link of a chat."""

_ASIDES: Final = (LINK, NOTICE, NOTICES_QUESTION, CHAT_ONLY)
_LOOKED_BACK: Final = 20


def new_chat(
    session: Session, chat_id: int, conversation: Conversation, now: datetime
) -> TelegramChat:
    """A chat that holds a conversation, and is sent what comes in it from now on."""
    chat = TelegramChat(
        chat_id=chat_id,
        conversation_id=conversation.id,
        wants_notices=False,
        sent_seq=conversation.last_seq,
        sent_parts=0,
        failures=0,
        created_at=now,
    )
    session.add(chat)
    session.flush()
    return chat


def locked_chat(session: Session, chat_id: int) -> TelegramChat | None:
    """The chat as it stands now, held against other writers; None for one that is not known."""
    found: TelegramChat | None = session.get(
        TelegramChat, chat_id, with_for_update=True, populate_existing=True
    )
    return found


def known_chat(session: Session, chat_id: int) -> TelegramChat:
    """The same; raises `NotFound` for one that is not known."""
    chat = locked_chat(session, chat_id)
    if chat is None:
        raise NotFound("CHAT_UNKNOWN", f"there is no chat {chat_id}")
    return chat


def begin(session: Session, language: str, now: datetime) -> Conversation:
    """Begin a conversation of a chat alone."""
    return conversations.begin(session, channel=TELEGRAM, language=language, now=now)


def part(session: Session, chat: TelegramChat, now: datetime, keeps: str | None = None) -> None:
    """Give a chat a conversation of its own that knows nobody.

    The one that it leaves goes on in the web if it began there, or if it is the one to keep.
    """
    old = conversations.locked(session, chat.conversation_id)
    identity.close(session, old.id, method=identity.TELEGRAM_LINK)
    if old.channel == TELEGRAM and old.id != keeps:
        conversations.close(session, old, now)
    chat.customer_id = chat.linked_at = None
    chat.wants_notices = False
    turn_to(chat, begin(session, old.language, now))
    session.flush()


def leave(session: Session, chat: TelegramChat, target: Conversation, now: datetime) -> Said:
    """Turn a chat to another conversation and close its own; what is to be said about that, if anything."""
    old = conversations.locked(session, chat.conversation_id)
    turn_to(chat, target)
    session.flush()
    if not old.last_seq and old.channel == TELEGRAM:
        # Begun for the very message that opened the link: nobody has seen it.
        session.delete(old)
        return Said("")
    has_draft = drafts.has_open(session, old.id, now)
    conversations.close(session, old, now)
    key = "telegram_closed_draft" if has_draft else "telegram_closed"
    return Said(render(key, target.language))


def turn_to(chat: TelegramChat, conversation: Conversation) -> None:
    """What was said before the chat came is not sent to it; the buttons of its last question go with the next one."""
    chat.conversation_id, chat.sent_seq = conversation.id, conversation.last_seq
    chat.sent_parts = chat.failures = 0
    chat.due_at = None


def exchange(
    session: Session,
    chat: TelegramChat,
    message_id: str,
    said: list[Said],
    now: datetime,
    *,
    text: str | None = None,
    repeats: bool = False,
) -> None:
    """Keep what the shopper sent and what the desk says to it, and with `repeats` the last answer once more."""
    conversation = conversations.locked(session, chat.conversation_id)
    asked = _last_answer(session, conversation.id) if repeats else None
    shown = text or render("telegram_continue", conversation.language)
    message = conversations.new_message(
        conversation, author="shopper", text=shown, state="answered", now=now
    )
    message.channel_message_id = message_id
    message.channel = conversations.foreign_channel(conversation, TELEGRAM)
    message.content = {"kind": said[0].kind}
    session.add(message)
    session.flush()
    for each in said:
        conversations.say(session, conversation, each, reply_to=message, now=now)
    if asked is not None:
        again = conversations.new_message(
            conversation, author="assistant", text=asked.text, state="sent", now=now
        )
        again.content, again.reply_to_id = dict(asked.content), message.id
        session.add(again)


def has_message(session: Session, conversation_id: str, message_id: str) -> bool:
    """Whether a conversation has that message of its channel."""
    found = session.scalar(
        select(Message.id).where(
            Message.conversation_id == conversation_id, Message.channel_message_id == message_id
        )
    )
    return found is not None


def language_of(session: Session, chat: TelegramChat) -> str:
    """The language that the chat is held in."""
    return conversations.language_of(session, chat.conversation_id) or "en"


def name_of(session: Session, chat: TelegramChat) -> str:
    """The masked name of whose the chat is; empty for one that is not linked."""
    customer = session.get(Customer, chat.customer_id) if chat.customer_id else None
    return masked_name(customer) if customer else ""


def masked_name(customer: Customer) -> str:
    """Enough of a name to know one's own by: "I*** L***"; without a name the beginning of the mail address."""
    parts = [part.strip() for part in (customer.first_name, customer.last_name) if part]
    shown = " ".join(f"{part[0]}***" for part in parts if part)
    return shown or f"{customer.email_norm[:1]}***@***"


def _last_answer(session: Session, conversation_id: str) -> Message | None:
    """What the assistant said last in answer to the shopper, with the buttons that still count; leaves out asides."""
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.seq.desc())
        .limit(_LOOKED_BACK)
    )
    found: Message | None = next(
        (row for row in rows if row.content.get("kind") not in _ASIDES), None
    )
    if found is None or found.author != "assistant" or found.reply_to_id is None:
        return None
    return None if (found.content.get("custom") or {}).get("card") == RATING else found
