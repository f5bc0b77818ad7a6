"""What the law gives whatever the policy says: the statutory withdrawal, and claims for what was not as agreed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from returnsdesk.domain import windows
from returnsdesk.domain.findings import (
    BLOCK,
    INFO,
    REVIEW,
    Finding,
    LineFacts,
    is_allowed,
    worst_first,
)
from returnsdesk.domain.holdings import holding_findings
from returnsdesk.domain.policy import CLAIM_TYPES, Policy
from returnsdesk.domain.return_windows import claim_last_day, withdrawal_last_day

# Directive 2011/83/EU, art. 16(m). Gift cards can be withdrawn from.
_CATEGORIES_WITHOUT_WITHDRAWAL: Final = frozenset({"digital"})


def withdrawal_findings(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    """All findings on withdrawing from a line at `now`, the moment of the declaration; worst first.

    `WITHDRAWAL_AVAILABLE` (fact `until`, None while not everything has left) is given when nothing blocks. The right
    exists in the EEA, from the purchase until the policy's days (14 at the least) after the order's last parcel
    arrived, without a reason. A final sale does not remove it. The law excepts what was personalised and digital
    content (art. 16(c) and (m)), and hygiene goods once unsealed (art. 16(e)): whether they were shows when they
    come back, so that is a review. A shop whose policy does not exclude these is kinder than the law. A period
    whose begin the carrier never reported is not held against the shopper: that is a review as well.
    """
    if line.country not in windows.EEA_COUNTRIES:
        return [Finding("WITHDRAWAL_NOT_OFFERED", BLOCK, {"country": line.country})]
    if line.order_status == "cancelled":
        return [Finding("ORDER_CANCELLED", BLOCK)]
    units = len(line.unit_parcels)
    findings = [
        *_legal_exceptions(line, policy),
        *holding_findings(line, total=units, free=max(0, units - line.claimed), wanted=1),
        *_withdrawal_period(line, policy, now),
    ]
    if is_allowed(findings):
        until = withdrawal_last_day(line, policy)
        findings.append(Finding("WITHDRAWAL_AVAILABLE", INFO, {"until": until}))
    return worst_first(findings)


def claim_findings(
    line: LineFacts,
    claim_type: str,
    policy: Policy,
    now: datetime,
    has_photo: bool,
    quantity: int = 1,
) -> list[Finding]:
    """All findings on a claim for units of a line at `now`, worst first; exclusions never count against it.

    `claim_type` is one of `damaged`, `missing`, `wrong_item`, `never_arrived`. A parcel that never arrived can be
    claimed from some days after dispatch; when the carrier reported it delivered, a colleague looks. What the
    shopper holds in hand can be claimed although no delivery was reported. `NEEDS_PHOTO` lets the claim wait for a
    photo (its fact `status` is `need_evidence`).
    """
    if claim_type not in CLAIM_TYPES:
        return [Finding("CLAIM_TYPE_UNKNOWN", BLOCK, {"claim_type": claim_type})]
    if line.order_status == "cancelled":
        return [Finding("ORDER_CANCELLED", BLOCK)]
    sent = line.shipped()
    if not sent:
        return [Finding("NOT_SHIPPED", BLOCK)]
    findings = [
        *(
            _never_arrived(line, policy, now)
            if claim_type == "never_arrived"
            else _not_reported(line, policy, now)
        ),
        *holding_findings(
            line, total=len(sent), free=max(0, len(sent) - line.claimed), wanted=quantity
        ),
        *_claim_period(line, policy, now),
    ]
    if claim_type in policy.claims.photo_required_for and not has_photo:
        facts = {"claim_type": claim_type, "status": "need_evidence"}
        findings.append(Finding("NEEDS_PHOTO", REVIEW, facts))
    return worst_first(findings)


def _legal_exceptions(line: LineFacts, policy: Policy) -> list[Finding]:
    rules = policy.exclusions
    found: list[Finding] = []
    if line.personalised and rules.personalised:
        found.append(Finding("PERSONALISED", BLOCK))
    if line.category in _CATEGORIES_WITHOUT_WITHDRAWAL and line.category in rules.categories:
        found.append(Finding("CATEGORY_EXCLUDED", BLOCK, {"category": line.category}))
    if line.hygiene and rules.hygiene:
        found.append(Finding("HYGIENE", REVIEW))
    return found


def _withdrawal_period(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    last_day = withdrawal_last_day(line, policy)
    if last_day is None or windows.local_date(now, line.country) <= last_day:
        return []
    if line.is_arrival_reported():
        return [Finding("WITHDRAWAL_EXPIRED", BLOCK, {"last_day": last_day})]
    return [Finding("DELIVERY_DATE_UNKNOWN", REVIEW, {"last_day": last_day})]


def _never_arrived(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    missing = [parcel for parcel in line.shipped() if parcel.delivered_at is None]
    if not missing:
        delivered = [parcel.delivered_at for parcel in line.shipped() if parcel.delivered_at]
        return [Finding("REPORTED_DELIVERED", REVIEW, {"delivered_at": max(delivered)})]
    dispatched = min(parcel.shipped_at for parcel in missing if parcel.shipped_at)
    from_when = dispatched + timedelta(days=policy.claims.never_arrived_after_days)
    if now >= from_when:
        return []
    day = windows.local_date(from_when, line.country)
    return [Finding("CLAIM_TOO_EARLY", BLOCK, {"claim_from": day, "shipped_at": dispatched})]


def _not_reported(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    if line.delivered(policy, now):
        return []
    shipped = [parcel.shipped_at for parcel in line.shipped() if parcel.shipped_at]
    return [Finding("IN_TRANSIT", REVIEW, {"shipped_at": min(shipped, default=None)})]


def _claim_period(line: LineFacts, policy: Policy, now: datetime) -> list[Finding]:
    last_day = claim_last_day(line, policy)
    if last_day is None or windows.local_date(now, line.country) <= last_day:
        return []
    return [Finding("CLAIM_WINDOW_EXPIRED", BLOCK, {"last_day": last_day})]
