"""Stock: reserving units for exchanges, and ending reservations exactly once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Reservation, StockItem, Variant
from returnsdesk.services.errors import Conflict


def available(session: Session, variant_id: int) -> int:
    """Units of a variant that are on hand and not reserved."""
    item = session.get(StockItem, variant_id)
    return item.on_hand - item.reserved if item else 0


def reserve(session: Session, variant: Variant, quantity: int) -> None:
    """Take units out of what is available; raises `Conflict` when there are not enough.

    One conditional update, so that two shoppers can never get the same last unit.
    """
    taken = _change(
        session,
        update(StockItem)
        .where(
            StockItem.variant_id == variant.id, StockItem.on_hand - StockItem.reserved >= quantity
        )
        .values(reserved=StockItem.reserved + quantity),
    )
    if not taken:
        raise Conflict("OUT_OF_STOCK", f"{variant.sku} is not in stock", sku=variant.sku)


def release(session: Session, reservation: Reservation) -> None:
    """End a reservation without sending anything; a second call does nothing."""
    if reservation.state == "held":
        reservation.state = "released"
        _give_back(session, reservation, leaves_warehouse=False)


def allocate(session: Session, reservation: Reservation) -> None:
    """End a reservation because its units go into a parcel now."""
    if reservation.state != "held":
        raise Conflict("RESERVATION_ENDED", "the replacement is not reserved any more")
    reservation.state = "allocated"
    _give_back(session, reservation, leaves_warehouse=True)


def restock(session: Session, variant_id: int, quantity: int) -> None:
    """Put returned units that are as new back on the shelf."""
    _change(
        session,
        update(StockItem)
        .where(StockItem.variant_id == variant_id)
        .values(on_hand=StockItem.on_hand + quantity),
    )


def siblings(session: Session, variant: Variant) -> list[tuple[Variant, int]]:
    """All variants of the same product with the units available of each, in catalogue order."""
    rows = session.execute(
        select(Variant, StockItem)
        .outerjoin(StockItem, StockItem.variant_id == Variant.id)
        .where(Variant.product_id == variant.product_id)
        .order_by(Variant.position, Variant.id)
    )
    return [(sibling, item.on_hand - item.reserved if item else 0) for sibling, item in rows]


def _give_back(session: Session, reservation: Reservation, *, leaves_warehouse: bool) -> None:
    values = {"reserved": StockItem.reserved - reservation.quantity}
    if leaves_warehouse:
        values["on_hand"] = StockItem.on_hand - reservation.quantity
    _change(
        session,
        update(StockItem).where(StockItem.variant_id == reservation.variant_id).values(**values),
    )


def _change(session: Session, statement: Any) -> bool:
    """Run an update of stock; loaded stock items are read anew afterwards."""
    session.flush()
    result = session.execute(statement.execution_options(synchronize_session="fetch"))
    return bool(result.rowcount == 1)
