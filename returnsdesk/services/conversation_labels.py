"""What the team adds to a conversation: tags, notes, that it was reviewed, who sees to it, how far one has read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    ConversationNote,
    ConversationRead,
    ConversationTag,
    StaffAccount,
)
from returnsdesk.db.session import Database
from returnsdesk.services import audit
from returnsdesk.services.conversations import locked
from returnsdesk.services.errors import Conflict, NotFound, ServiceError

LONGEST_TAG: Final = 40
MOST_TAGS: Final = 20
LONGEST_NOTE: Final = 4000

_BLANKS: Final = re.compile(r"\s+")
_TAG: Final = re.compile(r"[\w][\w .:/+-]*")


@dataclass(frozen=True)
class Note:
    """A note of the team."""

    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Labels:
    """What the team has added to a conversation so far."""

    tags: tuple[str, ...]
    notes: tuple[Note, ...]
    reviewed_at: datetime | None
    reviewed_by: str | None
    assigned_to: str | None


def labels_of(session: Session, conversation: Conversation) -> Labels:
    """Tags in the order of the alphabet, notes in that of time."""
    tags = session.scalars(
        select(ConversationTag.tag)
        .where(ConversationTag.conversation_id == conversation.id)
        .order_by(ConversationTag.tag)
    )
    notes = session.scalars(
        select(ConversationNote)
        .where(ConversationNote.conversation_id == conversation.id)
        .order_by(ConversationNote.id)
    )
    return Labels(
        tuple(tags),
        tuple(Note(note.author, note.text, note.at) for note in notes),
        conversation.reviewed_at,
        conversation.reviewed_by,
        conversation.assigned_to,
    )


def tag(database: Database, conversation_id: str, word: str, *, actor: str, now: datetime) -> str:
    """Add a tag, in small letters; the same one again changes nothing. Returns the tag as it is kept.

    Raises `NotFound`, and `ServiceError` for a word that is no tag (TAG_INVALID) or one too many (TOO_MANY_TAGS).
    """
    kept = tidy_tag(word)
    with database.write() as session:
        locked(session, conversation_id)
        tags = select(func.count()).where(ConversationTag.conversation_id == conversation_id)
        if session.get(ConversationTag, (conversation_id, kept)) is not None:
            return kept
        if (session.scalar(tags) or 0) >= MOST_TAGS:
            raise ServiceError("TOO_MANY_TAGS", f"a conversation has at most {MOST_TAGS} tags")
        session.add(
            ConversationTag(conversation_id=conversation_id, tag=kept, added_by=actor, added_at=now)
        )
        _recorded(session, conversation_id, actor, now, tag_added=kept)
        return kept


def untag(
    database: Database, conversation_id: str, word: str, *, actor: str, now: datetime
) -> None:
    """Take a tag away; one that is not there changes nothing. Raises `NotFound`."""
    with database.write() as session:
        locked(session, conversation_id)
        row = session.get(ConversationTag, (conversation_id, tidy_tag(word)))
        if row is not None:
            session.delete(row)
            _recorded(session, conversation_id, actor, now, tag_removed=row.tag)


def tidy_tag(word: str) -> str:
    """A tag as it is kept; raises `ServiceError` (TAG_INVALID) for what cannot be one."""
    tidy = _BLANKS.sub(" ", word).strip().lower()
    if len(tidy) > LONGEST_TAG or not _TAG.fullmatch(tidy):
        raise ServiceError(
            "TAG_INVALID", f"a tag is 1 to {LONGEST_TAG} letters, figures, blanks or .:/+-"
        )
    return tidy


def known_tags(session: Session, *, limit: int = 200) -> list[str]:
    """Tags in use, in the order of the alphabet."""
    rows = session.scalars(
        select(ConversationTag.tag).distinct().order_by(ConversationTag.tag).limit(limit)
    )
    return list(rows)


def add_note(
    database: Database, conversation_id: str, text: str, *, key: str, actor: str, now: datetime
) -> None:
    """Keep a note; `key` is that of the form: sent twice, it is one note. Raises `NotFound`, `ServiceError`."""
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text or len(text) > LONGEST_NOTE:
        raise ServiceError("NOTE_INVALID", f"a note has 1 to {LONGEST_NOTE} characters")
    dedupe_key = f"{actor}:{key}"[:80] if key else None
    with database.write() as session:
        locked(session, conversation_id)
        earlier = select(ConversationNote.id).where(ConversationNote.dedupe_key == dedupe_key)
        if dedupe_key and session.scalar(earlier) is not None:
            return
        session.add(
            ConversationNote(
                conversation_id=conversation_id,
                author=actor,
                text=text,
                dedupe_key=dedupe_key,
                at=now,
            )
        )
        _recorded(session, conversation_id, actor, now, note=True)


def review(
    database: Database, conversation_id: str, *, is_reviewed: bool, actor: str, now: datetime
) -> None:
    """Say that a conversation was looked through, or that it was not after all. Raises `NotFound`."""
    with database.write() as session:
        conversation = locked(session, conversation_id)
        if (conversation.reviewed_at is not None) == is_reviewed:
            return
        conversation.reviewed_at = now if is_reviewed else None
        conversation.reviewed_by = actor if is_reviewed else None
        _recorded(session, conversation_id, actor, now, reviewed=is_reviewed)


def assign(
    database: Database,
    conversation_id: str,
    email: str,
    *,
    seen: str,
    actor: str,
    now: datetime,
) -> None:
    """Give a conversation to a member of the team, or with an empty address to nobody.

    `seen` is who had it on the page that was answered. Raises `Conflict` (ASSIGNED_MEANWHILE, with `to`) when that has
    changed, `NotFound` for an unknown conversation or member.
    """
    with database.write() as session:
        conversation = locked(session, conversation_id)
        present = conversation.assigned_to or ""
        if present == email:
            return
        if present != seen:
            raise Conflict("ASSIGNED_MEANWHILE", "assigned meanwhile", to=present or "nobody")
        if email and not _is_active(session, email):
            raise NotFound("STAFF_UNKNOWN", f"there is no active account {email}")
        conversation.assigned_to = email or None
        _recorded(session, conversation_id, actor, now, assigned=bool(email))


def mark_read(database: Database, conversation_id: str, account_id: int, seq: int) -> None:
    """Keep how far a member of the team has read; it never goes back. Raises `NotFound`."""
    with database.write() as session:
        conversation = locked(session, conversation_id)
        seq = min(seq, conversation.last_seq)
        row = session.get(ConversationRead, (account_id, conversation_id))
        if row is None:
            session.add(
                ConversationRead(account_id=account_id, conversation_id=conversation_id, seq=seq)
            )
        elif row.seq < seq:
            row.seq = seq


def mark_unread(database: Database, conversation_id: str, account_id: int) -> None:
    """Forget that a member of the team has read a conversation."""
    with database.write() as session:
        row = session.get(ConversationRead, (account_id, conversation_id))
        if row is not None:
            session.delete(row)


def _is_active(session: Session, email: str) -> bool:
    found = select(StaffAccount.id).where(StaffAccount.email == email, StaffAccount.is_active)
    return session.scalar(found) is not None


def _recorded(
    session: Session, conversation_id: str, actor: str, now: datetime, **detail: object
) -> None:
    audit.recorded(
        session,
        actor=actor,
        action=audit.CHANGE,
        subject="conversation",
        subject_id=conversation_id,
        detail=detail,
        now=now,
    )
