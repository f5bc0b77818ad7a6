"""Documents about goods: returns, exchanges, reservations, parcels, inspections and the unit ledger."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import deferred, relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.shop import Order, OrderLine, OrderUnit, Variant

if TYPE_CHECKING:
    from returnsdesk.db.models.claims import Claim, ClaimLine, Withdrawal
    from returnsdesk.db.models.money import Refund


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
    # drop_off: label handed in at a parcel shop; pick_up: fetched at home; own_carrier: sent by the shopper's choice
    method: Mapped[str] = Column(String(20), nullable=False, default="drop_off")
    pick_up_on: Mapped[date | None] = Column(Date)
    # Why goods come back that were not asked for by a return: a claim that was approved, a withdrawal.
    claim_id: Mapped[int | None] = Column(ForeignKey("claims.id"), unique=True)
    withdrawal_id: Mapped[int | None] = Column(ForeignKey("withdrawals.id"), unique=True)
    # original: back the way it was paid; store_credit: as credit at the shop; empty when every line is an exchange
    settlement: Mapped[str | None] = Column(String(20))
    fee_minor: Mapped[int] = Column(Integer, nullable=False, default=0)
    currency: Mapped[str] = Column(String(3), nullable=False)
    # The summary that the shopper said yes to; a second yes to the same summary finds this return.
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    # When the shopper first asked, which is what counts for the window, and when the request was complete.
    asked_at: Mapped[datetime | None] = Column(UTCDateTime)
    requested_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    ship_by: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    shipped_at: Mapped[datetime | None] = Column(UTCDateTime)
    arrived_at: Mapped[datetime | None] = Column(UTCDateTime)
    inspected_at: Mapped[datetime | None] = Column(UTCDateTime)
    closed_at: Mapped[datetime | None] = Column(UTCDateTime)
    # Why it was declined or put on hold: a code, and the words that the shopper reads.
    decision_code: Mapped[str | None] = Column(String(40))
    decision_text: Mapped[str | None] = Column(Text)

    order: Mapped[Order] = relationship("Order")
    claim: Mapped[Claim | None] = relationship("Claim", back_populates="return_")
    withdrawal: Mapped[Withdrawal | None] = relationship("Withdrawal", back_populates="return_")
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

    __table_args__ = (
        CheckConstraint("fee_minor >= 0", name="fee_not_negative"),
        CheckConstraint("method IN ('drop_off', 'pick_up', 'own_carrier')", name="known_method"),
    )


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
    # What holds the unit: a line of a return, or of a claim for goods that do not come back.
    return_line_id: Mapped[int | None] = Column(ForeignKey("return_lines.id"), index=True)
    claim_line_id: Mapped[int | None] = Column(ForeignKey("claim_lines.id"), index=True)
    state: Mapped[str] = Column(String(10), nullable=False)
    # Of the inspection: pending, accepted or rejected; money follows this alone.
    decision: Mapped[str] = Column(String(10), nullable=False, default="pending")

    unit: Mapped[OrderUnit] = relationship("OrderUnit")
    return_line: Mapped[ReturnLine | None] = relationship("ReturnLine", back_populates="claims")
    claim_line: Mapped[ClaimLine | None] = relationship("ClaimLine", back_populates="unit_claims")

    __table_args__ = (
        CheckConstraint(
            "(return_line_id IS NULL) <> (claim_line_id IS NULL)", name="held_by_one_document"
        ),
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
    """What goes out in place of units: it stands on the return that brings them back, or on a claim."""

    __tablename__ = "exchanges"

    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(20), nullable=False, unique=True)
    return_id: Mapped[int | None] = Column(ForeignKey("returns.id"), unique=True)
    claim_id: Mapped[int | None] = Column(ForeignKey("claims.id"), unique=True)
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    tracking_number: Mapped[str | None] = Column(String(80))
    shipped_at: Mapped[datetime | None] = Column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = Column(UTCDateTime)
    # none; due: the shopper pays it by a link until payment_due_at; paid; owed: goes back to the shopper; waived
    difference_status: Mapped[str] = Column(String(10), nullable=False, default="none")
    payment_reference: Mapped[str | None] = Column(String(120))
    payment_url: Mapped[str | None] = Column(String(500))
    payment_due_at: Mapped[datetime | None] = Column(UTCDateTime)

    return_: Mapped[Return | None] = relationship("Return", back_populates="exchange")
    claim: Mapped[Claim | None] = relationship("Claim", back_populates="exchange")
    lines: Mapped[list[ExchangeLine]] = relationship(
        "ExchangeLine",
        back_populates="exchange",
        order_by="ExchangeLine.id",
        cascade="all, delete-orphan",
    )

    __table_args__ = (
        CheckConstraint("(return_id IS NULL) <> (claim_id IS NULL)", name="stands_on_one_document"),
        CheckConstraint(
            "difference_status IN ('none', 'due', 'paid', 'owed', 'waived')",
            name="known_difference_status",
        ),
    )


class ExchangeLine(Base):
    """The replacement for one line of a return or claim."""

    __tablename__ = "exchange_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    exchange_id: Mapped[int] = Column(ForeignKey("exchanges.id"), nullable=False, index=True)
    return_line_id: Mapped[int | None] = Column(ForeignKey("return_lines.id"), unique=True)
    claim_line_id: Mapped[int | None] = Column(ForeignKey("claim_lines.id"), unique=True)
    variant_id: Mapped[int] = Column(ForeignKey("variants.id"), nullable=False)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    # New price less what was paid, for all units of the line; 0 where the policy swaps sizes at no difference.
    price_difference_minor: Mapped[int] = Column(Integer, nullable=False, default=0)

    exchange: Mapped[Exchange] = relationship("Exchange", back_populates="lines")
    return_line: Mapped[ReturnLine | None] = relationship(
        "ReturnLine", back_populates="exchange_line"
    )
    claim_line: Mapped[ClaimLine | None] = relationship("ClaimLine")
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
    # announced, in_transit, delivered, lost or voided; it only ever moves forward
    status: Mapped[str] = Column(String(20), nullable=False)
    # What the carrier calls the parcel, and where its own tracking page is
    carrier_reference: Mapped[str | None] = Column(String(120), index=True)
    tracking_url: Mapped[str | None] = Column(String(500))
    label_expires_at: Mapped[datetime | None] = Column(UTCDateTime)
    last_event_at: Mapped[datetime | None] = Column(UTCDateTime)

    return_: Mapped[Return] = relationship("Return", back_populates="parcels")
    label: Mapped[ParcelLabel | None] = relationship(
        "ParcelLabel", back_populates="parcel", uselist=False, cascade="all, delete-orphan"
    )


class ParcelLabel(Base):
    """The label of a parcel as the carrier gave it; `qr_text` is what a parcel shop scans instead of paper."""

    __tablename__ = "parcel_labels"

    parcel_id: Mapped[int] = Column(ForeignKey("inbound_parcels.id"), primary_key=True)
    # Some 50 kB, read only where the label is handed out.
    pdf: Mapped[bytes] = deferred(Column(LargeBinary, nullable=False))
    qr_text: Mapped[str | None] = Column(String(500))
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    parcel: Mapped[InboundParcel] = relationship("InboundParcel", back_populates="label")


class CarrierEvent(Base):
    """Something that a carrier reported of a parcel; the same report twice is one row."""

    __tablename__ = "carrier_events"

    id: Mapped[int] = Column(Integer, primary_key=True)
    carrier: Mapped[str] = Column(String(60), nullable=False)
    event_id: Mapped[str] = Column(String(160), nullable=False)
    tracking_number: Mapped[str] = Column(String(80), nullable=False, index=True)
    # in_transit, delivered, lost, or whatever else the carrier says, which changes nothing
    status: Mapped[str] = Column(String(40), nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    received_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (UniqueConstraint("carrier", "event_id"),)


class Inspection(Base):
    """What the warehouse found on opening a parcel: so many units of a line in one grade."""

    __tablename__ = "inspections"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_line_id: Mapped[int] = Column(ForeignKey("return_lines.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)
    # A: as new, back to stock; B: accepted, not resold as new; C: not accepted
    grade: Mapped[str] = Column(String(1), nullable=False)
    reason: Mapped[str | None] = Column(Text)
    # Ids of photos
    photos: Mapped[list[str]] = Column(JSON, nullable=False, default=list)
    inspector: Mapped[str] = Column(String(120), nullable=False)
    at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    return_line: Mapped[ReturnLine] = relationship("ReturnLine", back_populates="inspections")

    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint("grade IN ('A', 'B', 'C')", name="known_grade"),
    )
