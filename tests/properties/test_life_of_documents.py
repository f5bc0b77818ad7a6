"""The invariants hold whatever happens, in whatever order: a random shop, random documents, random events."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.money_rules import MoneyRules
from tests.properties.parcels_rules import ParcelsRules
from tests.properties.profiles import PROFILE
from tests.properties.returns_rules import ReturnsRules
from tests.properties.rights_rules import RightsRules
from tests.properties.time_rules import TimeRules


class WholeDesk(ReturnsRules, ParcelsRules, MoneyRules, RightsRules, TimeRules):
    """Everything that may happen."""


# Examples that break a rule are made small before they are shown, which takes its time.
@pytest.mark.timeout(1200)
def test_the_invariants_hold_in_every_order_of_events(empty_shop: Path) -> None:
    run_state_machine_as_test(partial(WholeDesk, empty_shop), settings=PROFILE)
