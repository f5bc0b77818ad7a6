"""Random shops: orders with odd discounts, several parcels and payments, and goods to exchange them for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    Customer,
    Order,
    OrderLine,
    OrderUnit,
    Payment,
    PolicyVersion,
    Product,
    Shipment,
    StockItem,
    Variant,
    VerifiedSession,
)
from returnsdesk.domain.money import allocate, split_evenly
from returnsdesk.domain.policy import digest_of
from returnsdesk.services import policies

START = datetime(2026, 6, 10, 12, tzinfo=timezone.utc)
"""The first moment of every example."""

CONVERSATION = "00000000-0000-4000-8000-000000000001"
STRANGER = "00000000-0000-4000-8000-000000000002"
AGENT = "agent Kim"
MARKETS = {"EUR": "NL", "NOK": "NO", "PLN": "PL"}
SIZES = ("S", "M", "L")

DELIVERED, UNKNOWN, ON_ITS_WAY, CANCELLED, NOT_SENT = (
    "delivered", "unknown", "on its way", "cancelled", "not sent",
)  # fmt: skip


@dataclass(frozen=True)
class LinePlan:
    """Some units of one variant; `parcels` says by which parcel each unit travels."""

    product: int
    size: int
    unit_price: int
    discount: int
    parcels: tuple[str, ...]


@dataclass(frozen=True)
class OrderPlan:
    """One order; `payments` are pairs of kind and weight, over which the total is shared."""

    lines: tuple[LinePlan, ...]
    discount: int
    shipping_paid: int
    payments: tuple[tuple[str, int], ...]
    refunded_before: int


@dataclass(frozen=True)
class ShopPlan:
    """A whole shop: one customer, two products in three sizes, one or two orders, and the rules they hold under."""

    currency: str
    orders: tuple[OrderPlan, ...]
    prices: tuple[tuple[int, int, int], ...]
    stock: tuple[tuple[int, int, int], ...]
    tier: str
    reads_texts: bool
    same_price_swap: bool
    other_products: bool
    refund_order: str
    bonus_percent: int


_parcels = st.sampled_from([DELIVERED] * 9 + [UNKNOWN, ON_ITS_WAY, CANCELLED, NOT_SENT])
_lines = st.builds(
    LinePlan,
    product=st.integers(0, 1),
    size=st.integers(0, 2),
    unit_price=st.integers(1, 9_999),
    discount=st.integers(0, 99),
    parcels=st.lists(_parcels, min_size=1, max_size=4).map(tuple),
)
_orders = st.builds(
    OrderPlan,
    lines=st.lists(_lines, min_size=1, max_size=3).map(tuple),
    discount=st.integers(0, 60),
    shipping_paid=st.sampled_from([0, 495, 1290]),
    payments=st.lists(
        st.tuples(
            st.sampled_from(["credit_card", "gift_card", "paypal", "invoice"]), st.integers(1, 9)
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    refunded_before=st.sampled_from([0, 0, 0, 1, 37]),
)
_three = st.tuples(*[st.integers(1, 9_999)] * 3)

shop_plans: st.SearchStrategy[ShopPlan] = st.builds(
    ShopPlan,
    currency=st.sampled_from(sorted(MARKETS)),
    orders=st.lists(_orders, min_size=1, max_size=2).map(tuple),
    prices=st.tuples(_three, _three),
    stock=st.tuples(*[st.tuples(*[st.integers(0, 4)] * 3)] * 2),
    tier=st.sampled_from(["none", "silver", "gold"]),
    reads_texts=st.booleans(),
    same_price_swap=st.booleans(),
    other_products=st.booleans(),
    refund_order=st.sampled_from(["proportional", "credit_first", "credit_last"]),
    bonus_percent=st.sampled_from([0, 10]),
)


def sku(product: int, size: int) -> str:
    """The SKU of a product in a size."""
    return f"product{product}-{SIZES[size]}"


SKUS = tuple(sku(product, size) for product in range(2) for size in range(3))


def line_ids(plan: ShopPlan) -> list[tuple[str, str]]:
    """Order number and line id of every order line."""
    return [
        (f"LL-{number}", f"LL-{number}-{position}")
        for number, order in enumerate(plan.orders)
        for position in range(len(order.lines))
    ]


def put_in(session: Session, plan: ShopPlan) -> None:
    """Write the shop into an empty database, with a verified conversation of its customer and one of nobody."""
    customer = Customer(
        external_id="C1", email="noor@mail.example", email_norm="noor@mail.example", first_name="Noor",
        last_name="Visser", language="nl", tier=plan.tier, address={}, phone="+31612345678",
        notify_by_sms=plan.reads_texts,
    )  # fmt: skip
    variants = _put_products(session, plan)
    version = _put_policy(session, plan)
    session.add(customer)
    session.flush()
    for number, order in enumerate(plan.orders):
        session.add(_order(plan, number, order, customer, variants, version))
    for identifier in (CONVERSATION, STRANGER):
        session.add(
            Conversation(
                id=identifier, channel="web", language="nl", created_at=START, last_message_at=START
            )
        )
    session.flush()
    session.add(
        VerifiedSession(
            conversation_id=CONVERSATION, method="shop_login", customer_id=customer.id,
            verified_at=START, expires_at=START + timedelta(days=3650),
        )
    )  # fmt: skip


def _put_products(session: Session, plan: ShopPlan) -> dict[tuple[int, int], Variant]:
    variants: dict[tuple[int, int], Variant] = {}
    for number, (prices, counts) in enumerate(zip(plan.prices, plan.stock, strict=True)):
        product = Product(
            external_id=f"product{number}", names={"en": f"Product {number}"}, category="clothing"
        )
        for position, (price, count) in enumerate(zip(prices, counts, strict=True)):
            variant = Variant(
                sku=sku(number, position), options={"size": SIZES[position]}, price_minor=price,
                currency=plan.currency, position=position, stock=StockItem(on_hand=count, reserved=0),
            )  # fmt: skip
            product.variants.append(variant)
            variants[number, position] = variant
        session.add(product)
    return variants


def _put_policy(session: Session, plan: ShopPlan) -> PolicyVersion:
    content: dict[str, Any] = {**policies.read_policy_file()}
    # Weeks pass within an example; what a window does stands elsewhere.
    content["window"] = {**content["window"], "return_days": 3000, "exchange_days": 3000}
    content["exchange"] = {
        **content["exchange"],
        "same_product_without_difference": plan.same_price_swap,
        "other_products": plan.other_products,
    }
    content["refund"] = {
        **content["refund"],
        "order": plan.refund_order,
        "credit_bonus_percent": plan.bonus_percent,
    }
    version = PolicyVersion(digest=digest_of(content), valid_from=START, content=content)
    session.add(version)
    return version


def _order(
    plan: ShopPlan,
    number: int,
    order_plan: OrderPlan,
    customer: Customer,
    variants: dict[tuple[int, int], Variant],
    version: PolicyVersion,
) -> Order:
    full = [
        max(0, line.unit_price * len(line.parcels) - line.discount) for line in order_plan.lines
    ]
    discount = min(order_plan.discount, sum(full))
    shares = allocate(discount, full)
    paid = [whole - share for whole, share in zip(full, shares, strict=True)]
    order = Order(
        number=f"LL-{number}", number_norm=f"LL-{number}", customer=customer, email_norm=customer.email_norm,
        status="delivered", placed_at=START - timedelta(days=9), currency=plan.currency,
        country=MARKETS[plan.currency], postcode_norm="1071KV", discount_minor=discount,
        shipping_paid_minor=order_plan.shipping_paid, policy_version=version,
        shipping_address={"line1": "Lindelaan 1", "city": "Utrecht", "postcode": "1071KV"},
    )  # fmt: skip
    parcels = {kind: _parcel(order, number, kind) for kind in _kinds(order_plan)}
    for position, line in enumerate(order_plan.lines):
        _add_line(order, position, line, paid[position], variants[line.product, line.size], parcels)
    _add_payments(order, number, order_plan, sum(paid) + order_plan.shipping_paid)
    return order


def _kinds(order: OrderPlan) -> list[str]:
    return sorted({kind for line in order.lines for kind in line.parcels if kind != NOT_SENT})


def _parcel(order: Order, number: int, kind: str) -> Shipment:
    return Shipment(
        order=order,
        tracking_number=f"T{number}-{kind}",
        shipped_at=START - timedelta(days=8 if kind != ON_ITS_WAY else 1),
        delivered_at=START - timedelta(days=5) if kind in (DELIVERED, CANCELLED) else None,
        cancelled=kind == CANCELLED,
    )


def _add_line(
    order: Order,
    position: int,
    line: LinePlan,
    paid: int,
    variant: Variant,
    parcels: dict[str, Shipment],
) -> None:
    row = OrderLine(
        order=order, external_id=f"{order.number}-{position}", position=position, variant=variant,
        sku=variant.sku, name="Product", options=dict(variant.options), quantity=len(line.parcels),
        unit_price_minor=line.unit_price, paid_minor=paid,
    )  # fmt: skip
    row.units = [
        OrderUnit(position=index, paid_minor=share, shipment=parcels.get(kind))
        for index, (share, kind) in enumerate(
            zip(split_evenly(paid, len(line.parcels)), line.parcels, strict=True)
        )
    ]


def _add_payments(order: Order, number: int, plan: OrderPlan, total: int) -> None:
    amounts = allocate(total, [weight for _kind, weight in plan.payments])
    for index, ((kind, _weight), amount) in enumerate(zip(plan.payments, amounts, strict=True)):
        order.payments.append(
            Payment(
                method_external_id=f"method-{number}-{index}",
                kind=kind,
                captured_minor=amount,
                refunded_minor=min(amount, plan.refunded_before) if index == 0 else 0,
            )
        )
