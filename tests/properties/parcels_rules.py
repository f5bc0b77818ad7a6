"""What may happen to parcels: labels made and changed, reports of carriers in any order and twice."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from returnsdesk.clients.carrier import DELIVERED, IN_TRANSIT, LOST, UNDELIVERED, CarrierReport
from returnsdesk.services import labels, parcels
from tests.properties.desk import Desk, rule_about
from tests.properties.random_shops import AGENT

picks = st.integers(0, 7)


class ParcelsRules(Desk):
    """Rules about labels and parcels."""

    def _number(self, pick: int) -> str:
        return str(self.one_of("SELECT rma_number FROM returns ORDER BY id DESC", pick) or "RMA-1")

    @rule_about("returns", pick=picks)
    def a_label_is_made(self, pick: int) -> None:
        """At once, by hand."""
        number, carrier = self._number(pick), self.providers.carrier
        # A refusal by the rules changes nothing, but one by the carrier leaves the wish for the worker.
        self.run(labels.issue_label, number, actor=AGENT, carrier=carrier, may_change=True)

    @rule_about(
        "returns",
        pick=picks,
        method=st.sampled_from(["drop_off", "own_carrier", "pick_up", "balloon"]),
    )
    def another_way_of_sending_is_chosen(self, pick: int, method: str) -> None:
        day = (self.now + timedelta(days=3)).date() if method == "pick_up" else None
        self.run(labels.choose_method, self._number(pick), method, day, actor="shopper")

    @rule_about(
        "returns",
        pick=picks,
        status=st.sampled_from(
            [IN_TRANSIT, IN_TRANSIT, DELIVERED, DELIVERED, LOST, UNDELIVERED, "?"]
        ),
        minutes=st.integers(-90, 0),
        times=st.integers(1, 3),
    )
    def a_carrier_reports(self, pick: int, status: str, minutes: int, times: int) -> None:
        """Of a return's parcel, of a replacement's, or of one that nobody knows; once or more often."""
        number = self.one_of(
            "SELECT tracking_number FROM inbound_parcels"
            " UNION ALL SELECT tracking_number FROM exchanges WHERE tracking_number IS NOT NULL",
            pick,
        )
        report = CarrierReport(
            carrier="sample",
            event_id=f"{number}-{status}-{minutes}",
            tracking_number=number or "RD-unknown",
            status=status,
            at=self.now + timedelta(minutes=minutes),
        )
        for _ in range(times):
            self.run(parcels.apply_event, report)
