"""What lists filter conversations by, kept in the transaction of whatever changes it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Conversation, Message
from returnsdesk.services import conversation_subject

BOT: Final = "bot"
WAITING: Final = "waiting"
PERSON: Final = "person"
CLOSED: Final = "closed"

FALLBACK: Final = "nlu_fallback"
"""Intent of a message that the assistant did not understand."""

_INTENT_LENGTH = 60


def settle(session: Session, conversation_id: str | None) -> None:
    """Say anew who has the conversation: the assistant, nobody yet, a person, or nobody any more.

    It waits for a person while a case of its own is open; cases about documents wait in their own list.
    """
    conversation = session.get(Conversation, conversation_id) if conversation_id else None
    if conversation is None:
        return
    session.flush()
    cases = session.execute(
        select(Case.status, Case.created_at).where(
            Case.conversation_id == conversation_id, Case.document.is_(None)
        )
    ).all()
    statuses = {status for status, _ in cases}
    if conversation.ended_at is not None:
        conversation.state = CLOSED
    elif "with_person" in statuses:
        conversation.state = PERSON
    elif "open" in statuses:
        conversation.state = WAITING
    else:
        conversation.state = BOT
    if cases and conversation.handed_over_at is None:
        conversation.handed_over_at = min(at for _, at in cases)


def note_turn(conversation: Conversation, message: Message, trace: dict[str, Any]) -> None:
    """Keep how the assistant understood a message where lists and figures find it."""
    intent, confidence = trace.get("intent"), trace.get("confidence")
    if not isinstance(intent, str):
        return
    message.intent = intent[:_INTENT_LENGTH]
    message.is_fallback = intent == FALLBACK
    if message.is_fallback:
        conversation.fallback_count += 1
    elif conversation.outcome is None:
        conversation.outcome = conversation_subject.ANSWERED
    if isinstance(confidence, int | float):
        message.confidence = float(confidence)
        lowest = conversation.lowest_confidence
        conversation.lowest_confidence = min(
            message.confidence, lowest if lowest is not None else 1.0
        )
