"""The quantity ledger: which units of an order line are free, and holding, handing over or releasing them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    ClaimLine,
    Order,
    OrderLine,
    OrderUnit,
    Return,
    ReturnLine,
    UnitClaim,
    Variant,
)
from returnsdesk.domain.findings import LineFacts, ParcelFacts
from returnsdesk.domain.policy import Policy
from returnsdesk.services.errors import Conflict, NotFound

LIVE = ("held", "consumed")


def lock_order(session: Session, order_id: int) -> Order:
    """The order, locked against other commands on it until the transaction ends.

    SQLite has one writer at a time anyway; PostgreSQL locks the row. Every command takes this lock before any other
    (payments, stock, refunds), so that no two commands wait for each other.
    """
    return session.scalars(
        select(Order).where(Order.id == order_id).with_for_update(of=Order)
    ).one()


def line_of(order: Order, external_id: str) -> OrderLine:
    """The line of an order by the shop's own id; raises `NotFound`."""
    line = next((each for each in order.lines if each.external_id == external_id), None)
    if line is None:
        raise NotFound("LINE_UNKNOWN", f"order {order.number} has no line {external_id}")
    return line


def line_facts(session: Session, line: OrderLine) -> LineFacts:
    """What the eligibility rules need to know of a line, read now."""
    order = line.order
    product = line.variant.product if line.variant else None
    holders = _holders(session, line.id)
    returns = [holder for holder in holders if holder.kind == "return"]
    # A unit that a claim holds is out of the way like one that arrived, whether or not it ever did.
    claimed_since = {holder.unit_id: holder.since for holder in holders if holder.kind == "claim"}
    return LineFacts(
        unit_parcels=tuple(_parcel(unit, claimed_since.get(unit.id)) for unit in line.units),
        order_parcels=tuple(_parcel(unit) for each in order.lines for unit in each.units),
        claimed=len(holders),
        order_status=order.status,
        country=order.country,
        currency=order.currency,
        category=product.category if product else None,
        final_sale=line.final_sale,
        hygiene=bool(product and product.hygiene),
        personalised=line.personalised,
        blocking_rma=returns[-1].number if returns else None,
        product_id=product.external_id if product else None,
        placed_at=order.placed_at,
        blocking_document=holders[-1].number if holders else None,
        blocking_state=holders[-1].status if holders else None,
        other_variants=_other_variants(session, line),
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
    units = _first(free, quantity, line)
    return_line.claims += [_held(unit) for unit in units]
    return units


def claim_for_claim(
    session: Session, claim_line: ClaimLine, *, reported_first: bool
) -> list[OrderUnit]:
    """Hold units that left for a line of a claim, arrived or not; raises `Conflict` when fewer are left.

    With `reported_first` those that the carrier reported delivered are taken before the others, without after them.
    """
    line = claim_line.order_line
    sent = [
        (parcel.delivered_at is not None, unit)
        for unit in _untaken(session, line)
        if (parcel := _parcel(unit)) is not None and (parcel.shipped_at or parcel.delivered_at)
    ]
    in_order = [unit for _, unit in sorted(sent, key=lambda each: each[0] is not reported_first)]
    units = _first(in_order, claim_line.quantity, line)
    claim_line.unit_claims += [_held(unit) for unit in units]
    return units


def hand_over(session: Session, claim_line: ClaimLine, return_line: ReturnLine) -> None:
    """Let a return line hold the units that a claim line held until now, in one transaction."""
    units = [each.unit for each in claim_line.unit_claims if each.state == "held"]
    release(claim_line.unit_claims)
    # The units must be free in the database before they are held anew: new rows are written before changed ones.
    session.flush()
    return_line.claims += [_held(unit) for unit in units]


def free_units(
    session: Session, line: OrderLine, *, policy: Policy, now: datetime
) -> list[OrderUnit]:
    """Units of a line that have arrived and that no document holds, in the order they will be claimed."""
    return [unit for unit in _untaken(session, line) if _has_arrived(unit, policy, now)]


def release_claims(document: Return) -> None:
    """Give back what a return still holds; consumed units stay consumed for ever."""
    for line in document.lines:
        release(line.claims)


def release(claims: Iterable[UnitClaim]) -> None:
    """Give back those that are held; the others stay as they are."""
    for claim in claims:
        if claim.state == "held":
            claim.state = "released"


def consume(claims: Iterable[UnitClaim], decision: str) -> None:
    """Decide on those that are held: their units never come free again."""
    for claim in claims:
        if claim.state == "held":
            claim.state, claim.decision = "consumed", decision


class _Holder(NamedTuple):
    """A live claim on a unit and the document it belongs to; `since` is when the document was made."""

    unit_id: int
    kind: str
    number: str
    status: str
    since: datetime


def _holders(session: Session, order_line_id: int) -> list[_Holder]:
    """What holds units of a line, one for each unit, oldest first."""
    rows = session.execute(
        select(UnitClaim.order_unit_id, Return, Claim)
        .join(OrderUnit, OrderUnit.id == UnitClaim.order_unit_id)
        .outerjoin(ReturnLine, ReturnLine.id == UnitClaim.return_line_id)
        .outerjoin(Return, Return.id == ReturnLine.return_id)
        .outerjoin(ClaimLine, ClaimLine.id == UnitClaim.claim_line_id)
        .outerjoin(Claim, Claim.id == ClaimLine.claim_id)
        .where(OrderUnit.order_line_id == order_line_id, UnitClaim.state.in_(LIVE))
        .order_by(UnitClaim.id)
    )
    return [
        _Holder(unit_id, "return", of_return.rma_number, of_return.status, of_return.requested_at)
        if of_return is not None
        else _Holder(unit_id, "claim", of_claim.number, of_claim.status, of_claim.created_at)
        for unit_id, of_return, of_claim in rows
    ]


def _untaken(session: Session, line: OrderLine) -> list[OrderUnit]:
    taken = set(
        session.scalars(
            select(UnitClaim.order_unit_id)
            .join(OrderUnit)
            .where(OrderUnit.order_line_id == line.id, UnitClaim.state.in_(LIVE))
        )
    )
    return [unit for unit in line.units if unit.id not in taken]


def _first(units: list[OrderUnit], quantity: int, line: OrderLine) -> list[OrderUnit]:
    if len(units) < quantity:
        raise Conflict(
            "QTY_EXCEEDS",
            f"only {len(units)} units of {line.external_id} are left",
            available=len(units),
        )
    return units[:quantity]


def _held(unit: OrderUnit) -> UnitClaim:
    return UnitClaim(order_unit_id=unit.id, unit=unit, state="held", decision="pending")


def _other_variants(session: Session, line: OrderLine) -> int | None:
    if line.variant is None:
        return None
    count = session.scalar(
        select(func.count(Variant.id)).where(
            Variant.product_id == line.variant.product_id, Variant.id != line.variant_id
        )
    )
    return int(count or 0)


def _parcel(unit: OrderUnit, claimed_since: datetime | None = None) -> ParcelFacts | None:
    shipment = unit.shipment
    if shipment is None or shipment.cancelled:
        return None
    return ParcelFacts(
        shipped_at=shipment.shipped_at, delivered_at=shipment.delivered_at or claimed_since
    )


def _has_arrived(unit: OrderUnit, policy: Policy, now: datetime) -> bool:
    parcel = _parcel(unit)
    arrival = parcel.arrival(policy) if parcel else None
    return arrival is not None and arrival <= now
