"""Stock: reserving units for exchanges, ending reservations exactly once, and counting what is really there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    Exchange,
    ExchangeLine,
    Reservation,
    Return,
    StockItem,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.services import events, exchange_setbacks, ledger
from returnsdesk.services.errors import Conflict, NotFound, ServiceError


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


def correct_count(
    database: Database, sku: str, on_hand: int, *, actor: str, now: datetime
) -> tuple[str, ...]:
    """Set the units on hand of a variant to what was counted; gives the exchanges that lost their replacement by it.

    Where less is there than was reserved, the newest reservations lose: their exchanges go back to the shopper, who
    chooses again. Raises `NotFound` or `ServiceError`.
    """
    if on_hand < 0:
        raise ServiceError("BAD_COUNT", "a count is 0 or more")
    lost: list[str] = []
    variant_id, missing = _begin_count(database, sku, on_hand, actor=actor, now=now)
    while missing > 0 and (candidate := _newest_held(database, variant_id)) is not None:
        number, taken = _lose(database, candidate, missing, actor=actor, now=now)
        missing -= taken
        if number is not None:
            lost.append(number)
    return tuple(lost)


def _begin_count(
    database: Database, sku: str, on_hand: int, *, actor: str, now: datetime
) -> tuple[int, int]:
    """Take what was not found out of what is available, so that nobody reserves it meanwhile.

    Gives the variant, and how many reserved units are not there.
    """
    with database.write() as session:
        variant = session.scalars(select(Variant).where(Variant.sku == sku)).one_or_none()
        if variant is None or variant.stock is None:
            raise NotFound("VARIANT_UNKNOWN", f"there is no stock of {sku}")
        item = session.get(StockItem, variant.id, with_for_update=True, populate_existing=True)
        before, item.on_hand = item.on_hand, max(on_hand, item.reserved)
        events.record(
            session, actor=actor, command="correct_count", document="variant", document_id=variant.id, now=now,
            before={"on_hand": before}, after={"on_hand": on_hand},
        )  # fmt: skip
        return int(variant.id), item.reserved - on_hand


def _newest_held(database: Database, variant_id: int) -> tuple[int, int] | None:
    """The reservation that loses next, and its order."""
    with database.read() as session:
        row = session.execute(
            select(Reservation.id, Return.order_id, Claim.order_id)
            .join(ExchangeLine, ExchangeLine.id == Reservation.exchange_line_id)
            .join(Exchange, Exchange.id == ExchangeLine.exchange_id)
            .outerjoin(Return, Return.id == Exchange.return_id)
            .outerjoin(Claim, Claim.id == Exchange.claim_id)
            .where(Reservation.variant_id == variant_id, Reservation.state == "held")
            .order_by(Reservation.id.desc())
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        reservation_id, of_return, of_claim = row
        return int(reservation_id), int(of_return if of_return is not None else of_claim)


def _lose(
    database: Database, candidate: tuple[int, int], missing: int, *, actor: str, now: datetime
) -> tuple[str | None, int]:
    """End a reservation whose units are not there; its order is locked first, like by every other command.

    Gives the exchange that lost it, and how many of the missing units are accounted for by it. Only differences are
    written: what is sent or comes back meanwhile counts on.
    """
    reservation_id, order_id = candidate
    with database.write() as session:
        ledger.lock_order(session, order_id)
        reservation = session.get(Reservation, reservation_id, populate_existing=True)
        item = session.get(
            StockItem, reservation.variant_id, with_for_update=True, populate_existing=True
        )
        if reservation.state != "held":
            return None, 0
        taken = min(reservation.quantity, missing)
        reservation.state = "released"
        item.reserved -= reservation.quantity
        item.on_hand -= taken
        exchange = reservation.exchange_line.exchange
        exchange_setbacks.choice_lost(
            session, exchange, "stock_lost", "choose_again", actor=actor, now=now
        )
        return str(exchange.number), taken


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
