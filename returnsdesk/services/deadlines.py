"""What has become due by time alone: reminders to post a parcel, promises that were not kept, money that the law dates.

Each look gives a few documents at most, each command is idempotent: what it did stands in the event log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Event, Order, Return, Withdrawal
from returnsdesk.db.session import Database
from returnsdesk.domain import states, windows
from returnsdesk.domain.policy import Policy
from returnsdesk.services import cases, events, notices, policies, withdrawals
from returnsdesk.services import return_documents as documents
from returnsdesk.services.status import standing_of

PER_LOOK: Final = 100
INSPECTION_LATE: Final = "inspection_late"
REVIEW_LATE: Final = "review_late"
WITHDRAWAL_REFUND_DUE: Final = "withdrawal_refund_due"
WORKING_DAYS_BEFORE_REFUND: Final = 2

_TO_POST: Final = (states.APPROVED, states.LABEL_ISSUED)
_SYSTEM: Final = "system"
# Two working days are never further away than this, whatever holidays there are.
_DAYS_AHEAD: Final = timedelta(days=14)


@dataclass(frozen=True)
class Reminder:
    """The shopper of a return is to be reminded; `number` counts the policy's days from 1."""

    rma_number: str
    number: int


def reminders_due(session: Session, now: datetime) -> list[Reminder]:
    """Returns whose parcel is not posted on one of the policy's days; of several days that passed, the last counts."""
    found: list[Reminder] = []
    for policy, is_of_policy in _policies_of(session, _TO_POST):
        days = sorted(policy.return_.reminder_days)
        for number in range(len(days), 0, -1):
            commands = [_remind(each) for each in range(number, len(days) + 1)]
            until = [now - timedelta(days=day) for day in days]
            wanted = select(Return.rma_number).where(
                Return.status.in_(_TO_POST),
                Return.shipped_at.is_(None),
                Return.ship_by >= now,
                Return.requested_at <= until[number - 1],
                is_of_policy,
                ~_has_event(commands),
            )
            if number < len(days):
                wanted = wanted.where(Return.requested_at > until[number])
            rows = session.scalars(_some(wanted))
            found += [Reminder(rma_number, number) for rma_number in rows]
    return found[:PER_LOOK]


def remind(database: Database, reminder: Reminder, *, now: datetime) -> None:
    """Remind the shopper to post the parcel; raises `NotAllowed` when it is posted or the return has ended."""
    with database.write() as session:
        document = documents.locked(session, reminder.rma_number, "expire")
        command = _remind(reminder.number)
        if _is_done(session, document, command):
            return
        _record(session, document, command, now)
        notices.announce_return(session, f"reminder_{reminder.number}", document, now=now)


def late_inspections(session: Session, now: datetime) -> list[str]:
    """RMA numbers of parcels that are here for longer than was promised, and that nobody was told of."""
    return [
        document.rma_number
        for policy, is_of_policy in _policies_of(session, (states.ARRIVED,))
        for document in session.scalars(
            _some(
                select(Return).where(
                    Return.status == states.ARRIVED,
                    Return.arrived_at
                    <= now - timedelta(days=policy.return_.inspection_working_days),
                    is_of_policy,
                    ~_has_event([INSPECTION_LATE]),
                )
            )
        )
        if standing_of(document, now).is_late
    ][:PER_LOOK]


def report_late_inspection(database: Database, rma_number: str, *, now: datetime) -> None:
    """Own up to the shopper, and have a person see to the parcel. Raises `NotAllowed` when it is checked meanwhile."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "inspect")
        if _is_done(session, document, INSPECTION_LATE):
            return
        _record(session, document, INSPECTION_LATE, now)
        notices.announce_return(session, "late", document, now=now)
        summary = f"The parcel of {rma_number} is not checked, and the promised day has passed"
        _open_case(session, document, INSPECTION_LATE, summary, now)


def late_reviews(session: Session, now: datetime) -> list[str]:
    """RMA numbers of requests that wait for a look for longer than the shopper was told."""
    found = []
    for policy, is_of_policy in _policies_of(session, (states.REQUESTED,)):
        promised = policy.review.working_days
        waiting = session.scalars(
            _some(
                select(Return).where(
                    Return.status == states.REQUESTED,
                    Return.requested_at <= now - timedelta(days=promised),
                    is_of_policy,
                    ~_has_event([REVIEW_LATE]),
                )
            )
        )
        for document in waiting:
            country = document.order.country
            asked_on = windows.local_date(document.requested_at, country)
            decide_by = windows.add_working_days(asked_on, promised, country)
            if windows.local_date(now, country) > decide_by:
                found.append(document.rma_number)
    return found[:PER_LOOK]


def report_late_review(database: Database, rma_number: str, *, now: datetime) -> None:
    """Make the case of a waiting request urgent. Raises `NotAllowed` when it was decided meanwhile."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "approve")
        if _is_done(session, document, REVIEW_LATE):
            return
        _record(session, document, REVIEW_LATE, now)
        summary = f"{rma_number} waits for a decision, and the promised day has passed"
        _open_case(session, document, REVIEW_LATE, summary, now)
        session.flush()
        for case in session.scalars(
            select(Case).where(
                Case.document == "return", Case.document_id == document.id, Case.status == "open"
            )
        ):
            case.priority = "high"


def withdrawals_to_pay(session: Session, now: datetime) -> list[str]:
    """Numbers of withdrawals whose money is due by law within two working days, and that nobody was told of."""
    found = []
    for number in withdrawals.due_by(session, now + _DAYS_AHEAD):
        withdrawal = withdrawals.by_number(session, number)
        if withdrawal is not None and _is_nearly_due(session, withdrawal, now):
            found.append(number)
    return found[:PER_LOOK]


def report_withdrawal_due(database: Database, number: str, *, now: datetime) -> None:
    """Have a person pay a withdrawal back in time."""
    with database.write() as session:
        withdrawal = withdrawals.locked(session, number)
        if withdrawal.refund_due_at is None or not _is_nearly_due(session, withdrawal, now):
            return
        cases.open_about(
            session,
            reason=WITHDRAWAL_REFUND_DUE,
            summary=f"{number} has to be paid back by {withdrawal.refund_due_at:%Y-%m-%d %H:%M} UTC",
            document="withdrawal",
            document_id=withdrawal.id,
            order_id=withdrawal.order_id,
            conversation_id=withdrawal.conversation_id,
            dedupe_key=_key_of_due(withdrawal),
            now=now,
            priority="high",
        )


def _is_nearly_due(session: Session, withdrawal: Withdrawal, now: datetime) -> bool:
    if withdrawal.status not in (states.WITHDRAWAL_DECLARED, states.WITHDRAWAL_RETURN_OPENED):
        return False
    if withdrawal.refund_due_at is None:
        return False
    country = withdrawal.order.country if withdrawal.order else ""
    today = windows.local_date(now, country)
    in_time = windows.add_working_days(today, WORKING_DAYS_BEFORE_REFUND, country)
    is_near = windows.local_date(withdrawal.refund_due_at, country) <= in_time
    known = select(Case.id).where(Case.dedupe_key == _key_of_due(withdrawal))
    return is_near and session.scalar(known) is None


def _key_of_due(withdrawal: Withdrawal) -> str:
    return f"{WITHDRAWAL_REFUND_DUE}-{withdrawal.id}"


def _policies_of(session: Session, statuses: Sequence[str]) -> Iterator[tuple[Policy, Any]]:
    """Each policy that returns in these states are under, with the condition that a return is under it.

    A shop has few versions and few countries: their days become part of the query, and no return is read in vain.
    """
    groups = session.execute(
        select(Order.policy_version_id, Order.country, func.min(Order.id))
        .join(Return, Return.order_id == Order.id)
        .where(Return.status.in_(statuses))
        .group_by(Order.policy_version_id, Order.country)
    ).all()
    for version_id, country, order_id in groups:
        is_version = (
            Order.policy_version_id.is_(None)
            if version_id is None
            else Order.policy_version_id == version_id
        )
        orders = select(Order.id).where(is_version, Order.country == country)
        yield (
            policies.policy_of(session.get(Order, order_id)),
            Return.order_id.in_(orders.scalar_subquery()),
        )


def _some(query: Any) -> Any:
    """The longest waiting ones of what a query finds."""
    return query.order_by(Return.requested_at, Return.id).limit(PER_LOOK)


def _has_event(commands: Sequence[str]) -> Any:
    return (
        select(Event.id)
        .where(
            and_(
                Event.document == "return",
                Event.document_id == Return.id,
                Event.command.in_(commands),
            )
        )
        .exists()
    )


def _is_done(session: Session, document: Return, command: str) -> bool:
    found = select(Event.id).where(
        Event.document == "return", Event.document_id == document.id, Event.command == command
    )
    return session.scalars(found.limit(1)).first() is not None


def _remind(number: int) -> str:
    return f"remind_{number}"


def _record(session: Session, document: Return, command: str, now: datetime) -> None:
    events.record(
        session, actor=_SYSTEM, command=command, document="return", document_id=document.id, now=now,
        conversation_id=document.conversation_id,
    )  # fmt: skip


def _open_case(
    session: Session, document: Return, reason: str, summary: str, now: datetime
) -> None:
    cases.open_about_return(
        session,
        document,
        reason=reason,
        summary=summary,
        dedupe_key=f"{reason}-{document.id}",
        now=now,
        priority="high",
    )
