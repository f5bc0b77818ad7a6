"""The language of a conversation follows what the shopper writes, until they say which one they want."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message
from returnsdesk.domain import languages

LANGUAGE_WISH = "language_change"
"""Intent of a message, typed or chosen, that says which language is wanted."""


def follow(session: Session, conversation: Conversation, text: str) -> None:
    """Take the language of a typed message for a locked conversation's own, where its words tell without doubt.

    The first words decide at once. Later a single message in another language may be a quotation, so that it takes two.
    """
    written = languages.detect(text)
    if written is None or written == conversation.language:
        return
    if _has_asked_for_one(session, conversation.id):
        return
    before = _typed_before(session, conversation.id)
    if before is not None and languages.detect(before) == conversation.language:
        return
    conversation.language = written


def _has_asked_for_one(session: Session, conversation_id: str) -> bool:
    asked = select(Message.id).where(
        Message.conversation_id == conversation_id, Message.intent == LANGUAGE_WISH
    )
    return session.scalar(asked.limit(1)) is not None


def _typed_before(session: Session, conversation_id: str) -> str | None:
    """The latest message that the shopper typed."""
    found: str | None = session.scalar(
        select(Message.text)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == "shopper",
            Message.choice.is_(None),
        )
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return found
