"""What the shop's page shows, as a hint at what "this" means. Nobody has checked it, so it opens nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import OrderLine, Product
from returnsdesk.domain.identifiers import (
    find_named_order_numbers,
    find_rma_numbers,
    is_same_order_number,
)
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import read

Page = Mapping[str, str]
"""`order`: number of the order that the page shows; `product`: the shop's own id of the product."""


def names_nothing(text: str) -> bool:
    """Whether a message has no number and no word for a thing, so that what the page shows may be meant."""
    return not (
        find_named_order_numbers(text) or find_rma_numbers(text) or find_products(read(text))
    )


def lines_shown(session: Session, among: Sequence[int], page: Page) -> tuple[int, ...]:
    """The order lines that the page shows, out of those `among` which the shopper may choose; their order is kept.

    An order or a product that is not among them, somebody else's say, is as if the page had told nothing.
    """
    order, product = page.get("order"), page.get("product")
    if not among or not (order or product):
        return ()
    rows = {
        line.id: line for line in session.scalars(select(OrderLine).where(OrderLine.id.in_(among)))
    }
    return tuple(
        key
        for key in among
        if (not order or is_same_order_number(order, rows[key].order.number))
        and (not product or _product_of(rows[key]) == product)
    )


def product_shown(session: Session, page: Page) -> Product | None:
    """The product of the catalogue that the page shows."""
    if not page.get("product"):
        return None
    found: Product | None = session.scalars(
        select(Product).where(Product.external_id == page["product"])
    ).one_or_none()
    return found


def _product_of(line: OrderLine) -> str | None:
    return line.variant.product.external_id if line.variant else None
