"""Lists of returns for the support team: filters, search by number or mail address, page after page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, OrderUnit, Return, ReturnLine, UnitClaim
from returnsdesk.domain import states, windows
from returnsdesk.domain.mentions import normalise_email, normalise_order_number
from returnsdesk.services import work_queues

PER_PAGE: Final = 50

STATUSES: Final = (
    *states.RETURN_STAGES,
    states.ON_HOLD,
    states.LOST,
    states.REJECTED,
    states.DECLINED,
    states.CANCELLED,
    states.EXPIRED,
)


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; empty fields narrow nothing. `search` is a number, or a mail address."""

    status: str = ""
    reason: str = ""
    outcome: str = ""
    search: str = ""


@dataclass(frozen=True)
class ReturnRow:
    """A return as the list shows it; `due_on` is by when the team or the shopper has to act."""

    rma_number: str
    status: str
    order_number: str
    order_id: int
    email: str
    reasons: tuple[str, ...]
    outcomes: tuple[str, ...]
    value_minor: int
    currency: str
    requested_at: datetime
    due_on: date | None
    is_late: bool


@dataclass(frozen=True)
class Page:
    """Some returns, and where the list goes on; `next_cursor` is None at the end."""

    rows: tuple[ReturnRow, ...]
    next_cursor: str | None


def latest(session: Session, filters: Filters, *, now: datetime, cursor: str | None = None) -> Page:
    """Returns that fit, latest first. A cursor that cannot be read is taken for the beginning."""
    wanted = select(Return).join(Order, Order.id == Return.order_id).where(*_conditions(filters))
    after = _position(cursor)
    if after is not None:
        at, last_id = after
        wanted = wanted.where(
            or_(
                Return.requested_at < at,
                and_(Return.requested_at == at, Return.id < last_id),
            )
        )
    found = session.scalars(
        wanted.order_by(Return.requested_at.desc(), Return.id.desc()).limit(PER_PAGE + 1)
    ).all()
    shown = found[:PER_PAGE]
    last = shown[-1] if len(found) > PER_PAGE else None
    return Page(
        tuple(_row(session, document, now) for document in shown),
        f"{last.requested_at.isoformat()}~{last.id}" if last is not None else None,
    )


def _conditions(filters: Filters) -> list[Any]:
    found: list[Any] = []
    if filters.status == "open":
        found.append(Return.status.not_in(states.RETURN_ENDED))
    elif filters.status:
        found.append(Return.status == filters.status)
    if filters.reason:
        found.append(Return.lines.any(ReturnLine.reason == filters.reason))
    if filters.outcome:
        found.append(Return.lines.any(ReturnLine.outcome == filters.outcome))
    if filters.search:
        found.append(_fits(filters.search))
    return found


def _fits(search: str) -> Any:
    text = search.strip()
    if "@" in text:
        return Order.email_norm == normalise_email(text)
    number = normalise_order_number(text)
    return or_(Return.rma_number == text.upper(), Order.number_norm == number)


def _position(cursor: str | None) -> tuple[datetime, int] | None:
    at, _, last = (cursor or "").partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    if moment.tzinfo is None or not last.isdecimal() or len(last) > 15:
        return None
    return moment, int(last)


def _row(session: Session, document: Return, now: datetime) -> ReturnRow:
    due_on = due_day(document, now)
    value = session.scalars(
        select(OrderUnit.paid_minor)
        .join(UnitClaim, UnitClaim.order_unit_id == OrderUnit.id)
        .join(ReturnLine, ReturnLine.id == UnitClaim.return_line_id)
        .where(ReturnLine.return_id == document.id)
    )
    return ReturnRow(
        rma_number=document.rma_number,
        status=document.status,
        order_number=document.order.number,
        order_id=document.order_id,
        email=document.order.email_norm,
        reasons=tuple(dict.fromkeys(line.reason for line in document.lines)),
        outcomes=tuple(dict.fromkeys(line.outcome for line in document.lines)),
        value_minor=sum(value),
        currency=document.currency,
        requested_at=document.requested_at,
        due_on=due_on,
        is_late=due_on is not None and windows.local_date(now, document.order.country) > due_on,
    )


def due_day(document: Return, now: datetime) -> date | None:
    """By when the team has to act, or the shopper to post the parcel; None where nothing is due."""
    if document.status in (states.APPROVED, states.LABEL_ISSUED):
        return windows.local_date(document.ship_by, document.order.country)
    return work_queues.promise_of(document, now)
