"""Loading orders by order number, without ever changing what a return already holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload, selectinload

from returnsdesk.db.import_context import Effect, ImportContext, assign, effect_of
from returnsdesk.db.models import (
    Customer,
    DraftLine,
    Order,
    OrderLine,
    OrderUnit,
    Payment,
    RefundPart,
    ReturnLine,
    Shipment,
    Variant,
)
from returnsdesk.db.order_plan import (
    KnownCustomer,
    KnownMethod,
    KnownVariant,
    LinePlan,
    OrderPlan,
    plan_order,
)
from returnsdesk.db.shop_files import LineRejected
from returnsdesk.db.shop_records import OrderRecord
from returnsdesk.domain.mentions import normalise_order_number

# What a return relies on: a line that one holds cannot change in these.
_HELD_COLUMNS: Final = ("variant_id", "sku", "quantity", "unit_price_minor", "paid_minor")


@dataclass(frozen=True)
class _InUse:
    """Rows that documents point to."""

    line_ids: frozenset[int]
    payment_ids: frozenset[int]


class OrderImport:
    """Loads orders within one transaction; what they need to know is read once, at the start."""

    def __init__(
        self, session: Session, context: ImportContext, records: Sequence[OrderRecord]
    ) -> None:
        """Read and lock what the records may change."""
        self._session = session
        self._context = context
        self._orders = _locked_orders(session, records)
        self._in_use = _in_use(session, self._orders.values())
        self._customers = _customers(session, records)
        self._variants = _variants(session, records)

    def load(self, record: OrderRecord) -> Effect:
        """Load one order whole, or raise `LineRejected` before anything has changed."""
        plan = plan_order(record, self._context, self._customers, self._variants)
        number_norm = plan.columns["number_norm"]
        order = self._orders.get(number_norm)
        if order is None:
            order = Order(policy_version_id=self._context.policy_version_id, **plan.columns)
            self._session.add(order)
            self._orders[number_norm] = order
            self._load_parts(order, plan)
            return Effect.CREATED
        if order.erased_at is not None:
            return Effect.UNCHANGED
        self._check_documents(order, plan)
        changed = assign(order, dict(plan.columns))
        changed |= self._load_parts(order, plan)
        return effect_of(is_new=False, changed=changed)

    def _load_parts(self, order: Order, plan: OrderPlan) -> bool:
        changed = _load_payments(order, plan)
        changed |= _load_shipments(order, plan)
        shipments = {shipment.tracking_number: shipment for shipment in order.shipments}
        existing = {line.external_id: line for line in order.lines}
        for line_id, line_plan in plan.lines.items():
            changed |= _load_line(order, existing.pop(line_id, None), line_id, line_plan, shipments)
        for line in existing.values():
            # An open draft only names the line; the shopper is asked again when it is looked at next.
            self._session.execute(delete(DraftLine).where(DraftLine.order_line_id == line.id))
            order.lines.remove(line)
            changed = True
        return changed

    def _check_documents(self, order: Order, plan: OrderPlan) -> None:
        """Raise `LineRejected` where the change would contradict a return or a refund of this order."""
        held = [line for line in order.lines if line.id in self._in_use.line_ids]
        for line in held:
            wanted = plan.lines.get(line.external_id)
            if wanted is None or any(
                getattr(line, name) != wanted.columns[name] for name in _HELD_COLUMNS
            ):
                raise LineRejected(
                    f"line {line.external_id} has a return and cannot be changed or removed"
                )
        if held and order.currency != plan.columns["currency"]:
            raise LineRejected("the order has a return, so its currency cannot be changed")
        if held and order.customer_id not in (None, plan.columns["customer_id"]):
            raise LineRejected("the order has a return, so its customer cannot be changed")
        for payment in order.payments:
            wanted_payment = plan.payments.get(payment.method_external_id)
            if payment.id in self._in_use.payment_ids and (
                wanted_payment is None or wanted_payment["captured_minor"] < payment.refunded_minor
            ):
                raise LineRejected(
                    f"a return was refunded to {payment.method_external_id}, which the file would contradict"
                )


def _load_line(
    order: Order,
    line: OrderLine | None,
    line_id: str,
    plan: LinePlan,
    shipments: dict[str, Shipment],
) -> bool:
    if line is None:
        line = OrderLine(external_id=line_id, **plan.columns, **plan.unless_known)
        order.lines.append(line)
        changed = True
    else:
        changed = assign(line, dict(plan.columns))
    parcels = [shipments[each] if each is not None else None for each in plan.unit_parcels]
    # Pieces keep their rows, for a return may hold them; their number only changes where none does.
    for position, (share, parcel) in enumerate(zip(plan.unit_shares, parcels, strict=True)):
        if position == len(line.units):
            line.units.append(OrderUnit(position=position, paid_minor=share, shipment=parcel))
            changed = True
        else:
            changed |= assign(line.units[position], {"paid_minor": share, "shipment": parcel})
    for surplus in line.units[len(parcels) :]:
        line.units.remove(surplus)
        changed = True
    return changed


def _load_payments(order: Order, plan: OrderPlan) -> bool:
    changed = False
    existing = {payment.method_external_id: payment for payment in order.payments}
    for method_id, columns in plan.payments.items():
        payment = existing.pop(method_id, None)
        if payment is None:
            order.payments.append(Payment(method_external_id=method_id, **columns))
            changed = True
            continue
        # The shop's file may not know yet what the desk has paid back since.
        refunded = max(columns["refunded_minor"], payment.refunded_minor)
        if refunded > columns["captured_minor"]:
            refunded = columns["refunded_minor"]
        changed |= assign(payment, {**columns, "refunded_minor": refunded})
    for payment in existing.values():
        order.payments.remove(payment)
        changed = True
    return changed


def _load_shipments(order: Order, plan: OrderPlan) -> bool:
    changed = False
    existing = {shipment.tracking_number: shipment for shipment in order.shipments}
    for tracking_number, columns in plan.shipments.items():
        shipment = existing.pop(tracking_number, None)
        if shipment is None:
            order.shipments.append(Shipment(tracking_number=tracking_number, **columns))
            changed = True
        else:
            changed |= assign(shipment, dict(columns))
    for withdrawn in existing.values():
        # Its tracking may have been told to the shopper, so the parcel is kept as one that does not count.
        changed |= assign(withdrawn, {"cancelled": True})
    return changed


def _locked_orders(session: Session, records: Sequence[OrderRecord]) -> dict[str, Order]:
    """Orders of the records by normalised number, locked as commands on returns lock them."""
    numbers = [normalise_order_number(record.order_number) for record in records]
    found = session.scalars(
        select(Order)
        .where(Order.number_norm.in_(numbers))
        .order_by(Order.id)
        .with_for_update(of=Order)
        .options(
            selectinload(Order.lines).selectinload(OrderLine.units).joinedload(OrderUnit.shipment),
            selectinload(Order.payments),
            selectinload(Order.shipments),
        )
    )
    return {order.number_norm: order for order in found}


def _in_use(session: Session, orders: Iterable[Order]) -> _InUse:
    order_ids = [order.id for order in orders]
    lines = session.scalars(
        select(ReturnLine.order_line_id)
        .join(OrderLine, OrderLine.id == ReturnLine.order_line_id)
        .where(OrderLine.order_id.in_(order_ids))
    )
    payments = session.scalars(
        select(RefundPart.payment_id)
        .join(Payment, Payment.id == RefundPart.payment_id)
        .where(Payment.order_id.in_(order_ids))
    )
    return _InUse(frozenset(lines), frozenset(payments))


def _customers(session: Session, records: Sequence[OrderRecord]) -> dict[str, KnownCustomer]:
    wanted = {record.customer_id for record in records if record.customer_id is not None}
    found = session.scalars(
        select(Customer)
        .where(Customer.external_id.in_(wanted))
        .options(selectinload(Customer.payment_methods))
    )
    return {
        customer.external_id: KnownCustomer(
            id=customer.id,
            email=customer.email,
            address=customer.address,
            methods={
                method.external_id: KnownMethod(method.kind, method.brand, method.last_four)
                for method in customer.payment_methods
            },
        )
        for customer in found
    }


def _variants(session: Session, records: Sequence[OrderRecord]) -> dict[str, KnownVariant]:
    wanted = {line.sku for record in records for line in record.lines}
    found: Iterable[Any] = session.scalars(
        select(Variant).where(Variant.sku.in_(wanted)).options(joinedload(Variant.product))
    )
    return {
        variant.sku: KnownVariant(
            variant.id, variant.product.final_sale, variant.product.personalised
        )
        for variant in found
    }
