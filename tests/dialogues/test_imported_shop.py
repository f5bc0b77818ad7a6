"""The same conversations on a shop that was imported: one order is returned, one variant exchanged."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Customer, Order, OrderLine, Shipment, StockItem, Variant
from returnsdesk.services import returns
from tests.servers.product import Product
from tests.servers.programs import PROJECT_ROOT

RETAIL = PROJECT_ROOT.parent / "shared" / "data" / "retail"


@dataclass(frozen=True)
class Bought:
    """An item of a customer that can still come back, of which another variant is in stock."""

    customer: str
    order_number: str
    line: str
    name: str


@pytest.fixture(scope="module")
def retail(product: Product) -> Product:
    """The running product with the retail shop imported beside the sample shop."""
    if not RETAIL.is_dir():
        pytest.skip(f"the retail shop is not here ({Path('..') / 'shared' / 'data' / 'retail'})")
    command = [sys.executable, "-m", "returnsdesk", "import", str(RETAIL), "--shift-to", "today"]
    environment = {
        "DATABASE_URL": product.settings.database_url,
        "VAR_DIR": str(product.settings.var_dir),
        "PATH": "/usr/bin:/bin",
    }
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "1000" in done.stdout
    return product


def candidates(product: Product) -> Iterator[Bought]:
    """Lines delivered lately whose product the customer has once only, with another variant in stock."""
    now = datetime.now(timezone.utc)
    with product.database.read() as session:
        rows = session.execute(
            select(OrderLine, Order, Customer)
            .join(Order, OrderLine.order_id == Order.id)
            .join(Customer, Order.customer_id == Customer.id)
            .join(Shipment, Shipment.order_id == Order.id)
            .where(
                Order.number.like("#W%"),
                Order.status == "delivered",
                Shipment.delivered_at > now - timedelta(days=20),
                OrderLine.quantity == 1,
            )
            .order_by(Order.number, OrderLine.position)
        )
        for line, order, customer in rows:
            names = [each.name for every in customer.orders for each in every.lines]
            others = session.scalars(
                select(Variant)
                .join(StockItem)
                .where(
                    Variant.product_id == line.variant.product_id,
                    Variant.id != line.variant_id,
                    StockItem.on_hand > StockItem.reserved,
                )
            ).all()
            if names.count(line.name) == 1 and others:
                yield Bought(
                    customer.external_id,
                    order.number,
                    line.external_id,
                    line.name,
                )


def test_an_order_of_the_imported_shop_is_returned(retail: Product) -> None:
    bought = next(candidates(retail))
    with retail.shopper(bought.customer) as shopper:
        answer = shopper.says(f"I'd like to return the {bought.name}, I changed my mind")
        assert bought.order_number in answer
        assert "Shall I register" in answer
        assert re.search(r"RMA-\d+", shopper.says("yes"))
    assert reasons_of(retail, bought) == [("refund", "changed_mind", None)]


def test_a_variant_of_the_imported_shop_is_exchanged(retail: Product) -> None:
    bought = list(candidates(retail))[7]
    with retail.shopper(bought.customer) as shopper:
        shopper.says(f"Can I exchange the {bought.name} for another one? I changed my mind")
        offered = shopper.labels()[0]
        assert "Shall I register" in shopper.presses(offered)
        assert re.search(r"EX-\d+", shopper.says("yes, go ahead"))
    ((outcome, reason, new_sku),) = reasons_of(retail, bought)
    assert (outcome, reason) == ("exchange", "changed_mind")
    with retail.database.read() as session:
        reserved = session.scalars(select(Variant).where(Variant.sku == new_sku)).one()
        assert set(offered.split(", ")) <= set(reserved.options.values())
        assert reserved.stock.reserved == 1


def reasons_of(product: Product, bought: Bought) -> list[tuple[str, str, str | None]]:
    with product.database.read() as session:
        order_id = session.scalars(
            select(Order.id).where(Order.number == bought.order_number)
        ).one()
        return [
            (line.outcome, line.reason, line.new_sku)
            for view in returns.of_order(session, order_id)
            for line in view.lines
            if line.line_external_id == bought.line
        ]
