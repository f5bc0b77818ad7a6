"""Working out an order from its record: the share paid for each unit, its parcel, what each payment took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from returnsdesk.db.import_context import ImportContext, minor
from returnsdesk.db.shop_files import LineRejected
from returnsdesk.db.shop_records import (
    AddressRecord,
    OrderLineRecord,
    OrderRecord,
    PaymentRecord,
    ShipmentRecord,
)
from returnsdesk.domain.mentions import (
    normalise_email,
    normalise_order_number,
    normalise_postcode,
)
from returnsdesk.domain.money import allocate, split_evenly, to_major

_PAYMENT_KINDS: Final = ("credit_card", "paypal", "gift_card", "invoice", "store_credit")


@dataclass(frozen=True)
class KnownMethod:
    """A way of paying as the customer keeps it."""

    kind: str
    brand: str | None
    last_four: str | None


@dataclass(frozen=True)
class KnownCustomer:
    """What an order takes over from its customer."""

    id: int
    email: str
    address: Mapping[str, str]
    methods: Mapping[str, KnownMethod]


@dataclass(frozen=True)
class KnownVariant:
    """What an order line takes over from the catalogue."""

    id: int
    final_sale: bool
    personalised: bool


@dataclass(frozen=True)
class LinePlan:
    """One order line: its columns, and share paid and parcel of each unit, in minor units of the order's currency.

    `unless_known` are columns that a line keeps as it was bought when the file does not say otherwise.
    """

    columns: Mapping[str, Any]
    unless_known: Mapping[str, Any]
    unit_shares: tuple[int, ...]
    unit_parcels: tuple[str | None, ...]


@dataclass(frozen=True)
class OrderPlan:
    """Everything that the database should hold of an order, by natural keys."""

    columns: Mapping[str, Any]
    lines: Mapping[str, LinePlan]
    payments: Mapping[str, Mapping[str, Any]]
    shipments: Mapping[str, Mapping[str, Any]]


def plan_order(
    record: OrderRecord,
    context: ImportContext,
    customers: Mapping[str, KnownCustomer],
    variants: Mapping[str, KnownVariant],
) -> OrderPlan:
    """Work out an order; raises `LineRejected` with the first thing that does not fit together."""
    customer = _customer(record, customers)
    totals, paid = _paid_by_line(record)
    shipping = minor(record.shipping_paid, record.currency, "shipping_paid")
    payments = _payments(record, customer)
    _check_payments(record, payments, sum(paid) + shipping)
    parcels = _parcels_of_units(record)
    lines: dict[str, LinePlan] = {
        line.line_id: _line(line, position, total, share, parcels[line.line_id], variants)
        for position, (line, total, share) in enumerate(
            zip(record.lines, totals, paid, strict=True)
        )
    }
    columns = {
        **_who_and_where(record, context, customer),
        "status": record.status,
        "placed_at": context.moved(record.placed_at),
        "currency": record.currency,
        "discount_minor": minor(record.discount, record.currency, "discount"),
        "shipping_paid_minor": shipping,
        "is_gift": record.gift or record.gift_code is not None,
        "gift_code": record.gift_code,
    }
    return OrderPlan(columns, lines, payments, _shipments(record.shipments, context))


def _customer(record: OrderRecord, customers: Mapping[str, KnownCustomer]) -> KnownCustomer | None:
    if record.customer_id is None:
        if record.email is None:
            raise LineRejected("an order without customer_id needs an email")
        return None
    customer = customers.get(record.customer_id)
    if customer is None:
        raise LineRejected(f"customer {record.customer_id} is not known")
    return customer


def _who_and_where(
    record: OrderRecord, context: ImportContext, customer: KnownCustomer | None
) -> dict[str, Any]:
    number_norm = normalise_order_number(record.order_number)
    if not number_norm:
        raise LineRejected(f"order_number {record.order_number!r} has no letter or digit")
    if record.shipping_address is not None:
        address = context.address(record.shipping_address)
    elif customer is not None:
        address = dict(customer.address)
    else:
        address = context.address(AddressRecord())
    email = record.email or (customer.email if customer else "")
    return {
        "number": record.order_number,
        "number_norm": number_norm,
        "customer_id": customer.id if customer else None,
        "email_norm": normalise_email(email),
        "shipping_address": address,
        "country": address["country"],
        "postcode_norm": normalise_postcode(address.get("postcode", "")),
    }


def _paid_by_line(record: OrderRecord) -> tuple[list[int], list[int]]:
    """Price of one unit of each line, and what each line cost after its share of the order's discount."""
    units = [
        minor(line.unit_price, record.currency, f"unit_price of line {line.line_id}")
        for line in record.lines
    ]
    totals = [unit * line.quantity for unit, line in zip(units, record.lines, strict=True)]
    discount = minor(record.discount, record.currency, "discount")
    if discount > sum(totals):
        raise LineRejected(
            f"the discount of {record.discount} is more than the items cost together"
        )
    reductions = allocate(discount, totals)
    return units, [total - less for total, less in zip(totals, reductions, strict=True)]


def _line(
    line: OrderLineRecord,
    position: int,
    unit_price_minor: int,
    paid_minor: int,
    parcels: tuple[str | None, ...],
    variants: Mapping[str, KnownVariant],
) -> LinePlan:
    variant = variants.get(line.sku)
    if variant is None:
        raise LineRejected(f"sku {line.sku} of line {line.line_id} is not in the catalogue")
    columns: dict[str, Any] = {
        "position": position,
        "variant_id": variant.id,
        "sku": line.sku,
        "name": line.name,
        "options": dict(line.options),
        "quantity": line.quantity,
        "unit_price_minor": unit_price_minor,
        "paid_minor": paid_minor,
        "personalisation": line.personalisation,
    }
    unless_known: dict[str, Any] = {}
    if line.final_sale is None:
        unless_known["final_sale"] = variant.final_sale
    else:
        columns["final_sale"] = line.final_sale
    if line.personalisation:
        columns["personalised"] = True
    elif line.personalised is None:
        unless_known["personalised"] = variant.personalised
    else:
        columns["personalised"] = line.personalised
    shares = tuple(split_evenly(paid_minor, line.quantity))
    return LinePlan(columns, unless_known, shares, parcels)


def _payments(record: OrderRecord, customer: KnownCustomer | None) -> dict[str, dict[str, Any]]:
    payments: dict[str, dict[str, Any]] = {}
    for payment in record.payments:
        amount = minor(payment.amount, record.currency, f"amount of {payment.method_id}")
        columns = payments.setdefault(
            payment.method_id,
            {**_method(payment, customer), "captured_minor": 0, "refunded_minor": 0},
        )
        taken = "captured_minor" if payment.type == "payment" else "refunded_minor"
        columns[taken] += amount
    return payments


def _method(payment: PaymentRecord, customer: KnownCustomer | None) -> dict[str, Any]:
    """Kind, brand and last digits: as the file says, as the customer keeps them, or as the id begins."""
    kept = customer.methods.get(payment.method_id) if customer else None
    if kept is None:
        kinds = [kind for kind in _PAYMENT_KINDS if payment.method_id.startswith(kind)]
        kept = KnownMethod(kinds[0], None, None) if kinds else None
    kind = payment.kind or (kept.kind if kept else None)
    if kind not in _PAYMENT_KINDS:
        raise LineRejected(
            f"payment method {payment.method_id} is not one of the customer's and has no kind"
        )
    return {
        "kind": kind,
        "brand": payment.brand or (kept.brand if kept else None),
        "last_four": payment.last_four or (kept.last_four if kept else None),
    }


def _check_payments(
    record: OrderRecord, payments: Mapping[str, Mapping[str, Any]], total: int
) -> None:
    """An order is unpaid or paid exactly; nothing is given back by a method that did not take it."""
    for method_id, payment in payments.items():
        if payment["refunded_minor"] > payment["captured_minor"]:
            raise LineRejected(f"more is refunded to {method_id} than was paid with it")
    captured = sum(payment["captured_minor"] for payment in payments.values())
    if payments and captured != total:
        paid, cost = (to_major(amount, record.currency) for amount in (captured, total))
        raise LineRejected(
            f"the payments do not add up: {paid} {record.currency} were paid, the order costs {cost}"
        )


def _parcels_of_units(record: OrderRecord) -> dict[str, tuple[str | None, ...]]:
    """The tracking number for each unit of each line; see `ShipmentRecord` for what a mention means."""
    quantities = {line.line_id: line.quantity for line in record.lines}
    if len(quantities) < len(record.lines):
        repeated = Counter(line.line_id for line in record.lines).most_common(1)[0][0]
        raise LineRejected(f"line_id {repeated} stands there twice")
    mentions: dict[str, list[str]] = {line_id: [] for line_id in quantities}
    in_cancelled: dict[str, list[str]] = {line_id: [] for line_id in quantities}
    for shipment in record.shipments:
        for line_id in shipment.line_ids:
            if line_id not in quantities:
                raise LineRejected(
                    f"shipment {shipment.tracking_number} carries an unknown line {line_id}"
                )
            sink = in_cancelled if shipment.cancelled else mentions
            sink[line_id].append(shipment.tracking_number)
    return {
        # What a cancelled parcel was to carry belongs to the parcel that went in its place, if there is one.
        line_id: _spread(line_id, mentions[line_id] or in_cancelled[line_id], quantity)
        for line_id, quantity in quantities.items()
    }


def _spread(line_id: str, parcels: list[str], quantity: int) -> tuple[str | None, ...]:
    if len(parcels) > quantity:
        raise LineRejected(f"line {line_id} is in more parcels than it has pieces")
    if len(parcels) == 1:
        return (parcels[0],) * quantity
    return (*parcels, *[None] * (quantity - len(parcels)))


def _shipments(records: list[ShipmentRecord], context: ImportContext) -> dict[str, dict[str, Any]]:
    shipments: dict[str, dict[str, Any]] = {}
    for record in records:
        if record.tracking_number in shipments:
            raise LineRejected(f"tracking_number {record.tracking_number} stands there twice")
        shipments[record.tracking_number] = {
            "carrier": record.carrier,
            "shipped_at": context.moved(record.shipped_at),
            "delivered_at": context.moved(record.delivered_at),
            "cancelled": record.cancelled,
        }
    return shipments
