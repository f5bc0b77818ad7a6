"""Exchanges as rules: what a replacement may be, what it costs more or less, and what becomes of the difference."""

from __future__ import annotations

from typing import Final, Literal

from returnsdesk.domain.findings import BLOCK, FEE, INFO, Finding
from returnsdesk.domain.policy import Policy

DifferenceStatus = Literal["none", "due", "owed", "refused"]

NONE: Final = "none"
DUE: Final = "due"
OWED: Final = "owed"
REFUSED: Final = "refused"


def difference_minor(
    paid_minor: int, new_price_minor: int, quantity: int, *, same_product: bool, policy: Policy
) -> int:
    """What a replacement costs more (+) or less (-) than what was paid, in minor units, for all units together.

    `paid_minor` is what was paid for exactly these units after all discounts (the sum of their stored shares),
    `new_price_minor` what one unit of the replacement costs today. 0 within one product where the policy swaps
    options at no difference. Raises `ValueError` for a quantity below 1 or negative amounts.
    """
    if quantity < 1 or paid_minor < 0 or new_price_minor < 0:
        raise ValueError(
            "a difference needs a quantity of 1 or more and amounts that are not negative"
        )
    if same_product and policy.exchange.same_product_without_difference:
        return 0
    return new_price_minor * quantity - paid_minor


def difference_status(difference: int, policy: Policy) -> DifferenceStatus:
    """What becomes of a difference: `due` is paid by a link, never charged silently; `owed` goes back."""
    if difference == 0:
        return "none"
    if difference < 0:
        return "owed"
    return "due" if policy.exchange.dearer == "pay" else "refused"


def replacement_findings(
    *,
    same_variant: bool,
    same_product: bool,
    same_currency: bool,
    difference: int,
    policy: Policy,
) -> list[Finding]:
    """What speaks against a replacement, or what it costs more or less.

    The very same variant again is no exchange but a claim; `difference` is that of `difference_minor`.
    """
    found: list[Finding] = []
    if not policy.exchange.allowed:
        found.append(Finding("EXCHANGE_DISABLED", BLOCK))
    if same_variant:
        found.append(Finding("SAME_VARIANT", BLOCK))
    if not same_product and not policy.exchange.other_products:
        found.append(Finding("OTHER_PRODUCT", BLOCK))
    if not same_currency:
        found.append(Finding("OTHER_CURRENCY", BLOCK))
    status = difference_status(difference, policy)
    facts = {"difference_minor": difference}
    if status == REFUSED:
        found.append(Finding("PRICE_DIFFERS", BLOCK, facts))
    elif status == DUE:
        found.append(Finding("DIFFERENCE_DUE", FEE, facts))
    elif status == OWED:
        found.append(
            Finding("DIFFERENCE_OWED", INFO, {**facts, "paid_as": policy.exchange.cheaper})
        )
    return found
