"""One conversation as the team reads it: what the shopper saw, and behind each turn what the assistant made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    Conversation,
    Event,
    Exchange,
    Message,
    Refund,
    Return,
    Withdrawal,
)
from returnsdesk.services import corrections, promises
from returnsdesk.services.corrections import Judgement
from returnsdesk.services.promises import Promise
from returnsdesk.services.shown_messages import ShownMessage, shown

WINDOW: Final = 200
"""Messages that one page shows; older ones are a link away."""

_LONGEST_VALUE: Final = 300
_ID_LENGTH: Final = 36


@dataclass(frozen=True)
class CommandRun:
    """A command that changed something: who, what, on which document, and what it was before and after."""

    at: datetime
    actor: str
    command: str
    document: str
    number: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """What the assistant made of one message of the shopper; `ranking` without the intent that was taken."""

    message_id: int
    text: str
    intent: str | None
    confidence: float | None
    is_fallback: bool
    ranking: tuple[tuple[str, float], ...]
    entities: tuple[dict[str, Any], ...]
    actions: tuple[str, ...]
    slots: tuple[tuple[str, str], ...]
    findings: tuple[tuple[str, str], ...]
    promises: tuple[Promise, ...]
    commands: tuple[CommandRun, ...]
    error: str
    was_typed: bool
    correction: Judgement | None


@dataclass(frozen=True)
class Entry:
    """A message, and the turn behind it where it is the shopper's and was answered; `later` came after its answer."""

    message: ShownMessage
    turn: Turn | None
    later: tuple[CommandRun, ...] = ()


@dataclass(frozen=True)
class Reading:
    """Part of a conversation; `earlier` and `later` are numbers of messages from which the parts beside it are read."""

    entries: tuple[Entry, ...]
    first_seq: int
    last_seq: int
    earlier: int | None
    later: int | None


@dataclass(frozen=True)
class Head:
    """A conversation's own facts."""

    id: str
    channel: str
    language: str
    state: str
    outcome: str | None
    order_id: int | None
    last_seq: int
    created_at: datetime


def head_of(row: Conversation) -> Head:
    """The facts of a conversation, for use after the transaction."""
    return Head(
        row.id,
        row.channel,
        row.language,
        row.state,
        row.outcome,
        row.order_id,
        row.last_seq,
        row.created_at,
    )


def find(session: Session, conversation_id: str) -> Conversation | None:
    """The conversation of that id, whatever was given for one."""
    is_possible = len(conversation_id) <= _ID_LENGTH and "\x00" not in conversation_id
    return session.get(Conversation, conversation_id) if is_possible else None


def read(session: Session, conversation: Conversation, *, around: int | None = None) -> Reading:
    """The end of a conversation, or the part around a message's number."""
    first, last = _window(conversation.last_seq, around)
    rows = list(
        session.scalars(
            select(Message)
            .where(
                Message.conversation_id == conversation.id,
                Message.seq >= first,
                Message.seq <= last,
            )
            .order_by(Message.seq)
        )
    )
    commands = _commands(session, conversation.id)
    judged = corrections.judgements(session, [row.id for row in rows if row.author == "shopper"])
    entries = tuple(
        _entry(rows, place, commands, judged.get(row.id)) for place, row in enumerate(rows)
    )
    return Reading(
        entries=entries,
        first_seq=first,
        last_seq=last,
        earlier=max(1, first - WINDOW // 2) if first > 1 else None,
        later=last + WINDOW // 2 if last < conversation.last_seq else None,
    )


def whole(session: Session, conversation: Conversation) -> tuple[ShownMessage, ...]:
    """All messages of a conversation, for paper."""
    rows = session.scalars(
        select(Message).where(Message.conversation_id == conversation.id).order_by(Message.seq)
    )
    every = list(rows)
    return tuple(_entry(every, place, (), None).message for place in range(len(every)))


def _window(last_seq: int, around: int | None) -> tuple[int, int]:
    middle = last_seq if around is None else around
    first = max(1, min(middle - WINDOW // 2, last_seq - WINDOW + 1))
    return first, min(last_seq, first + WINDOW - 1)


def _entry(
    rows: Sequence[Message],
    place: int,
    commands: Sequence[CommandRun],
    judged: Judgement | None,
) -> Entry:
    row = rows[place]
    following = next((each for each in rows[place + 1 :] if each.author == "shopper"), None)
    if row.author != "shopper":
        is_chosen = following is not None and following.choice is not None
        return Entry(shown(row, following.text if following and is_chosen else None), None)
    end = following.created_at if following else None
    of_turn = [
        each for each in commands if each.at >= row.created_at and (end is None or each.at < end)
    ]
    answered_at = max(
        (each.created_at for each in rows[place + 1 :] if each.reply_to_id == row.id),
        default=row.created_at,
    )
    within = tuple(each for each in of_turn if each.at <= answered_at)
    later = tuple(each for each in of_turn if each.at > answered_at)
    return Entry(shown(row), _turn(row, within, judged), later)


def _turn(row: Message, commands: tuple[CommandRun, ...], judged: Judgement | None) -> Turn | None:
    if not isinstance(row.trace, dict):
        return None
    trace: dict[str, Any] = row.trace
    replies = [each for each in _list(trace.get("replies")) if isinstance(each, dict)]
    found = [
        (str(each.get("code", ""))[:60], str(each.get("about", ""))[:_LONGEST_VALUE])
        for reply in replies
        for each in _list(reply.get("findings"))
        if isinstance(each, dict)
    ]
    slots = trace.get("slots")
    return Turn(
        message_id=row.id,
        text=row.text,
        intent=row.intent,
        confidence=row.confidence,
        is_fallback=row.is_fallback,
        ranking=_ranking(trace, row.intent),
        entities=tuple(each for each in _list(trace.get("entities")) if isinstance(each, dict)),
        actions=tuple(str(each) for each in _list(trace.get("actions"))),
        slots=tuple((name, _plain(value)) for name, value in slots.items())
        if isinstance(slots, dict)
        else (),
        findings=tuple(found),
        promises=promises.made(replies),
        commands=commands,
        error=_plain(trace.get("error")),
        was_typed=row.choice is None,
        correction=judged,
    )


def _ranking(trace: Mapping[str, Any], taken: str | None) -> tuple[tuple[str, float], ...]:
    found = []
    for each in _list(trace.get("ranking")):
        name, sure = (
            (each.get("name"), each.get("confidence")) if isinstance(each, dict) else ("", 0)
        )
        if name != taken and isinstance(name, str) and isinstance(sure, int | float):
            found.append((name, float(sure)))
    return tuple(found[:4])


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(value: object) -> str:
    return "" if value is None else str(value)[:_LONGEST_VALUE]


def _commands(session: Session, conversation_id: str) -> list[CommandRun]:
    rows = list(
        session.scalars(
            select(Event).where(Event.conversation_id == conversation_id).order_by(Event.id)
        )
    )
    numbers = _numbers(session, rows)
    return [
        CommandRun(
            at=row.at,
            actor=row.actor,
            command=row.command,
            document=row.document,
            number=numbers.get((row.document, row.document_id), str(row.document_id)),
            before=row.before,
            after=row.after,
        )
        for row in rows
    ]


_NUMBERED: Final[dict[str, tuple[Any, Any]]] = {
    "return": (Return, Return.rma_number),
    "claim": (Claim, Claim.number),
    "withdrawal": (Withdrawal, Withdrawal.number),
    "exchange": (Exchange, Exchange.number),
}


def _numbers(session: Session, events: Sequence[Event]) -> dict[tuple[str, int], str]:
    """The number of each document that the events are about."""
    found: dict[tuple[str, int], str] = {}
    for document, (model, number) in _NUMBERED.items():
        ids = {event.document_id for event in events if event.document == document}
        if ids:
            rows = session.execute(select(model.id, number).where(model.id.in_(ids)))
            found |= {(document, row[0]): row[1] for row in rows}
    refunds = {event.document_id for event in events if event.document == "refund"}
    if refunds:
        rows = session.execute(
            select(Refund.id, Return.rma_number)
            .join(Return, Return.id == Refund.return_id)
            .where(Refund.id.in_(refunds))
        )
        found |= {("refund", row[0]): f"of {row[1]}" for row in rows}
    return found
