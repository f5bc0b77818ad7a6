"""What shoppers add to a conversation besides messages that are answered: photos, and how they rate it."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Message
from returnsdesk.db.session import Database
from returnsdesk.services.conversations import (
    Accepted,
    foreign_channel,
    is_taken_over,
    locked,
    new_message,
)
from returnsdesk.services.errors import NotFound

RATING = "rating"
"""Kind of the row that keeps a shopper's rating; shoppers are not shown it."""

LOWEST_SCORE, HIGHEST_SCORE = 1, 5

_PHOTO_ID = re.compile(r"[0-9a-f]{32}")


def add_photo(
    database: Database,
    conversation_id: str,
    *,
    message_id: str,
    name: str,
    address: str,
    reply: str,
    channel: str | None = None,
    now: datetime,
) -> Accepted:
    """Keep a shopper's photo by its address, and say that it is here unless a person of the team has the conversation.

    The same `message_id` again finds the same row. `channel` is the one that it came by; without a `reply` nothing is
    said.

    Raises `NotFound` for a conversation that is not there or was ended.
    """
    with database.write() as session:
        conversation = locked(session, conversation_id)
        if conversation.ended_at is not None:
            raise NotFound("CONVERSATION_ENDED", f"conversation {conversation_id} was ended")
        earlier = session.scalars(
            select(Message).where(
                Message.conversation_id == conversation_id, Message.channel_message_id == message_id
            )
        ).one_or_none()
        if earlier is not None:
            return Accepted(earlier.seq, is_new=False)
        photo = new_message(conversation, author="shopper", text=name, state="answered", now=now)
        photo.channel_message_id, photo.content = message_id, {"image": address}
        photo.channel = foreign_channel(conversation, channel)
        session.add(photo)
        session.flush()
        if reply and not is_taken_over(session, conversation_id):
            said = new_message(conversation, author="assistant", text=reply, state="sent", now=now)
            said.reply_to_id = photo.id
            session.add(said)
        return Accepted(photo.seq, is_new=True)


def photo_ids_of(session: Session, conversation_id: str) -> tuple[str, ...]:
    """Ids of the photos that the shopper has sent in a conversation, oldest first."""
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "shopper")
        .order_by(Message.seq)
    )
    return tuple(
        str(row.content["image"]).rpartition("/")[2] for row in rows if row.content.get("image")
    )


def is_photo_id(text: str) -> bool:
    """Whether `text` is written like the id of a photo."""
    return _PHOTO_ID.fullmatch(text) is not None


def rate(
    database: Database, conversation_id: str, *, score: int, comment: str, now: datetime
) -> None:
    """Keep how the shopper rates the conversation, from 1 (bad) to 5 (good); a later rating replaces the earlier.

    Raises `NotFound` for a conversation that is not there, `ValueError` for a score out of range.
    """
    if not LOWEST_SCORE <= score <= HIGHEST_SCORE:
        raise ValueError(f"a score is between {LOWEST_SCORE} and {HIGHEST_SCORE}, not {score}")
    with database.write() as session:
        conversation = locked(session, conversation_id)
        row = _rating_row(session, conversation_id)
        if row is None:
            row = new_message(conversation, author="system", text="", state="sent", now=now)
            session.add(row)
        row.content = {"kind": RATING, "score": score, "comment": comment}
        conversation.csat = score


def rating_of(session: Session, conversation_id: str) -> tuple[int, str] | None:
    """Score and comment that the shopper gave; None when not rated."""
    row = _rating_row(session, conversation_id)
    return (row.content["score"], row.content["comment"]) if row else None


def is_rating_welcome(session: Session, conversation_id: str) -> bool:
    """Whether it is decent to ask for a rating: not again, and not from somebody whose matter a person has to solve."""
    if rating_of(session, conversation_id) is not None:
        return False
    passed_on = select(Case.id).where(
        Case.conversation_id == conversation_id, Case.document.is_(None)
    )
    return session.scalar(passed_on.limit(1)) is None


def may_ask_for_rating(session: Session, conversation_id: str) -> bool:
    """Whether the assistant may ask at the end of a conversation: once, and where a rating is welcome."""
    said = session.scalars(
        select(Message.content).where(
            Message.conversation_id == conversation_id, Message.author == "assistant"
        )
    )
    is_asked = any((content.get("custom") or {}).get("card") == RATING for content in said)
    return not is_asked and is_rating_welcome(session, conversation_id)


def _rating_row(session: Session, conversation_id: str) -> Message | None:
    rows = session.scalars(
        select(Message).where(
            Message.conversation_id == conversation_id, Message.author == "system"
        )
    )
    return next((row for row in rows if row.content.get("kind") == RATING), None)
