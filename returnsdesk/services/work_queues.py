"""What waits for the support team, by kind of work: urgent first, then by age, each with who has it and by when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Claim, Exchange, Return, ReturnLine, Withdrawal
from returnsdesk.domain import states, windows
from returnsdesk.services import case_work, deeds, policies
from returnsdesk.services import return_documents as documents
from returnsdesk.services.case_work import About
from returnsdesk.services.status import standing_of

PER_PAGE: Final = 50
URGENT: Final = "high"
_LARGEST_ID: Final = 2**31 - 1

PERSON: Final = "person"
APPROVE: Final = "approve"
INSPECT: Final = "inspect"
HELD: Final = "held"
RELEASE: Final = "release"
SHIP: Final = "ship"
CLAIMS: Final = "claims"
REFUNDS: Final = "refunds"
PARCELS: Final = "parcels"
LABELS: Final = "labels"
WITHDRAWALS: Final = "withdrawals"
JOBS: Final = "jobs"
OTHER: Final = "other"

QUEUES: Final[Mapping[str, str]] = {
    PERSON: "A person is wanted",
    APPROVE: "Returns to approve",
    INSPECT: "Parcels to inspect",
    HELD: "On hold",
    RELEASE: "Refunds to release",
    SHIP: "Replacements to send",
    CLAIMS: "Claims",
    REFUNDS: "Refunds failed",
    PARCELS: "Parcels lost or wrong",
    LABELS: "Label trouble",
    WITHDRAWALS: "Withdrawals",
    JOBS: "Jobs set aside",
    OTHER: "Other",
}
"""The queues with their names, in the order in which they are shown."""

# Reasons of cases about documents, by queue; a case about no document is a person who is wanted.
_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    APPROVE: documents.WAITING_CASES[states.REQUESTED],
    INSPECT: documents.WAITING_CASES[states.ARRIVED],
    RELEASE: documents.WAITING_CASES[states.INSPECTED],
    HELD: ("return_on_hold",),
    CLAIMS: ("claim", "goods_not_sent_back", "not_sent_back"),
    REFUNDS: ("refund_failed", "refund_unanswered", "refund_capped"),
    PARCELS: ("parcel_lost", "parcel_undelivered", "parcel_after_end", "parcel_turned_up"),
    LABELS: ("label_failed",),
    WITHDRAWALS: (
        "withdrawal",
        "withdrawal_refund_due",
        "withdrawal_notice_failed",
        "notice_failed",
    ),
    JOBS: ("job_dead",),
}


Position = tuple[int, datetime, str, int]


@dataclass(frozen=True)
class WorkItem:
    """One thing to be done. `case_number` is None where a document waits without a case."""

    queue: str
    reason: str
    about: About | None
    case_number: int | None
    conversation_id: str | None
    order_number: str | None
    since: datetime
    is_urgent: bool
    assigned_to: str | None = None
    assignee: str | None = None
    due_on: date | None = None
    is_late: bool = False

    @property
    def cursor(self) -> str:
        """Where the next page goes on, for `waiting`."""
        rank, since, kind, number = self.position
        return f"{rank}~{since.isoformat()}~{kind}~{number}"

    @property
    def position(self) -> Position:
        """Where it stands in the order of all work: urgent first, then the oldest, cases before documents."""
        rank = int(not self.is_urgent)
        if self.case_number is not None:
            return rank, self.since, "case", self.case_number
        return rank, self.since, "document", _digits(self.about.number if self.about else "")


@dataclass(frozen=True)
class Page:
    """Some of a queue, and where it goes on; `next_cursor` is None at the end."""

    items: tuple[WorkItem, ...]
    next_cursor: str | None


def counts(session: Session) -> dict[str, int]:
    """How much waits in each queue; those without work are 0."""
    found = dict.fromkeys(QUEUES, 0)
    rows = session.execute(
        select(Case.reason, Case.document.is_(None), func.count())
        .where(Case.status == case_work.OPEN)
        .group_by(Case.reason, Case.document.is_(None))
    )
    for reason, is_person, number in rows:
        found[PERSON if is_person else _queue_of(reason)] += number
    for queue, source in _DOCUMENTS.items():
        found[queue] += int(session.scalar(select(func.count()).select_from(source().subquery())))
    return found


def waiting(
    session: Session,
    queue: str | None,
    *,
    now: datetime,
    assigned_to: str | None = None,
    is_unassigned: bool = False,
    cursor: str | None = None,
    limit: int = PER_PAGE,
) -> Page:
    """What waits in a queue, or in all of them; of one colleague only, or only what nobody has.

    `cursor` is the `next_cursor` of the page before; one that cannot be read is taken for the beginning.
    """
    after = _position(cursor)
    found = _case_items(session, queue, assigned_to, is_unassigned, after, limit + 1)
    # What has no case is nobody's.
    if assigned_to is None:
        for name in _DOCUMENTS:
            if queue in (None, name):
                found += _document_items(session, name, after, limit + 1)
    found.sort(key=lambda item: item.position)
    shown = [_with_promise(session, item, now) for item in found[:limit]]
    more = len(found) > limit
    return Page(tuple(shown), shown[-1].cursor if more and shown else None)


def _queue_of(reason: str) -> str:
    return next((queue for queue, reasons in _REASONS.items() if reason in reasons), OTHER)


def _digits(number: str) -> int:
    """The figure in a document's number: 1014 of RMA-1014."""
    figure = number.rpartition("-")[2]
    return int(figure) if figure.isdecimal() and len(figure) < 18 else 0


def _position(cursor: str | None) -> Position | None:
    rank, _, rest = (cursor or "").partition("~")
    since, _, last = rest.partition("~")
    kind, _, number = last.partition("~")
    if rank not in ("0", "1") or kind not in ("case", "document"):
        return None
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        return None
    return (int(rank), at, kind, _digits(number)) if at.tzinfo is not None else None


def _case_items(
    session: Session,
    queue: str | None,
    assigned_to: str | None,
    is_unassigned: bool,
    after: Position | None,
    limit: int,
) -> list[WorkItem]:
    rank = case((Case.priority == URGENT, 0), else_=1)
    wanted = select(Case).where(Case.status == case_work.OPEN)
    if queue is not None:
        wanted = wanted.where(_in_queue(queue))
    if assigned_to is not None:
        wanted = wanted.where(Case.assigned_to == assigned_to)
    if is_unassigned:
        wanted = wanted.where(Case.assigned_to.is_(None))
    if after is not None:
        wanted = wanted.where(
            or_(
                rank > after[0],
                and_(rank == after[0], Case.created_at > after[1]),
                and_(
                    rank == after[0],
                    Case.created_at == after[1],
                    Case.id > (after[3] if after[2] == "case" else _LARGEST_ID),
                ),
            )
        )
    rows = session.scalars(wanted.order_by(rank, Case.created_at, Case.id).limit(limit))
    return [_case_item(session, row) for row in rows]


def _in_queue(queue: str) -> Any:
    if queue == PERSON:
        return Case.document.is_(None)
    if queue == OTHER:
        known = [reason for reasons in _REASONS.values() for reason in reasons]
        return and_(Case.document.isnot(None), Case.reason.not_in(known))
    return and_(Case.document.isnot(None), Case.reason.in_(_REASONS.get(queue, ())))


def _case_item(session: Session, row: Case) -> WorkItem:
    about = case_work.about(session, row.document, row.document_id)
    return WorkItem(
        queue=PERSON if row.document is None else _queue_of(row.reason),
        reason=row.reason,
        about=about,
        case_number=row.id,
        conversation_id=row.conversation_id,
        order_number=case_work.order_number_of(session, row.order_id),
        since=row.created_at,
        is_urgent=row.priority == URGENT,
        assigned_to=row.assigned_to,
        assignee=deeds.name_of(session, row.assigned_to) if row.assigned_to else None,
    )


def _has_case(document: str, column: Any, reasons: Iterable[str]) -> Any:
    return exists().where(
        Case.document == document,
        Case.document_id == column,
        Case.status == case_work.OPEN,
        Case.reason.in_(list(reasons)),
    )


def _returns_in(status: str) -> Callable[[], Any]:
    def waiting_returns() -> Any:
        return select(Return.id, Return.requested_at.label("since")).where(
            Return.status == status,
            ~_has_case("return", Return.id, documents.WAITING_CASES[status]),
        )

    return waiting_returns


def _arrived() -> Any:
    return select(Return.id, Return.arrived_at.label("since")).where(
        Return.status == states.ARRIVED,
        ~_has_case("return", Return.id, documents.WAITING_CASES[states.ARRIVED]),
    )


def _to_release() -> Any:
    is_owed = exists().where(
        ReturnLine.return_id == Return.id, ReturnLine.outcome == "refund", ReturnLine.accepted > 0
    )
    return select(Return.id, Return.inspected_at.label("since")).where(
        Return.status == states.INSPECTED,
        is_owed,
        ~_has_case("return", Return.id, documents.WAITING_CASES[states.INSPECTED]),
    )


def _to_ship() -> Any:
    since = func.coalesce(Return.inspected_at, Claim.decided_at)
    return (
        select(Exchange.id, since.label("since"))
        .outerjoin(Return, Return.id == Exchange.return_id)
        .outerjoin(Claim, Claim.id == Exchange.claim_id)
        .where(
            Exchange.status == states.EXCHANGE_ACCEPTED,
            Exchange.difference_status != states.DIFFERENCE_DUE,
            since.isnot(None),
        )
    )


def _claims() -> Any:
    return select(Claim.id, Claim.created_at.label("since")).where(
        Claim.status.in_((states.CLAIM_OPEN, states.CLAIM_NEEDS_EVIDENCE)),
        ~_has_case("claim", Claim.id, _REASONS[CLAIMS]),
    )


def _withdrawals() -> Any:
    return select(Withdrawal.id, Withdrawal.declared_at.label("since")).where(
        Withdrawal.status == states.WITHDRAWAL_DECLARED,
        ~_has_case("withdrawal", Withdrawal.id, _REASONS[WITHDRAWALS]),
    )


_DOCUMENTS: Final[Mapping[str, Callable[[], Any]]] = {
    APPROVE: _returns_in(states.REQUESTED),
    INSPECT: _arrived,
    RELEASE: _to_release,
    SHIP: _to_ship,
    CLAIMS: _claims,
    WITHDRAWALS: _withdrawals,
}
"""Documents that wait without a case, by queue: their ids, and since when."""

_KINDS: Final = {
    APPROVE: ("return", Return, "to_approve"),
    INSPECT: ("return", Return, "to_inspect"),
    RELEASE: ("return", Return, "to_release"),
    SHIP: ("exchange", Exchange, "to_ship"),
    CLAIMS: ("claim", Claim, "claim"),
    WITHDRAWALS: ("withdrawal", Withdrawal, "withdrawal"),
}


def _document_items(
    session: Session, queue: str, after: Position | None, limit: int
) -> list[WorkItem]:
    source = _DOCUMENTS[queue]().subquery()
    wanted = select(source.c.id, source.c.since)
    if after is not None and after[0] == 1:
        wanted = wanted.where(source.c.since >= after[1])
    rows = session.execute(wanted.order_by(source.c.since, source.c.id).limit(limit)).all()
    kind, table, reason = _KINDS[queue]
    items = []
    for document_id, since in rows:
        document = session.get(table, document_id)
        about = case_work.about(session, kind, document_id)
        order_id = getattr(document, "order_id", None)
        owner = document.return_ or document.claim if isinstance(document, Exchange) else document
        order_id = order_id or getattr(owner, "order_id", None)
        item = WorkItem(
            queue=queue,
            reason=reason,
            about=about,
            case_number=None,
            conversation_id=getattr(owner, "conversation_id", None),
            order_number=case_work.order_number_of(session, order_id),
            since=since,
            is_urgent=False,
        )
        if after is None or item.position > after:
            items.append(item)
    return items


def _with_promise(session: Session, item: WorkItem, now: datetime) -> WorkItem:
    """The item with the day by which it is to be done, where one was promised or the law sets one."""
    due_on = promised_day(session, item.about, now)
    if due_on is None:
        return item
    return replace(item, due_on=due_on, is_late=now.date() > due_on)


def promised_day(session: Session, about: About | None, now: datetime) -> date | None:
    """By when a return or withdrawal has to be worked on in its present state; None where nothing was promised."""
    if about is None:
        return None
    if about.kind == "withdrawal":
        withdrawal = session.scalars(
            select(Withdrawal).where(Withdrawal.number == about.number)
        ).one_or_none()
        due_at = withdrawal.refund_due_at if withdrawal is not None else None
        return due_at.date() if due_at is not None else None
    if about.kind != "return":
        return None
    document = documents.by_number(session, about.number)
    return promise_of(document, now) if document is not None else None


def promise_of(document: Return, now: datetime) -> date | None:
    """By when the team has promised to act on a return in its present state."""
    country = document.order.country
    if document.status == states.REQUESTED:
        days = policies.policy_of(document.order).review.working_days
        asked_on = windows.local_date(document.requested_at, country)
        return windows.add_working_days(asked_on, days, country)
    if document.status == states.ARRIVED:
        return standing_of(document, now).inspection_by
    return None
