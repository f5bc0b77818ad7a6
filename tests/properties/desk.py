"""The state machine without rules: a random shop, its clock, what happens after every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import event
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from returnsdesk.services.errors import ServiceError
from tests.properties import invariants_of_goods as goods
from tests.properties import invariants_of_money as money
from tests.properties import invariants_of_records as records
from tests.properties.providers import Providers
from tests.properties.random_shops import START, ShopPlan, line_ids, put_in, shop_plans
from tests.properties.small_database import SmallDatabase

Result = TypeVar("Result")


def rule_about(table: str, **strategies: Any) -> Callable[[Any], Any]:
    """A rule for when there is something of that kind, so that few steps are spent on nothing."""

    def decorate(function: Any) -> Any:
        return precondition(lambda self: self.has(table))(rule(**strategies)(function))

    return decorate


class Desk(RuleBasedStateMachine):
    """A desk over one random shop. Rules may come in any order; a command that is refused changes nothing."""

    def __init__(self, empty_shop: Path) -> None:
        super().__init__()
        self.shop = SmallDatabase(empty_shop)
        self.providers = Providers()
        self.now = START
        self.checked_at = -1
        self.asked: dict[str, dict[str, int]] = {}

    @initialize(plan=shop_plans)
    def open_shop(self, plan: ShopPlan) -> None:
        """Before anything else."""
        self._open(plan)

    def _open(self, plan: ShopPlan) -> None:
        self.plan = plan
        self.lines = line_ids(plan)
        with self.shop.database.write() as session:
            put_in(session, plan)
        self.counted = {
            row["variant_id"]: row["on_hand"] for row in self.shop.rows("SELECT * FROM stock_items")
        }
        self.refunded_before = {
            row["order_id"]: row["total"]
            for row in self.shop.rows(
                "SELECT order_id, sum(refunded_minor) AS total FROM payments GROUP BY order_id"
            )
        }

    def teardown(self) -> None:
        """Remove the example's database."""
        self.shop.close()

    def run(
        self,
        command: Callable[..., Result],
        *arguments: Any,
        may_change: bool = False,
        **named: Any,
    ) -> Result | ServiceError:
        """Give a command now; a refusal comes back as the error, and must have changed nothing."""
        before = self.shop.commits()
        name, refusal = command.__name__, None
        try:
            result = command(self.shop.database, *arguments, now=self.now, **named)
        except ServiceError as error:
            refusal = error
        # No two things happen at the very same moment.
        self.now += timedelta(seconds=1)
        event(f"{name}: {refusal.code if refusal else 'done'}")
        if refusal is None:
            return result
        assert may_change or self.shop.commits() == before, (
            f"{name} was refused ({refusal.code}) and changed something"
        )
        return refusal

    def has(self, table: str) -> bool:
        """Whether there is anything of a kind."""
        return bool(self.shop.values(f"SELECT 1 FROM {table} LIMIT 1"))  # noqa: S608

    def one_of(self, query: str, pick: int, **values: Any) -> Any:
        """One of the values that a query finds, by a random number; None when it finds nothing."""
        found = self.shop.values(query, **values)
        return found[pick % len(found)] if found else None

    @invariant()
    def the_invariants_hold(self) -> None:
        """The list, in the order of the requirement."""
        if self.shop.commits() == self.checked_at:
            return
        self.checked_at = self.shop.commits()
        shop = self.shop
        findings = {
            "I1": goods.i1_no_more_units_are_taken_than_were_delivered(shop),
            "I2": goods.i2_units_of_cancelled_parcels_are_never_taken(shop),
            "I3": goods.i3_quantities_are_whole_and_at_least_one(shop),
            "I4": goods.i4_what_was_received_is_accepted_rejected_or_undecided(shop),
            "I5": money.i5_no_more_goes_back_for_a_line_than_was_paid_for_it(shop)
            + money.i5_money_follows_what_was_accepted(shop),
            "I6": money.i6_no_payment_gives_back_more_than_it_took(
                shop, refunded_before=self.refunded_before
            ),
            "I7": money.i7_one_refund_command_has_one_key(shop) + self.providers.contradictions,
            "I8": money.i8_closed_means_that_all_money_is_settled(shop),
            "I9": goods.i9_stock_is_never_promised_twice(shop),
            "I10": goods.i10_every_reservation_ends_with_its_document(shop),
            "I11": goods.i11_a_replacement_differs_from_what_comes_back(
                shop, other_products=self.plan.other_products
            ),
            "I12": goods.i12_a_replacement_is_sent_only_for_accepted_units(shop),
            "I13": goods.i13_a_unit_is_in_one_document_at_a_time(shop),
            "I15": records.i15_every_document_has_a_verified_shopper_or_a_named_agent(shop),
            "I16": records.i16_a_document_belongs_to_one_order_and_one_customer(shop),
            "I18": records.i18_every_change_of_state_is_logged_with_who_and_when(shop)
            + records.i18_every_change_of_a_refund_part_is_logged(shop),
            "I19": records.i19_an_event_is_announced_once_on_each_channel(shop),
            "I23": goods.i23_what_ends_without_goods_gives_back_all_it_held(shop),
            "I24": goods.i24_only_units_as_new_go_back_on_the_shelf_and_once(
                shop, counted=self.counted
            ),
            "I26": money.i26_amounts_are_whole_numbers_in_the_currency_of_the_order(shop),
            "I27": records.i27_an_override_says_who_why_and_which_rule(shop),
        }
        broken = {number: rows for number, rows in findings.items() if rows}
        assert not broken, broken

    @invariant()
    def i6_no_payment_really_gives_back_more_than_it_took(self) -> None:
        """By the books of the provider, not by ours."""
        paid = self.providers.paid()
        for row in self.shop.rows(
            "SELECT method_external_id AS method, captured_minor FROM payments"
        ):
            assert paid.get(row["method"], 0) <= row["captured_minor"]

    @invariant()
    def i5_no_part_is_paid_as_money_and_as_credit(self) -> None:
        """By the books of the provider and the codes that were given."""
        for key in self.shop.values(
            "SELECT part.idempotency_key FROM refund_parts part"
            " JOIN store_credits credit ON credit.refund_part_id = part.id"
        ):
            assert not self.providers.is_paid(key), key

    @invariant()
    def i3_no_more_units_are_taken_than_were_asked_for(self) -> None:
        """Compared with what the shopper said, not with what was stored."""
        for key, wanted in self.asked.items():
            for row in self.shop.rows(
                "SELECT bought.external_id, sum(line.quantity) AS units FROM return_lines line"
                " JOIN returns document ON document.id = line.return_id"
                " JOIN order_lines bought ON bought.id = line.order_line_id"
                " WHERE document.idempotency_key = :key GROUP BY bought.external_id",
                key=key,
            ):
                assert row["units"] <= wanted[row["external_id"]]
