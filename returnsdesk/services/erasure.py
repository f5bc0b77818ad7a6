"""Erasing a shopper from all stores: what would go, doing it, and doing it again after a crash (GDPR art. 17).

Each store is a transaction of its own. What tells where the person stands, the product's tables, goes last: until then
the same command finds everything again, and afterwards there is nothing left to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    Conversation,
    Message,
    Notification,
    Order,
    Return,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import audit, erasure_outside, erasure_records, person_records
from returnsdesk.services.erasure_outside import Tracker
from returnsdesk.services.errors import Conflict, NotFound
from returnsdesk.services.person_records import Person
from returnsdesk.services.redaction import Redaction
from returnsdesk.settings import Settings

_OVER: Final = states.RETURN_ENDED | {states.LOST}
_CLAIM_OVER: Final = (states.CLAIM_RESOLVED, states.CLAIM_DENIED)
_WITHDRAWAL_OVER: Final = (states.WITHDRAWAL_REFUNDED, states.WITHDRAWAL_REFUSED)


@dataclass(frozen=True)
class Preview:
    """What would be deleted of a shopper, what the books keep without them, and what is still under way."""

    # What the audit log calls them: numbers of rows, never a name.
    subject_id: str
    deleted: dict[str, int]
    emptied: dict[str, int]
    under_way: tuple[str, ...]


def preview(database: Database, settings: Settings, wanted: str) -> Preview:
    """What erasing would do; `wanted` is an e-mail address or the shop's customer id. Raises `NotFound`."""
    tracker = Tracker(settings.tracker_url)
    try:
        with database.read() as session:
            person = _required(session, wanted)
            deleted = _counts(session, person)
            emptied = {
                "accounts": len(person.customer_ids),
                "orders": len(person.order_ids),
                "returns": len(person.return_ids),
                "claims": len(person.claim_ids),
                "withdrawals": len(person.withdrawal_ids),
            }
            under_way = _under_way(session, person)
        files = erasure_outside.kept_messages(settings.var_dir, Redaction(person.names))
        deleted |= {
            "events of the dialogue": tracker.count(person.conversation_ids),
            "mails and text messages kept as files": len(files),
        }
    finally:
        tracker.close()
    return Preview(subject_of(person), _not_zero(deleted), _not_zero(emptied), under_way)


def erase(
    database: Database, settings: Settings, wanted: str, *, actor: str, now: datetime
) -> dict[str, int]:
    """Erase a shopper from all stores; returns how many rows and files were deleted, by kind.

    Raises `NotFound` when nothing is stored, and `Conflict` while a message of theirs is being answered.
    """
    tracker = Tracker(settings.tracker_url)
    try:
        person = _close(database, wanted, now)
        redaction = Redaction(person.names)
        done = {"photos": erasure_outside.delete_photos(settings.var_dir, person.photo_ids)}
        files = erasure_outside.kept_messages(settings.var_dir, redaction)
        for path in files:
            path.unlink(missing_ok=True)
        done["files"] = len(files)
        done["tracker_events"] = tracker.erase(person.conversation_ids, redaction)
        done |= _erase_records(database, person, actor, now)
        # A turn that began before the conversations were closed may have been written since.
        tracker.erase(person.conversation_ids)
    finally:
        tracker.close()
    return _not_zero(done)


def subject_of(person: Person) -> str:
    """What the audit log calls a shopper: the numbers of their accounts, which name nobody; empty for a guest."""
    return ", ".join(str(key) for key in sorted(person.customer_ids))


def _close(database: Database, wanted: str, now: datetime) -> Person:
    """End the person's conversations, so that nothing new comes while the stores are emptied."""
    with database.write() as session:
        person = _required(session, wanted)
        busy = select(Conversation.id).where(
            Conversation.id.in_(person.conversation_ids), Conversation.turn_lease_until > now
        )
        if session.scalar(busy.limit(1)) is not None:
            raise Conflict(
                "CONVERSATION_BUSY", "a message of theirs is being answered; try again in a minute"
            )
        for statement in (
            update(Conversation)
            .where(Conversation.id.in_(person.conversation_ids))
            .values(ended_at=now, state="closed"),
            update(Message)
            .where(Message.conversation_id.in_(person.conversation_ids), Message.state == "waiting")
            .values(state="answered"),
        ):
            session.execute(statement.execution_options(synchronize_session=False))
        return person


def _erase_records(database: Database, person: Person, actor: str, now: datetime) -> dict[str, int]:
    with database.write() as session:
        # Orders before everything else: the one order in which rows are locked.
        session.execute(
            select(Order.id)
            .where(Order.id.in_(person.order_ids))
            .order_by(Order.id)
            .with_for_update()
        )
        # Rows about them that name the conversation are found while it is there.
        erasure_records.empty_rows(session, person, now)
        erasure_records.redact_own(session, person)
        done = erasure_records.delete_rows(session, person)
        erasure_records.redact_everywhere(session, person)
        audit.recorded(
            session,
            actor=actor,
            action=audit.ERASE,
            subject="customer",
            subject_id=subject_of(person),
            detail=dict(done),
            now=now,
        )
    _leave_no_trace(database)
    return done


def _leave_no_trace(database: Database) -> None:
    """On SQLite, merge the search index, which keeps deleted words until then, and write the file anew.

    PostgreSQL's own vacuum does both.
    """
    if not database.is_sqlite:
        return
    with database.write() as session:
        session.execute(text("INSERT INTO message_search(message_search) VALUES ('optimize')"))
    erasure_outside.write_anew(database.engine)


def _required(session: Session, wanted: str) -> Person:
    person = person_records.find(session, wanted)
    if person is None:
        raise NotFound("PERSON_UNKNOWN", "nothing is stored about this address or customer id")
    return person


def _counts(session: Session, person: Person) -> dict[str, int]:
    conversations = Conversation.id.in_(person.conversation_ids)
    messages = Message.conversation_id.in_(person.conversation_ids)
    return {
        "conversations": erasure_records.number_of(session, Conversation, conversations),
        "messages": erasure_records.number_of(session, Message, messages),
        "summaries of cases": len(person.case_ids),
        "addresses of notices": erasure_records.number_of(
            session, Notification, erasure_records.own_notices(person)
        ),
        "photos": len(person.photo_ids),
        "Telegram chats": len(person.chat_ids),
    }


def _under_way(session: Session, person: Person) -> tuple[str, ...]:
    """Numbers of documents that are not finished: the shopper would hear of them no more."""
    found: list[str] = []
    for query in (
        select(Return.rma_number).where(
            Return.id.in_(person.return_ids), Return.status.not_in(_OVER)
        ),
        select(Claim.number).where(
            Claim.id.in_(person.claim_ids), Claim.status.not_in(_CLAIM_OVER)
        ),
        select(Withdrawal.number).where(
            Withdrawal.id.in_(person.withdrawal_ids),
            Withdrawal.status.not_in(_WITHDRAWAL_OVER),
        ),
    ):
        found += session.scalars(query)
    return tuple(found)


def _not_zero(counts: dict[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}
