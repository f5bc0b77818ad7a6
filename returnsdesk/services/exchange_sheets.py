"""The replacement of an exchange as the team sees it: what was chosen, what is on the shelf, what else there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Exchange
from returnsdesk.domain.variants import VariantOption
from returnsdesk.services import replacements, stock
from returnsdesk.services.replacement_offers import lost_replacements


@dataclass(frozen=True)
class ReplacementLine:
    """The replacement for one line; `free` pieces are on the shelf besides those that are reserved."""

    line_external_id: str
    name: str
    sku: str
    options: Mapping[str, str]
    quantity: int
    difference_minor: int
    reservation: str
    reserved_until: datetime
    free: int


def lines_of(session: Session, exchange: Exchange | None) -> tuple[ReplacementLine, ...]:
    """The lines of an exchange with the stock of what was chosen."""
    if exchange is None:
        return ()
    found = []
    for line in exchange.lines:
        source = line.return_line or line.claim_line
        found.append(
            ReplacementLine(
                line_external_id=replacements.external_id_of(line) if source else "",
                name=source.order_line.name if source else line.variant.sku,
                sku=line.variant.sku,
                options=dict(line.variant.options),
                quantity=line.quantity,
                difference_minor=line.price_difference_minor,
                reservation=line.reservation.state,
                reserved_until=line.reservation.expires_at,
                free=stock.available(session, line.variant_id),
            )
        )
    return tuple(found)


def offers_of(
    session: Session, exchange: Exchange | None
) -> Mapping[str, tuple[VariantOption, ...]]:
    """What can be sent instead of replacements that are gone, by the shop's id of the line."""
    if exchange is None:
        return {}
    return {
        lost.line_external_id: lost.offers
        for lost in lost_replacements(session, exchange.number, "en")
    }
