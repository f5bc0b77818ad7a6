"""What services give back: frozen pictures of documents, safe to use after the transaction has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from returnsdesk.db.models import Exchange, Refund, Return, ReturnLine


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


@dataclass(frozen=True)
class RefundPartView:
    """The share of a refund that goes back one way; `kind` is the kind of payment or `store_credit`."""

    id: int
    amount_minor: int
    kind: str
    brand: str | None
    last_four: str | None
    status: str


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
    """The outbound leg of an exchange."""

    number: str
    status: str
    tracking_number: str | None
    shipped_at: datetime | None


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
    lines: tuple[ReturnLineView, ...]
    refunds: tuple[RefundView, ...]
    exchange: ExchangeView | None

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
        lines=tuple(_line_view(line) for line in document.lines),
        refunds=tuple(_refund_view(refund) for refund in document.refunds),
        exchange=_exchange_view(document.exchange) if document.exchange else None,
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
    )


def _refund_view(refund: Refund) -> RefundView:
    return RefundView(
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        status=refund.status,
        created_at=refund.created_at,
        settled_at=refund.settled_at,
        breakdown=dict(refund.breakdown),
        parts=tuple(
            RefundPartView(
                id=part.id,
                amount_minor=part.amount_minor,
                kind=part.payment.kind if part.payment else "store_credit",
                brand=part.payment.brand if part.payment else None,
                last_four=part.payment.last_four if part.payment else None,
                status=part.status,
            )
            for part in refund.parts
        ),
    )


def _exchange_view(exchange: Exchange) -> ExchangeView:
    return ExchangeView(
        number=exchange.number,
        status=exchange.status,
        tracking_number=exchange.tracking_number,
        shipped_at=exchange.shipped_at,
    )
