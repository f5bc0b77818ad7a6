"""Orders and customers as the support team sees them: what was bought, sent and paid, and everything about it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Customer, Order, OrderLine, Return
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.domain.variants import VariantOption
from returnsdesk.services import claims, orders, personal_fields, stock, timelines, withdrawals
from returnsdesk.services import credits as store_credits
from returnsdesk.services import returns as return_views
from returnsdesk.services.credits import CreditView
from returnsdesk.services.errors import NotFound
from returnsdesk.services.timelines import Subject
from returnsdesk.services.views import ClaimView, ReturnView, WithdrawalView, return_view

MOST: Final = 100


@dataclass(frozen=True)
class LineSheet:
    """A line of an order with what can still come back; amounts in minor units."""

    line_external_id: str
    name: str
    options: Mapping[str, str]
    sku: str
    image_url: str | None
    quantity: int
    available: int
    paid_minor: int
    list_minor: int
    flags: tuple[str, ...]
    last_day: date | None
    siblings: tuple[VariantOption, ...]


@dataclass(frozen=True)
class PaymentSheet:
    """Money taken and paid back by one method."""

    kind: str
    card: str
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True)
class ShipmentSheet:
    """A parcel to the shopper."""

    carrier: str
    tracking_number: str
    shipped_at: datetime | None
    delivered_at: datetime | None
    is_cancelled: bool


@dataclass(frozen=True)
class ConversationLink:
    """A conversation that is about an order or of a customer."""

    id: str
    channel: str
    language: str
    state: str
    created_at: datetime
    last_message_at: datetime


@dataclass(frozen=True)
class OrderRow:
    """An order as lists show it."""

    number: str
    status: str
    placed_at: datetime
    currency: str
    paid_minor: int


@dataclass(frozen=True)
class OrderSheet:
    """Everything that the page of an order shows; `version` is the latest event of what hangs on it."""

    id: int
    number: str
    status: str
    placed_at: datetime
    country: str
    currency: str
    email: str
    customer_id: int | None
    name: str
    address: str
    is_gift: bool
    discount_minor: int
    shipping_paid_minor: int
    lines: tuple[LineSheet, ...]
    payments: tuple[PaymentSheet, ...]
    shipments: tuple[ShipmentSheet, ...]
    returns: tuple[ReturnView, ...]
    claims: tuple[ClaimView, ...]
    withdrawals: tuple[WithdrawalView, ...]
    credits: tuple[CreditView, ...]
    conversations: tuple[ConversationLink, ...]
    version: int


@dataclass(frozen=True)
class CustomerSheet:
    """Everything that the page of a customer shows."""

    id: int
    name: str
    email: str
    phone: str
    address: str
    language: str | None
    tier: str
    member_since: datetime | None
    orders: tuple[OrderRow, ...]
    returns: tuple[ReturnView, ...]
    conversations: tuple[ConversationLink, ...]


def order_sheet(session: Session, number: str, *, now: datetime) -> OrderSheet:
    """The order of that number, with or without its letters and signs; raises `NotFound`."""
    order = order_of(session, number)
    return OrderSheet(
        id=order.id,
        number=order.number,
        status=order.status,
        placed_at=order.placed_at,
        country=order.country,
        currency=order.currency,
        email=order.email_norm,
        customer_id=order.customer_id,
        name=personal_fields.full_name(order.customer),
        address=personal_fields.address_lines(order.shipping_address),
        is_gift=order.is_gift,
        discount_minor=order.discount_minor,
        shipping_paid_minor=order.shipping_paid_minor,
        lines=tuple(_line(session, line, now) for line in order.lines),
        payments=tuple(
            PaymentSheet(
                each.kind,
                " ".join(filter(None, [each.brand, each.last_four])),
                each.captured_minor,
                each.refunded_minor,
            )
            for each in order.payments
        ),
        shipments=tuple(
            ShipmentSheet(
                each.carrier or "",
                each.tracking_number,
                each.shipped_at,
                each.delivered_at,
                each.cancelled,
            )
            for each in order.shipments
        ),
        returns=tuple(return_views.of_order(session, order.id)),
        claims=tuple(claims.of_order(session, order.id)),
        withdrawals=tuple(withdrawals.of_order(session, order.id)),
        credits=tuple(store_credits.of_order(session, order.number)),
        conversations=_conversations(session, _about_order(session, order)),
        version=timelines.last_event_id(session, subjects_of(session, order.number)),
    )


def customer_sheet(session: Session, customer_id: int) -> CustomerSheet:
    """A customer with the latest orders, returns and conversations; raises `NotFound`."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound("CUSTOMER_UNKNOWN", f"there is no customer {customer_id}")
    found = session.scalars(
        select(Order)
        .where(Order.customer_id == customer_id)
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST)
    ).all()
    documents = session.scalars(
        select(Return)
        .join(Order, Order.id == Return.order_id)
        .where(Order.customer_id == customer_id)
        .order_by(Return.requested_at.desc(), Return.id.desc())
        .limit(MOST)
    )
    return CustomerSheet(
        id=customer.id,
        name=personal_fields.full_name(customer),
        email=customer.email,
        phone=customer.phone or "",
        address=personal_fields.address_lines(customer.address),
        language=customer.language,
        tier=customer.tier,
        member_since=customer.member_since,
        orders=tuple(
            OrderRow(
                order.number,
                order.status,
                order.placed_at,
                order.currency,
                sum(line.paid_minor for line in order.lines),
            )
            for order in found
        ),
        returns=tuple(return_view(each) for each in documents),
        conversations=_conversations(session, Conversation.customer_id == customer_id),
    )


def order_of(session: Session, number: str) -> Order:
    """The order of that number; raises `NotFound`."""
    order: Order | None = session.scalars(
        select(Order).where(Order.number_norm == normalise_order_number(number))
    ).one_or_none()
    if order is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return order


def subjects_of(session: Session, number: str) -> list[Subject]:
    """The returns and claims of an order: what a new one of them may get in the way of. Raises `NotFound`."""
    order = order_of(session, number)
    found: list[Subject] = []
    for document in session.scalars(select(Return).where(Return.order_id == order.id)):
        found += timelines.of_return(document)
    for view in claims.of_order(session, order.id):
        claim = claims.by_number(session, view.number)
        if claim is not None:
            found.append(("claim", claim.id))
    return found


def _line(session: Session, line: OrderLine, now: datetime) -> LineSheet:
    item = orders.item_view(session, line, "en", now)
    siblings = stock.siblings(session, line.variant) if line.variant else []
    flags = [name for name in ("final_sale", "personalised") if getattr(line, name)]
    if line.variant and line.variant.product.hygiene:
        flags.append("hygiene")
    return LineSheet(
        line_external_id=line.external_id,
        name=line.name,
        options=dict(line.options),
        sku=line.sku,
        image_url=item.image_url,
        quantity=line.quantity,
        available=item.available,
        paid_minor=line.paid_minor,
        list_minor=line.unit_price_minor * line.quantity,
        flags=tuple(flags),
        last_day=item.last_day,
        siblings=tuple(
            VariantOption(variant.id, variant.sku, dict(variant.options), free, variant.price_minor)
            for variant, free in siblings
            if free > 0 and variant.id != line.variant_id
        ),
    )


def _about_order(session: Session, order: Order) -> Any:
    """Conversations about an order: the latest that it was about, and those in which its returns were asked for."""
    asked_in = session.scalars(
        select(Return.conversation_id).where(
            Return.order_id == order.id, Return.conversation_id.isnot(None)
        )
    ).all()
    return or_(Conversation.order_id == order.id, Conversation.id.in_(list(asked_in)))


def _conversations(session: Session, condition: Any) -> tuple[ConversationLink, ...]:
    rows = session.scalars(
        select(Conversation)
        .where(condition)
        .order_by(Conversation.last_message_at.desc())
        .limit(MOST)
    )
    return tuple(
        ConversationLink(
            row.id, row.channel, row.language, row.state, row.created_at, row.last_message_at
        )
        for row in rows
    )
