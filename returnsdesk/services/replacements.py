"""Replacements: what may be chosen, what it costs more or less than what was paid, and the stock kept for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    ClaimLine,
    Exchange,
    ExchangeLine,
    OrderLine,
    Reservation,
    ReturnLine,
    UnitClaim,
    Variant,
)
from returnsdesk.domain import exchange_rules
from returnsdesk.domain.findings import BLOCK
from returnsdesk.domain.policy import Policy
from returnsdesk.services import exchange_setbacks, ledger, stock
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError

_BECAUSE = {
    "EXCHANGE_DISABLED": "there are no exchanges",
    "SAME_VARIANT": "the replacement must differ from what comes back",
    "OTHER_PRODUCT": "the replacement must be the same product",
    "OTHER_CURRENCY": "the replacement is sold in another currency",
}


def locked_exchange(session: Session, exchange_number: str) -> Exchange:
    """An exchange with its order locked, as it stands now; raises `NotFound`."""
    wanted = select(Exchange).where(Exchange.number == exchange_number.strip().upper())
    exchange = session.scalars(wanted).one_or_none()
    if exchange is None:
        raise NotFound("EXCHANGE_UNKNOWN", f"there is no exchange {exchange_number}")
    ledger.lock_order(session, exchange_setbacks.document_of(exchange).order_id)
    session.expire_all()
    return session.scalars(wanted).one()


def variant_of(session: Session, sku: str | None) -> Variant:
    """The variant that is wanted; raises `ServiceError` for one that the catalogue does not have."""
    found = session.scalars(select(Variant).where(Variant.sku == sku)).one_or_none()
    if found is None:
        raise ServiceError("VARIANT_UNKNOWN", "an exchange needs a replacement from the catalogue")
    return found


def check_choice(
    order_line: OrderLine, new: Variant, policy: Policy, *, like_for_like: bool = False
) -> None:
    """Raise `NotAllowed` with the code of the rule that a replacement breaks, whatever it costs.

    Like for like is for claims: what arrived broken is replaced by the same.
    """
    old = order_line.variant
    if old is None and not like_for_like:
        raise ServiceError("VARIANT_UNKNOWN", "what comes back is not in the catalogue any more")
    same_product = old is None or new.product_id == old.product_id
    found = exchange_rules.replacement_findings(
        same_variant=not like_for_like and old is not None and new.id == old.id,
        same_product=same_product,
        # A price that does not count may be in any currency.
        same_currency=new.currency == order_line.order.currency
        or like_for_like
        or (same_product and policy.exchange.same_product_without_difference),
        difference=0,
        policy=policy,
    )
    for finding in found:
        if finding.severity == BLOCK and not (
            like_for_like and finding.code == "EXCHANGE_DISABLED"
        ):
            raise NotAllowed(finding.code, _BECAUSE.get(finding.code, finding.code))


def difference_minor(line: ReturnLine, new: Variant, quantity: int, policy: Policy) -> int:
    """What so many units of a replacement cost more (+) or less (-) than was paid for those of a return line."""
    old = line.order_line.variant
    return exchange_rules.difference_minor(
        sum(claim.unit.paid_minor for claim in units_of(line)[:quantity]),
        new.price_minor,
        quantity,
        same_product=old is not None and old.product_id == new.product_id,
        policy=policy,
    )


def units_of(line: ReturnLine) -> list[UnitClaim]:
    """The units that a replacement of a return line stands for: those not rejected, accepted ones first."""
    live = [claim for claim in line.claims if claim.state != "released"]
    kept = [claim for claim in live if claim.decision != "rejected"]
    return sorted(kept, key=lambda claim: claim.decision != "accepted")


def add_line(
    session: Session,
    exchange: Exchange,
    source: ReturnLine | ClaimLine,
    new: Variant,
    *,
    difference: int,
    expires_at: datetime,
) -> None:
    """Add the replacement for a line, with its stock reserved; raises `Conflict` when it is sold out."""
    stock.reserve(session, new, source.quantity)
    exchange.lines.append(
        ExchangeLine(
            return_line=source if isinstance(source, ReturnLine) else None,
            claim_line=source if isinstance(source, ClaimLine) else None,
            variant=new,
            quantity=source.quantity,
            price_difference_minor=difference,
            reservation=Reservation(
                variant_id=new.id, quantity=source.quantity, state="held", expires_at=expires_at
            ),
        )
    )


def change_line(
    session: Session, line: ExchangeLine, new: Variant, *, difference: int, expires_at: datetime
) -> None:
    """Keep another replacement for a line than before; raises `Conflict` when it is sold out."""
    stock.release(session, line.reservation)
    stock.reserve(session, new, line.quantity)
    reservation = line.reservation
    reservation.variant_id, reservation.quantity = new.id, line.quantity
    reservation.state, reservation.expires_at = "held", expires_at
    line.variant, line.price_difference_minor = new, difference


def narrow_line(session: Session, line: ExchangeLine, accepted: int) -> None:
    """Keep a replacement for so many units only, as the inspection accepted; 0 ends the line."""
    if accepted == line.quantity:
        return
    reservation, was_held = line.reservation, line.reservation.state == "held"
    stock.release(session, reservation)
    if not accepted or line.return_line is None:
        line.price_difference_minor = 0
        return
    # Priced as when it was chosen, for that is what the shopper said yes to.
    if line.price_difference_minor:
        # A return that was opened again holds its units a second time; the last are those that count.
        claims = line.return_line.claims[-line.return_line.quantity :]
        paid = [claim.unit.paid_minor for claim in claims]
        price = (line.price_difference_minor + sum(paid)) // line.quantity
        kept = sum(claim.unit.paid_minor for claim in units_of(line.return_line)[:accepted])
        line.price_difference_minor = price * accepted - kept
    line.quantity = accepted
    if was_held:
        stock.reserve(session, line.variant, accepted)
        reservation.state, reservation.quantity = "held", accepted


def expiry(now: datetime, policy: Policy) -> datetime:
    """Until when stock is kept that is reserved now."""
    return now + timedelta(days=policy.exchange.reserve_days)


def wanted_lines(exchange: Exchange) -> list[ExchangeLine]:
    """The lines that a replacement is still owed or on offer for: all but those that the inspection rejected."""
    return [
        line
        for line in exchange.lines
        if line.return_line is None
        or line.return_line.accepted
        or any(claim.state == "held" for claim in line.return_line.claims)
    ]


def held(exchange: Exchange | None) -> list[Reservation]:
    """Its reservations that are in force, in one order for all, so that no two commands wait for each other."""
    lines = exchange.lines if exchange is not None else []
    found = [line.reservation for line in lines if line.reservation.state == "held"]
    return sorted(found, key=lambda reservation: reservation.variant_id)


def release_all(session: Session, exchange: Exchange | None) -> None:
    """Free all stock that is kept for it."""
    for reservation in held(exchange):
        stock.release(session, reservation)


def external_id_of(line: ExchangeLine) -> str:
    """The shop's own id of the order line that a replacement is for."""
    source = line.return_line or line.claim_line
    if source is None:
        raise ServiceError("EXCHANGE_BROKEN", f"replacement {line.id} is for nothing")
    return str(source.order_line.external_id)
