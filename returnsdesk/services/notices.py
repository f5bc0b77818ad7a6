"""What a mail to a shopper needs to say, read from the record at the moment of sending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, OneTimeCode


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
