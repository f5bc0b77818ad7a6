"""What the demo shop's pages show of products and orders, read from the shop's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk import formatting
from returnsdesk.db.models import Order, OrderLine, Product, Variant
from returnsdesk.desk.demo.shoppers import find_customer
from returnsdesk.domain import windows

LANGUAGE = "en"
"""The demo shop's pages are in English; the chat on them speaks the shopper's language."""


@dataclass(frozen=True)
class Visitor:
    """The customer who is logged in at the demo shop; `external_id` is the shop's own name for them."""

    customer_id: int
    external_id: str
    first_name: str
    language: str


@dataclass(frozen=True)
class ProductCard:
    """A product as a list shows it."""

    product_id: str
    name: str
    image: str | None
    price: str
    colours: int


@dataclass(frozen=True)
class SizeOffer:
    """A size of a product in one colour."""

    label: str
    is_available: bool


@dataclass(frozen=True)
class SizeChart:
    """A table of sizes: its head, its rows, how to measure."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unit: str
    note: str


@dataclass(frozen=True)
class ProductPage:
    """Everything a product's page shows; `colour` is the one that is looked at."""

    card: ProductCard
    category: str
    colours: tuple[str, ...]
    colour: str | None
    sizes: tuple[SizeOffer, ...]
    chart: SizeChart | None
    is_returnable: bool


@dataclass(frozen=True)
class OrderRow:
    """A line of an order."""

    product_id: str | None
    name: str
    options: str
    quantity: int
    total: str
    image: str | None


@dataclass(frozen=True)
class OrderPage:
    """An order as its owner sees it."""

    number: str
    placed_on: str
    state: str
    total: str
    rows: tuple[OrderRow, ...]


def visitor(session: Session, wanted: str) -> Visitor | None:
    """The customer with that id of the shop or that e-mail address."""
    found = find_customer(session, wanted)
    if found is None:
        return None
    return Visitor(found.id, found.external_id, found.first_name, found.language or LANGUAGE)


def products(session: Session) -> list[ProductCard]:
    """All products, in the catalogue's order."""
    return [_card(product) for product in session.scalars(select(Product).order_by(Product.id))]


def product(session: Session, product_id: str, colour: str | None) -> ProductPage | None:
    """A product's page; an unknown colour shows the first one."""
    found: Product | None = session.scalars(
        select(Product).where(Product.external_id == product_id)
    ).one_or_none()
    if found is None:
        return None
    colours = tuple(
        dict.fromkeys(each.options["colour"] for each in found.variants if "colour" in each.options)
    )
    chosen = colour if colour in colours else next(iter(colours), None)
    return ProductPage(
        card=_card(found),
        category=(found.category or "").replace("_", " "),
        colours=colours,
        colour=chosen,
        sizes=tuple(
            SizeOffer(each.options["size"], _available(each) > 0)
            for each in found.variants
            if "size" in each.options and each.options.get("colour") == chosen
        ),
        chart=_chart(found.size_chart),
        is_returnable=not (found.final_sale or found.hygiene or found.personalised),
    )


def orders(session: Session, customer_id: int) -> list[OrderPage]:
    """A customer's orders, latest first."""
    rows = session.scalars(
        select(Order).where(Order.customer_id == customer_id).order_by(Order.placed_at.desc())
    )
    return [_order(row) for row in rows]


def order(session: Session, customer_id: int, number: str) -> OrderPage | None:
    """One of a customer's own orders."""
    found = session.scalars(
        select(Order).where(Order.customer_id == customer_id, Order.number == number)
    ).one_or_none()
    return _order(found) if found else None


def _card(found: Product) -> ProductCard:
    first = found.variants[0] if found.variants else None
    return ProductCard(
        product_id=found.external_id,
        name=_in_english(found.names),
        image=found.image_url,
        price=formatting.money(first.price_minor, first.currency, LANGUAGE) if first else "",
        colours=len({each.options.get("colour") for each in found.variants}),
    )


def _available(variant: Variant) -> int:
    return variant.stock.on_hand - variant.stock.reserved


def _chart(chart: dict[str, Any] | None) -> SizeChart | None:
    if not chart:
        return None
    columns = chart.get("columns", [])
    return SizeChart(
        head=("Size", *(_in_english(column["label"]) for column in columns)),
        rows=tuple(
            (str(row["size"]), *(str(row.get(column["key"], "")) for column in columns))
            for row in chart.get("rows", [])
        ),
        unit=str(chart.get("unit", "")),
        note=_in_english(chart.get("note", {})),
    )


def _order(found: Order) -> OrderPage:
    lines: Sequence[OrderLine] = found.lines
    total = sum(line.paid_minor for line in lines) + found.shipping_paid_minor
    return OrderPage(
        number=found.number,
        placed_on=_day(found.placed_at, found.country),
        state=found.status.replace("_", " "),
        total=formatting.money(total, found.currency, LANGUAGE),
        rows=tuple(_row(line, found.currency) for line in lines),
    )


def _row(line: OrderLine, currency: str) -> OrderRow:
    bought = line.variant.product if line.variant else None
    return OrderRow(
        product_id=bought.external_id if bought else None,
        name=_in_english(bought.names) if bought else line.name,
        options=formatting.options(line.options),
        quantity=line.quantity,
        total=formatting.money(line.paid_minor, currency, LANGUAGE),
        image=bought.image_url if bought else None,
    )


def _day(moment: datetime, country: str) -> str:
    return formatting.day(windows.local_date(moment, country), LANGUAGE)


def _in_english(names: dict[str, str]) -> str:
    return names.get(LANGUAGE) or next(iter(names.values()), "")
