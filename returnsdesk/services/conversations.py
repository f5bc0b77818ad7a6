"""Conversations as they are stored: beginning, messages of shoppers, what is new to whom, ending.

A shopper's message is kept before anything else happens to it; `returnsdesk.services.answers` holds what comes after.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    ButtonToken,
    Case,
    Conversation,
    Customer,
    Message,
    Order,
    StaffAccount,
    VerifiedSession,
)
from returnsdesk.db.session import Database
from returnsdesk.services import chat_wishes, conversation_language, conversation_state, identity
from returnsdesk.services.buttons import issue
from returnsdesk.services.chat_wishes import Said
from returnsdesk.services.chats import TELEGRAM, lock_chat_of
from returnsdesk.services.errors import Conflict, NotFound

DELAYED = "delayed"
"""Kind of the message that tells a shopper that the answer takes longer than it should."""

TAKEN_OVER = "takeover"
WITH_PERSON = "with_person"
"""Reason and status of the case that stands for a conversation which a person of the team has taken over."""


@dataclass(frozen=True)
class ConversationView:
    """What a channel needs to know of a conversation."""

    id: str
    language: str
    last_seq: int
    ended_at: datetime | None


@dataclass(frozen=True)
class OpenConversation:
    """A conversation as lists show it; `agent` is the address of the person who has taken it over."""

    id: str
    channel: str
    language: str
    last_message_at: datetime
    agent: str | None


@dataclass(frozen=True)
class MessageView:
    """A message as it is delivered; `message_id` is the channel's own id of a shopper's message."""

    seq: int
    author: str
    text: str
    content: dict[str, Any]
    message_id: str | None
    at: datetime


@dataclass(frozen=True)
class News:
    """What a shopper who has seen everything up to a number does not know yet."""

    messages: tuple[MessageView, ...]
    last_seq: int
    is_answering: bool
    is_ended: bool
    # The person of the team who is writing, and until when that is known to be so.
    typist: str | None = None
    typing_until: datetime | None = None


@dataclass(frozen=True)
class Accepted:
    """A stored message's number, and whether it was stored only now."""

    seq: int
    is_new: bool


def start(database: Database, *, channel: str, language: str, now: datetime) -> ConversationView:
    """Begin a conversation."""
    with database.write() as session:
        return _view(begin(session, channel=channel, language=language, now=now))


def begin(session: Session, *, channel: str, language: str, now: datetime) -> Conversation:
    """Begin a conversation in the caller's transaction."""
    conversation = Conversation(
        id=str(uuid4()),
        channel=channel,
        language=language,
        created_at=now,
        last_message_at=now,
        last_seq=0,
    )
    session.add(conversation)
    session.flush()
    return conversation


def end(database: Database, conversation_id: str, *, now: datetime) -> None:
    """Close a conversation for good: the shopper logged out. Its transcript stays."""
    with database.write() as session:
        close(session, locked(session, conversation_id), now)


def close(session: Session, conversation: Conversation, now: datetime) -> None:
    """Close a locked conversation in the caller's transaction."""
    conversation.ended_at = conversation.ended_at or now
    conversation_state.settle(session, conversation.id)


def find(session: Session, conversation_id: str) -> ConversationView | None:
    """The conversation of that id."""
    conversation = session.get(Conversation, conversation_id)
    return _view(conversation) if conversation else None


def is_proven_by_another(session: Session, conversation_id: str, customer_external_id: str) -> bool:
    """Whether the conversation was opened by somebody other than the customer, who must not read it then."""
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation_id)
    ).one_or_none()
    if proof is None:
        return False
    customer = session.scalars(
        select(Customer).where(Customer.external_id == customer_external_id)
    ).one_or_none()
    if customer is None:
        return True
    order: Order | None = proof.order
    own = (
        proof.customer_id == customer.id
        or proof.email_norm == customer.email_norm
        or (order is not None and order.customer_id == customer.id)
        or (order is not None and order.email_norm == customer.email_norm)
    )
    return not own


def accept(
    database: Database,
    conversation_id: str,
    *,
    message_id: str,
    text: str = "",
    button: str | None = None,
    choice: Mapping[str, Any] | None = None,
    channel: str | None = None,
    page: Mapping[str, str] | None = None,
    now: datetime,
) -> Accepted:
    """Keep a shopper's message, typed or chosen by a button's token; the same `message_id` again finds the same row.

    `choice` is what a command of the channel's own stands for, as a button's choice does; `text` is its title then.
    `channel` is the one that it came by; a linked chat proves anew whose it is with each message. What the desk can do
    by itself (`chat_wishes`) is done and answered at once. `page` is what the shop's page says it shows (product,
    order), kept for those who read the transcript.

    Raises `NotFound` for a conversation that is not there or was ended, `Conflict` for a button that was not shown in
    it (BUTTON_UNKNOWN) and for a `message_id` that stands for another message (MESSAGE_ID_REUSED).
    """
    with database.write() as session:
        if channel == TELEGRAM:
            # What moves a chat locks it first, then its conversation.
            lock_chat_of(session, conversation_id)
        conversation = locked(session, conversation_id)
        if conversation.ended_at is not None:
            raise NotFound("CONVERSATION_ENDED", f"conversation {conversation_id} was ended")
        chosen = dict(choice) if choice is not None else None
        if button is not None:
            token = _button(session, conversation_id, button)
            text, chosen = token.label, dict(token.choice)
        earlier = session.scalars(
            select(Message).where(
                Message.conversation_id == conversation_id, Message.channel_message_id == message_id
            )
        ).one_or_none()
        if earlier is not None:
            if (earlier.text, earlier.choice) != (text, chosen):
                raise Conflict("MESSAGE_ID_REUSED", "the message id stands for another message")
            return Accepted(earlier.seq, is_new=False)
        if channel == TELEGRAM:
            identity.renew_by_chat(session, conversation_id, now)
        wish = chat_wishes.wish_in(session, conversation, text, chosen, channel)
        # A person reads along and answers; the assistant is silent.
        is_settled = wish is not None or is_taken_over(session, conversation_id)
        if chosen is None and not is_settled:
            conversation_language.follow(session, conversation, text)
        state = "answered" if is_settled else "waiting"
        message = new_message(conversation, author="shopper", text=text, state=state, now=now)
        message.channel_message_id, message.choice = message_id, chosen
        message.channel = foreign_channel(conversation, channel)
        if page:
            message.content = {"page": dict(page)}
        session.add(message)
        if wish is not None:
            message.content = {"kind": chat_wishes.CHAT_ONLY}
            said = chat_wishes.carry_out(session, conversation, wish)
            say(session, conversation, said, reply_to=message, now=now)
        return Accepted(message.seq, is_new=True)


def say(
    session: Session,
    conversation: Conversation,
    said: Said,
    *,
    reply_to: Message | None = None,
    now: datetime,
) -> None:
    """Add what the desk says by itself to a locked conversation."""
    row = new_message(conversation, author="assistant", text=said.text, state="sent", now=now)
    session.add(row)
    # Numbers of rows are needed.
    session.flush()
    row.reply_to_id = reply_to.id if reply_to else None
    aside = [issue(session, conversation.id, button, now) for button in said.aside]
    row.content = {"kind": said.kind, **({"aside": aside} if aside else {})}


def news(
    session: Session,
    conversation_id: str,
    *,
    after: int,
    limit: int = 200,
    now: datetime | None = None,
) -> News:
    """What has happened since the message numbered `after`, with `now` also who is writing; raises `NotFound`."""
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        raise NotFound("CONVERSATION_UNKNOWN", f"there is no conversation {conversation_id}")
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.seq > after)
        .order_by(Message.seq)
        .limit(limit)
    )
    is_waiting = next_waiting(session, conversation_id) is not None
    until = conversation.agent_typing_until
    is_typing = now is not None and until is not None and until > now
    return News(
        messages=tuple(_message_view(row) for row in rows),
        last_seq=conversation.last_seq,
        is_answering=is_waiting and not is_told_of_delay(session, conversation_id),
        is_ended=conversation.ended_at is not None,
        typist=name_of_person(session, conversation_id) if is_typing else None,
        typing_until=until if is_typing else None,
    )


def name_of_person(session: Session, conversation_id: str) -> str | None:
    """Name of the person of the team who has the conversation; None while the assistant answers."""
    case = takeover_case(session, conversation_id)
    if case is None:
        return None
    name = session.scalar(select(StaffAccount.name).where(StaffAccount.email == case.summary))
    return str(name) if name else None


def transcript(session: Session, conversation_id: str) -> tuple[MessageView, ...]:
    """Every message of a conversation, oldest first."""
    rows = session.scalars(
        select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
    )
    return tuple(_message_view(row) for row in rows)


def is_taken_over(session: Session, conversation_id: str) -> bool:
    """Whether a person of the team has the conversation at present."""
    return takeover_case(session, conversation_id) is not None


def takeover_case(session: Session, conversation_id: str) -> Case | None:
    """The case that says who has taken the conversation over; None while the assistant answers."""
    found: Case | None = session.scalars(
        select(Case)
        .where(
            Case.conversation_id == conversation_id,
            Case.reason == TAKEN_OVER,
            Case.status == WITH_PERSON,
        )
        .limit(1)
    ).one_or_none()
    return found


def latest(session: Session, *, limit: int) -> list[OpenConversation]:
    """The conversations that were not ended, the one with the latest message first."""
    rows = session.execute(
        select(Conversation, Case.summary)
        .outerjoin(
            Case,
            and_(
                Case.conversation_id == Conversation.id,
                Case.reason == TAKEN_OVER,
                Case.status == WITH_PERSON,
            ),
        )
        .where(Conversation.ended_at.is_(None))
        .order_by(Conversation.last_message_at.desc())
        .limit(limit)
    )
    return [
        OpenConversation(row.id, row.channel, row.language, row.last_message_at, agent)
        for row, agent in rows
    ]


Mark = tuple[Any, ...]
"""What of a conversation is compared to see whether there is news."""


def marks(session: Session, conversation_ids: Collection[str]) -> dict[str, Mark]:
    """Last number, state, which sessions open it and who is writing, of each conversation: a change of any is news."""
    rows = session.execute(
        select(
            Conversation.id,
            Conversation.last_seq,
            Conversation.state,
            Conversation.ended_at,
            Conversation.sessions_from,
            Conversation.agent_typing_until,
        ).where(Conversation.id.in_(conversation_ids))
    )
    return {row.id: tuple(row)[1:] for row in rows}


def language_of(session: Session, conversation_id: str) -> str | None:
    """Language that the conversation is held in."""
    return session.scalar(select(Conversation.language).where(Conversation.id == conversation_id))


def channel_of(session: Session, conversation_id: str) -> str:
    """Channel that the conversation is held on."""
    found = session.scalar(select(Conversation.channel).where(Conversation.id == conversation_id))
    return str(found or "unknown")


def _view(conversation: Conversation) -> ConversationView:
    return ConversationView(
        conversation.id, conversation.language, conversation.last_seq, conversation.ended_at
    )


def _message_view(row: Message) -> MessageView:
    return MessageView(
        row.seq, row.author, row.text, dict(row.content), row.channel_message_id, row.created_at
    )


def locked(session: Session, conversation_id: str) -> Conversation:
    """The conversation as it stands now, locked against other writers; raises `NotFound`."""
    conversation: Conversation | None = session.scalars(
        select(Conversation)
        .where(Conversation.id == conversation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if conversation is None:
        raise NotFound("CONVERSATION_UNKNOWN", f"there is no conversation {conversation_id}")
    return conversation


def new_message(
    conversation: Conversation, *, author: str, text: str, state: str, now: datetime
) -> Message:
    """The next message of a locked conversation; the caller adds it to the session."""
    conversation.last_seq += 1
    conversation.last_message_at = now
    return Message(
        conversation_id=conversation.id,
        seq=conversation.last_seq,
        author=author,
        text=text,
        state=state,
        content={},
        created_at=now,
    )


def foreign_channel(conversation: Conversation, channel: str | None) -> str | None:
    """What a message's row keeps of its channel: nothing where it is the conversation's own."""
    return None if channel in (None, conversation.channel) else channel


def _button(session: Session, conversation_id: str, token: str) -> ButtonToken:
    found: ButtonToken | None = session.get(ButtonToken, token)
    if found is None or found.conversation_id != conversation_id:
        raise Conflict("BUTTON_UNKNOWN", "the button was not shown in this conversation")
    return found


def next_waiting(session: Session, conversation_id: str) -> Message | None:
    """The oldest message of the shopper that has no answer yet."""
    found: Message | None = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.state == "waiting")
        .order_by(Message.seq)
        .limit(1)
    ).one_or_none()
    return found


def is_told_of_delay(session: Session, conversation_id: str) -> bool:
    """Whether the last thing that the shopper was told is that the answer is late."""
    content = session.scalar(
        select(Message.content)
        .where(Message.conversation_id == conversation_id, Message.author != "shopper")
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return bool(content) and content.get("kind") == DELAYED
