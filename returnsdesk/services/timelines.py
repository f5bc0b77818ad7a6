"""The timeline of a document: events, notices, labels, carriers' reports and the message it began with, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    CarrierEvent,
    Case,
    Claim,
    Event,
    Message,
    Notification,
    Return,
    Withdrawal,
)
from returnsdesk.services import deeds

Subject = tuple[str, int]
"""A document by its kind and id, as events and notices name it."""

EVENT: Final = "event"
NOTICE: Final = "notice"
CARRIER: Final = "carrier"
MESSAGE: Final = "message"

_CHANNELS: Final = {"email": "by e-mail", "sms": "by text message", "web": "in the chat"}


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `who` is empty where nobody did it; `status` is what the document became by it.

    `conversation_id` and `seq` name a message of a conversation, where it is about one.
    """

    at: datetime
    kind: str
    who: str
    text: str
    document: str = ""
    status: str | None = None
    conversation_id: str | None = None
    seq: int | None = None


def of_return(document: Return) -> list[Subject]:
    """A return with what belongs to it: its refunds and its exchange."""
    subjects = [("return", document.id)]
    subjects += [("refund", refund.id) for refund in document.refunds]
    if document.exchange is not None:
        subjects.append(("exchange", document.exchange.id))
    return subjects


def of_claim(claim: Claim) -> list[Subject]:
    """A claim with its remedies."""
    subjects = [("claim", claim.id)]
    subjects += [("refund", refund.id) for refund in claim.refunds]
    if claim.exchange is not None:
        subjects.append(("exchange", claim.exchange.id))
    if claim.return_ is not None:
        subjects.append(("return", claim.return_.id))
    return subjects


def of_withdrawal(withdrawal: Withdrawal) -> list[Subject]:
    """A withdrawal with its return and the money that went back."""
    subjects = [("withdrawal", withdrawal.id)]
    if withdrawal.return_ is not None:
        subjects.append(("return", withdrawal.return_.id))
        subjects += [("refund", refund.id) for refund in withdrawal.return_.refunds]
    return subjects


def events_of(session: Session, subjects: Sequence[Subject], *, after: int = 0) -> list[Event]:
    """Every event of these documents, oldest first; with `after` those later than the event of that id."""
    return list(
        session.scalars(
            select(Event)
            .where(_about(Event, subjects), Event.id > after)
            .order_by(Event.at, Event.id)
        )
    )


def last_event_id(session: Session, subjects: Sequence[Subject]) -> int:
    """The latest event of these documents: what a form remembers, to know whether it is out of date. 0 for none."""
    return int(session.scalar(select(func.max(Event.id)).where(_about(Event, subjects))) or 0)


def timeline(
    session: Session,
    subjects: Sequence[Subject],
    *,
    tracking_numbers: Sequence[str] = (),
) -> list[Moment]:
    """Everything that is known to have happened to these documents and their cases, oldest first."""
    about = [*subjects, *_cases_of(session, subjects)]
    found = [
        *_events(session, about),
        *_notices(session, subjects),
        *_reports(session, tracking_numbers),
    ]
    return sorted(found, key=lambda each: each.at)


def _events(session: Session, subjects: Sequence[Subject]) -> list[Moment]:
    rows = events_of(session, subjects)
    names = deeds.names_of(session, rows)
    found = []
    for row in rows:
        said = _message_before(session, row)
        found.append(
            Moment(
                at=row.at,
                kind=EVENT,
                who=names[row.actor],
                text=deeds.deed_of(row.document, row.command, row.after),
                document=row.document,
                status=row.after.get("status"),
                conversation_id=row.conversation_id if said else None,
                seq=said,
            )
        )
    return found


def _message_before(session: Session, event: Event) -> int | None:
    """The shopper's message that led to an event of theirs."""
    if event.conversation_id is None or event.actor != "shopper":
        return None
    seq = session.scalar(
        select(func.max(Message.seq)).where(
            Message.conversation_id == event.conversation_id,
            Message.author == "shopper",
            Message.created_at <= event.at,
        )
    )
    return int(seq) if seq is not None else None


def _notices(session: Session, subjects: Sequence[Subject]) -> list[Moment]:
    rows = session.scalars(select(Notification).where(_about(Notification, subjects)))
    return [
        Moment(
            at=row.sent_at or row.created_at,
            kind=NOTICE,
            who="",
            text=_notice_text(row),
            document=row.document,
            status=row.status,
        )
        for row in rows
    ]


def _notice_text(row: Notification) -> str:
    way = _CHANNELS.get(row.channel, f"by {row.channel}")
    event = row.event.replace("_", " ")
    if row.status == "dropped":
        return f"Notice “{event}” {way} was dropped, for it was not true any more"
    return f"Notice “{event}” {way} {'was sent' if row.status == 'sent' else 'waits to be sent'}"


def _reports(session: Session, tracking_numbers: Sequence[str]) -> list[Moment]:
    if not tracking_numbers:
        return []
    rows = session.scalars(
        select(CarrierEvent).where(CarrierEvent.tracking_number.in_(tracking_numbers))
    )
    return [
        Moment(
            at=row.at,
            kind=CARRIER,
            who=row.carrier,
            text=f"reports {row.tracking_number} {row.status.replace('_', ' ')}",
            document="parcel",
        )
        for row in rows
    ]


def _cases_of(session: Session, subjects: Sequence[Subject]) -> list[Subject]:
    rows = session.scalars(select(Case.id).where(_about(Case, subjects)))
    return [("case", case_id) for case_id in rows]


def _about(table: Any, subjects: Sequence[Subject]) -> Any:
    parts = [
        and_(table.document == kind, table.document_id == document_id)
        for kind, document_id in subjects
    ]
    return or_(*parts) if parts else false()
