"""Documents about rights: claims for what arrived wrong or not at all, and statutory withdrawals."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import relationship

from returnsdesk.db.base import Base, Mapped, UTCDateTime
from returnsdesk.db.models.documents import Exchange, Return, UnitClaim
from returnsdesk.db.models.money import Refund
from returnsdesk.db.models.shop import Order, OrderLine


class Claim(Base):
    """Goods of one order that arrived damaged, wrong, incomplete or never; a person decides, a remedy follows."""

    __tablename__ = "claims"

    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(20), nullable=False, unique=True)
    order_id: Mapped[int] = Column(ForeignKey("orders.id"), nullable=False, index=True)
    conversation_id: Mapped[str | None] = Column(String(36), index=True)
    created_by: Mapped[str] = Column(String(120), nullable=False)
    channel: Mapped[str] = Column(String(20), nullable=False)
    # damaged, missing, wrong_item or never_arrived
    type: Mapped[str] = Column(String(20), nullable=False)
    # What the shopper would like: refund or replacement
    wanted: Mapped[str] = Column(String(20), nullable=False)
    # open, need_evidence, approved, resolved or denied
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    # refund, replacement, both or partial_refund_keep, once decided
    resolution: Mapped[str | None] = Column(String(30))
    # The shopper keeps the goods: nothing comes back.
    keep_item: Mapped[bool] = Column(Boolean, nullable=False, default=False)
    note: Mapped[str] = Column(Text, nullable=False, default="")
    decision_text: Mapped[str | None] = Column(Text)
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)
    created_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    decided_at: Mapped[datetime | None] = Column(UTCDateTime)
    closed_at: Mapped[datetime | None] = Column(UTCDateTime)

    order: Mapped[Order] = relationship("Order")
    lines: Mapped[list[ClaimLine]] = relationship(
        "ClaimLine", back_populates="claim", order_by="ClaimLine.id", cascade="all, delete-orphan"
    )
    evidence: Mapped[list[ClaimEvidence]] = relationship(
        "ClaimEvidence", order_by="ClaimEvidence.id", cascade="all, delete-orphan"
    )
    refunds: Mapped[list[Refund]] = relationship(
        "Refund", back_populates="claim", order_by="Refund.id"
    )
    exchange: Mapped[Exchange | None] = relationship(
        "Exchange", back_populates="claim", uselist=False
    )
    return_: Mapped[Return | None] = relationship("Return", back_populates="claim", uselist=False)

    __table_args__ = (
        CheckConstraint(
            "type IN ('damaged', 'missing', 'wrong_item', 'never_arrived')", name="known_type"
        ),
        CheckConstraint("wanted IN ('refund', 'replacement')", name="known_wish"),
        CheckConstraint(
            "status IN ('open', 'need_evidence', 'approved', 'resolved', 'denied')",
            name="known_status",
        ),
    )


class ClaimLine(Base):
    """Units of one order line within a claim; the ledger holds them until the claim is decided."""

    __tablename__ = "claim_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    claim_id: Mapped[int] = Column(ForeignKey("claims.id"), nullable=False, index=True)
    order_line_id: Mapped[int] = Column(ForeignKey("order_lines.id"), nullable=False, index=True)
    quantity: Mapped[int] = Column(Integer, nullable=False)

    claim: Mapped[Claim] = relationship("Claim", back_populates="lines")
    order_line: Mapped[OrderLine] = relationship("OrderLine")
    unit_claims: Mapped[list[UnitClaim]] = relationship(
        "UnitClaim", back_populates="claim_line", order_by="UnitClaim.id"
    )

    __table_args__ = (
        UniqueConstraint("claim_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity_positive"),
    )


class ClaimEvidence(Base):
    """A photo that belongs to a claim."""

    __tablename__ = "claim_evidence"

    id: Mapped[int] = Column(Integer, primary_key=True)
    claim_id: Mapped[int] = Column(ForeignKey("claims.id"), nullable=False, index=True)
    photo_id: Mapped[str] = Column(String(40), nullable=False)
    added_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)

    __table_args__ = (UniqueConstraint("claim_id", "photo_id"),)


class Withdrawal(Base):
    """A declaration of withdrawal as the law knows it: stored first and acknowledged, whatever else fails.

    Directive 2011/83/EU, art. 9-14. The order may still be unknown (`order_number_given` are the shopper's words); a
    withdrawal without lines is from the whole order.
    """

    __tablename__ = "withdrawals"

    id: Mapped[int] = Column(Integer, primary_key=True)
    number: Mapped[str] = Column(String(20), nullable=False, unique=True)
    order_id: Mapped[int | None] = Column(ForeignKey("orders.id"), index=True)
    order_number_given: Mapped[str] = Column(String(120), nullable=False, default="")
    conversation_id: Mapped[str | None] = Column(String(36), index=True)
    created_by: Mapped[str] = Column(String(120), nullable=False)
    channel: Mapped[str] = Column(String(20), nullable=False)
    name: Mapped[str] = Column(String(240), nullable=False, default="")
    # Mail address for the receipt
    contact: Mapped[str] = Column(String(254), nullable=False, default="")
    language: Mapped[str] = Column(String(5), nullable=False)
    # The declaration in the shopper's own words
    words: Mapped[str] = Column(Text, nullable=False)
    # declared, return_opened, refunded, or refused (out of time, excluded) by a person
    status: Mapped[str] = Column(String(20), nullable=False, index=True)
    declared_at: Mapped[datetime] = Column(UTCDateTime, nullable=False)
    receipt_sent_at: Mapped[datetime | None] = Column(UTCDateTime)
    goods_by: Mapped[datetime | None] = Column(UTCDateTime)
    refund_due_at: Mapped[datetime | None] = Column(UTCDateTime)
    decision_text: Mapped[str | None] = Column(Text)
    idempotency_key: Mapped[str] = Column(String(80), nullable=False, unique=True)

    order: Mapped[Order | None] = relationship("Order")
    lines: Mapped[list[WithdrawalLine]] = relationship(
        "WithdrawalLine",
        back_populates="withdrawal",
        order_by="WithdrawalLine.id",
        cascade="all, delete-orphan",
    )
    return_: Mapped[Return | None] = relationship(
        "Return", back_populates="withdrawal", uselist=False
    )

    __table_args__ = (
        CheckConstraint(
            "status IN ('declared', 'return_opened', 'refunded', 'refused')", name="known_status"
        ),
    )


class WithdrawalLine(Base):
    """Units of one order line that a withdrawal from part of an order is about."""

    __tablename__ = "withdrawal_lines"

    id: Mapped[int] = Column(Integer, primary_key=True)
    withdrawal_id: Mapped[int] = Column(ForeignKey("withdrawals.id"), nullable=False, index=True)
    order_line_id: Mapped[int] = Column(ForeignKey("order_lines.id"), nullable=False)
    quantity: Mapped[int] = Column(Integer, nullable=False)

    withdrawal: Mapped[Withdrawal] = relationship("Withdrawal", back_populates="lines")
    order_line: Mapped[OrderLine] = relationship("OrderLine")

    __table_args__ = (
        UniqueConstraint("withdrawal_id", "order_line_id"),
        CheckConstraint("quantity >= 1", name="quantity_positive"),
    )
