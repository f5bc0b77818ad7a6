"""Any process may be killed at any moment of a conversation: nothing is lost, nothing is done twice, it goes on."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import psutil
import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import Message, Order, Reservation, Return, Variant
from returnsdesk.desk_client import DeskCallFailed
from returnsdesk.supervisor import PROCESSES
from tests.servers.product import Product, Shopper

# Rasa takes up to 40 seconds to load its model again on a small machine.
SECONDS_TO_COME_BACK = 120

# One shopper and one order line for each process, so that no run needs what another used up.
STORIES = {
    "desk": ("LLC-2003", "LL-10250", "the t-shirt from order LL-10250"),
    "rasa": ("LLC-2004", "LL-10254", "the ankle boots"),
    "actions": ("LLC-2010", "LL-10246", "the green dress"),
    "worker": ("LLC-2011", "LL-10259", "the bedding"),
}


def kill(product: Product, name: str) -> None:
    """Kill -9 one of the supervisor's processes."""
    for child in psutil.Process(product.process_id).children(recursive=True):
        arguments = child.cmdline()
        if "serve" in arguments and arguments[arguments.index("serve") + 1] == name:
            child.kill()
            child.wait(10)
            return
    raise AssertionError(f"there is no process {name}")


def returns_of(product: Product, order_number: str) -> list[str]:
    with product.database.read() as session:
        rows = session.scalars(
            select(Return.rma_number).join(Order).where(Order.number == order_number)
        )
        return list(rows)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_loses_nothing_and_the_conversation_goes_on(
    product: Product, name: str
) -> None:
    customer, order_number, item = STORIES[name]
    before = returns_of(product, order_number)
    with product.shopper(customer) as shopper:
        summary = shopper.says(f"I want to return {item}, changed my mind about it")
        assert "Shall I register" in summary
        shopper.sends("yes")
        kill(product, name)
        answer = _answer_after_all(shopper)
        assert re.search(r"RMA-\d+", answer), answer
        again = shopper.says("how is my return going?")
    made = set(returns_of(product, order_number)) - set(before)
    assert len(made) == 1
    assert made.pop() in answer
    assert "RMA-" in again
    assert _unanswered(product) == 0


def _answer_after_all(shopper: Shopper) -> str:
    """What the desk says to the last message, once its own process is back if it was that one."""
    deadline = time.monotonic() + SECONDS_TO_COME_BACK
    answer: str | None = None
    while answer is None:
        assert time.monotonic() < deadline, "the desk did not come back"
        with suppress(DeskCallFailed):
            answer = shopper.hears(SECONDS_TO_COME_BACK)
    return answer


def _unanswered(product: Product) -> int:
    with product.database.read() as session:
        return int(
            session.scalar(
                select(func.count()).select_from(Message).where(Message.state == "waiting")
            )
        )


def test_reserved_stock_adds_up_after_all_of_it(product: Product) -> None:
    with product.database.read() as session:
        held = session.execute(
            select(Variant.id, func.sum(Reservation.quantity))
            .join(Reservation, Reservation.variant_id == Variant.id)
            .where(Reservation.state == "held")
            .group_by(Variant.id)
        ).all()
        for variant_id, quantity in held:
            assert session.get(Variant, variant_id).stock.reserved == quantity
