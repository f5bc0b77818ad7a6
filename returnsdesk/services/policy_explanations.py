"""Why the rules say what they say of one item: every finding, the version of the policy, and how the days add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, OrderLine
from returnsdesk.domain import windows
from returnsdesk.domain.findings import Finding, is_allowed
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.domain.return_windows import Period, return_period
from returnsdesk.services import ledger, policies, returns
from returnsdesk.services.errors import NotFound
from returnsdesk.services.returns import RequestedLine


@dataclass(frozen=True)
class Question:
    """What is asked of an item; `at` without a zone is where the shopper lives, None is now."""

    order_number: str
    item: str
    outcome: str = "refund"
    reason: str = "other"
    settlement: str | None = None
    quantity: int = 1
    at: datetime | None = None


@dataclass(frozen=True)
class Explanation:
    """The answer; `version_digest` and `version_since` are None for an order that came without a policy.

    `market` is the country whose own sections count, None where the general ones do. Amounts are in minor units.
    """

    order_number: str
    line_external_id: str
    name: str
    country: str
    currency: str
    at: datetime
    version_digest: str | None
    version_since: datetime | None
    market: str | None
    findings: tuple[Finding, ...]
    period: Period | None
    fee_minor: int

    @property
    def is_allowed(self) -> bool:
        """Whether a request would be registered."""
        return is_allowed(self.findings)


def explain(session: Session, question: Question, *, now: datetime) -> Explanation:
    """Put a question to the rules as a request would, and give all that led to the answer; nothing is changed.

    What other documents hold is as of now whatever `at` says. Raises `NotFound` for an order or item that is not
    there.
    """
    order = _order_of(session, question.order_number)
    line = _line_of(order, question.item)
    at = _instant(question.at, order) if question.at else now
    policy = policies.policy_of(order)
    request = (
        RequestedLine(line.external_id, question.quantity, question.reason, question.outcome),
    )
    findings = returns.check_request(session, order, request, question.settlement, at)
    shopper = returns.shopper_facts(session, order, at)
    version = order.policy_version
    content = version.content if version else policies.read_policy_file()
    return Explanation(
        order_number=order.number,
        line_external_id=line.external_id,
        name=line.name,
        country=order.country,
        currency=order.currency,
        at=at,
        version_digest=version.digest if version else None,
        version_since=version.valid_from if version else None,
        market=order.country if order.country in (content.get("markets") or {}) else None,
        findings=tuple(findings),
        period=return_period(ledger.line_facts(session, line), question.outcome, shopper, policy),
        fee_minor=returns.request_fee_minor(session, order, request, question.settlement),
    )


def _order_of(session: Session, number: str) -> Order:
    order: Order | None = session.scalars(
        select(Order).where(Order.number_norm == normalise_order_number(number))
    ).one_or_none()
    if order is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return order


def _line_of(order: Order, item: str) -> OrderLine:
    """The line with this id, or the first with this SKU."""
    wanted = item.strip().casefold()
    by_id = [line for line in order.lines if line.external_id.casefold() == wanted]
    by_sku = [line for line in order.lines if line.sku.casefold() == wanted]
    if by_id or by_sku:
        return (by_id or by_sku)[0]
    there = ", ".join(f"{line.external_id} ({line.sku})" for line in order.lines)
    raise NotFound(
        "LINE_UNKNOWN", f"order {order.number} has no item {item}; it has {there or 'none'}"
    )


def _instant(moment: datetime, order: Order) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=windows.zone_of(order.country))
    return moment.astimezone(timezone.utc)
