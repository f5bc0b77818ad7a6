"""What may happen to money and replacements: started, settled in any order, refused, chosen again, sent."""

from __future__ import annotations

from hypothesis import strategies as st

from returnsdesk.clients.payment import FAILED, SETTLED
from returnsdesk.services import (
    differences,
    exchange_endings,
    exchanges,
    refund_parts,
    refunds,
)
from returnsdesk.services.credits import give_coupon
from returnsdesk.services.views import ReturnView
from tests.properties.desk import Desk, rule_about
from tests.properties.providers import SLOW, WELL
from tests.properties.random_shops import AGENT, SKUS

picks = st.integers(0, 7)
PARTS = "SELECT id FROM refund_parts ORDER BY id DESC"
OPEN_PARTS = "SELECT id FROM refund_parts WHERE status IN ('sending', 'pending') ORDER BY id"
PART_FACTS = """
    SELECT part.idempotency_key AS key, part.amount_minor, refund.currency,
      coalesce(payment.method_external_id, part.provider_reference) AS method
    FROM refund_parts part JOIN refunds refund ON refund.id = part.refund_id
      LEFT JOIN payments payment ON payment.id = part.payment_id
    WHERE part.id = :part AND part.status IN ('sending', 'pending')
      AND coalesce(payment.method_external_id, part.provider_reference) IS NOT NULL
"""


class MoneyRules(Desk):
    """Rules about refunds and exchanges."""

    def an_exchange(self, pick: int) -> str:
        """The number of one of the exchanges, or of none."""
        return str(self.one_of("SELECT number FROM exchanges ORDER BY id DESC", pick) or "EX-1")

    def a_part(self, pick: int) -> int:
        """The id of one of the refund parts, or of none."""
        return int(self.one_of(PARTS, pick) or 0)

    @rule_about("inspections", pick=picks)
    def a_refund_is_started(self, pick: int) -> None:
        """Twice: the second time finds the first."""
        number = self.one_of(
            "SELECT rma_number FROM returns WHERE status IN ('inspected', 'refund_pending') ORDER BY id",
            pick,
        )
        first = self.run(refunds.start, number or "RMA-1", actor=AGENT)
        if isinstance(first, ReturnView):
            again = self.run(refunds.start, number, actor=AGENT)
            assert isinstance(again, ReturnView) and again.refunds == first.refunds

    @rule_about("returns", pick=picks)
    def a_refund_is_started_anywhere(self, pick: int) -> None:
        number = self.one_of("SELECT rma_number FROM returns ORDER BY id", pick)
        self.run(refunds.start, number or "RMA-1", actor=AGENT)

    @rule_about("refund_parts", pick=picks, times=st.integers(1, 2))
    def a_part_is_settled(self, pick: int, times: int) -> None:
        """The provider has paid it and says so, once or twice."""
        part = self.a_part(pick)
        self._pay(part)
        for time in range(times):
            self.run(refunds.settle_part, part, f"reference-{time}")

    @rule_about("refund_parts")
    def all_parts_are_settled(self) -> None:
        for part in self.shop.values(OPEN_PARTS):
            self._pay(part)
            self.run(refunds.settle_part, part, f"reference-{part}")

    def _pay(self, part: int) -> None:
        """What the provider does before it reports."""
        for row in self.shop.rows(PART_FACTS, part=part):
            payments = self.providers.payments
            payments.refund(row["key"], row["amount_minor"], row["currency"], row["method"])

    @rule_about("refund_parts", pick=picks)
    def a_part_is_pending(self, pick: int) -> None:
        part = self.a_part(pick)
        self.providers.mood = SLOW
        self._pay(part)
        self.providers.mood = WELL
        self.run(refunds.mark_pending, part, "reference")

    @rule_about("refund_parts", pick=picks)
    def a_part_is_refused(self, pick: int) -> None:
        """A provider does not refuse what it has paid."""
        part = self.a_part(pick)
        keys = self.shop.values(
            "SELECT idempotency_key FROM refund_parts WHERE id = :part", part=part
        )
        if not any(self.providers.payments.status.get(key) == SETTLED for key in keys):
            self.providers.payments.status.update(dict.fromkeys(keys, FAILED))
            self.run(refunds.fail_part, part, "card closed")

    @rule_about("refund_parts", pick=picks)
    def a_part_gets_no_answer(self, pick: int) -> None:
        self.run(refund_parts.record_failure, self.a_part(pick), "time-out")

    @rule_about("refund_parts", pick=picks)
    def a_refused_part_is_tried_again(self, pick: int) -> None:
        self.run(refunds.retry_part, self.a_part(pick), actor=AGENT)

    @rule_about("refund_parts", pick=picks)
    def a_refused_part_becomes_credit(self, pick: int) -> None:
        self.run(
            refunds.replace_failed_part, self.a_part(pick), settlement="store_credit", actor=AGENT
        )

    @rule_about("refund_parts", pick=picks, amount=st.integers(0, 500))
    def a_coupon_is_given(self, pick: int, amount: int) -> None:
        """A present never counts as paid back."""
        order_number, _line = self.lines[pick % len(self.lines)]
        self.run(
            give_coupon, order_number, amount, reason="for the trouble", actor=AGENT,
            idempotency_key=f"coupon-{pick}",
        )  # fmt: skip

    @rule_about("exchanges", pick=picks)
    def a_replacement_is_sent(self, pick: int) -> None:
        number = self.an_exchange(pick)
        is_for_claim = self.shop.values(
            "SELECT 1 FROM exchanges WHERE number = :number AND claim_id IS NOT NULL", number=number
        )
        send = exchanges.ship_for_claim if is_for_claim else exchanges.ship
        for _ in range(2):
            self.run(send, number, f"OUT-{number}", actor=AGENT)

    @rule_about("exchanges", pick=picks)
    def a_replacement_arrives(self, pick: int) -> None:
        self.run(exchanges.deliver, self.an_exchange(pick), actor="carrier")

    @rule_about(
        "exchanges", pick=picks, skus=st.lists(st.sampled_from(SKUS), min_size=1, max_size=3)
    )
    def the_shopper_chooses_again(self, pick: int, skus: list[str]) -> None:
        number = str(
            self.one_of(
                "SELECT number FROM exchanges WHERE status = 'choose_again' ORDER BY id", pick
            )
            or self.an_exchange(pick)
        )
        lines = self.shop.values(
            "SELECT DISTINCT bought.external_id FROM exchange_lines line"
            " JOIN exchanges exchange ON exchange.id = line.exchange_id"
            " LEFT JOIN return_lines returned ON returned.id = line.return_line_id"
            " LEFT JOIN claim_lines claimed ON claimed.id = line.claim_line_id"
            " JOIN order_lines bought ON bought.id = coalesce(returned.order_line_id, claimed.order_line_id)"
            " WHERE exchange.number = :number",
            number=number,
        )
        choice = {line: skus[index % len(skus)] for index, line in enumerate(lines)}
        self.run(exchanges.choose_again, number, choice, actor="shopper")

    @rule_about(
        "exchanges", pick=picks, settlement=st.sampled_from(["original", "store_credit", "cash"])
    )
    def money_instead_of_a_replacement(self, pick: int, settlement: str) -> None:
        self.run(
            exchange_endings.convert_to_return, self.an_exchange(pick), settlement, actor="shopper"
        )

    @rule_about("exchanges")
    def reservations_run_out(self) -> None:
        self.run(exchange_endings.release_expired)

    @rule_about("exchanges", pick=picks)
    def a_payment_link_is_made(self, pick: int) -> None:
        exchange_id = self.one_of("SELECT id FROM exchanges ORDER BY id DESC", pick)
        if exchange_id is None:
            return
        with self.shop.database.read() as session:
            wanted = differences.link_wanted(session, exchange_id)
        if wanted is not None:
            self.run(
                differences.keep_link,
                exchange_id,
                wanted,
                f"link-{wanted.key}",
                "https://pay.example",
            )

    @rule_about("exchanges", pick=picks)
    def a_payment_link_is_paid(self, pick: int) -> None:
        """The shopper pays, and the provider says so twice."""
        number = self.an_exchange(pick)
        references = self.shop.values(
            "SELECT payment_reference FROM exchanges WHERE number = :number AND difference_status = 'due'"
            " AND payment_reference IS NOT NULL",
            number=number,
        )
        self.providers.payments.paid_links.update(references)
        for _ in range(2 if references else 0):
            self.run(differences.pay_difference, number, actor="system")

    @rule_about("exchanges", pick=picks)
    def a_payment_link_is_not_paid(self, pick: int) -> None:
        self.run(differences.miss_payment, self.an_exchange(pick))

    @rule_about("exchanges", pick=picks)
    def a_difference_is_waived(self, pick: int) -> None:
        self.run(
            differences.waive_difference, self.an_exchange(pick), reason="our fault", actor=AGENT
        )
