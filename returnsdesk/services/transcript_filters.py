"""What the list of conversations can be narrowed by: reading it from an address, writing it into one, asking for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from sqlalchemy import func, or_, select, text, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from returnsdesk.db.models import (
    Conversation,
    ConversationRead,
    ConversationTag,
    Message,
    Order,
    Return,
)
from returnsdesk.domain.mentions import order_number_spellings
from returnsdesk.services import conversation_state, conversation_subject, transcript_search
from returnsdesk.settings import LANGUAGES

STATES: Final = (
    conversation_state.WAITING,
    conversation_state.PERSON,
    conversation_state.BOT,
    conversation_state.CLOSED,
)
CHANNELS: Final = ("web", "telegram", "rest")
NOBODY: Final = "nobody"
"""As `assigned`: conversations that nobody sees to."""
FEW: Final = 3000
"""Up to so many hits of an index are collected and put in order; with more, the list is walked row by row."""

_LONGEST_VALUE: Final = 254
_YES_OR_NO: Final = ("yes", "no")
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2199, 12, 31)
_TAG: Final = re.compile(r"\s+")


@dataclass(frozen=True)
class Filters:
    """What is wanted; None or an empty text is anything. Dates are days in UTC of the last message, both included."""

    state: str = ""
    date_from: date | None = None
    date_to: date | None = None
    channel: str = ""
    language: str = ""
    intent: str = ""
    confidence_below: float | None = None
    fallbacks: int | None = None
    outcome: str = ""
    handover: str = ""
    tag: str = ""
    csat: int | None = None
    reviewed: str = ""
    assigned: str = ""
    order: str = ""
    rma: str = ""
    unread: str = ""
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self == Filters()

    def as_query(self, **changed: str) -> dict[str, str]:
        """The filters as they stand in an address; `changed` ones in place of their own, an empty one left out."""
        names = {of: name for name, of in NAMES.items()}
        own = {names[each.name]: _written(getattr(self, each.name)) for each in fields(self)}
        return {name: value for name, value in {**own, **changed}.items() if value}


NAMES: Final = {
    "state": "state",
    "from": "date_from",
    "to": "date_to",
    "channel": "channel",
    "language": "language",
    "intent": "intent",
    "confidence": "confidence_below",
    "fallbacks": "fallbacks",
    "outcome": "outcome",
    "handover": "handover",
    "tag": "tag",
    "csat": "csat",
    "reviewed": "reviewed",
    "assigned": "assigned",
    "order": "order",
    "rma": "rma",
    "unread": "unread",
    "q": "text",
}
"""Name in an address, and the filter that it stands for."""

_ONE_OF: Final = {
    "state": STATES,
    "language": LANGUAGES,
    "outcome": conversation_subject.OUTCOMES,
    "handover": _YES_OR_NO,
    "reviewed": _YES_OR_NO,
    "unread": ("yes",),
}


def read(query: Mapping[str, str]) -> tuple[Filters, tuple[str, ...]]:
    """The filters of an address, and a sentence for each value that means nothing and is therefore left out."""
    values: dict[str, Any] = {}
    problems = []
    for name, of in NAMES.items():
        given = str(query.get(name, "")).replace("\x00", "").strip()[:_LONGEST_VALUE]
        if not given:
            continue
        value = _value(of, given)
        if value is None:
            problems.append(f"“{given[:40]}” is nothing that “{name}” can be; it was left out.")
        else:
            values[of] = value
    return Filters(**values), tuple(problems)


def _value(of: str, given: str) -> Any:
    if of in _ONE_OF:
        return given if given in _ONE_OF[of] else None
    if of in ("date_from", "date_to"):
        return _day(given)
    if of == "confidence_below":
        return _number(given, float, 0, 1)
    if of == "fallbacks":
        return _number(given, int, 1, 1000)
    if of == "csat":
        return _number(given, int, 1, 5)
    if of == "tag":
        return _TAG.sub(" ", given).lower()
    return given


def _day(given: str) -> date | None:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return None
    return day if _EARLIEST <= day <= _LATEST else None


def _number(given: str, kind: type, lowest: float, highest: float) -> Any:
    try:
        number = kind(given.replace(",", "."))
    except ValueError:
        return None
    return number if lowest <= number <= highest else None


def _written(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Asked:
    """A list's question: conditions on `Conversation`, and the ids it can only be among, where those are few."""

    conditions: tuple[Any, ...]
    among: frozenset[str] | None
    terms: tuple[transcript_search.Term, ...]


def ask(session: Session, filters: Filters, *, reader_id: int) -> Asked:
    """What to ask the database for; `reader_id` is the account for which conversations are read or not."""
    terms = transcript_search.terms_of(filters.text)
    conditions = [*_plain(filters), *_for_reader(filters, reader_id)]
    among: frozenset[str] | None = None
    for rare, condition in _by_index(session, filters, terms):
        few = _few(session, rare)
        if few is None:
            conditions.append(condition)
        else:
            among = few if among is None else among & few
    return Asked(tuple(conditions), among, terms)


def _plain(filters: Filters) -> list[Any]:
    """Conditions that an index over time answers."""
    # Where nothing was said, a chat was opened and left: there is nothing to read.
    found = [Conversation.last_seq > 0]
    for column in ("state", "channel", "language", "outcome", "csat"):
        value = getattr(filters, column)
        if value:
            found.append(getattr(Conversation, column) == value)
    if filters.date_from:
        found.append(Conversation.last_message_at >= _midnight(filters.date_from))
    if filters.date_to:
        after = _midnight(filters.date_to + timedelta(days=1))
        found.append(Conversation.last_message_at < after)
    if filters.fallbacks:
        # Written out, so that the partial index is known to hold all that is asked for.
        found += [text("conversations.fallback_count > 0")]
        found += [Conversation.fallback_count >= filters.fallbacks]
    if filters.handover:
        is_wanted = filters.handover == "yes"
        handed_over = Conversation.handed_over_at
        found.append(handed_over.isnot(None) if is_wanted else handed_over.is_(None))
    if filters.reviewed == "no":
        found.append(Conversation.reviewed_at.is_(None))
    if filters.assigned == NOBODY:
        found.append(Conversation.assigned_to.is_(None))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=timezone.utc)


def _for_reader(filters: Filters, reader_id: int) -> list[Any]:
    if not filters.unread:
        return []
    read_up_to = (
        select(ConversationRead.seq)
        .where(
            ConversationRead.account_id == reader_id,
            ConversationRead.conversation_id == Conversation.id,
        )
        .scalar_subquery()
    )
    return [func.coalesce(read_up_to, 0) < Conversation.last_seq]


def _has(column: Any, *conditions: Any) -> Any:
    """Whether a conversation has such a row, looked up for each line that is met.

    Not EXISTS: PostgreSQL would make a join of it that reads the whole other table before the first line.
    """
    return select(column).where(*conditions).limit(1).scalar_subquery().isnot(None)


def _by_index(
    session: Session, filters: Filters, terms: tuple[transcript_search.Term, ...]
) -> list[tuple[Select, Any]]:
    """For each filter with an index of its own: the conversations that the index gives, and the condition on one."""
    found: list[tuple[Select, Any]] = []
    own = Conversation.id
    if filters.confidence_below is not None:
        condition = Conversation.lowest_confidence < filters.confidence_below
        found.append((select(own).where(condition), condition))
    if filters.reviewed == "yes":
        # The same as "not empty", said so that SQLite begins in the index.
        condition = Conversation.reviewed_at >= _midnight(_EARLIEST)
        found.append((select(own).where(condition), condition))
    if filters.assigned and filters.assigned != NOBODY:
        condition = Conversation.assigned_to == filters.assigned
        found.append((select(own).where(condition), condition))
    if filters.tag:
        tagged = ConversationTag.tag == filters.tag
        of_it = ConversationTag.conversation_id == own
        found.append(
            (
                select(ConversationTag.conversation_id).where(tagged),
                _has(ConversationTag.tag, of_it, tagged),
            )
        )
    if filters.intent:
        meant = Message.intent == filters.intent
        of_it = Message.conversation_id == own
        found.append((select(Message.conversation_id).where(meant), _has(Message.id, of_it, meant)))
    if filters.text and terms:
        found.append(_holding(session, terms))
    if filters.order:
        found.append(_about(session, _of_order(filters.order), filters.order))
    if filters.rma:
        number = Return.rma_number == filters.rma.strip().upper()
        opened = select(Return.conversation_id).where(number, Return.conversation_id.isnot(None))
        found.append(_about(session, [opened], filters.rma))
    return found


def _holding(session: Session, terms: tuple[transcript_search.Term, ...]) -> tuple[Select, Any]:
    hits = transcript_search.matching(session, terms).limit(FEW + 1).subquery()
    rare = select(Message.conversation_id).join(hits, hits.c.id == Message.id)
    of_it = Message.conversation_id == Conversation.id
    return rare, _has(Message.id, of_it, transcript_search.holds(terms))


def _of_order(number: str) -> list[Select]:
    order_ids = select(Order.id).where(Order.number_norm.in_(order_number_spellings(number)))
    opened = select(Return.conversation_id).where(
        Return.order_id.in_(order_ids), Return.conversation_id.isnot(None)
    )
    return [select(Conversation.id).where(Conversation.order_id.in_(order_ids)), opened]


def _about(session: Session, recorded: list[Select], number: str) -> tuple[Any, Any]:
    """Conversations that the record ties to a document, and those in which its number was written."""
    words = transcript_search.terms_of(f'"{number}"')
    is_recorded = or_(*(Conversation.id.in_(each) for each in recorded))
    if not words:
        return union_all(*recorded), is_recorded
    written, condition = _holding(session, words)
    return union_all(*recorded, written), or_(is_recorded, condition)


def _few(session: Session, rare: Any) -> frozenset[str] | None:
    """The conversations that an index gives; None when they are too many to be collected."""
    if isinstance(rare, Select):
        rows = session.execute(rare.limit(FEW + 1)).scalars().all()
    else:
        whole = rare.subquery()
        rows = session.execute(select(whole.c[0]).limit(FEW + 1)).scalars().all()
    return None if len(rows) > FEW else frozenset(rows)


def counts_by_state(session: Session) -> dict[str, int]:
    """How many conversations there are in the states that people work on, by an index alone."""
    rows = session.execute(
        select(Conversation.state, func.count())
        .where(Conversation.state.in_((conversation_state.WAITING, conversation_state.PERSON)))
        .group_by(Conversation.state)
    ).all()
    return {state: int(number) for state, number in rows}
