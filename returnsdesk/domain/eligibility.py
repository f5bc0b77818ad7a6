"""May this be returned or exchanged, until when and at what price: one pure function that gives all findings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from returnsdesk.domain import windows
from returnsdesk.domain.fees import fee_findings, return_fee_minor
from returnsdesk.domain.findings import (
    BLOCK,
    FAULT_REASONS,
    FEE,
    INFO,
    REVIEW,
    Finding,
    LineFacts,
    ParcelFacts,
    ShopperFacts,
    Wish,
    is_allowed,
    worst_first,
)
from returnsdesk.domain.holdings import holding_findings
from returnsdesk.domain.policy import Policy
from returnsdesk.domain.return_windows import claim_last_day, last_return_day
from returnsdesk.domain.rights import claim_findings, withdrawal_findings

__all__ = [
    "BLOCK",
    "FAULT_REASONS",
    "FEE",
    "INFO",
    "REVIEW",
    "Finding",
    "LineFacts",
    "ParcelFacts",
    "ShopperFacts",
    "Wish",
    "check",
    "claim_findings",
    "is_allowed",
    "last_return_day",
    "return_fee_minor",
    "withdrawal_findings",
]

# Goods cross no customs border between these; Iceland, Liechtenstein and Norway are in the EEA only.
_NOT_IN_CUSTOMS_UNION: Final = frozenset({"IS", "LI", "NO"})
_CUSTOMS_UNION: Final = windows.EEA_COUNTRIES - _NOT_IN_CUSTOMS_UNION | {"MC"}


def check(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy, now: datetime
) -> list[Finding]:
    """All findings on one line, worst first; it may go ahead when none of them blocks.

    The same facts always give the same findings. `now` is the present moment in UTC; for the window alone
    `wish.asked_at` counts where it is earlier. Findings of severity `info` are never a reason against.
    """
    return worst_first(
        [
            *_delivery_findings(line, policy, now),
            *_exclusion_findings(line, wish, policy),
            *_exchange_findings(line, wish, policy),
            *_quantity_findings(line, wish, policy, now),
            *_window_findings(line, wish, shopper, policy, now),
            *fee_findings(line, wish, shopper, policy),
            *_review_findings(wish, shopper, policy),
            *_way_back_findings(line, policy),
            *_right_findings(line, policy, asked_at(wish, now)),
        ]
    )


def asked_at(wish: Wish, now: datetime) -> datetime:
    """The moment that counts for the window: when the shopper first asked, never later than `now`."""
    return min(wish.asked_at, now) if wish.asked_at is not None else now


def _delivery_findings(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    if line.order_status == "cancelled":
        return [Finding("ORDER_CANCELLED", BLOCK)]
    parcels = line.shipped()
    if not parcels:
        return [Finding("NOT_SHIPPED", BLOCK)]
    if line.delivered(policy, now) == 0:
        dispatched = min(
            (parcel.shipped_at for parcel in parcels if parcel.shipped_at), default=None
        )
        return [Finding("IN_TRANSIT", BLOCK, _transit_facts(line, dispatched, policy))]
    if any(parcel.delivered_at is None for parcel in parcels):
        return [Finding("DELIVERY_DATE_UNKNOWN", INFO)]
    return []


def _transit_facts(
    line: LineFacts, dispatched: datetime | None, policy: Policy
) -> dict[str, object]:
    """When it left, and from which day it can be claimed as never arrived."""
    if dispatched is None:
        return {"shipped_at": None, "claim_from": None}
    overdue = dispatched + timedelta(days=policy.claims.never_arrived_after_days)
    return {"shipped_at": dispatched, "claim_from": windows.local_date(overdue, line.country)}


def _exclusion_findings(line: LineFacts, wish: Wish, policy: Policy) -> list[Finding]:
    """What the policy excludes; a fault is the shop's to answer for whatever it excludes."""
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
    return found


def _exchange_findings(line: LineFacts, wish: Wish, policy: Policy) -> list[Finding]:
    if wish.outcome != "exchange":
        return []
    if not policy.exchange.allowed:
        return [Finding("EXCHANGE_DISABLED", BLOCK)]
    if line.other_variants == 0 and not policy.exchange.other_products:
        return [Finding("NO_SIBLING_VARIANT", BLOCK)]
    return []


def _quantity_findings(line: LineFacts, wish: Wish, policy: Policy, now: datetime) -> list[Finding]:
    return holding_findings(
        line,
        total=line.delivered(policy, now),
        free=line.available(policy, now),
        wanted=wish.quantity,
    )


def _window_findings(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy, now: datetime
) -> list[Finding]:
    start = line.window_start(policy)
    last_day = last_return_day(line, wish.outcome, shopper, policy)
    if start is None or last_day is None or start > now:
        return [Finding("WINDOW_NOT_STARTED", INFO)] if line.shipped() else []
    if windows.local_date(asked_at(wish, now), line.country) > last_day:
        facts = {"last_day": last_day, "claim_until": claim_last_day(line, policy)}
        return [Finding("WINDOW_EXPIRED", BLOCK, facts)]
    return [Finding("WINDOW_OPEN", INFO, {"last_day": last_day})]


def _review_findings(wish: Wish, shopper: ShopperFacts, policy: Policy) -> list[Finding]:
    review = policy.review
    found: list[Finding] = []
    if wish.reason in review.reasons:
        found.append(Finding("REASON_REVIEW", REVIEW, {"reason": wish.reason}))
    if 0 < review.many_returns <= shopper.recent_returns:
        facts = {"returns": shopper.recent_returns, "days": review.many_returns_days}
        found.append(Finding("SERIAL_RETURNER", REVIEW, facts))
    return found


def _way_back_findings(line: LineFacts, policy: Policy) -> list[Finding]:
    """How a parcel can come back from where the shopper lives; a colleague looks where there is no way."""
    rules = policy.return_
    found: list[Finding] = []
    if rules.label_countries and line.country not in rules.label_countries:
        severity = INFO if "own_carrier" in rules.methods else REVIEW
        found.append(Finding("COUNTRY_NOT_SERVED", severity, {"country": line.country}))
    if rules.country is not None and _crosses_customs(line.country, rules.country):
        found.append(Finding("CUSTOMS_NEEDED", INFO, {"country": line.country}))
    return found


def _crosses_customs(origin: str, destination: str) -> bool:
    return origin != destination and not {origin, destination} <= _CUSTOMS_UNION


def _right_findings(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    """The statutory withdrawal where it stands open, so that whoever refuses a return can name it."""
    return [
        finding
        for finding in withdrawal_findings(line, policy, now)
        if finding.code == "WITHDRAWAL_AVAILABLE"
    ]
