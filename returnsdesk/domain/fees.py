"""What a return costs the shopper, and why it may cost nothing."""

from __future__ import annotations

from returnsdesk.domain.findings import (
    FAULT_REASONS,
    FEE,
    INFO,
    Finding,
    LineFacts,
    ShopperFacts,
    Wish,
)
from returnsdesk.domain.policy import Policy


def return_fee_minor(line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy) -> int:
    """What the return costs the shopper, in minor units of the order's currency; 0 where it is waived."""
    if fee_waived_by(wish, shopper, policy) is not None:
        return 0
    return policy.fees.return_by_currency.get(line.currency, 0)


def fee_waived_by(wish: Wish, shopper: ShopperFacts, policy: Policy) -> str | None:
    """What spares the shopper the fee: `reason`, `outcome`, `settlement` or `tier`; None when nothing does.

    Nobody pays for a fault of the shop, whatever the policy says.
    """
    fees = policy.fees
    if wish.reason in FAULT_REASONS or wish.reason in fees.waived_for_reasons:
        return "reason"
    if wish.outcome in fees.waived_for_outcomes:
        return "outcome"
    if wish.settlement in fees.waived_for_settlements:
        return "settlement"
    return "tier" if shopper.tier in fees.waived_for_tiers else None


def fee_findings(
    line: LineFacts, wish: Wish, shopper: ShopperFacts, policy: Policy
) -> list[Finding]:
    """The fee, or what spares it; nothing where the policy has no fee in the order's currency."""
    full = policy.fees.return_by_currency.get(line.currency, 0)
    if full == 0:
        return []
    waived_by = fee_waived_by(wish, shopper, policy)
    if waived_by is not None:
        facts = {"fee_minor": full, "currency": line.currency, "because": waived_by}
        return [Finding("FEE_WAIVED", INFO, facts)]
    return [Finding("RETURN_FEE", FEE, {"fee_minor": full, "currency": line.currency})]
