"""What each finding of the rules means, in a sentence for the shop's people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from returnsdesk.domain.findings import Finding

MEANINGS: Final[dict[str, str]] = {
    "ORDER_CANCELLED": "the order was cancelled",
    "NOT_SHIPPED": "nothing of it has left yet; it can be cancelled instead",
    "IN_TRANSIT": "it left on {shipped_at} UTC and has not arrived; overdue from {claim_from}",
    "DELIVERY_DATE_UNKNOWN": "the carrier reported no delivery; it is counted from dispatch",
    "FINAL_SALE": "it was sold as final sale",
    "HYGIENE": "it cannot be sold again once unsealed",
    "PERSONALISED": "it was made for this buyer",
    "CATEGORY_EXCLUDED": "the policy excludes the category {category}",
    "EXCHANGE_DISABLED": "the policy has no exchanges",
    "NO_SIBLING_VARIANT": "the product has no other size, colour or other option",
    "ALREADY_RETURNED": "all of its units are in {rma_number}",
    "CLAIM_IN_PROGRESS": "units of it are in {document} ({state})",
    "QTY_EXCEEDS": "only {available} of {delivered} units are left",
    "WINDOW_NOT_STARTED": "the time has not begun: not everything of the order has arrived",
    "WINDOW_OPEN": "it can come back until {last_day}",
    "WINDOW_EXPIRED": "the time ended on {last_day}; a fault can be claimed until {claim_until}",
    "RETURN_FEE": "the return costs {fee_minor}",
    "FEE_WAIVED": "the fee of {fee_minor} is waived because of the {because}",
    "REASON_REVIEW": "a colleague looks at every return with this reason",
    "SERIAL_RETURNER": "a colleague looks: {returns} returns within {days} days",
    "HIGH_VALUE": "a colleague looks: it is worth {value_minor}",
    "COUNTRY_NOT_SERVED": "there is no label from {country}; the shopper sends it by another carrier",
    "CUSTOMS_NEEDED": "a parcel from {country} crosses a customs border and needs papers",
    "WITHDRAWAL_AVAILABLE": "by law the shopper can withdraw until {until}",
    "WITHDRAWAL_NOT_OFFERED": "the right of withdrawal exists in the EEA only, not in {country}",
    "WITHDRAWAL_EXPIRED": "the right of withdrawal ended on {last_day}",
    "CLAIM_TYPE_UNKNOWN": "there is no claim of the kind {claim_type}",
    "CLAIM_TOO_EARLY": "it can be claimed as never arrived from {claim_from}",
    "REPORTED_DELIVERED": "the carrier reported it delivered on {delivered_at} UTC",
    "CLAIM_WINDOW_EXPIRED": "the time for claims ended on {last_day}",
    "NEEDS_PHOTO": "a claim of this kind needs a photo",
    "SAME_VARIANT": "the replacement is the very same; for a fault there are claims",
    "OTHER_PRODUCT": "the replacement is another product",
    "OTHER_CURRENCY": "the replacement is sold in another currency",
    "PRICE_DIFFERS": "the replacement differs by {difference_minor}, which the policy refuses",
    "DIFFERENCE_DUE": "the shopper pays {difference_minor} by a link",
    "DIFFERENCE_OWED": "{difference_minor} goes back as {paid_as}",
}


def meaning(finding: Finding, fact: Callable[[str, Any], str]) -> str:
    """The sentence of a finding; `fact` writes a fact by its name and value."""
    template = MEANINGS.get(finding.code, finding.code.lower().replace("_", " "))
    return template.format_map(
        _Facts({name: fact(name, value) for name, value in finding.facts.items()})
    )


def written(
    name: str,
    value: Any,
    *,
    money: Callable[[int], str],
    moment: Callable[[datetime], str],
    day: Callable[[date], str],
) -> str:
    """A fact as text, with the reader's way of writing amounts (minor units), instants and days."""
    if value is None:
        return "a day that is still open" if name == "until" else "-"
    if name.endswith("_minor"):
        return money(abs(value))
    if isinstance(value, datetime):
        return moment(value)
    return day(value) if isinstance(value, date) else str(value).replace("_", " ")


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "-"
