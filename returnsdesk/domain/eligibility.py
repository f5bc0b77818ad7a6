"""May this be returned or exchanged, until when and at what price: one pure function that gives all findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from returnsdesk.domain import windows
from returnsdesk.domain.policy import Policy

BLOCK: Final = "block"
REVIEW: Final = "review"
FEE: Final = "fee"
INFO: Final = "info"

# Reasons for which the shop answers whatever the policy excludes, and without a fee.
FAULT_REASONS: Final = frozenset({"defective", "not_as_described"})
# Directive 2011/83/EU, art. 9(1)
LEGAL_WITHDRAWAL_DAYS: Final = 14


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
    document holds, `blocking_rma` names the latest of these documents.
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


@dataclass(frozen=True)
class ShopperFacts:
    """What the rules may know of the shopper."""

    tier: str = "none"


@dataclass(frozen=True)
class Wish:
    """What the shopper wants for a line; `settlement` and `reason` as far as they are known."""

    quantity: int
    outcome: str
    reason: str | None = None
    settlement: str | None = None


def check(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy, now: datetime
) -> list[Finding]:
    """All findings on one line, worst first; it may go ahead when none of them blocks."""
    findings = [
        *_delivery_findings(line, policy, now),
        *_exclusion_findings(line, wish, policy),
        *_quantity_findings(line, wish, policy, now),
        *_window_findings(line, wish, shopper, policy, now),
        *_fee_findings(line, wish, shopper, policy),
        *_review_findings(wish, policy),
    ]
    order = (BLOCK, REVIEW, FEE, INFO)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def is_allowed(findings: Iterable[Finding]) -> bool:
    """Whether nothing in the findings blocks."""
    return not any(finding.severity == BLOCK for finding in findings)


def last_return_day(
    line: LineFacts, outcome: str, shopper: ShopperFacts, policy: Policy
) -> date | None:
    """The last day on which the shopper can ask, where they live; None while parcels are still to leave.

    The longest of policy and law counts, then the days of the shopper's tier are added. The period begins with the
    arrival of the order's last parcel (Directive 2011/83/EU, art. 9(2)(b)(i)).
    """
    start = line.window_start(policy)
    if start is None:
        return None
    days = policy.window.exchange_days if outcome == "exchange" else policy.window.return_days
    if line.country in windows.EEA_COUNTRIES:
        days = max(days, LEGAL_WITHDRAWAL_DAYS)
    days += policy.window.extra_days_by_tier.get(shopper.tier, 0)
    return windows.last_day(
        start, days, line.country, to_working_day=policy.window.move_to_working_day
    )


def return_fee_minor(line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy) -> int:
    """What the return costs the shopper, in minor units of the order's currency; 0 where it is waived."""
    fees = policy.fees
    is_waived = (
        wish.outcome in fees.waived_for_outcomes
        or wish.settlement in fees.waived_for_settlements
        or wish.reason in fees.waived_for_reasons
        or shopper.tier in fees.waived_for_tiers
    )
    return 0 if is_waived else fees.return_by_currency.get(line.currency, 0)


def _delivery_findings(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    if line.order_status == "cancelled":
        return [Finding("ORDER_CANCELLED", BLOCK)]
    parcels = [parcel for parcel in line.unit_parcels if parcel and parcel.shipped_at]
    if not parcels:
        return [Finding("NOT_SHIPPED", BLOCK)]
    if line.delivered(policy, now) == 0:
        return [Finding("IN_TRANSIT", BLOCK, {"shipped_at": parcels[0].shipped_at})]
    if any(parcel.delivered_at is None for parcel in parcels):
        return [Finding("DELIVERY_DATE_UNKNOWN", INFO)]
    return []


def _exclusion_findings(line: LineFacts, wish: Wish, policy: Policy) -> list[Finding]:
    if wish.reason in FAULT_REASONS:
        return []
    rules = policy.exclusions
    found: list[Finding] = []
    if line.final_sale and rules.final_sale:
        found.append(Finding("FINAL_SALE", BLOCK))
    if line.hygiene and rules.hygiene:
        found.append(Finding("HYGIENE", BLOCK))
    if line.personalised and rules.personalised:
        found.append(Finding("PERSONALISED", BLOCK))
    if line.category in rules.categories:
        found.append(Finding("CATEGORY_EXCLUDED", BLOCK, {"category": line.category}))
    if wish.outcome == "exchange" and not policy.exchange.allowed:
        found.append(Finding("EXCHANGE_DISABLED", BLOCK))
    return found


def _quantity_findings(line: LineFacts, wish: Wish, policy: Policy, now: datetime) -> list[Finding]:
    delivered, available = line.delivered(policy, now), line.available(policy, now)
    if delivered == 0:
        return []
    if available == 0:
        return [Finding("ALREADY_RETURNED", BLOCK, {"rma_number": line.blocking_rma})]
    if wish.quantity > available:
        facts = {"available": available, "delivered": delivered, "rma_number": line.blocking_rma}
        return [Finding("QTY_EXCEEDS", BLOCK, facts)]
    return []


def _window_findings(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy, now: datetime
) -> list[Finding]:
    last_day = last_return_day(line, wish.outcome, shopper, policy)
    if last_day is None:
        return []
    if windows.local_date(now, line.country) > last_day:
        return [Finding("WINDOW_EXPIRED", BLOCK, {"last_day": last_day})]
    return [Finding("WINDOW_OPEN", INFO, {"last_day": last_day})]


def _fee_findings(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy
) -> list[Finding]:
    fee = return_fee_minor(line, wish, shopper, policy)
    return [Finding("RETURN_FEE", FEE, {"fee_minor": fee})] if fee else []


def _review_findings(wish: Wish, policy: Policy) -> list[Finding]:
    return [Finding("REASON_REVIEW", REVIEW)] if wish.reason in policy.review.reasons else []
