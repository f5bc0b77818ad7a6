"""Where returns, exchanges and refunds stand, with the next dates, read from the record at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, Return
from returnsdesk.domain import states, windows
from returnsdesk.domain.policy import Policy
from returnsdesk.services import label_requests, orders, policies
from returnsdesk.services.identity import Scope, order_filter
from returnsdesk.services.views import RefundView, ReturnView, return_view


@dataclass(frozen=True)
class Standing:
    """A return and what comes next for it.

    `inspection_working_days` is our promise, `inspection_by` its last day once the parcel is here, `is_late` says that
    it has passed. `money_from` and `money_to` bound the day on which paid-back money shows, once it is paid back; after
    that it is overdue.
    """

    document: ReturnView
    inspection_working_days: int
    inspection_by: date | None
    is_late: bool
    money_from: date | None
    money_to: date | None
    is_money_overdue: bool
    # Names of the items in the reader's language, by the shop's id of the line, and the order lines themselves.
    names: Mapping[str, str] = field(default_factory=dict)
    order_line_ids: tuple[int, ...] = ()
    # Ways in which it could travel from the shopper's country.
    methods: tuple[str, ...] = ()


def standings(
    session: Session, scope: Scope, now: datetime, language: str = "en"
) -> list[Standing]:
    """All returns within a scope, latest first."""
    rows = session.scalars(
        select(Return)
        .join(Order)
        .where(order_filter(scope))
        .order_by(Return.requested_at.desc(), Return.id.desc())
    )
    return [standing_of(document, now, language) for document in rows]


def standing_of(document: Return, now: datetime, language: str = "en") -> Standing:
    """One return with what comes next for it; its session must still be open."""
    view = return_view(document)
    policy = policies.policy_of(document.order)
    inspection_by = _inspection_by(view, policy)
    today = windows.local_date(now, view.country)
    money = _money_days(view, policy)
    return Standing(
        document=view,
        inspection_working_days=policy.return_.inspection_working_days,
        inspection_by=inspection_by,
        is_late=view.status == states.ARRIVED
        and inspection_by is not None
        and today > inspection_by,
        money_from=money[0] if money else None,
        money_to=money[1] if money else None,
        is_money_overdue=money is not None and today > money[1],
        names={
            line.order_line.external_id: orders.name_of(line.order_line, language)
            for line in document.lines
        },
        order_line_ids=tuple(line.order_line_id for line in document.lines),
        methods=label_requests.offered_methods(document.order),
    )


def _inspection_by(view: ReturnView, policy: Policy) -> date | None:
    if view.arrived_at is None:
        return None
    arrived = windows.local_date(view.arrived_at, view.country)
    return windows.add_working_days(arrived, policy.return_.inspection_working_days, view.country)


def _money_days(view: ReturnView, policy: Policy) -> tuple[date, date] | None:
    settled = [refund for refund in view.refunds if refund.settled_at is not None and refund.parts]
    if not settled:
        return None
    return _days_of(settled[-1], view.country, policy)


def _days_of(refund: RefundView, country: str, policy: Policy) -> tuple[date, date]:
    if refund.settled_at is None:
        raise ValueError("the refund is not settled")
    paid_on = windows.local_date(refund.settled_at, country)
    spans = [policy.refund_days(part.kind) for part in refund.parts]
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    return (
        windows.add_working_days(paid_on, first, country),
        windows.add_working_days(paid_on, last, country),
    )
