"""What can be sent in place of replacements that are not there any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Exchange
from returnsdesk.domain.variants import VariantOption
from returnsdesk.services import orders, replacements, stock


@dataclass(frozen=True)
class LostReplacement:
    """A line of an exchange whose stock is gone, with what was bought, what was wanted, and what there is instead."""

    line_external_id: str
    name: str
    bought: Mapping[str, str]
    wanted: Mapping[str, str]
    offers: tuple[VariantOption, ...]


def lost_replacements(
    session: Session, exchange_number: str, language: str
) -> list[LostReplacement]:
    """The lines of an exchange that wait for another choice, with all variants that are in stock for each."""
    exchange = session.scalars(
        select(Exchange).where(Exchange.number == exchange_number)
    ).one_or_none()
    lost = []
    for line in replacements.wanted_lines(exchange) if exchange else ():
        source = line.return_line or line.claim_line
        if source is None or line.reservation.state == "held":
            continue
        bought = source.order_line
        offers = tuple(
            VariantOption(variant.id, variant.sku, dict(variant.options), free, variant.price_minor)
            for variant, free in stock.siblings(session, line.variant)
            if free >= line.quantity and variant.id != bought.variant_id
        )
        lost.append(
            LostReplacement(
                replacements.external_id_of(line),
                orders.name_of(bought, language),
                dict(bought.options),
                dict(line.variant.options),
                offers,
            )
        )
    return lost
