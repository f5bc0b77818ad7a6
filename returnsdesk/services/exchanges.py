"""Exchanges: reserving the replacement with the request, and sending it once the return is accepted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Exchange, ExchangeLine, Reservation, Return, ReturnLine, Variant
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.policy import Policy
from returnsdesk.services import events, policies, stock
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.views import ReturnView, return_view

if TYPE_CHECKING:
    from returnsdesk.services.returns import RequestedLine


def add_for(
    session: Session,
    document: Return,
    requested: tuple[RequestedLine, ...],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    """Add the exchange of a return being registered, with its stock reserved, in the same transaction."""
    wanted = {line.order_line_external_id: line for line in requested if line.outcome == "exchange"}
    if not wanted:
        return
    exchange = Exchange(number=f"new-{document.id}", return_=document, status=states.EXCHANGE_HELD)
    session.add(exchange)
    session.flush()
    exchange.number = f"EX-{1000 + exchange.id}"
    for line in document.lines:
        if line.outcome == "exchange":
            _add_line(
                session, exchange, line, wanted[line.order_line.external_id].new_sku, policy, now
            )
    events.record(
        session, actor=actor, command="reserve", document="exchange", document_id=exchange.id, now=now,
        after={"status": exchange.status, "number": exchange.number}, conversation_id=document.conversation_id,
    )  # fmt: skip


def renew_reservations(document: Return, now: datetime) -> None:
    """The parcel is on its way: keep its replacement reserved for a whole period from now."""
    for reservation in _held(document):
        days = policies.policy_of(document.order).exchange.reserve_days
        reservation.expires_at = now + timedelta(days=days)


def ship(
    database: Database, exchange_number: str, tracking_number: str, *, actor: str, now: datetime
) -> ReturnView:
    """Send the replacement: its stock leaves the warehouse, and the return closes when nothing else is owed.

    Raises `NotAllowed` before the inspection accepted the return; a second call changes nothing.
    """
    with database.write() as session:
        exchange = session.scalars(
            select(Exchange).where(Exchange.number == exchange_number.strip().upper())
        ).one_or_none()
        if exchange is None:
            raise NotFound("EXCHANGE_UNKNOWN", f"there is no exchange {exchange_number}")
        document = documents.locked(session, exchange.return_.rma_number)
        if exchange.status == states.EXCHANGE_SHIPPED:
            return return_view(document)
        if exchange.status != states.EXCHANGE_ACCEPTED:
            raise NotAllowed(
                "WRONG_STATE", f"{exchange.number} is {exchange.status}: it cannot be sent"
            )
        for reservation in _held(document):
            stock.allocate(session, reservation)
        exchange.status, exchange.tracking_number, exchange.shipped_at = (
            states.EXCHANGE_SHIPPED,
            tracking_number,
            now,
        )
        events.record(
            session, actor=actor, command="ship", document="exchange", document_id=exchange.id, now=now,
            after={"status": exchange.status}, conversation_id=document.conversation_id,
        )  # fmt: skip
        documents.close_if_done(session, document, actor=actor, now=now)
        return return_view(document)


def release_for(session: Session, document: Return) -> None:
    """The return ended without goods: free the reserved stock."""
    for reservation in _held(document):
        stock.release(session, reservation)
    if document.exchange is not None:
        document.exchange.status = states.EXCHANGE_ENDED_WITHOUT


def decide_for(session: Session, document: Return) -> None:
    """After inspection: a replacement goes out only for accepted units; the rest of the stock is freed."""
    if document.exchange is None:
        return
    for line in document.exchange.lines:
        accepted = line.return_line.accepted if line.return_line else 0
        if accepted < line.quantity:
            stock.release(session, line.reservation)
            if accepted:
                stock.reserve(session, line.variant, accepted)
                line.reservation.state, line.reservation.quantity = "held", accepted
                line.quantity = accepted
    is_owed = any(line.reservation.state == "held" for line in document.exchange.lines)
    document.exchange.status = (
        states.EXCHANGE_ACCEPTED if is_owed else states.EXCHANGE_ENDED_WITHOUT
    )


def _add_line(
    session: Session,
    exchange: Exchange,
    line: ReturnLine,
    sku: str | None,
    policy: Policy,
    now: datetime,
) -> None:
    old = line.order_line.variant
    new = session.scalars(select(Variant).where(Variant.sku == sku)).one_or_none() if sku else None
    if new is None or old is None:
        raise ServiceError("VARIANT_UNKNOWN", "an exchange needs a replacement from the catalogue")
    if new.id == old.id:
        raise NotAllowed("SAME_VARIANT", "the replacement must differ from what comes back")
    if new.product_id != old.product_id:
        raise NotAllowed("OTHER_PRODUCT", "the replacement must be the same product")
    difference = price_difference_minor(line, new, policy)
    if difference:
        raise NotAllowed(
            "PRICE_DIFFERS",
            "the replacement does not cost what was paid",
            difference_minor=difference,
        )
    stock.reserve(session, new, line.quantity)
    exchange.lines.append(
        ExchangeLine(
            return_line=line,
            variant=new,
            quantity=line.quantity,
            price_difference_minor=difference,
            reservation=Reservation(
                variant_id=new.id,
                quantity=line.quantity,
                state="held",
                expires_at=max(
                    now + timedelta(days=policy.exchange.reserve_days), line.return_.ship_by
                ),
            ),
        )
    )


def price_difference_minor(line: ReturnLine, new: Variant, policy: Policy) -> int:
    """What the replacement costs more (+) or less (-) than was paid, for all units of the line."""
    if policy.exchange.same_product_without_difference:
        return 0
    paid = sum(claim.unit.paid_minor for claim in line.claims)
    return new.price_minor * line.quantity - paid


def _held(document: Return) -> list[Reservation]:
    if document.exchange is None:
        return []
    return [
        line.reservation for line in document.exchange.lines if line.reservation.state == "held"
    ]
