"""What the rules work on and what they give: facts of the record, a shopper's wish, findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from returnsdesk.domain.policy import Policy

BLOCK: Final = "block"
REVIEW: Final = "review"
FEE: Final = "fee"
INFO: Final = "info"

SEVERITIES: Final = (BLOCK, REVIEW, FEE, INFO)

# Reasons for which the shop answers whatever the policy excludes, and without a fee.
FAULT_REASONS: Final = frozenset({"defective", "not_as_described"})


@dataclass(frozen=True)
class Finding:
    """One thing the rules have to say: a code, how much it weighs, and the facts to say it with."""

    code: str
    severity: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ParcelFacts:
    """A parcel to the shopper, with its instants in UTC as far as the carrier reported them."""

    shipped_at: datetime | None
    delivered_at: datetime | None

    def arrival(self, policy: Policy) -> datetime | None:
        """When it arrived, or is taken to have arrived where the carrier never reported it; None before dispatch."""
        if self.delivered_at is not None or self.shipped_at is None:
            return self.delivered_at
        return self.shipped_at + timedelta(days=policy.window.days_in_transit_if_unknown)


@dataclass(frozen=True)
class LineFacts:
    """What the record says of one order line at this moment.

    `unit_parcels` has one entry for each unit of the line, `order_parcels` one for each unit of the whole order: its
    parcel, or None while it has not left. Cancelled parcels are left out before. `claimed` counts units that any
    document holds, `blocking_rma` names the latest return among these documents. `blocking_document` and
    `blocking_state` are number and status of the latest document of any kind, a claim for one. `product_id` is the
    shop's own; `other_variants` counts the variants beside this one that its product has, None where nobody looked.
    """

    unit_parcels: tuple[ParcelFacts | None, ...]
    order_parcels: tuple[ParcelFacts | None, ...]
    claimed: int
    order_status: str
    country: str
    currency: str
    category: str | None = None
    final_sale: bool = False
    hygiene: bool = False
    personalised: bool = False
    blocking_rma: str | None = None
    product_id: str | None = None
    placed_at: datetime | None = None
    blocking_document: str | None = None
    blocking_state: str | None = None
    other_variants: int | None = None

    def shipped(self) -> tuple[ParcelFacts, ...]:
        """The parcels of the line that have left, one for each unit."""
        return tuple(
            parcel
            for parcel in self.unit_parcels
            if parcel and (parcel.shipped_at is not None or parcel.delivered_at is not None)
        )

    def delivered(self, policy: Policy, now: datetime) -> int:
        """Units that have arrived, or are taken to have."""
        arrivals = (parcel.arrival(policy) for parcel in self.unit_parcels if parcel)
        return sum(1 for arrival in arrivals if arrival is not None and arrival <= now)

    def available(self, policy: Policy, now: datetime) -> int:
        """Units that have arrived and that no document holds."""
        return max(0, self.delivered(policy, now) - self.claimed)

    def window_start(self, policy: Policy) -> datetime | None:
        """Arrival of the order's last parcel; None while anything of the order has not left."""
        arrivals = [parcel.arrival(policy) if parcel else None for parcel in self.order_parcels]
        known = [arrival for arrival in arrivals if arrival is not None]
        return max(known) if known and len(known) == len(arrivals) else None

    def is_arrival_reported(self) -> bool:
        """Whether the carrier reported the delivery of every parcel of the order."""
        return all(parcel and parcel.delivered_at is not None for parcel in self.order_parcels)


@dataclass(frozen=True)
class ShopperFacts:
    """What the rules may know of the shopper.

    `recent_returns` counts what they sent back within the days that the policy looks at (`review.many_returns_days`).
    """

    tier: str = "none"
    member_since: datetime | None = None
    recent_returns: int = 0


@dataclass(frozen=True)
class Wish:
    """What the shopper wants for a line; `settlement` and `reason` as far as they are known.

    `asked_at` is when they first asked. It counts for the window and nothing else: nobody loses a right because a
    conversation went on over midnight, or because the desk was down.
    """

    quantity: int
    outcome: str
    reason: str | None = None
    settlement: str | None = None
    asked_at: datetime | None = None


def is_allowed(findings: Iterable[Finding]) -> bool:
    """Whether nothing in the findings blocks."""
    return not any(finding.severity == BLOCK for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by how much they weigh; those of one weight keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
