"""Documents about money going back: refunds with their parts, credit at the shop."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import JSON, CheckConstraint, Column, ForeignKey, Integer, String, Text
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.documents import Return
from returnsdesk.db.models.shop import Order, Payment

if TYPE_CHECKING:
    from returnsdesk.db.models.claims import Claim


class Refund(Base):
    """Money decided to go back for a return or claim; `closed` documents have all parts settled."""

    __tablename__ = "refunds"

    id: Mapped[int] = Column(Integer, primary_key=True)
    return_id: Mapped[int | None] = Column(ForeignKey("returns.id"), index=True)
    claim_id: Mapped[int | None] = Column(ForeignKey("claims.id"), index=True)
    # items: for what came back; difference: a cheaper replacement; claim: goods that do not come back
    purpose: Mapped[str] = Column(String(20), nullable=False, default="items")
    # One command, one key, at most one refund: document and sequence, never the amount.
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    amount_minor: Mapped[int] = Column(Integer, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False)
    # items_minor, fee_minor, shipping_minor
    breakdown: Mapped[dict[str, int]] = Column(JSON, nullable=False)
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    settled_at: Mapped[datetime | None] = Column(UTCDateTime)

    return_: Mapped[Return | None] = relationship("Return", back_populates="refunds")
    claim: Mapped[Claim | None] = relationship("Claim", back_populates="refunds")
    parts: Mapped[list[RefundPart]] = relationship(
        "RefundPart",
        back_populates="refund",
        order_by="RefundPart.id",
        cascade="all, delete-orphan",
    )

    __table_args__ = (
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        CheckConstraint("(return_id IS NULL) <> (claim_id IS NULL)", name="for_one_document"),
    )


class RefundPart(Base):
    """The share of a refund that goes back by one payment, or as store credit when `payment_id` is empty."""

    __tablename__ = "refund_parts"

    id: Mapped[int] = Column(Integer, primary_key=True)
    refund_id: Mapped[int] = Column(ForeignKey("refunds.id"), nullable=False, index=True)
    payment_id: Mapped[int | None] = Column(ForeignKey("payments.id"), index=True)
    amount_minor: Mapped[int] = Column(Integer, nullable=False)
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    # sending: asked for, or about to be, and the answer not known; pending: the provider works on it; settled; failed
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    provider_reference: Mapped[str | None] = Column(String(120))
    failures: Mapped[int] = Column(Integer, nullable=False, default=0)
    last_error: Mapped[str | None] = Column(Text)
    settled_at: Mapped[datetime | None] = Column(UTCDateTime)

    refund: Mapped[Refund] = relationship("Refund", back_populates="parts")
    payment: Mapped[Payment | None] = relationship("Payment")

    __table_args__ = (CheckConstraint("amount_minor > 0", name="amount_positive"),)


class StoreCredit(Base):
    """Credit at the shop under a code that its checkout takes: money that went back this way, or a bonus on top."""

    __tablename__ = "store_credits"

    id: Mapped[int] = Column(Integer, primary_key=True)
    code: Mapped[str] = Column(String(40), nullable=False, unique=True)
    # credit: counts as paid back; coupon: a present of the shop, which never does
    kind: Mapped[str] = Column(String(10), nullable=False)
    amount_minor: Mapped[int] = Column(Integer, nullable=False)
    currency: Mapped[str] = Column(String(3), nullable=False)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    refund_part_id: Mapped[int | None] = Column(ForeignKey("refund_parts.id"), unique=True)
    # What it was given for; the same occasion gives one code.
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    expires_at: Mapped[datetime | None] = Column(UTCDateTime)

    order: Mapped[Order] = relationship("Order")

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("kind IN ('credit', 'coupon')", name="known_kind"),
    )
