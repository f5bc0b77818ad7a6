"""The list of conversations: a line for each, narrowed by filters, in pages as quick far back as at the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    ConversationRead,
    ConversationTag,
    Customer,
    Message,
    Order,
)
from returnsdesk.services import transcript_filters, transcript_search
from returnsdesk.services.feedback import RATING
from returnsdesk.services.personal_fields import full_name
from returnsdesk.services.transcript_filters import Asked, Filters
from returnsdesk.services.transcript_search import Piece, Term

PAGE: Final = 40
_FIRST_WORDS: Final = 140
_LAST_FEW: Final = 3


@dataclass(frozen=True)
class Place:
    """Where a page ends: the time of the last message, and the id where two have the same."""

    at: datetime
    id: str

    def written(self) -> str:
        """The place as it stands in an address."""
        return f"{self.at.isoformat()}~{self.id}"


@dataclass(frozen=True)
class Line:
    """A conversation as the list shows it.

    `name` is the shopper's name or e-mail address (`name_kind`); empty for somebody who has proven nothing.
    `hit` is the part of a message that a search found, in the message `hit_seq`.
    """

    id: str
    state: str
    channel: str
    language: str
    at: datetime
    name: str
    name_kind: str
    order_number: str
    last_words: str
    last_author: str
    is_unread: bool
    fallbacks: int
    lowest_confidence: float | None
    outcome: str | None
    csat: int | None
    is_handed_over: bool
    is_reviewed: bool
    assigned_to: str | None
    tags: tuple[str, ...]
    hit: tuple[Piece, ...] = ()
    hit_seq: int | None = None

    @property
    def place(self) -> Place:
        """Where the line stands in the list."""
        return Place(self.at, self.id)


@dataclass(frozen=True)
class Page:
    """A page of the list, latest first; `newer` and `older` are where the next ones begin, None at either end.

    `number` is how many there are in all, where that was cheap to know.
    """

    lines: tuple[Line, ...]
    newer: Place | None
    older: Place | None
    number: int | None = None


def place_in(written: str) -> Place | None:
    """The place in an address; None for anything else."""
    at, _, conversation_id = written.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    if moment.tzinfo is None or not 2000 <= moment.year < 2200:
        return None
    return Place(moment, conversation_id[:36])


def page(
    session: Session,
    filters: Filters,
    *,
    reader_id: int,
    before: Place | None = None,
    after: Place | None = None,
    size: int = PAGE,
) -> Page:
    """What the filters leave, latest first: the top, what is older than `before`, or newer than `after`."""
    asked = transcript_filters.ask(session, filters, reader_id=reader_id)
    number = None
    if asked.among is not None:
        every = _places_among(session, asked)
        number = len(every)
        found = _part(every, before, after, size)
    else:
        found = _walked(session, asked, before, after, size)
    has_more, found = len(found) > size, found[:size]
    if after is not None:
        found = found[::-1]
    lines = _lines(session, [each.id for each in found], asked.terms, reader_id)
    is_past = before is not None or after is not None
    first, last = (found[0], found[-1]) if found else (None, None)
    newer = first if (has_more if after is not None else is_past) else None
    older = last if (is_past if after is not None else has_more) else None
    return Page(lines, newer, older, number)


def places(
    session: Session, filters: Filters, *, reader_id: int, before: Place | None, size: int
) -> list[Place]:
    """Where the next conversations that the filters leave stand, latest first; fewer than `size` at the end."""
    asked = transcript_filters.ask(session, filters, reader_id=reader_id)
    if asked.among is not None:
        return _part(_places_among(session, asked), before, None, size)[:size]
    return _walked(session, asked, before, None, size)[:size]


def _places_among(session: Session, asked: Asked) -> list[Place]:
    """All places of the few that an index gave, latest first."""
    rows = session.execute(
        select(Conversation.last_message_at, Conversation.id).where(
            Conversation.id.in_(sorted(asked.among or ())), *asked.conditions
        )
    )
    return sorted((Place(*row) for row in rows), key=_order, reverse=True)


def _order(place: Place) -> tuple[datetime, str]:
    return place.at, place.id


def _part(places: list[Place], before: Place | None, after: Place | None, size: int) -> list[Place]:
    if before is not None:
        return [each for each in places if _order(each) < _order(before)][: size + 1]
    if after is not None:
        newer = [each for each in places if _order(each) > _order(after)]
        return newer[::-1][: size + 1]
    return places[: size + 1]


def _walked(
    session: Session, asked: Asked, before: Place | None, after: Place | None, size: int
) -> list[Place]:
    """One more place than a page has, in the direction in which it is turned."""
    at, own_id = Conversation.last_message_at, Conversation.id
    wanted = select(at, own_id).where(*asked.conditions)
    if after is not None:
        # The first part says the same once more, but of one column alone: an index over time can begin there.
        wanted = wanted.where(at >= after.at, or_(at > after.at, own_id > after.id))
        wanted = wanted.order_by(at.asc(), own_id.asc())
    else:
        if before is not None:
            wanted = wanted.where(at <= before.at, or_(at < before.at, own_id < before.id))
        wanted = wanted.order_by(at.desc(), own_id.desc())
    return [Place(*row) for row in session.execute(wanted.limit(size + 1))]


def _lines(
    session: Session, ids: Sequence[str], terms: tuple[Term, ...], reader_id: int
) -> tuple[Line, ...]:
    """The lines of a page, in the order of `ids`."""
    read_by_me = and_(
        ConversationRead.conversation_id == Conversation.id,
        ConversationRead.account_id == reader_id,
    )
    rows = session.execute(
        select(Conversation, ConversationRead.seq, Customer, Order)
        .outerjoin(ConversationRead, read_by_me)
        .outerjoin(Customer, Customer.id == Conversation.customer_id)
        .outerjoin(Order, Order.id == Conversation.order_id)
        .where(Conversation.id.in_(ids))
    ).all()
    by_id = {row[0].id: row for row in rows}
    said, tags = _last_said(session, ids), _tags(session, ids)
    hits = _hits(session, ids, terms)
    return tuple(
        _line(by_id[each], said.get(each), tags.get(each, ()), hits.get(each))
        for each in ids
        if each in by_id
    )


def _line(
    found: tuple[Conversation, int | None, Customer | None, Order | None],
    last: Message | None,
    tags: tuple[str, ...],
    hit: tuple[int, tuple[Piece, ...]] | None,
) -> Line:
    row, read_up_to, customer, order = found
    name, kind = full_name(customer), "name"
    if not name and order is not None:
        name, kind = order.email_norm, "email"
    return Line(
        id=row.id,
        state=row.state,
        channel=row.channel,
        language=row.language,
        at=row.last_message_at,
        name=name,
        name_kind=kind,
        order_number=order.number if order else "",
        last_words=words_of(last) if last else "",
        last_author=last.author if last else "",
        is_unread=(read_up_to or 0) < row.last_seq,
        fallbacks=row.fallback_count,
        lowest_confidence=row.lowest_confidence,
        outcome=row.outcome,
        csat=row.csat,
        is_handed_over=row.handed_over_at is not None,
        is_reviewed=row.reviewed_at is not None,
        assigned_to=row.assigned_to,
        tags=tags,
        hit=hit[1] if hit else (),
        hit_seq=hit[0] if hit else None,
    )


def words_of(message: Message) -> str:
    """The first words of a message in one line; what it is where it has no words."""
    said = " ".join(message.text.split())
    if said:
        return said if len(said) <= _FIRST_WORDS else f"{said[:_FIRST_WORDS].rstrip()}…"
    content: dict[str, Any] = message.content
    if content.get("kind") == RATING:
        return f"Rated {content.get('score')} of 5"
    return "A picture" if content.get("image") else "A card"


def _last_said(session: Session, ids: Sequence[str]) -> dict[str, Message]:
    rows = session.scalars(
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.conversation_id.in_(ids), Message.seq > Conversation.last_seq - _LAST_FEW)
        .order_by(Message.seq)
    )
    found: dict[str, Message] = {}
    for row in rows:
        # A rating has a badge of its own; what was said before it tells more.
        if row.text or row.conversation_id not in found:
            found[row.conversation_id] = row
    return found


def _tags(session: Session, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    rows = session.execute(
        select(ConversationTag.conversation_id, ConversationTag.tag)
        .where(ConversationTag.conversation_id.in_(ids))
        .order_by(ConversationTag.tag)
    )
    found: dict[str, tuple[str, ...]] = {}
    for conversation_id, tag in rows:
        found[conversation_id] = (*found.get(conversation_id, ()), tag)
    return found


def _hits(
    session: Session, ids: Sequence[str], terms: tuple[Term, ...]
) -> dict[str, tuple[int, tuple[Piece, ...]]]:
    """The latest message of each conversation that a search found, with what it found there."""
    if not terms or not ids:
        return {}
    latest = (
        select(Message.conversation_id, func.max(Message.seq).label("seq"))
        .where(Message.conversation_id.in_(ids), transcript_search.holds(terms))
        .group_by(Message.conversation_id)
        .subquery()
    )
    rows = session.execute(
        select(Message.conversation_id, Message.seq, Message.text).join(
            latest,
            and_(
                latest.c.conversation_id == Message.conversation_id,
                latest.c.seq == Message.seq,
            ),
        )
    )
    return {
        row.conversation_id: (row.seq, transcript_search.snippet(row.text, terms)) for row in rows
    }
