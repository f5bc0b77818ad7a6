"""Documents of the returns desk: returns, exchanges, reservations, refunds, the unit ledger and the event log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.shop import Order, OrderLine, OrderUnit, Payment, Variant


class Return(Base):
    """Goods of one order on their way back under one RMA number; each line says what the shopper gets for it."""

    __tablename__ = "returns"

    id: Mapped[int] = Column(Integer, primary_key=True)
    rma_number: Mapped[str] = Column(String(20), nullable=False, unique=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)
    created_by: Mapped[str] = Column(String(120), nullable=False)
    channel: Mapped[str] = Column(String(20), nullable=False)
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    # original: back the way it was paid; store_credit: as credit at the shop; empty when every line is an exchange
    settlement: Mapped[str | None] = Column(String(20))
    fee_minor: Mapped[int] = Column(Integer, nullable=False, default=0)
    currency: Mapped[str] = Column(String(3), nullable=False)
    # The summary that the shopper said yes to; a second yes to the same summary finds this return.
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    requested_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    ship_by: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    shipped_at: Mapped[datetime | None] = Column(UTCDateTime)
    arrived_at: Mapped[datetime | None] = Column(UTCDateTime)
    inspected_at: Mapped[datetime | None] = Column(UTCDateTime)
    closed_at: Mapped[datetime | None] = Column(UTCDateTime)

    order: Mapped[Order] = relationship("Order")
    lines: Mapped[list[ReturnLine]] = relationship(
        "ReturnLine",
        back_populates="return_",
        order_by="ReturnLine.id",
        cascade="all, delete-orphan",
    )
    refunds: Mapped[list[Refund]] = relationship(
        "Refund", back_populates="return_", order_by="Refund.id"
    )
    exchange: Mapped[Exchange | None] = relationship(
        "Exchange", back_populates="return_", uselist=False
    )
    parcels: Mapped[list[InboundParcel]] = relationship(
        "InboundParcel", back_populates="return_", order_by="InboundParcel.id"
    )

    __table_args__ = (CheckConstraint("fee_minor >= 0", name="fee_not_negative"),)


class ReturnLine(Base):
    """Units of one order line within a return, with reason, outcome and what the inspection decided."""

    __tablename__ = "return_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_id: Mapped[int] = Column(ForeignKey("returns.id"), nullable=False, index=True)
    order_line_id: Mapped[int] = Column(ForeignKey("order_lines.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    outcome: Mapped[str] = Column(String(20), nullable=False)
    reason: Mapped[str] = Column(String(30), nullable=False)
    note: Mapped[str | None] = Column(Text)
    accepted: Mapped[int] = Column(Integer, nullable=False, default=0)
    rejected: Mapped[int] = Column(Integer, nullable=False, default=0)

    return_: Mapped[Return] = relationship("Return", back_populates="lines")
    order_line: Mapped[OrderLine] = relationship("OrderLine")
    claims: Mapped[list[UnitClaim]] = relationship(
        "UnitClaim",
        back_populates="return_line",
        order_by="UnitClaim.id",
        cascade="all, delete-orphan",
    )
    exchange_line: Mapped[ExchangeLine | None] = relationship(
        "ExchangeLine", back_populates="return_line", uselist=False
    )
    inspections: Mapped[list[Inspection]] = relationship(
        "Inspection", back_populates="return_line", order_by="Inspection.id"
    )

    __table_args__ = (
        UniqueConstraint("return_id", "order_line_id", "outcome"),
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint(
            "accepted >= 0 AND rejected >= 0 AND accepted + rejected <= quantity",
            name="decided_within_quantity",
        ),
    )


class UnitClaim(Base):
    """The quantity ledger: one live claim for each unit that any document holds.

    The partial unique index makes it impossible, on both databases and under any concurrency, that two documents
    hold the same unit: held and consumed claims are live, released ones are history.
    """

    __tablename__ = "unit_claims"

    id: Mapped[int] = Column(Integer, primary_key=True)
    order_unit_id: Mapped[int] = Column(ForeignKey("order_units.id"), nullable=False)
    return_line_id: Mapped[int] = Column(ForeignKey("return_lines.id"), nullable=False, index=True)
    state: Mapped[str] = Column(String(10), nullable=False)
    # Of the inspection: pending, accepted or rejected; money follows this alone.
    decision: Mapped[str] = Column(String(10), nullable=False, default="pending")

    unit: Mapped[OrderUnit] = relationship("OrderUnit")
    return_line: Mapped[ReturnLine] = relationship("ReturnLine", back_populates="claims")

    __table_args__ = (
        CheckConstraint("state IN ('held', 'consumed', 'released')", name="known_state"),
        CheckConstraint("decision IN ('pending', 'accepted', 'rejected')", name="known_decision"),
        Index(
            "uq_unit_claims_live_unit",
            "order_unit_id",
            unique=True,
            sqlite_where=text("state <> 'released'"),
            postgresql_where=text("state <> 'released'"),
        ),
    )


class Exchange(Base):
    """What goes out in place of returned units; it stands on the return that brings them back."""

    __tablename__ = "exchanges"

    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(20), nullable=False, unique=True)
    return_id: Mapped[int] = Column(ForeignKey("returns.id"), nullable=False, unique=True)
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    tracking_number: Mapped[str | None] = Column(String(80))
    shipped_at: Mapped[datetime | None] = Column(UTCDateTime)

    return_: Mapped[Return] = relationship("Return", back_populates="exchange")
    lines: Mapped[list[ExchangeLine]] = relationship(
        "ExchangeLine",
        back_populates="exchange",
        order_by="ExchangeLine.id",
        cascade="all, delete-orphan",
    )


class ExchangeLine(Base):
    """The replacement for one return line."""

    __tablename__ = "exchange_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    exchange_id: Mapped[int] = Column(ForeignKey("exchanges.id"), nullable=False, index=True)
    return_line_id: Mapped[int] = Column(ForeignKey("return_lines.id"), nullable=False, unique=True)
    variant_id: Mapped[int] = Column(ForeignKey("variants.id"), nullable=False)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    # New price less what was paid, for all units of the line; 0 where the policy swaps sizes at no difference.
    price_difference_minor: Mapped[int] = Column(Integer, nullable=False, default=0)

    exchange: Mapped[Exchange] = relationship("Exchange", back_populates="lines")
    return_line: Mapped[ReturnLine] = relationship("ReturnLine", back_populates="exchange_line")
    variant: Mapped[Variant] = relationship("Variant")
    reservation: Mapped[Reservation] = relationship(
        "Reservation", back_populates="exchange_line", uselist=False, cascade="all, delete-orphan"
    )

    __table_args__ = (CheckConstraint("quantity >= 1", name="quantity_positive"),)


class Reservation(Base):
    """Stock kept for an exchange until it is allocated to a parcel or released."""

    __tablename__ = "reservations"

    id: Mapped[int] = Column(Integer, primary_key=True)
    exchange_line_id: Mapped[int] = Column(
        ForeignKey("exchange_lines.id"), nullable=False, unique=True
    )
    variant_id: Mapped[int] = Column(ForeignKey("variants.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    state: Mapped[str] = Column(String(10), nullable=False)
    expires_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    exchange_line: Mapped[ExchangeLine] = relationship("ExchangeLine", back_populates="reservation")

    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint("state IN ('held', 'allocated', 'released')", name="known_state"),
    )


class InboundParcel(Base):
    """A parcel from the shopper to the warehouse."""

    __tablename__ = "inbound_parcels"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_id: Mapped[int] = Column(ForeignKey("returns.id"), nullable=False, index=True)
    carrier: Mapped[str] = Column(String(60), nullable=False)
    tracking_number: Mapped[str] = Column(String(80), nullable=False, unique=True)
    status: Mapped[str] = Column(String(20), nullable=False)

    return_: Mapped[Return] = relationship("Return", back_populates="parcels")


class Inspection(Base):
    """What the warehouse found on opening a parcel: so many units of a line in one grade."""

    __tablename__ = "inspections"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_line_id: Mapped[int] = Column(ForeignKey("return_lines.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    # A: as new, back to stock; B: accepted, not resold as new; C: not accepted
    grade: Mapped[str] = Column(String(1), nullable=False)
    reason: Mapped[str | None] = Column(Text)
    inspector: Mapped[str] = Column(String(120), nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    return_line: Mapped[ReturnLine] = relationship("ReturnLine", back_populates="inspections")

    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint("grade IN ('A', 'B', 'C')", name="known_grade"),
    )


class Refund(Base):
    """Money decided to go back for a return; `closed` returns have all parts settled."""

    __tablename__ = "refunds"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_id: Mapped[int] = Column(ForeignKey("returns.id"), nullable=False, index=True)
    # One command, one key, at most one refund: document and sequence, never the amount.
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    amount_minor: Mapped[int] = Column(Integer, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False)
    # items_minor, fee_minor, shipping_minor
    breakdown: Mapped[dict[str, int]] = Column(JSON, nullable=False)
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    settled_at: Mapped[datetime | None] = Column(UTCDateTime)

    return_: Mapped[Return] = relationship("Return", back_populates="refunds")
    parts: Mapped[list[RefundPart]] = relationship(
        "RefundPart",
        back_populates="refund",
        order_by="RefundPart.id",
        cascade="all, delete-orphan",
    )

    __table_args__ = (CheckConstraint("amount_minor >= 0", name="amount_not_negative"),)


class RefundPart(Base):
    """The share of a refund that goes back by one payment, or as store credit when `payment_id` is empty."""

    __tablename__ = "refund_parts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    refund_id: Mapped[int] = Column(ForeignKey("refunds.id"), nullable=False, index=True)
    payment_id: Mapped[int | None] = Column(ForeignKey("payments.id"), index=True)
    amount_minor: Mapped[int] = Column(Integer, nullable=False)
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    status: Mapped[str] = Column(String(20), nullable=False)
    provider_reference: Mapped[str | None] = Column(String(120))
    settled_at: Mapped[datetime | None] = Column(UTCDateTime)

    refund: Mapped[Refund] = relationship("Refund", back_populates="parts")
    payment: Mapped[Payment | None] = relationship("Payment")

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)


class Case(Base):
    """A matter that waits for a person of the support team."""

    __tablename__ = "cases"

    id: Mapped[int] = Column(Integer, primary_key=True)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)
    reason: Mapped[str] = Column(String(40), nullable=False)
    summary: Mapped[str] = Column(Text, nullable=False, default="")
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    priority: Mapped[str] = Column(String(10), nullable=False, default="normal")
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)


class Event(Base):
    """One row for every change of state: who, which command, what it changed. Only ever added to."""

    __tablename__ = "events_log"

    id: Mapped[int] = Column(Integer, primary_key=True)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    actor: Mapped[str] = Column(String(120), nullable=False)
    command: Mapped[str] = Column(String(60), nullable=False)
    document: Mapped[str] = Column(String(20), nullable=False)
    document_id: Mapped[int] = Column(Integer, nullable=False)
    before: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    after: Mapped[dict[str, Any]] = Column(JSON, nullable=False, default=dict)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)

    __table_args__ = (Index("ix_events_log_document_document_id", "document", "document_id"),)


class OutboxJob(Base):
    """A side effect outside the database, written with the change that calls for it and done by the worker."""

    __tablename__ = "outbox_jobs"

    id: Mapped[int] = Column(Integer, primary_key=True)
    kind: Mapped[str] = Column(String(40), nullable=False)
    payload: Mapped[dict[str, Any]] = Column(JSON, nullable=False)
    dedupe_key: Mapped[str] = Column(String(160), nullable=False, unique=True)
    # waiting -> done, or waiting -> dead after the last try
    state: Mapped[str] = Column(String(10), nullable=False)
    due_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    attempts: Mapped[int] = Column(Integer, nullable=False, default=0)
    last_error: Mapped[str | None] = Column(Text)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (Index("ix_outbox_jobs_state_due_at", "state", "due_at"),)
