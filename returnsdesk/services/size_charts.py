"""Size charts of the catalogue, for questions before and after buying; no order and no proof is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Product
from returnsdesk.domain.matching import Item, match_items
from returnsdesk.domain.products import find_products
from returnsdesk.domain.reading import read
from returnsdesk.services.page_hints import Page, names_nothing, product_shown

# Charts are looked for among so many products; a larger catalogue has its own pages for this.
MOST_PRODUCTS = 500


@dataclass(frozen=True)
class SizeChart:
    """A product's chart in one language: each row is a size with its measures, labels beside the values."""

    product: str
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    unit: str
    note: str


def charts_named(session: Session, text: str, language: str) -> list[SizeChart]:
    """The charts of the products that a message names; empty when it names none that has one."""
    if not find_products(read(text)):
        return []
    products = session.scalars(select(Product).order_by(Product.id).limit(MOST_PRODUCTS)).all()
    with_chart = [each for each in products if each.size_chart]
    items = [
        Item(
            key=each.id,
            name=next(iter(each.names.values())),
            other_names=tuple(each.names.values()),
            options={},
            order_number="",
            ordered_on=date.min,
            quantity=1,
            unit_price_minor=0,
        )
        for each in with_chart
    ]
    match = match_items(text, items)
    if not match.is_about_items:
        return []
    return [_chart(each, language) for each in with_chart if each.id in match.keys]


def charts_shown(session: Session, text: str, page: Page, language: str) -> list[SizeChart]:
    """The chart of the product that the shop's page shows, for a message that names no thing of its own."""
    product = product_shown(session, page) if names_nothing(text) else None
    return [_chart(product, language)] if product is not None and product.size_chart else []


def products_with_chart(session: Session, language: str, limit: int) -> list[str]:
    """Names of products that have a chart, to choose from."""
    products = session.scalars(select(Product).order_by(Product.id).limit(MOST_PRODUCTS)).all()
    return [_in(each.names, language) for each in products if each.size_chart][:limit]


def _chart(product: Product, language: str) -> SizeChart:
    chart: dict[str, Any] = product.size_chart or {}
    option = str(chart.get("option", "size"))
    columns = [
        (str(each["key"]), _in(each.get("label") or {}, language) or str(each["key"]))
        for each in chart.get("columns", [])
    ]
    rows = tuple(
        (
            str(row.get(option, "")),
            tuple((label, str(row[key])) for key, label in columns if key in row),
        )
        for row in chart.get("rows", [])
    )
    return SizeChart(
        product=_in(product.names, language),
        rows=rows,
        unit=str(chart.get("unit", "")),
        note=_in(chart.get("note") or {}, language),
    )


def _in(texts: dict[str, str], language: str) -> str:
    """A text in a language, or in English, or in the first that there is."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")
