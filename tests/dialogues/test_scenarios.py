"""Conversations as shoppers have them, through the running product; each file in a language's folder is one.

`shopper` is a customer's id in the shop or `guest`. A turn `says` a text (`on_page` is what the shop's page shows), or
`presses` a button, the newest (or with `presses_oldest` the oldest) whose label begins so. `hears` are parts of the
answer, `once` parts that stand in it once, `never` parts that must not be in it, `buttons` labels in their order (all
of them, or the first ones with `...` at the end). `{mailed_code}` stands for the code that came by mail. `record` is
what the database holds afterwards: `lines` of the one return that was made (none without it), `states` of all the
order's returns from the latest on, and the newest `claim` or `withdrawal`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from returnsdesk.db.models import Claim, Order, Return, Withdrawal
from returnsdesk.services.views import ReturnView, return_view
from tests.servers.product import Product, Shopper

SCENARIOS = sorted(Path(__file__).parent.glob("*/*.yml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_conversation(product: Product, path: Path) -> None:
    scenario = yaml.safe_load(path.read_text(encoding="utf-8"))
    name = scenario["shopper"]
    before = _returns(product, scenario)
    with product.shopper(None if name == "guest" else name, path.parent.name) as shopper:
        for turn in scenario["turns"]:
            _play(shopper, turn)
    record = scenario.get("record") or {}
    after = _returns(product, scenario)
    if "states" in record:
        assert [view.status for view in sorted(after, key=_age, reverse=True)] == record["states"]
    known = {view.rma_number for view in before}
    _check_record(record, [view for view in after if view.rma_number not in known])
    _check_newest(product, record)


def _play(shopper: Shopper, turn: dict[str, Any]) -> None:
    if "presses" in turn:
        answer = shopper.presses(turn["presses"])
    elif "presses_oldest" in turn:
        answer = shopper.presses_oldest(turn["presses_oldest"])
    else:
        answer = shopper.says(_filled(shopper, turn["says"]), turn.get("on_page"))
    for part in turn.get("hears", []):
        assert re.search(part, answer, re.IGNORECASE), f"{part!r} is missing in:\n{answer}"
    for part in turn.get("once", []):
        assert len(re.findall(part, answer)) == 1, f"{part!r} is not in it just once:\n{answer}"
    for part in turn.get("never", []):
        assert not re.search(part, answer, re.IGNORECASE), f"{part!r} stands in:\n{answer}"
    if "buttons" in turn:
        wanted, labels = list(turn["buttons"]), shopper.labels()
        if wanted[-1] == "...":
            wanted.pop()
            labels = labels[: len(wanted)]
        assert labels == wanted


def _filled(shopper: Shopper, text: str) -> str:
    return text.replace("{mailed_code}", shopper.mailed_code()) if "{mailed_code}" in text else text


def _returns(product: Product, scenario: dict[str, Any]) -> list[ReturnView]:
    number = (scenario.get("record") or {}).get("order")
    with product.database.read() as session:
        rows = session.scalars(select(Return).join(Order).where(Order.number == number))
        return [return_view(document) for document in rows]


def _age(view: ReturnView) -> int:
    return int(view.rma_number.rpartition("-")[2])


def _check_newest(product: Product, record: dict[str, Any]) -> None:
    """The newest claim and withdrawal of the order, or of nobody's known order, are as they are written."""
    with product.database.read() as session:
        for name, model in (("claim", Claim), ("withdrawal", Withdrawal)):
            if name in record:
                newest = session.scalars(select(model).order_by(model.id.desc())).first()
                assert newest is not None
                assert newest.order is None or newest.order.number == record["order"]
                found = {field: getattr(newest, field) for field in record[name]}
                assert found == record[name]


def _check_record(record: dict[str, Any], made: list[ReturnView]) -> None:
    if "lines" not in record:
        assert made == []
        return
    assert len(made) == 1, f"{len(made)} returns were made"
    lines = [
        {
            "line": line.line_external_id,
            "quantity": line.quantity,
            "reason": line.reason,
            "outcome": line.outcome,
            **({"new_sku": line.new_sku} if line.new_sku else {}),
        }
        for line in made[0].lines
    ]
    assert lines == record["lines"]
