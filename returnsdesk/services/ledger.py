"""The quantity ledger: which units of an order line are free, and claiming or releasing them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, OrderLine, OrderUnit, Return, ReturnLine, UnitClaim
from returnsdesk.domain.eligibility import LineFacts, ParcelFacts
from returnsdesk.domain.policy import Policy
from returnsdesk.services.errors import Conflict

LIVE = ("held", "consumed")


def lock_order(session: Session, order_id: int) -> Order:
    """The order, locked against other commands on it until the transaction ends.

    SQLite has one writer at a time anyway; PostgreSQL locks the row.
    """
    return session.scalars(
        select(Order).where(Order.id == order_id).with_for_update(of=Order)
    ).one()


def line_facts(session: Session, line: OrderLine) -> LineFacts:
    """What the eligibility rules need to know of a line, read now."""
    order = line.order
    product = line.variant.product if line.variant else None
    claims = _live_claims(session, line.id)
    return LineFacts(
        unit_parcels=tuple(_parcel(unit) for unit in line.units),
        order_parcels=tuple(_parcel(unit) for each in order.lines for unit in each.units),
        claimed=len(claims),
        order_status=order.status,
        country=order.country,
        currency=order.currency,
        category=product.category if product else None,
        final_sale=line.final_sale,
        hygiene=bool(product and product.hygiene),
        personalised=line.personalised,
        blocking_rma=claims[-1] if claims else None,
    )


def claim_units(
    session: Session,
    return_line: ReturnLine,
    line: OrderLine,
    *,
    quantity: int,
    policy: Policy,
    now: datetime,
) -> list[OrderUnit]:
    """Hold `quantity` free units of a line for a return line; raises `Conflict` when fewer are left."""
    free = free_units(session, line, policy=policy, now=now)
    if len(free) < quantity:
        raise Conflict(
            "QTY_EXCEEDS",
            f"only {len(free)} units of {line.external_id} are left",
            available=len(free),
        )
    for unit in free[:quantity]:
        return_line.claims.append(UnitClaim(order_unit_id=unit.id, unit=unit, state="held"))
    return free[:quantity]


def free_units(
    session: Session, line: OrderLine, *, policy: Policy, now: datetime
) -> list[OrderUnit]:
    """Units of a line that have arrived and that no document holds, in the order they will be claimed."""
    taken = set(
        session.scalars(
            select(UnitClaim.order_unit_id)
            .join(OrderUnit)
            .where(OrderUnit.order_line_id == line.id, UnitClaim.state.in_(LIVE))
        )
    )
    return [unit for unit in line.units if unit.id not in taken and _has_arrived(unit, policy, now)]


def release_claims(document: Return) -> None:
    """Give back what a return still holds; consumed units stay consumed for ever."""
    for line in document.lines:
        for claim in line.claims:
            if claim.state == "held":
                claim.state = "released"


def _live_claims(session: Session, order_line_id: int) -> list[str]:
    """RMA numbers of the documents that hold units of a line, one for each unit, oldest first."""
    return list(
        session.scalars(
            select(Return.rma_number)
            .join(ReturnLine, ReturnLine.return_id == Return.id)
            .join(UnitClaim, UnitClaim.return_line_id == ReturnLine.id)
            .where(ReturnLine.order_line_id == order_line_id, UnitClaim.state.in_(LIVE))
            .order_by(UnitClaim.id)
        )
    )


def _parcel(unit: OrderUnit) -> ParcelFacts | None:
    shipment = unit.shipment
    if shipment is None or shipment.cancelled:
        return None
    return ParcelFacts(shipped_at=shipment.shipped_at, delivered_at=shipment.delivered_at)


def _has_arrived(unit: OrderUnit, policy: Policy, now: datetime) -> bool:
    parcel = _parcel(unit)
    arrival = parcel.arrival(policy) if parcel else None
    return arrival is not None and arrival <= now
