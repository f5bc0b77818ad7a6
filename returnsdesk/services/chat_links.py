"""One-time links that join a Telegram chat with a customer's account, with a conversation of the web, or with both.

A link is made where somebody has proven who they are, and proves it in the chat that opens it. A linked customer has
one chat, which shares one conversation with the web. What a guest has proven goes over with the conversation and runs
out as it would have; the browser that it came from reads it no more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    ChatLink,
    Conversation,
    Customer,
    TelegramChat,
    VerifiedSession,
)
from returnsdesk.db.session import Database
from returnsdesk.services import conversation_state, conversations, identity
from returnsdesk.services.chat_moves import (
    LINK,
    begin,
    exchange,
    has_message,
    known_chat,
    language_of,
    leave,
    locked_chat,
    name_of,
    new_chat,
    part,
)
from returnsdesk.services.chat_wishes import Said, notices_question
from returnsdesk.services.chats import chat_of_conversation, chat_of_customer
from returnsdesk.services.errors import NotFound
from returnsdesk.texts import render

LIFETIME: Final = timedelta(minutes=15)
MINUTES: Final = round(LIFETIME.total_seconds() / 60)

LINKED: Final = "linked"
CARRIED: Final = "carried"
ALREADY: Final = "already"
REPEATED: Final = "repeated"
"""What came of opening a link: the chat is linked, or took a guest's conversation over; or it was so before."""

USED: Final = "used"
EXPIRED: Final = "expired"
OTHER_ACCOUNT: Final = "other_account"
OTHER_GUEST: Final = "other_guest"
WITH_PERSON: Final = "with_person"
"""Why nothing came of it."""

_KEPT: Final = timedelta(days=1)
_WITH_PERSON: Final = (conversation_state.WAITING, conversation_state.PERSON)


@dataclass(frozen=True)
class OneTimeLink:
    """What a link carries, known to nobody but who gets it, and until when it can be opened."""

    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Redeemed:
    """What came of opening a link; whoever listens to the conversations named here has news."""

    outcome: str
    conversation_id: str
    others: tuple[str, ...] = ()


def make_for_conversation(
    database: Database, conversation_id: str, *, now: datetime
) -> OneTimeLink:
    """A link that carries a conversation over to a chat, and the account with it if it is a customer's.

    Raises `NotFound` for a conversation that is not there or was ended.
    """
    with database.write() as session:
        conversation = conversations.locked(session, conversation_id)
        if conversation.ended_at is not None:
            raise NotFound("CONVERSATION_ENDED", f"conversation {conversation_id} was ended")
        proof = session.scalars(
            select(VerifiedSession).where(
                VerifiedSession.conversation_id == conversation_id, VerifiedSession.expires_at > now
            )
        ).one_or_none()
        return _make(session, conversation_id, proof.customer_id if proof else None, now)


def make_for_customer(
    database: Database, login_token: str, *, key: str, now: datetime
) -> OneTimeLink | None:
    """A link for whom a token of the shop's log-in names; None for one that is forged, old or names nobody."""
    with database.write() as session:
        customer = identity.customer_of_token(session, login_token, key=key, now=now)
        return _make(session, None, customer.id, now) if customer else None


def redeem(
    database: Database, token: str, *, chat_id: int, message_id: str, language: str, now: datetime
) -> Redeemed:
    """Open a link in a chat: join both, or say in the chat why not; then nothing else is changed.

    What is said is written in the same transaction; `message_id` is the channel's own id of the message that opened
    the link, and the same once more does nothing. A chat that is not known yet begins in `language`.
    """
    with database.write() as session:
        chat = locked_chat(session, chat_id)
        if chat is not None and has_message(session, chat.conversation_id, message_id):
            return Redeemed(REPEATED, chat.conversation_id)
        link = session.get(ChatLink, _hash(token), with_for_update=True, populate_existing=True)
        why_not = _why_not(session, link, chat, now)
        if link is None or why_not is not None:
            chat = chat or new_chat(session, chat_id, begin(session, language, now), now)
            text = _refusal(session, why_not or EXPIRED, chat)
            exchange(session, chat, message_id, [Said(text, LINK)], now)
            return Redeemed(why_not or EXPIRED, chat.conversation_id)
        link.used_at = now
        _void_others(session, link)
        return _join(session, link, chat, chat_id, message_id, language, now)


def show(
    database: Database, chat_id: int, *, message_id: str, text: str, day: str, now: datetime
) -> str:
    """Say in the chat whose account it is linked with, or how it is linked; gives its conversation.

    `text` is what the shopper sent, `day` since when the chat is linked, in words.
    """
    with database.write() as session:
        chat = known_chat(session, chat_id)
        language = language_of(session, chat)
        if chat.customer_id is None:
            parts = [render("telegram_not_linked", language), render("telegram_how", language)]
            said = "\n\n".join(parts)
        else:
            said = render("telegram_shown", language, name=name_of(session, chat), day=day)
        if not has_message(session, chat.conversation_id, message_id):
            exchange(session, chat, message_id, [Said(said)], now, text=text)
        return str(chat.conversation_id)


def unlink(
    database: Database, chat_id: int, *, message_id: str, text: str, now: datetime
) -> Redeemed:
    """Part a chat from its account: it begins a new conversation, knows nobody and gets no notices.

    The conversation that it shared stays with the web if it began there; otherwise it is closed.
    """
    with database.write() as session:
        chat = known_chat(session, chat_id)
        if has_message(session, chat.conversation_id, message_id):
            return Redeemed(REPEATED, chat.conversation_id)
        language, old_id = language_of(session, chat), chat.conversation_id
        if chat.customer_id is None:
            parts = [render("telegram_not_linked", language), render("telegram_how", language)]
            exchange(session, chat, message_id, [Said("\n\n".join(parts))], now, text=text)
            return Redeemed(ALREADY, old_id)
        said = Said(render("telegram_unlinked", language, name=name_of(session, chat)))
        part(session, chat, now)
        exchange(session, chat, message_id, [said], now, text=text)
        return Redeemed(LINKED, chat.conversation_id, (old_id,))


def linked_since(session: Session, chat_id: int) -> datetime | None:
    """Since when a chat is linked with an account; None for one that is not."""
    chat = session.get(TelegramChat, chat_id)
    return chat.linked_at if chat is not None and chat.customer_id is not None else None


def _make(
    session: Session, conversation_id: str | None, customer_id: int | None, now: datetime
) -> OneTimeLink:
    session.execute(
        delete(ChatLink)
        .where(ChatLink.expires_at < now - _KEPT)
        .execution_options(synchronize_session=False)
    )
    token, expires_at = secrets.token_urlsafe(24), now + LIFETIME
    session.add(
        ChatLink(
            token_hash=_hash(token),
            conversation_id=conversation_id,
            customer_id=customer_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return OneTimeLink(token, expires_at)


def void_of(session: Session, conversation_id: str) -> None:
    """Take back the links of a conversation that nobody has opened: its shopper has logged out."""
    session.execute(
        delete(ChatLink)
        .where(ChatLink.conversation_id == conversation_id, ChatLink.used_at.is_(None))
        .execution_options(synchronize_session=False)
    )


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _why_not(
    session: Session, link: ChatLink | None, chat: TelegramChat | None, now: datetime
) -> str | None:
    """Why a link opens nothing in a chat; None if it does."""
    if link is None or link.expires_at <= now:
        return EXPIRED
    if link.used_at is not None:
        return USED
    carried = _carried(session, link)
    if carried is None and link.customer_id is None:
        return EXPIRED
    if chat is not None and chat.customer_id not in (None, link.customer_id):
        return OTHER_ACCOUNT if link.customer_id else OTHER_GUEST
    holder = chat_of_conversation(session, carried.id) if carried else None
    if holder is not None and holder is not chat and holder.customer_id != link.customer_id:
        return USED
    is_moved = chat is not None and carried is not None and chat.conversation_id != carried.id
    if is_moved and chat is not None:
        present = session.get(Conversation, chat.conversation_id)
        if present is not None and present.state in _WITH_PERSON:
            return WITH_PERSON
    return None


def _carried(session: Session, link: ChatLink) -> Conversation | None:
    """The conversation that a link carries over, unless it has ended or become somebody else's meanwhile."""
    if link.conversation_id is None:
        return None
    found = conversations.locked(session, link.conversation_id)
    if found.ended_at is not None:
        return None
    is_foreign = link.customer_id is not None and _is_of_another(
        session, found.id, link.customer_id
    )
    return None if is_foreign else found


def _is_of_another(session: Session, conversation_id: str, customer_id: int) -> bool:
    customer = session.get(Customer, customer_id)
    return customer is not None and conversations.is_proven_by_another(
        session, conversation_id, customer.external_id
    )


def _refusal(session: Session, why_not: str, chat: TelegramChat) -> str:
    facts = {"minutes": MINUTES, "name": name_of(session, chat)}
    return render(f"telegram_{why_not}", language_of(session, chat), **facts)


def _join(
    session: Session,
    link: ChatLink,
    chat: TelegramChat | None,
    chat_id: int,
    message_id: str,
    language: str,
    now: datetime,
) -> Redeemed:
    target = _carried(session, link) or _own_conversation(session, link, chat)
    target = target or begin(session, language, now)
    others = _part_holders(session, link, target, chat_id, now)
    was_linked = chat is not None and chat.customer_id is not None
    left: Said | None = None
    if chat is None:
        chat = new_chat(session, chat_id, target, now)
    elif chat.conversation_id != target.id:
        others.append(chat.conversation_id)
        left = leave(session, chat, target, now)
    is_same = was_linked and left is None
    chat.blocked_at = None
    if link.customer_id is not None:
        chat.customer_id, chat.linked_at = link.customer_id, chat.linked_at or now
        session.flush()
        identity.open_by_chat(session, target.id, link.customer_id, now)
    else:
        target.sessions_from = now
    texts = list(_what_happened(session, link, chat, target, was_linked=was_linked))
    said = [Said("\n\n".join([*texts, *([left.text] if left and left.text else [])]), LINK)]
    if not chat.wants_notices and not was_linked and target.state not in _WITH_PERSON:
        said.append(notices_question(target.language))
    exchange(session, chat, message_id, said, now, repeats=link.conversation_id == target.id)
    outcome = ALREADY if is_same else LINKED if link.customer_id else CARRIED
    return Redeemed(outcome, target.id, tuple(others))


def _what_happened(
    session: Session, link: ChatLink, chat: TelegramChat, target: Conversation, *, was_linked: bool
) -> Iterator[str]:
    language = target.language
    if link.customer_id is not None:
        key = "telegram_already" if was_linked else "telegram_linked"
        yield render(key, language, name=name_of(session, chat))
    if link.conversation_id == target.id and target.last_seq:
        yield render("telegram_carried", language)
    if link.customer_id is None:
        yield render("telegram_guest", language)


def _own_conversation(
    session: Session, link: ChatLink, chat: TelegramChat | None
) -> Conversation | None:
    """The conversation that a chat goes on with when it is linked, unless another person has proven something in it."""
    if chat is None or link.customer_id is None:
        return None
    found = conversations.locked(session, chat.conversation_id)
    is_closed = found.ended_at is not None
    return None if is_closed or _is_of_another(session, found.id, link.customer_id) else found


def _part_holders(
    session: Session, link: ChatLink, target: Conversation, chat_id: int, now: datetime
) -> list[str]:
    """Part other chats from the account and from the conversation, as a customer has one chat; gives what has news."""
    found = (
        chat_of_customer(session, link.customer_id),
        chat_of_conversation(session, target.id),
    )
    holders = {chat.chat_id: chat for chat in found if chat is not None and chat.chat_id != chat_id}
    changed = []
    for chat in holders.values():
        said = Said(
            render("telegram_moved", language_of(session, chat), name=name_of(session, chat))
        )
        part(session, chat, now, keeps=target.id)
        conversation = conversations.locked(session, chat.conversation_id)
        conversations.say(session, conversation, said, now=now)
        changed.append(conversation.id)
    return changed


def _void_others(session: Session, link: ChatLink) -> None:
    """Links made beside the one that was opened open nothing any more."""
    same = []
    if link.conversation_id is not None:
        same.append(ChatLink.conversation_id == link.conversation_id)
    if link.customer_id is not None:
        same.append(ChatLink.customer_id == link.customer_id)
    session.execute(
        update(ChatLink)
        .where(or_(*same), ChatLink.used_at.is_(None))
        .values(used_at=link.used_at)
        .execution_options(synchronize_session=False)
    )
