"""A small shop in an empty database: fixtures for the tests of services and of actions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from returnsdesk.db.base import Base
from returnsdesk.db.models import (
    Customer,
    Order,
    OrderLine,
    OrderUnit,
    Payment,
    Product,
    Shipment,
    StockItem,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.domain.money import split_evenly
from returnsdesk.services import policies

NOW = datetime(2026, 6, 10, 12, tzinfo=timezone.utc)
DELIVERED = NOW - timedelta(days=5)
SIZES = {"41": 4, "42": 9, "42.5": 2, "43": 1, "44": 0}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with all tables."""
    opened = Database(database_url)
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.dispose()


@pytest.fixture
def shop(database: Database) -> Database:
    """Two orders of one shopper: a pair of shoes, and three shirts for 100.00 paid by card and gift card."""
    with database.write() as session:
        anna = Customer(
            external_id="anna", email="Anna@mail.example", email_norm="anna@mail.example", first_name="Anna",
            last_name="de Vries", language="en", tier="none", address={},
        )  # fmt: skip
        shoes = _product("sneakers", "Sneakers", SIZES, 8995)
        shirts = _product("shirt", "Shirt", {"M": 5, "L": 5}, 3500)
        session.add_all([anna, shoes, shirts])
        session.flush()
        _order(session, anna, "LL-1", shoes.variants[1], quantity=1, paid=8995, tenders=[8995])
        _order(
            session, anna, "LL-2", shirts.variants[0], quantity=3, paid=10000, tenders=[7000, 3000]
        )
    return database


def _product(external_id: str, name: str, stock: dict[str, int], price: int) -> Product:
    product = Product(external_id=external_id, names={"en": name}, category="clothing")
    product.variants = [
        Variant(
            sku=f"{external_id}-{size}", options={"colour": "black", "size": size}, price_minor=price, currency="EUR",
            position=position, stock=StockItem(on_hand=count, reserved=0),
        )
        for position, (size, count) in enumerate(stock.items())
    ]  # fmt: skip
    return product


def _order(session, customer, number, variant, *, quantity, paid, tenders):
    order = Order(
        number=number, number_norm=number, customer=customer, email_norm=customer.email_norm, status="delivered",
        placed_at=DELIVERED - timedelta(days=3), currency="EUR", country="NL", postcode_norm="1071KV",
        shipping_address={}, policy_version=policies.current_version(session, NOW),
    )  # fmt: skip
    parcel = Shipment(
        order=order,
        tracking_number=f"T-{number}",
        shipped_at=DELIVERED - timedelta(days=2),
        delivered_at=DELIVERED,
    )
    line = OrderLine(
        order=order, external_id=f"{number}-1", position=0, variant=variant, sku=variant.sku,
        name=variant.product.names["en"], options=dict(variant.options), quantity=quantity,
        unit_price_minor=variant.price_minor, paid_minor=paid,
    )  # fmt: skip
    line.units = [
        OrderUnit(position=index, paid_minor=share, shipment=parcel)
        for index, share in enumerate(split_evenly(paid, quantity))
    ]
    order.payments = [
        Payment(
            method_external_id=f"{number}-p{index}",
            kind=kind,
            captured_minor=amount,
            refunded_minor=0,
        )
        for index, (kind, amount) in enumerate(
            zip(("credit_card", "gift_card"), tenders, strict=False)
        )
    ]
    session.add(order)
