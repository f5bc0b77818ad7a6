"""The shop's side: customers, products, stock, orders, payments and shipments, as imported or synchronised."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime


class Customer(Base):
    """A person with an account at the shop."""

    __tablename__ = "customers"

    id: Mapped[int] = Column(Integer, primary_key=True)
    external_id: Mapped[str] = Column(String(120), nullable=False, unique=True)
    email: Mapped[str] = Column(String(254), nullable=False)
    email_norm: Mapped[str] = Column(String(254), nullable=False, index=True)
    first_name: Mapped[str] = Column(String(120), nullable=False)
    last_name: Mapped[str] = Column(String(120), nullable=False, default="")
    phone: Mapped[str | None] = Column(String(40))
    language: Mapped[str | None] = Column(String(5))
    tier: Mapped[str] = Column(String(20), nullable=False, default="none")
    paid_member: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    member_since: Mapped[datetime | None] = Column(UTCDateTime)
    # line1, line2, city, region, postcode, country
    address: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    # Where notices of returns go; Telegram's part of it stands with the chat
    notify_by_email: Mapped[bool] = Column(Boolean, nullable=False, default=True)
    notify_by_sms: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    # The person's data was erased: an import does not bring it back.
    erased_at: Mapped[datetime | None] = Column(UTCDateTime)

    orders: Mapped[list[Order]] = relationship("Order", back_populates="customer")
    payment_methods: Mapped[list[PaymentMethod]] = relationship(
        "PaymentMethod", back_populates="customer", cascade="all, delete-orphan"
    )


class PaymentMethod(Base):
    """A way of paying that a customer keeps at the shop; never more of a card than brand and last four digits."""

    __tablename__ = "payment_methods"

    id: Mapped[int] = Column(Integer, primary_key=True)
    external_id: Mapped[str] = Column(String(120), nullable=False, unique=True)
    customer_id: Mapped[int] = Column(ForeignKey("customers.id"), nullable=False, index=True)
    kind: Mapped[str] = Column(String(20), nullable=False)
    brand: Mapped[str | None] = Column(String(40))
    last_four: Mapped[str | None] = Column(String(4))
    balance_minor: Mapped[int | None] = Column(Integer)
    currency: Mapped[str | None] = Column(String(3))

    customer: Mapped[Customer] = relationship("Customer", back_populates="payment_methods")


class Product(Base):
    """What the catalogue shows on one page; its variants are what is bought."""

    __tablename__ = "products"

    id: Mapped[int] = Column(Integer, primary_key=True)
    external_id: Mapped[str] = Column(String(120), nullable=False, unique=True)
    # language code -> name; a shop with one language has one entry
    names: Mapped[dict[str, str]] = Column(JSON, nullable=False)
    category: Mapped[str | None] = Column(String(60))
    final_sale: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    hygiene: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    personalised: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    size_chart: Mapped[dict[str, Any] | None] = Column(JSON(none_as_null=True))
    image_url: Mapped[str | None] = Column(String(500))

    variants: Mapped[list[Variant]] = relationship(
        "Variant", back_populates="product", order_by="Variant.position"
    )


class Variant(Base):
    """A product in one combination of options (size, colour, ...), identified by its SKU."""

    __tablename__ = "variants"

    id: Mapped[int] = Column(Integer, primary_key=True)
    product_id: Mapped[int] = Column(ForeignKey("products.id"), nullable=False, index=True)
    sku: Mapped[str] = Column(String(120), nullable=False, unique=True)
    options: Mapped[dict[str, str]] = Column(JSON, nullable=False, default=dict)
    price_minor: Mapped[int] = Column(Integer, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False)
    position: Mapped[int] = Column(Integer, nullable=False, default=0)

    product: Mapped[Product] = relationship("Product", back_populates="variants")
    stock: Mapped[StockItem] = relationship(
        "StockItem", back_populates="variant", uselist=False, cascade="all, delete-orphan"
    )

    __table_args__ = (CheckConstraint("price_minor >= 0", name="price_not_negative"),)


class StockItem(Base):
    """Units of a variant in the warehouse; available = on_hand - reserved, never below zero."""

    __tablename__ = "stock_items"

    variant_id: Mapped[int] = Column(ForeignKey("variants.id"), primary_key=True)
    on_hand: Mapped[int] = Column(Integer, nullable=False, default=0)
    reserved: Mapped[int] = Column(Integer, nullable=False, default=0)

    variant: Mapped[Variant] = relationship("Variant", back_populates="stock")

    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        CheckConstraint("on_hand >= reserved", name="never_oversold"),
    )


class Order(Base):
    """A purchase. `number` is kept as the shop writes it; `number_norm` is what look-ups compare."""

    __tablename__ = "orders"

    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(60), nullable=False)
    number_norm: Mapped[str] = Column(String(60), nullable=False, unique=True)
    customer_id: Mapped[int | None] = Column(ForeignKey("customers.id"), index=True)
    email_norm: Mapped[str] = Column(String(254), nullable=False, index=True)
    status: Mapped[str] = Column(String(20), nullable=False)
    placed_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False)
    shipping_address: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    country: Mapped[str] = Column(String(2), nullable=False)
    postcode_norm: Mapped[str] = Column(String(20), nullable=False, default="")
    discount_minor: Mapped[int] = Column(Integer, nullable=False, default=0)
    shipping_paid_minor: Mapped[int] = Column(Integer, nullable=False, default=0)
    is_gift: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    # Printed on the gift slip, so that whoever got the gift can return it without the buyer.
    gift_code: Mapped[str | None] = Column(String(60))
    # The buyer's data was erased: an import leaves the order as it is.
    erased_at: Mapped[datetime | None] = Column(UTCDateTime)
    policy_version_id: Mapped[int | None] = Column(ForeignKey("policy_versions.id"))

    customer: Mapped[Customer | None] = relationship("Customer", back_populates="orders")
    policy_version: Mapped[PolicyVersion | None] = relationship("PolicyVersion")
    lines: Mapped[list[OrderLine]] = relationship(
        "OrderLine",
        back_populates="order",
        order_by="OrderLine.position",
        cascade="all, delete-orphan",
    )
    payments: Mapped[list[Payment]] = relationship(
        "Payment", back_populates="order", order_by="Payment.id", cascade="all, delete-orphan"
    )
    shipments: Mapped[list[Shipment]] = relationship(
        "Shipment", back_populates="order", order_by="Shipment.id", cascade="all, delete-orphan"
    )


class OrderLine(Base):
    """Some units of one variant in an order; flags and names are kept as they were when bought."""

    __tablename__ = "order_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    external_id: Mapped[str] = Column(String(120), nullable=False)
    position: Mapped[int] = Column(Integer, nullable=False, default=0)
    variant_id: Mapped[int | None] = Column(ForeignKey("variants.id"), index=True)
    sku: Mapped[str] = Column(String(120), nullable=False)
    name: Mapped[str] = Column(String(300), nullable=False)
    options: Mapped[dict[str, str]] = Column(JSON, nullable=False, default=dict)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    unit_price_minor: Mapped[int] = Column(Integer, nullable=False)
    # What the line cost after all discounts, tax included; the units' shares add up to it.
    paid_minor: Mapped[int] = Column(Integer, nullable=False)
    final_sale: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    personalised: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    # What was engraved or printed at the buyer's wish
    personalisation: Mapped[str | None] = Column(String(200))

    order: Mapped[Order] = relationship("Order", back_populates="lines")
    variant: Mapped[Variant | None] = relationship("Variant")
    units: Mapped[list[OrderUnit]] = relationship(
        "OrderUnit",
        back_populates="line",
        order_by="OrderUnit.position",
        cascade="all, delete-orphan",
    )

    __table_args__ = (
        UniqueConstraint("order_id", "external_id"),
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint("paid_minor >= 0", name="paid_not_negative"),
    )


class OrderUnit(Base):
    """One piece of an order line with the exact share that was paid for it, and the parcel that carried it."""

    __tablename__ = "order_units"

    id: Mapped[int] = Column(Integer, primary_key=True)
    order_line_id: Mapped[int] = Column(ForeignKey("order_lines.id"), nullable=False, index=True)
    position: Mapped[int] = Column(Integer, nullable=False)
    paid_minor: Mapped[int] = Column(Integer, nullable=False)
    shipment_id: Mapped[int | None] = Column(ForeignKey("shipments.id"), index=True)

    line: Mapped[OrderLine] = relationship("OrderLine", back_populates="units")
    shipment: Mapped[Shipment | None] = relationship("Shipment", back_populates="units")

    __table_args__ = (
        UniqueConstraint("order_line_id", "position"),
        CheckConstraint("paid_minor >= 0", name="paid_not_negative"),
    )


class Payment(Base):
    """Money taken for an order by one method, and how much of it has gone back."""

    __tablename__ = "payments"

    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    method_external_id: Mapped[str] = Column(String(120), nullable=False)
    kind: Mapped[str] = Column(String(20), nullable=False)
    brand: Mapped[str | None] = Column(String(40))
    last_four: Mapped[str | None] = Column(String(4))
    captured_minor: Mapped[int] = Column(Integer, nullable=False, default=0)
    refunded_minor: Mapped[int] = Column(Integer, nullable=False, default=0)

    order: Mapped[Order] = relationship("Order", back_populates="payments")

    __table_args__ = (
        UniqueConstraint("order_id", "method_external_id"),
        CheckConstraint("refunded_minor >= 0", name="refunded_not_negative"),
        CheckConstraint("refunded_minor <= captured_minor", name="never_over_refunded"),
    )


class Shipment(Base):
    """A parcel to the shopper."""

    __tablename__ = "shipments"

    id: Mapped[int] = Column(Integer, primary_key=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    carrier: Mapped[str | None] = Column(String(60))
    tracking_number: Mapped[str] = Column(String(80), nullable=False)
    shipped_at: Mapped[datetime | None] = Column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = Column(UTCDateTime)
    cancelled: Mapped[bool] = Column(Boolean, nullable=False, default=False)

    order: Mapped[Order] = relationship("Order", back_populates="shipments")
    units: Mapped[list[OrderUnit]] = relationship("OrderUnit", back_populates="shipment")

    __table_args__ = (UniqueConstraint("order_id", "tracking_number"),)


class PolicyVersion(Base):
    """A returns policy as it stood when orders were bought under it; never changed afterwards."""

    __tablename__ = "policy_versions"

    id: Mapped[int] = Column(Integer, primary_key=True)
    digest: Mapped[str] = Column(String(64), nullable=False, unique=True)
    valid_from: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    content: Mapped[dict[str, Any]] = Column(JSON, nullable=False)
