"""What happens by itself: time passes, the worker works, processes are started anew, stock is counted."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from returnsdesk.jobs.context import JobContext
from returnsdesk.services import stock
from returnsdesk.settings import load_settings
from returnsdesk.worker import Worker, handlers_for, timers_for
from tests.properties.desk import Desk, rule_about
from tests.properties.providers import MOODS, WELL
from tests.properties.random_shops import AGENT, SKUS


class TimeRules(Desk):
    """Rules about time and machines."""

    @rule_about("events_log", hours=st.sampled_from([1, 8, 49, 24 * 8, 24 * 15]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule_about("events_log")
    def everything_is_started_anew(self) -> None:
        self.shop.restart()

    @rule_about("outbox_jobs", mood=st.sampled_from(MOODS), rounds=st.integers(1, 3))
    def the_worker_works(self, mood: str, rounds: int) -> None:
        """A few rounds, while outside systems are as they are."""
        self.providers.mood = mood
        worker = self._worker()
        for _ in range(rounds):
            self.now += timedelta(minutes=2)
            worker.run_once(self.now)
        self.providers.mood = WELL

    def _worker(self) -> Worker:
        context = JobContext(
            settings=load_settings(var_dir=self.shop.folder, secret_key="of this example"),
            database=self.shop.database,
            mailer=self.providers.mails,
            payments=self.providers.payments,
            carrier=self.providers.carrier,
        )
        return Worker(
            self.shop.database,
            handlers_for(context),
            clock=lambda: self.now,
            timers=timers_for(context),
        )

    @rule_about("exchanges", sku=st.sampled_from(SKUS), count=st.integers(0, 5))
    def stock_is_counted(self, sku: str, count: int) -> None:
        """What is on the shelf is what was counted, whatever was promised."""
        self.run(stock.correct_count, sku, count, actor=AGENT)
        (row,) = self.shop.rows(
            "SELECT item.variant_id, item.on_hand FROM stock_items item"
            " JOIN variants variant ON variant.id = item.variant_id WHERE variant.sku = :sku",
            sku=sku,
        )
        assert row["on_hand"] == count
        moved = self.shop.values(
            "SELECT (SELECT coalesce(sum(seen.quantity), 0) FROM inspections seen"
            "   JOIN return_lines line ON line.id = seen.return_line_id"
            "   JOIN order_lines bought ON bought.id = line.order_line_id"
            "   WHERE seen.grade = 'A' AND bought.variant_id = :variant)"
            " - (SELECT coalesce(sum(quantity), 0) FROM reservations"
            "   WHERE state = 'allocated' AND variant_id = :variant)",
            variant=row["variant_id"],
        )[0]
        self.counted[row["variant_id"]] = count - moved
