"""Figures of refunds: how much goes back, in which currency and by which way."""

from __future__ import annotations

from typing import Final

from sqlalchemy import case, func, or_, select

from returnsdesk.db.models import Refund, RefundPart
from returnsdesk.domain import states
from returnsdesk.domain.money import to_major
from returnsdesk.services.insight_figures import PAIR_COLUMNS, Figure, Kind, Row
from returnsdesk.services.insight_scope import Look
from returnsdesk.services.refund_amounts import PAYMENT_LINK

ORIGINAL, CREDIT = "as it was paid", "store credit"


def _amounts(look: Look) -> dict[tuple[str, str], tuple[int, int]]:
    """Minor units and number of parts, by currency and way."""
    is_original = or_(RefundPart.payment_id.isnot(None), Refund.purpose == PAYMENT_LINK)
    way = case((is_original, ORIGINAL), else_=CREDIT).label("way")
    rows = look.session.execute(
        select(Refund.currency, way, func.sum(RefundPart.amount_minor), func.count())
        .join(RefundPart, RefundPart.refund_id == Refund.id)
        .where(look.is_within(Refund.created_at), RefundPart.status != states.REFUND_FAILED)
        .group_by(Refund.currency, way)
    )
    return {(currency, by): (int(amount), int(count)) for currency, by, amount, count in rows}


def refunds(now: Look, before: Look) -> Figure:
    """Amounts by currency and way, in major units; currencies are never added up."""
    found, earlier = now.once(_amounts), before.once(_amounts)
    rows: list[Row] = []
    for currency in sorted({key[0] for key in (*found, *earlier)}):
        for way in (ORIGINAL, CREDIT):
            amounts = [
                float(to_major(each.get((currency, way), (0, 0))[0], currency))
                for each in (found, earlier)
            ]
            rows.append((currency, way, *amounts))
    cases = sum(count for _, count in found.values())
    return Figure(("Currency", "Way", *PAIR_COLUMNS), tuple(rows), cases)


KINDS: Final = (
    Kind(
        "refunds", "Refunds",
        "Amounts decided in the period, by currency and by the way they go back; refused payments do not count.",
        "money", "none", "payments", 1, refunds, (),
    ),
)  # fmt: skip
