"""What services give back: frozen pictures of documents, safe to use after the transaction has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import object_session

from returnsdesk.db.models import (
    Claim,
    ClaimLine,
    Exchange,
    InboundParcel,
    OrderLine,
    Refund,
    RefundPart,
    Return,
    ReturnLine,
    StoreCredit,
    Withdrawal,
    WithdrawalLine,
)
from returnsdesk.services import refund_amounts


@dataclass(frozen=True)
class ReturnLineView:
    """One line of a return; `new_sku` and `new_options` are set when it is an exchange.

    `paid_minor` is what was paid for its units after all discounts, `list_minor` what they cost before.
    """

    line_external_id: str
    name: str
    options: Mapping[str, str]
    quantity: int
    outcome: str
    reason: str
    accepted: int
    rejected: int
    paid_minor: int
    list_minor: int
    rejection_reasons: tuple[str, ...] = ()
    new_sku: str | None = None
    new_options: Mapping[str, str] | None = None
    image_url: str | None = None


@dataclass(frozen=True)
class RefundPartView:
    """The share of a refund that goes back one way.

    `kind` is the kind of payment, `payment_link` for a link that the shopper paid, or `store_credit`, which has a
    `credit_code` once it is settled.
    """

    id: int
    amount_minor: int
    kind: str
    brand: str | None
    last_four: str | None
    status: str
    credit_code: str | None = None


@dataclass(frozen=True)
class RefundView:
    """Money on its way back."""

    amount_minor: int
    currency: str
    status: str
    created_at: datetime
    settled_at: datetime | None
    breakdown: Mapping[str, int]
    parts: tuple[RefundPartView, ...]


@dataclass(frozen=True)
class ExchangeView:
    """The outbound leg of an exchange.

    `difference_minor` is what the replacement costs more (+) or less (-) than was paid. While it is `due`, it is paid
    at `payment_url` (there is none before the provider has made one) until `payment_due_at`.
    """

    number: str
    status: str
    tracking_number: str | None
    shipped_at: datetime | None
    delivered_at: datetime | None = None
    difference_minor: int = 0
    difference_status: str = "none"
    payment_url: str | None = None
    payment_due_at: datetime | None = None


@dataclass(frozen=True)
class ParcelView:
    """A parcel on its way back, or its label while it is still to be posted; labels taken back are not shown."""

    tracking_number: str
    carrier: str
    tracking_url: str | None
    status: str
    label_ready: bool
    label_expires_at: datetime | None


@dataclass(frozen=True)
class ReturnView:
    """A return with everything that a shopper, an agent or a script may want to know of it."""

    rma_number: str
    order_number: str
    country: str
    status: str
    settlement: str | None
    currency: str
    fee_minor: int
    requested_at: datetime
    ship_by: datetime
    shipped_at: datetime | None
    arrived_at: datetime | None
    inspected_at: datetime | None
    closed_at: datetime | None
    # Why it was declined or is on hold, and which claim or withdrawal brings it back
    decision_code: str | None
    decision_text: str | None
    claim_number: str | None
    withdrawal_number: str | None
    lines: tuple[ReturnLineView, ...]
    refunds: tuple[RefundView, ...]
    exchange: ExchangeView | None
    method: str
    pick_up_on: date | None
    parcels: tuple[ParcelView, ...]

    @property
    def refund_lines(self) -> tuple[ReturnLineView, ...]:
        """Lines that are paid back."""
        return tuple(line for line in self.lines if line.outcome == "refund")


def return_view(document: Return) -> ReturnView:
    """Picture of a return; its session must still be open."""
    return ReturnView(
        rma_number=document.rma_number,
        order_number=document.order.number,
        country=document.order.country,
        status=document.status,
        settlement=document.settlement,
        currency=document.currency,
        fee_minor=document.fee_minor,
        requested_at=document.requested_at,
        ship_by=document.ship_by,
        shipped_at=document.shipped_at,
        arrived_at=document.arrived_at,
        inspected_at=document.inspected_at,
        closed_at=document.closed_at,
        decision_code=document.decision_code,
        decision_text=document.decision_text,
        claim_number=document.claim.number if document.claim else None,
        withdrawal_number=document.withdrawal.number if document.withdrawal else None,
        lines=tuple(_line_view(line) for line in document.lines),
        refunds=tuple(_refund_view(refund) for refund in document.refunds),
        exchange=exchange_view(document.exchange) if document.exchange else None,
        method=document.method,
        pick_up_on=document.pick_up_on,
        parcels=tuple(_parcel_view(each) for each in document.parcels if each.status != "voided"),
    )


def _line_view(line: ReturnLine) -> ReturnLineView:
    new_variant = line.exchange_line.variant if line.exchange_line else None
    live = [claim for claim in line.claims if claim.state != "released"] or line.claims
    return ReturnLineView(
        line_external_id=line.order_line.external_id,
        name=line.order_line.name,
        options=dict(line.order_line.options),
        quantity=line.quantity,
        outcome=line.outcome,
        reason=line.reason,
        accepted=line.accepted,
        rejected=line.rejected,
        paid_minor=sum(claim.unit.paid_minor for claim in live),
        list_minor=line.order_line.unit_price_minor * len(live),
        rejection_reasons=tuple(
            each.reason for each in line.inspections if each.grade == "C" and each.reason
        ),
        new_sku=new_variant.sku if new_variant else None,
        new_options=dict(new_variant.options) if new_variant else None,
        image_url=bought.product.image_url if (bought := line.order_line.variant) else None,
    )


def _refund_view(refund: Refund) -> RefundView:
    return RefundView(
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        status=refund.status,
        created_at=refund.created_at,
        settled_at=refund.settled_at,
        breakdown=refund_amounts.facts_of(refund),
        parts=tuple(_part_view(part) for part in refund.parts),
    )


def _part_view(part: RefundPart) -> RefundPartView:
    return RefundPartView(
        id=part.id,
        amount_minor=part.amount_minor,
        kind=refund_amounts.way_of(part),
        brand=part.payment.brand if part.payment else None,
        last_four=part.payment.last_four if part.payment else None,
        status=part.status,
        credit_code=object_session(part).scalar(
            select(StoreCredit.code).where(StoreCredit.refund_part_id == part.id)
        ),
    )


def exchange_view(exchange: Exchange) -> ExchangeView:
    """Picture of an exchange; its session must still be open."""
    return ExchangeView(
        number=exchange.number,
        status=exchange.status,
        tracking_number=exchange.tracking_number,
        shipped_at=exchange.shipped_at,
        delivered_at=exchange.delivered_at,
        difference_minor=sum(line.price_difference_minor for line in exchange.lines),
        difference_status=exchange.difference_status,
        payment_url=exchange.payment_url,
        payment_due_at=exchange.payment_due_at,
    )


def _parcel_view(parcel: InboundParcel) -> ParcelView:
    return ParcelView(
        tracking_number=parcel.tracking_number,
        carrier=parcel.carrier,
        tracking_url=parcel.tracking_url,
        status=parcel.status,
        label_ready=parcel.label is not None,
        label_expires_at=parcel.label_expires_at,
    )


@dataclass(frozen=True)
class UnitsView:
    """Units of an order line that a claim or withdrawal is about; `paid_minor` is 0 while no units are named."""

    line_external_id: str
    name: str
    options: Mapping[str, str]
    sku: str
    quantity: int
    paid_minor: int


@dataclass(frozen=True)
class ClaimView:
    """A claim with everything that a shopper, an agent or a script may want to know of it.

    `keep_suggested` says that the goods are worth no more than what the policy lets shoppers keep. `rma_number` is
    the return that brings the goods back, where they have to come back.
    """

    number: str
    order_number: str
    country: str
    currency: str
    type: str
    wanted: str
    status: str
    resolution: str | None
    keep_item: bool
    keep_suggested: bool
    note: str
    decision_text: str | None
    created_at: datetime
    decided_at: datetime | None
    closed_at: datetime | None
    lines: tuple[UnitsView, ...]
    photo_ids: tuple[str, ...]
    refunds: tuple[RefundView, ...]
    exchange: ExchangeView | None
    rma_number: str | None

    @property
    def paid_minor(self) -> int:
        """What was paid for the units that the claim is about."""
        return sum(line.paid_minor for line in self.lines)


@dataclass(frozen=True)
class WithdrawalView:
    """A declaration of withdrawal; without lines it is from the whole order.

    `order_number` is None while nobody knows which order it is, `rma_number` while no return was opened.
    """

    number: str
    order_number: str | None
    order_number_given: str
    country: str | None
    name: str
    contact: str
    language: str
    words: str
    status: str
    declared_at: datetime
    receipt_sent_at: datetime | None
    goods_by: datetime | None
    refund_due_at: datetime | None
    decision_text: str | None
    lines: tuple[UnitsView, ...]
    rma_number: str | None


def claim_view(claim: Claim, *, keep_up_to_minor: int | None) -> ClaimView:
    """Picture of a claim; its session must still be open. Goods worth `keep_up_to_minor` may be kept."""
    lines = tuple(_claimed_item(line) for line in claim.lines)
    worth = sum(line.paid_minor for line in lines)
    return ClaimView(
        number=claim.number,
        order_number=claim.order.number,
        country=claim.order.country,
        currency=claim.order.currency,
        type=claim.type,
        wanted=claim.wanted,
        status=claim.status,
        resolution=claim.resolution,
        keep_item=claim.keep_item,
        keep_suggested=keep_up_to_minor is not None and worth <= keep_up_to_minor,
        note=claim.note,
        decision_text=claim.decision_text,
        created_at=claim.created_at,
        decided_at=claim.decided_at,
        closed_at=claim.closed_at,
        lines=lines,
        photo_ids=tuple(each.photo_id for each in claim.evidence),
        refunds=tuple(_refund_view(refund) for refund in claim.refunds),
        exchange=exchange_view(claim.exchange) if claim.exchange else None,
        rma_number=claim.return_.rma_number if claim.return_ else None,
    )


def withdrawal_view(withdrawal: Withdrawal) -> WithdrawalView:
    """Picture of a withdrawal; its session must still be open."""
    order = withdrawal.order
    return WithdrawalView(
        number=withdrawal.number,
        order_number=order.number if order else None,
        order_number_given=withdrawal.order_number_given,
        country=order.country if order else None,
        name=withdrawal.name,
        contact=withdrawal.contact,
        language=withdrawal.language,
        words=withdrawal.words,
        status=withdrawal.status,
        declared_at=withdrawal.declared_at,
        receipt_sent_at=withdrawal.receipt_sent_at,
        goods_by=withdrawal.goods_by,
        refund_due_at=withdrawal.refund_due_at,
        decision_text=withdrawal.decision_text,
        lines=tuple(_withdrawn_item(line) for line in withdrawal.lines),
        rma_number=withdrawal.return_.rma_number if withdrawal.return_ else None,
    )


def _claimed_item(line: ClaimLine) -> UnitsView:
    # Every unit that the claim has ever held: a return may hold it now, or nobody.
    paid = sum(each.unit.paid_minor for each in line.unit_claims)
    return _units_view(line.order_line, line.quantity, paid)


def _withdrawn_item(line: WithdrawalLine) -> UnitsView:
    return _units_view(line.order_line, line.quantity, 0)


def _units_view(line: OrderLine, quantity: int, paid_minor: int) -> UnitsView:
    return UnitsView(
        line_external_id=line.external_id,
        name=line.name,
        options=dict(line.options),
        sku=line.sku,
        quantity=quantity,
        paid_minor=paid_minor,
    )
