"""Photos as files: where they lie, and deleting those that nothing needs any more."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, ClaimEvidence, Conversation, Message
from returnsdesk.db.session import Database
from returnsdesk.domain import states

_UNDECIDED = (states.CLAIM_OPEN, states.CLAIM_NEEDS_EVIDENCE, states.CLAIM_APPROVED)


def folder(var_dir: Path) -> Path:
    """Where photos are kept."""
    return var_dir / "photos"


def prune(database: Database, var_dir: Path, *, before: datetime) -> int:
    """Delete the photos of conversations in which nothing was said since `before`; returns how many.

    Photos of claims that are not closed stay. The messages stay as well, without their pictures.
    """
    deleted = 0
    with database.write() as session:
        kept = _in_use(session)
        for message in _with_photo(session, before):
            photo_id = str(message.content["image"]).rpartition("/")[2]
            if photo_id in kept:
                continue
            (folder(var_dir) / f"{photo_id}.jpg").unlink(missing_ok=True)
            message.content = {
                name: part for name, part in message.content.items() if name != "image"
            }
            deleted += 1
    return deleted


def _in_use(session: Session) -> set[str]:
    undecided = select(ClaimEvidence.photo_id).join(Claim).where(Claim.status.in_(_UNDECIDED))
    return set(session.scalars(undecided))


def _with_photo(session: Session, before: datetime) -> list[Message]:
    rows = session.scalars(
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.author == "shopper", Conversation.last_message_at < before)
    )
    return [row for row in rows if row.content.get("image")]
