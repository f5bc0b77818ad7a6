"""The returns policy as typed values: what the shop allows, for how long and at what price."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, Extra, Field, validator

from returnsdesk.domain.money import to_minor
from returnsdesk.domain.reasons import REASONS

OUTCOMES = ("refund", "exchange")
SETTLEMENTS = ("original", "store_credit")


class _Section(BaseModel):
    class Config:
        """A misspelt key is an error, never a rule that silently does not apply."""

        extra = Extra.forbid
        allow_mutation = False


def _amounts_in_minor(value: dict[str, Any]) -> dict[str, int]:
    return {currency: to_minor(str(amount), currency) for currency, amount in value.items()}


class Window(_Section):
    """How long something can come back, in days from delivery."""

    return_days: int = Field(ge=0, le=3650)
    exchange_days: int = Field(ge=0, le=3650)
    move_to_working_day: bool
    days_in_transit_if_unknown: int = Field(ge=0, le=60)
    extra_days_by_tier: dict[str, int]


class Exclusions(_Section):
    """What cannot come back for a change of mind."""

    final_sale: bool
    hygiene: bool
    personalised: bool
    categories: list[str]


class Fees(_Section):
    """The price of a return, in minor units by currency, and who does not pay it."""

    return_by_currency: dict[str, int]
    waived_for_outcomes: list[str]
    waived_for_settlements: list[str]
    waived_for_reasons: list[str]
    waived_for_tiers: list[str]

    _minor = validator("return_by_currency", pre=True, allow_reuse=True)(_amounts_in_minor)

    @validator("waived_for_reasons", each_item=True)
    def _known_reason(cls, value: str) -> str:
        if value not in REASONS:
            raise ValueError(f"{value!r} is not a reason; there are {', '.join(REASONS)}")
        return value


class ExchangeRules(_Section):
    """Whether and how items can be exchanged."""

    allowed: bool
    same_product_without_difference: bool
    reserve_days: int = Field(ge=1, le=90)


class Review(_Section):
    """Returns above this value (minor units by currency), or for these reasons, wait for a colleague."""

    above_by_currency: dict[str, int]
    reasons: list[str] = []

    _minor = validator("above_by_currency", pre=True, allow_reuse=True)(_amounts_in_minor)


class ReturnRules(_Section):
    """Where a registered return goes and by when."""

    address: str = Field(min_length=1)
    postage_paid: bool = False
    ship_by_days: int = Field(ge=1, le=365)
    inspection_working_days: int = Field(ge=0, le=60)


class RefundRules(_Section):
    """When money shows after it was paid back: first and last working day by kind of payment."""

    working_days_by_method: dict[str, tuple[int, int]]


class Policy(_Section):
    """A whole policy.

    Versions are kept with the orders that were bought under them, so a field that is added has a default: the oldest
    version must stay readable.
    """

    window: Window
    exclusions: Exclusions
    fees: Fees
    exchange: ExchangeRules
    review: Review
    return_: ReturnRules = Field(alias="return")
    refund: RefundRules

    def refund_days(self, method: str) -> tuple[int, int]:
        """First and last working day after paying back until the money shows, for a kind of payment."""
        slowest = max(self.refund.working_days_by_method.values(), key=lambda days: days[1])
        return self.refund.working_days_by_method.get(method, slowest)


def digest_of(content: dict[str, Any]) -> str:
    """A name for the content of a policy file that does not depend on order or layout."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
