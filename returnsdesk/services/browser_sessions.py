"""Which conversation a browser's session opens: its own, or the one that a linked customer shares with their chat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation
from returnsdesk.db.session import Database
from returnsdesk.services import (
    chat_links,
    chat_moves,
    conversation_state,
    conversations,
    drafts,
    identity,
)
from returnsdesk.services.chat_wishes import Said
from returnsdesk.services.chats import chat_of_conversation, chat_of_customer, lock_chat_of
from returnsdesk.services.conversations import ConversationView
from returnsdesk.texts import render

WEB = "web"
_WITH_PERSON = (conversation_state.WAITING, conversation_state.PERSON)


@dataclass(frozen=True)
class Shared:
    """The conversation of a linked customer, and the one that the browser had open before and that is closed now."""

    conversation: ConversationView
    left: str | None


def find(
    session: Session, conversation_id: str, *, issued_at: datetime, now: datetime
) -> ConversationView | None:
    """The conversation that a session issued at a moment opens now; None for one that it opens no more.

    What a linked chat keeps open, a browser reads only for as long as a log-in of the shop would have let it.
    """
    row = session.get(Conversation, conversation_id)
    if row is None or row.ended_at is not None:
        return None
    if row.sessions_from is not None and issued_at < row.sessions_from:
        return None
    chat = chat_of_conversation(session, conversation_id)
    is_linked = chat is not None and chat.customer_id is not None
    if is_linked and issued_at + identity.LOGIN_LIFETIME <= now:
        return None
    return conversations.find(session, conversation_id)


def open_shared(
    database: Database, login_token: str, present_id: str | None, *, key: str, now: datetime
) -> Shared | None:
    """The conversation that a shopper who is logged in at the shop shares with their chat; None to go on without it.

    The browser's present conversation is left for it and closed, unless there is something to finish: a return that is
    being put together, or a person of the team who sees to it.
    """
    with database.write() as session:
        customer = identity.customer_of_token(session, login_token, key=key, now=now)
        chat = chat_of_customer(session, customer.id) if customer else None
        if customer is None or chat is None or chat.conversation_id == present_id:
            return None
        shared = conversations.locked(session, chat.conversation_id)
        is_closed = shared.ended_at is not None or shared.sessions_from == identity.NO_BROWSER
        if is_closed or conversations.is_proven_by_another(
            session, shared.id, customer.external_id
        ):
            return None
        if present_id is not None:
            present = conversations.locked(session, present_id)
            if present.state in _WITH_PERSON or drafts.has_open(session, present_id, now):
                return None
            conversations.close(session, present, now)
        found = conversations.find(session, shared.id)
        return Shared(found, present_id) if found else None


def leave(
    database: Database, conversation_id: str, *, begins_anew: bool, now: datetime
) -> ConversationView | None:
    """The shopper logs out of a browser, or begins a new conversation in it.

    Without a chat what was proven is forgotten and the conversation closes. A chat keeps its conversation, which no
    session of a browser opens any more; when it is linked and a new conversation begins, the chat goes on with that
    one, which is returned.
    """
    with database.write() as session:
        lock_chat_of(session, conversation_id)
        conversation = conversations.locked(session, conversation_id)
        chat = chat_of_conversation(session, conversation_id)
        chat_links.void_of(session, conversation_id)
        if chat is None:
            identity.close(session, conversation_id)
            conversations.close(session, conversation, now)
            return None
        if chat.customer_id is None or not begins_anew:
            conversation.sessions_from = max(now, conversation.sessions_from or now)
            return None
        conversations.close(session, conversation, now)
        new = conversations.begin(session, channel=WEB, language=conversation.language, now=now)
        chat_moves.turn_to(chat, new)
        line = Said(render("telegram_anew", new.language))
        conversations.say(session, new, line, now=now)
        return conversations.find(session, new.id)
