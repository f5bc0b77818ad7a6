"""Notices to shoppers: written with the event that calls for them, one for each channel that the shopper uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    Message,
    Notification,
    OneTimeCode,
    Order,
    Return,
    TelegramChat,
    VerifiedSession,
    Withdrawal,
)
from returnsdesk.services import outbox
from returnsdesk.services.chats import TELEGRAM, chat_of_customer, chat_that_wrote_in
from returnsdesk.services.errors import ServiceError

SEND_NOTICE: Final = "send_notice"
EMAIL: Final = "email"
SMS: Final = "sms"
WEB: Final = "web"

CHANNELS: Final = (EMAIL, SMS, WEB, TELEGRAM)
"""The channels that have a sender (`returnsdesk.jobs.notices`); a notice is written for these alone."""

WAITING: Final = "waiting"
SENT: Final = "sent"
DROPPED: Final = "dropped"

LANGUAGE_UNKNOWN: Final = ""
"""Language of a notice to somebody whose language nobody knows: the shop's own is taken when it is sent."""

APPROVED: Final = "approved"
# A label usually follows within seconds, and its notice says all that the approval would have said.
WAIT_FOR_LABEL: Final = timedelta(seconds=60)
OWN_CARRIER: Final = "own_carrier"

EXPECTED: Final = frozenset({APPROVED, "label_ready", "label_delayed", OWN_CARRIER})
"""Events that a shopper who has just registered a return in a chat waits for there: the end of an answer, no notice."""
EXPECTED_FOR: Final = timedelta(hours=1)
"""How long after the shopper's last message they do."""

Way = tuple[str, str]
"""Channel and address: a mail address, a telephone number, a conversation of the web, a chat of Telegram."""


@dataclass(frozen=True)
class CodeNotice:
    """A one-time code that may still be sent: in which language, and for how long it is valid from its making."""

    language: str
    minutes: int


def code_notice(session: Session, code_id: int, now: datetime) -> CodeNotice | None:
    """What to say with a code; None if it has run out or a newer one took its place."""
    code = session.get(OneTimeCode, code_id)
    if code is None or code.is_void or code.expires_at <= now:
        return None
    conversation = session.get(Conversation, code.conversation_id)
    minutes = round((code.expires_at - code.created_at).total_seconds() / 60)
    return CodeNotice(conversation.language, minutes)


def announce(
    session: Session,
    event: str,
    *,
    document: str,
    document_id: int,
    order: Order,
    conversation_id: str | None,
    now: datetime,
) -> None:
    """Write the notices of an event in its transaction: once for each document, event and channel, then no more.

    `document` is return, claim or refund. What a notice says is read from the record when it is sent, not here.
    """
    conversation = session.get(Conversation, conversation_id) if conversation_id else None
    language = _language(order, conversation)
    ways = _ways_to_customer(session, order, conversation)
    ways += _ways_to_chats(session, event, order, conversation, now)
    due_at = now + _pause_before(session, event, document, document_id)
    _write(session, event, (document, document_id), ways, language, now=now, due_at=due_at)


def announce_return(session: Session, event: str, document: Return, *, now: datetime) -> None:
    """`announce` of a return."""
    announce(
        session,
        event,
        document="return",
        document_id=document.id,
        order=document.order,
        conversation_id=document.conversation_id,
        now=now,
    )


def announce_withdrawal(
    session: Session, event: str, withdrawal: Withdrawal, *, now: datetime
) -> None:
    """Write the notices of a withdrawal: by mail, which the shopper can keep, and in the chat if it is still open.

    Raises `ServiceError` NO_ADDRESS when there is no mail address, so that a person takes care of it.
    """
    found = withdrawal.conversation_id
    conversation = session.get(Conversation, found) if found else None
    address = withdrawal.contact or (withdrawal.order.email_norm if withdrawal.order else "")
    if not address:
        raise ServiceError("NO_ADDRESS", f"{withdrawal.number} came without a mail address")
    ways = [(EMAIL, address)]
    ways += _ways_to_chats(session, event, withdrawal.order, conversation, now)
    subject = ("withdrawal", withdrawal.id)
    _write(session, event, subject, ways, withdrawal.language, now=now, due_at=now)


def _write(
    session: Session,
    event: str,
    subject: tuple[str, int],
    ways: Sequence[Way],
    language: str | None,
    *,
    now: datetime,
    due_at: datetime,
) -> None:
    document, document_id = subject
    for channel, recipient in ways:
        key = f"notice-{document}-{document_id}-{event}-{channel}"
        if session.scalar(select(Notification.id).where(Notification.dedupe_key == key)):
            continue
        notification = Notification(
            event=event,
            document=document,
            document_id=document_id,
            channel=channel,
            language=language or LANGUAGE_UNKNOWN,
            recipient=recipient,
            dedupe_key=key,
            status=WAITING,
            created_at=now,
        )
        try:
            with session.begin_nested():
                session.add(notification)
        except IntegrityError:
            # Another transaction has written it meanwhile.
            continue
        payload = {"notification_id": notification.id}
        outbox.add(session, SEND_NOTICE, payload, dedupe_key=key, now=now, due_at=due_at)


def _language(order: Order, conversation: Conversation | None) -> str | None:
    if conversation is not None:
        return str(conversation.language)
    return order.customer.language if order.customer else None


def _pause_before(session: Session, event: str, document: str, document_id: int) -> timedelta:
    if (event, document) != (APPROVED, "return"):
        return timedelta()
    found = session.get(Return, document_id)
    needs_label = found is not None and found.method != OWN_CARRIER
    return WAIT_FOR_LABEL if needs_label else timedelta()


def _ways_to_customer(
    session: Session, order: Order, conversation: Conversation | None
) -> list[Way]:
    """How the buyer is reached; not at all when somebody else who has the gift sends it back."""
    if _is_from_gifted(session, order, conversation):
        return []
    customer = order.customer
    found: list[Way] = []
    if order.email_norm and (customer is None or customer.notify_by_email):
        found.append((EMAIL, order.email_norm))
    if customer is not None and customer.notify_by_sms and customer.phone:
        found.append((SMS, customer.phone))
    return found


def _is_from_gifted(session: Session, order: Order, conversation: Conversation | None) -> bool:
    """Whether a gift is dealt with by somebody who has not proven to be its buyer."""
    if not order.is_gift or conversation is None:
        return False
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation.id)
    ).one_or_none()
    if proof is None:
        return False
    is_buyer = (proof.customer_id is not None and proof.customer_id == order.customer_id) or (
        proof.email_norm is not None and proof.email_norm == order.email_norm
    )
    return not is_buyer


def is_expected(session: Session, event: str, conversation_id: str, now: datetime) -> bool:
    """Whether the shopper waits in a conversation for what the event is about."""
    if event not in EXPECTED:
        return False
    asked_at = session.scalar(
        select(Message.created_at)
        .where(Message.conversation_id == conversation_id, Message.author == "shopper")
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return asked_at is not None and now - asked_at <= EXPECTED_FOR


def _ways_to_chats(
    session: Session,
    event: str,
    order: Order | None,
    conversation: Conversation | None,
    now: datetime,
) -> list[Way]:
    """The conversation that the document came from, and the chat of a shopper who wants notices there.

    Where both are one, so is the notice.
    """
    chat = _chat_for(session, event, order, conversation, now)
    found = [(TELEGRAM, str(chat.chat_id))] if chat is not None else []
    is_open = conversation is not None and conversation.ended_at is None
    if conversation is not None and is_open and conversation.channel == WEB:
        is_same = chat is not None and chat.conversation_id == conversation.id
        found += [] if is_same else [(WEB, str(conversation.id))]
    return found


def _chat_for(
    session: Session,
    event: str,
    order: Order | None,
    conversation: Conversation | None,
    now: datetime,
) -> TelegramChat | None:
    """The chat that hears of an event: the one that it came from, otherwise the buyer's."""
    own = chat_that_wrote_in(session, conversation.id) if conversation is not None else None
    if own is not None and own.customer_id not in (None, order.customer_id if order else None):
        # Linked with another account meanwhile; in its own conversation a question is still answered.
        is_held_there = conversation is not None and own.conversation_id == conversation.id
        own = own if is_held_there else None
    if own is not None and own.blocked_at is None:
        is_asked = is_expected(session, event, own.conversation_id, now)
        if own.wants_notices or is_asked:
            return own
    if order is None or _is_from_gifted(session, order, conversation):
        return None
    chat = chat_of_customer(session, order.customer_id)
    is_wanted = chat is not None and chat.wants_notices and chat.blocked_at is None
    return chat if is_wanted else None
