"""The waiting list: conversations that wait for a person, what each is about by the record, and who is looking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, delete, func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    Conversation,
    ConversationViewer,
    Event,
    Message,
    Order,
    Return,
    StaffAccount,
)
from returnsdesk.db.session import Database
from returnsdesk.domain.intents import INTENTS
from returnsdesk.services import conversation_state, deeds
from returnsdesk.services.conversations import locked, new_message
from returnsdesk.services.support_hours import SupportHours
from returnsdesk.texts import render

LIMIT: Final = 100
LOOKING: Final = timedelta(seconds=25)
"""How long it holds that somebody has a conversation on the screen; who goes on looking says so again before."""

STILL_WAITING: Final = "still_waiting"
"""Kind of the message that tells a shopper once that the wait for a person is not forgotten."""

_EXCERPT: Final = 240
_NOTICED_FOR: Final = timedelta(days=7)
_ASKED: Final = ("asked_for_person", "complaint", "could_not_answer")
"""Reasons of cases whose shopper has been told that a person takes it from here."""


@dataclass(frozen=True)
class WaitingConversation:
    """A conversation on the list; everything in it is read from the record.

    `kept_by` is the name of who has the case without being in the conversation: handed back, but not solved.
    """

    conversation_id: str
    channel: str
    language: str
    case_number: int
    reason: str
    is_urgent: bool
    since: datetime
    asked: str
    order_number: str | None
    rma_numbers: tuple[str, ...]
    last_words: str
    last_words_at: datetime | None
    understood: tuple[str, ...]
    done: tuple[str, ...]
    last_answer: str
    looking: tuple[str, ...]
    kept_by: str | None


def count(session: Session) -> int:
    """How many conversations wait that nobody sees to."""
    return int(
        session.scalar(
            select(func.count(Case.conversation_id.distinct())).where(
                _WAITS, Case.assigned_to.is_(None), Conversation.id == Case.conversation_id
            )
        )
    )


def listed(session: Session, *, now: datetime) -> list[WaitingConversation]:
    """The list: those that nobody sees to first, urgent ones before others, the longest wait first."""
    rows = session.execute(
        select(Conversation, Case)
        .join(Case, Case.conversation_id == Conversation.id)
        .where(_WAITS)
        .order_by(Case.created_at)
        .limit(10 * LIMIT)
    ).all()
    first_cases: dict[str, tuple[Conversation, list[Case]]] = {}
    for conversation, case in rows:
        first_cases.setdefault(conversation.id, (conversation, []))[1].append(case)
    ids = list(first_cases)[:LIMIT]
    about = _About.read(session, ids, now)
    found = [about.entry(*first_cases[each]) for each in ids]
    return sorted(found, key=lambda each: (bool(each.kept_by), not each.is_urgent, each.since))


def viewers(
    session: Session, conversation_ids: Collection[str], *, now: datetime
) -> dict[str, tuple[str, ...]]:
    """Names of the members of the team who have each conversation on the screen."""
    rows = session.execute(
        select(ConversationViewer.conversation_id, StaffAccount.name)
        .join(StaffAccount, StaffAccount.id == ConversationViewer.account_id)
        .where(
            ConversationViewer.conversation_id.in_(conversation_ids),
            ConversationViewer.looking_until > now,
        )
        .order_by(StaffAccount.name)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for conversation_id, name in rows:
        found[conversation_id].append(name)
    return {key: tuple(names) for key, names in found.items()}


def look_at(database: Database, conversation_id: str, account_id: int, *, now: datetime) -> None:
    """Let colleagues see for some seconds that somebody has a conversation on the screen."""
    with database.write() as session:
        if session.get(Conversation, conversation_id) is None:
            return
        row = session.get(ConversationViewer, (conversation_id, account_id))
        if row is None:
            row = ConversationViewer(conversation_id=conversation_id, account_id=account_id)
            session.add(row)
        row.looking_until = now + LOOKING


def look_away(database: Database, conversation_id: str, account_id: int) -> None:
    """The conversation is on that person's screen no more."""
    with database.write() as session:
        session.execute(
            delete(ConversationViewer)
            .where(
                ConversationViewer.conversation_id == conversation_id,
                ConversationViewer.account_id == account_id,
            )
            .execution_options(synchronize_session=False)
        )


def notice_long_waits(
    database: Database, hours: SupportHours, *, after: timedelta, now: datetime
) -> int:
    """Tell those who wait for a person, once for each case, that they are not forgotten; returns how many were told.

    Only within the hours, when `after` has passed of them; who asked outside them has been told when people are back.
    """
    opened = hours.open_since(now)
    if not after or opened is None or now - opened < after:
        return 0
    with database.read() as session:
        overdue = session.execute(
            select(Case.id, Case.conversation_id)
            .join(Conversation, Conversation.id == Case.conversation_id)
            .where(
                _WAITS,
                Case.assigned_to.is_(None),
                Case.reason.in_(_ASKED),
                Case.created_at <= now - after,
                Case.created_at > now - _NOTICED_FOR,
            )
            .order_by(Case.id)
        ).all()
    return sum(
        _notice(database, conversation_id, case_id, now) for case_id, conversation_id in overdue
    )


def _notice(database: Database, conversation_id: str, case_id: int, now: datetime) -> bool:
    with database.write() as session:
        conversation = locked(session, conversation_id)
        case = session.get(Case, case_id, populate_existing=True)
        still_waits = (
            conversation.state == conversation_state.WAITING
            and case is not None
            and case.status == "open"
            and case.assigned_to is None
        )
        if not still_waits or _is_told(session, case):
            return False
        text = render("handover_still_waiting", conversation.language, number=case_id)
        row = new_message(conversation, author="system", text=text, state="sent", now=now)
        row.content = {"kind": STILL_WAITING, "case": case_id}
        session.add(row)
        return True


def _is_told(session: Session, case: Case) -> bool:
    rows = session.scalars(
        select(Message.content).where(
            Message.conversation_id == case.conversation_id,
            Message.author == "system",
            Message.created_at >= case.created_at,
        )
    )
    return any(
        content.get("kind") == STILL_WAITING and content.get("case") == case.id for content in rows
    )


_WAITS: Final = and_(
    Conversation.state == conversation_state.WAITING,
    Case.status == "open",
    Case.document.is_(None),
)


@dataclass(frozen=True)
class _About:
    """What the rows of several conversations tell, by conversation."""

    names: Mapping[str, str]
    orders: Mapping[int, str]
    returns: Mapping[str, list[str]]
    words: Mapping[str, Message]
    answers: Mapping[str, str]
    intents: Mapping[str, list[str]]
    deeds: Mapping[str, list[str]]
    viewers: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, session: Session, ids: list[str], now: datetime) -> _About:
        """Read them with one query for each kind of row, however long the list is."""
        return cls(
            names=dict(session.execute(select(StaffAccount.email, StaffAccount.name)).all()),
            orders=dict(
                session.execute(
                    select(Order.id, Order.number)
                    .join(Conversation, Conversation.order_id == Order.id)
                    .where(Conversation.id.in_(ids))
                ).all()
            ),
            returns=_grouped(
                session.execute(
                    select(Return.conversation_id, Return.rma_number)
                    .where(Return.conversation_id.in_(ids))
                    .order_by(Return.id)
                )
            ),
            words={row.conversation_id: row for row in _latest(session, ids, "shopper")},
            answers={row.conversation_id: row.text for row in _latest(session, ids, "assistant")},
            intents=_grouped(
                session.execute(
                    select(Message.conversation_id, Message.intent)
                    .where(Message.conversation_id.in_(ids), Message.intent.isnot(None))
                    .order_by(Message.conversation_id, Message.seq)
                )
            ),
            deeds=_deeds_of(session, ids),
            viewers=viewers(session, ids, now=now),
        )

    def entry(self, conversation: Conversation, cases: list[Case]) -> WaitingConversation:
        """The list's entry of a conversation and the cases that it waits for, oldest first."""
        free = [case for case in cases if case.assigned_to is None]
        first = (free or cases)[0]
        said = self.words.get(conversation.id)
        intents = self.intents.get(conversation.id, [])
        meanings = [INTENTS[each].meaning for each in intents if each in INTENTS]
        return WaitingConversation(
            conversation_id=conversation.id,
            channel=conversation.channel,
            language=conversation.language,
            case_number=first.id,
            reason=first.reason,
            is_urgent=any(case.priority == "high" for case in cases),
            since=first.created_at,
            asked=_excerpt(first.summary),
            order_number=self.orders.get(conversation.order_id or 0),
            rma_numbers=tuple(self.returns.get(conversation.id, ())),
            last_words=_excerpt(said.text) if said else "",
            last_words_at=said.created_at if said else None,
            understood=tuple(dict.fromkeys(reversed(meanings)))[:3],
            done=tuple(self.deeds.get(conversation.id, ())),
            last_answer=_excerpt(self.answers.get(conversation.id, "")),
            looking=self.viewers.get(conversation.id, ()),
            kept_by=None if free else self.names.get(str(first.assigned_to), first.assigned_to),
        )


def _latest(session: Session, ids: list[str], author: str) -> Iterable[Message]:
    """The last message of an author in each conversation."""
    last = (
        select(Message.conversation_id, func.max(Message.seq).label("seq"))
        .where(Message.conversation_id.in_(ids), Message.author == author)
        .group_by(Message.conversation_id)
        .subquery()
    )
    rows: Iterable[Message] = session.scalars(
        select(Message).join(
            last,
            and_(Message.conversation_id == last.c.conversation_id, Message.seq == last.c.seq),
        )
    )
    return rows


def _deeds_of(session: Session, ids: list[str]) -> dict[str, list[str]]:
    """What was done to documents in each conversation, in words."""
    rows = session.scalars(
        select(Event)
        .where(Event.conversation_id.in_(ids), Event.document != "case")
        .order_by(Event.id)
    )
    return _grouped(
        (row.conversation_id, deeds.deed_of(row.document, row.command, row.after)) for row in rows
    )


def _grouped(pairs: Iterable[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def _excerpt(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"
