"""One random shop for one example of a rule that needs no history."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from returnsdesk.services import (
    inspections,
    return_moves,
    returns,
)
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    DELIVERED,
    START,
    LinePlan,
    OrderPlan,
    ShopPlan,
    put_in,
    shop_plans,
)
from tests.properties.small_database import SmallDatabase

FREE_OF_CHARGE = "not_as_described"
ALL_DELIVERED = shop_plans.map(
    lambda plan: dataclasses.replace(
        plan,
        orders=tuple(
            dataclasses.replace(
                order,
                refunded_before=0,
                lines=tuple(
                    dataclasses.replace(line, parcels=(DELIVERED,) * len(line.parcels))
                    for line in order.lines
                ),
            )
            for order in plan.orders
        ),
    )
)
ONE_SHIRT = ShopPlan(
    currency="EUR",
    orders=(OrderPlan((LinePlan(0, 0, 2999, 0, (DELIVERED,)),), 0, 0, (("credit_card", 1),), 0),),
    prices=((2999, 2999, 2999), (100, 100, 100)),
    stock=((1, 1, 1), (1, 1, 1)),
    tier="none",
    reads_texts=False,
    same_price_swap=True,
    other_products=False,
    refund_order="proportional",
    bonus_percent=0,
)


@contextmanager
def opened(empty_shop: Path, plan: ShopPlan = ONE_SHIRT) -> Iterator[SmallDatabase]:
    """A shop for one example."""
    shop = SmallDatabase(empty_shop)
    try:
        with shop.database.write() as session:
            put_in(session, plan)
        yield shop
    finally:
        shop.close()


def ask(
    shop: SmallDatabase, lines: list[RequestedLine], order: str = "LL-0", key: str = "key"
) -> Any:
    """Register a return."""
    request = ReturnRequest(order, tuple(lines), "original", key)
    view = returns.create(
        shop.database,
        request,
        actor="shopper",
        channel="web",
        now=START,
        conversation_id=CONVERSATION,
    )
    if view.status == "requested":
        return_moves.approve(shop.database, view.rma_number, actor=AGENT, now=START)
    return view


def comes_back(shop: SmallDatabase, view: ReturnView) -> None:
    """All of it arrives and is accepted."""
    return_moves.record_arrival(shop.database, view.rma_number, actor="carrier", now=START)
    for line in view.lines:
        inspections.inspect_line(
            shop.database, view.rma_number, line.line_external_id, line.quantity, "A", actor=AGENT,
            now=START, outcome=line.outcome,
        )  # fmt: skip
