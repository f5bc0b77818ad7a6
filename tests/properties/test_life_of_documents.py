"""The invariants hold whatever happens, in whatever order: a random shop, random documents, random events."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis.stateful import initialize, run_state_machine_as_test

from returnsdesk.services import inspections, refunds, return_moves, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from tests.properties.money_rules import MoneyRules
from tests.properties.parcels_rules import ParcelsRules
from tests.properties.profiles import PROFILE
from tests.properties.random_shops import AGENT, CONVERSATION, ShopPlan, shop_plans
from tests.properties.returns_rules import ReturnsRules
from tests.properties.rights_rules import RightsRules
from tests.properties.time_rules import TimeRules


class WholeDesk(ReturnsRules, ParcelsRules, MoneyRules, RightsRules, TimeRules):
    """Everything that may happen."""


class Cashier(MoneyRules, TimeRules):
    """Only what may happen to money, from where it begins to move."""

    @initialize(plan=shop_plans)
    def open_shop(self, plan: ShopPlan) -> None:
        """A shop in which something of every line has come back and its refund is started."""
        self._open(plan)
        for number, (order, line) in enumerate(self.lines):
            settlement = "store_credit" if number % 3 == 2 else "original"
            wanted = (RequestedLine(line, 1 + number % 2, "not_as_described", "refund"),)
            view = self.run(
                returns.create, ReturnRequest(order, wanted, settlement, f"first-{number}"),
                actor="shopper", channel="web", conversation_id=CONVERSATION,
            )  # fmt: skip
            if isinstance(view, ReturnView):
                self.run(return_moves.record_arrival, view.rma_number, actor="carrier")
                # Of two, one comes back worn.
                for grade in "AC"[: 1 + number % 2]:
                    self.run(
                        inspections.inspect_line,
                        view.rma_number,
                        line,
                        1,
                        grade,
                        actor=AGENT,
                        reason="worn",
                    )
                self.run(refunds.start, view.rma_number, actor=AGENT)


# Examples that break a rule are made small before they are shown, which takes its time.
@pytest.mark.timeout(1200)
def test_the_invariants_hold_in_every_order_of_events(empty_shop: Path) -> None:
    run_state_machine_as_test(partial(WholeDesk, empty_shop), settings=PROFILE)


@pytest.mark.timeout(1200)
def test_money_goes_back_once_whatever_providers_say_and_when(empty_shop: Path) -> None:
    run_state_machine_as_test(partial(Cashier, empty_shop), settings=PROFILE)
