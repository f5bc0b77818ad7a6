"""Orders as a shopper may see them: the items within a conversation's scope, and what can be done with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, OrderLine, Return
from returnsdesk.domain import eligibility, windows
from returnsdesk.domain.eligibility import Finding, Wish
from returnsdesk.domain.identifiers import find_named_order_numbers, find_rma_numbers
from returnsdesk.domain.matching import Item
from returnsdesk.domain.mentions import is_same_order_number
from returnsdesk.services import ledger, policies
from returnsdesk.services.errors import NotFound
from returnsdesk.services.identity import Scope, order_filter
from returnsdesk.services.returns import shopper_facts

# A shorter number in a sentence is more often something else than an order's.
FEWEST_DIGITS = 4
# Older orders are found by number, not listed.
LISTED_FOR = timedelta(days=180)


@dataclass(frozen=True)
class ParcelView:
    """A parcel to the shopper."""

    carrier: str | None
    tracking_number: str
    shipped_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True)
class OrderView:
    """An order's head for a status answer."""

    id: int
    number: str
    status: str
    country: str
    placed_at: datetime
    parcels: tuple[ParcelView, ...]
    item_names: tuple[str, ...]


@dataclass(frozen=True)
class ItemView:
    """One order line with what the rules say about returning it now."""

    order_line_id: int
    order_id: int
    order_number: str
    name: str
    options: Mapping[str, str]
    image_url: str | None
    ordered: int
    available: int
    country: str
    currency: str
    placed_on: date
    last_day: date | None
    last_exchange_day: date | None
    findings: tuple[Finding, ...]
    exchange_findings: tuple[Finding, ...]
    line_external_id: str = ""

    @property
    def is_returnable(self) -> bool:
        """Whether at least one unit can come back for its money."""
        return eligibility.is_allowed(self.findings)

    @property
    def is_exchangeable(self) -> bool:
        """Whether at least one unit can be exchanged; often for longer than it can be returned."""
        return eligibility.is_allowed(self.exchange_findings)


def orders_of(
    session: Session, scope: Scope, now: datetime, language: str = "en"
) -> list[OrderView]:
    """The orders of the last half year within a scope, latest first."""
    return [_order_view(order, language) for order in _orders(session, scope, now)]


def withdrawable(
    session: Session, scope: Scope, now: datetime, language: str = "en"
) -> list[OrderView]:
    """The orders within a scope that the law still lets the buyer withdraw from, at least in part; latest first."""
    return [
        _order_view(order, language)
        for order in _orders(session, scope, now)
        if any(
            eligibility.is_allowed(
                eligibility.withdrawal_findings(
                    ledger.line_facts(session, line), policies.policy_of(order), now
                )
            )
            for line in order.lines
        )
    ]


def items_of(
    session: Session, scope: Scope, language: str, now: datetime, reason: str | None = None
) -> list[ItemView]:
    """All order lines within a scope, latest order first, each with the findings on returning one unit."""
    return [
        item_view(session, line, language, now, reason)
        for order in _orders(session, scope, now)
        for line in order.lines
    ]


def item_view(
    session: Session, line: OrderLine, language: str, now: datetime, reason: str | None = None
) -> ItemView:
    """One order line as it stands now, for the `reason` as far as it is known: a fault lifts exclusions."""
    order = line.order
    policy = policies.policy_of(order)
    facts = ledger.line_facts(session, line)
    shopper = shopper_facts(session, order, now)

    def findings_for(outcome: str) -> tuple[Finding, ...]:
        wish = Wish(quantity=1, outcome=outcome, reason=reason)
        return tuple(eligibility.check(facts, wish, shopper, policy, now))

    return ItemView(
        order_line_id=line.id,
        order_id=order.id,
        order_number=order.number,
        name=name_of(line, language),
        options=dict(line.options),
        image_url=line.variant.product.image_url if line.variant else None,
        ordered=line.quantity,
        available=facts.available(policy, now),
        country=order.country,
        currency=order.currency,
        placed_on=windows.local_date(order.placed_at, order.country),
        last_day=eligibility.last_return_day(facts, "refund", shopper, policy),
        last_exchange_day=eligibility.last_return_day(facts, "exchange", shopper, policy),
        findings=findings_for("refund"),
        exchange_findings=findings_for("exchange"),
        line_external_id=line.external_id,
    )


def by_number(session: Session, number: str) -> Order:
    """The order of exactly that number; raises `NotFound`."""
    order = session.scalars(select(Order).where(Order.number == number)).one_or_none()
    if order is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return order


@dataclass(frozen=True)
class Buyer:
    """Who bought what a scope opens: name and mail address as far as the record has them."""

    name: str
    email: str


def buyer_of(session: Session, scope: Scope) -> Buyer:
    """The buyer behind a scope; empty texts where the record has none."""
    order = session.scalars(
        select(Order).where(order_filter(scope)).order_by(Order.id.desc()).limit(1)
    ).one_or_none()
    customer = order.customer if order else None
    if customer is None:
        return Buyer("", order.email_norm if order else "")
    return Buyer(f"{customer.first_name} {customer.last_name}".strip(), customer.email)


def numbers_out_of_sight(session: Session, scope: Scope, text: str) -> tuple[str, ...]:
    """Numbers of orders and returns in a message that are not among those in scope.

    Whether somebody else has them is not looked up, so nothing can be learnt from the answer.
    """
    own_orders = set(session.scalars(select(Order.number).where(order_filter(scope))))
    named = [mention.value for mention in find_named_order_numbers(text)]
    named = [number for number in named if sum(map(str.isdigit, number)) >= FEWEST_DIGITS]
    unknown = [
        number
        for number in named
        if not any(is_same_order_number(number, own) for own in own_orders)
    ]
    own_returns = set(
        session.scalars(select(Return.rma_number).join(Order).where(order_filter(scope)))
    )
    named_returns = [mention.value for mention in find_rma_numbers(text)]
    return (*unknown, *(number for number in named_returns if number not in own_returns))


def names_of(session: Session, order_number: str, language: str) -> dict[str, str]:
    """The names of an order's items in a language, by the shop's id of the line."""
    lines = session.scalars(select(OrderLine).join(Order).where(Order.number == order_number)).all()
    return {line.external_id: name_of(line, language) for line in lines}


def name_of(line: OrderLine, language: str) -> str:
    """The product's name in a language where the catalogue has one, otherwise as it was bought."""
    names = line.variant.product.names if line.variant else {}
    return names.get(language) or line.name


def matchable(session: Session, line_ids: list[int]) -> list[Item]:
    """Order lines in the shape that the resolution of a shopper's words works on, in the given order."""
    rows = {
        line.id: line
        for line in session.scalars(select(OrderLine).where(OrderLine.id.in_(line_ids)))
    }
    return [_matchable(rows[line_id]) for line_id in line_ids]


def _matchable(line: OrderLine) -> Item:
    names = tuple(line.variant.product.names.values()) if line.variant else ()
    return Item(
        key=line.id,
        name=line.name,
        other_names=names,
        options=dict(line.options),
        order_number=line.order.number,
        ordered_on=windows.local_date(line.order.placed_at, line.order.country),
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
    )


def _orders(session: Session, scope: Scope, now: datetime) -> list[Order]:
    statement = (
        select(Order).where(order_filter(scope)).order_by(Order.placed_at.desc(), Order.id.desc())
    )
    if scope.order_id is None:
        statement = statement.where(Order.placed_at > now - LISTED_FOR)
    return list(session.scalars(statement))


def _order_view(order: Order, language: str) -> OrderView:
    return OrderView(
        id=order.id,
        number=order.number,
        status=order.status,
        country=order.country,
        placed_at=order.placed_at,
        parcels=tuple(
            ParcelView(
                parcel.carrier, parcel.tracking_number, parcel.shipped_at, parcel.delivered_at
            )
            for parcel in order.shipments
            if not parcel.cancelled
        ),
        item_names=tuple(name_of(line, language) for line in order.lines),
    )
