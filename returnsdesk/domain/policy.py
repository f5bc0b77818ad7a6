"""The returns policy as typed values: what the shop allows, for how long and at what price."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any, Literal

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


class Tenure(_Section):
    """More days for those who have been customers for so many whole years."""

    years: int = Field(ge=1, le=100)
    extra_days: int = Field(ge=0, le=3650)


class Season(_Section):
    """What was bought between two days (both included, where the shopper lives) can come back until `last_day`."""

    bought_from: date
    bought_to: date
    last_day: date

    @validator("last_day")
    def _in_order(cls, value: date, values: dict[str, Any]) -> date:
        if not values.get("bought_from", value) <= values.get("bought_to", value) <= value:
            raise ValueError("bought_from, bought_to and last_day must follow each other")
        return value


class Window(_Section):
    """How long something can come back, in days from delivery."""

    return_days: int = Field(ge=0, le=3650)
    exchange_days: int = Field(ge=0, le=3650)
    move_to_working_day: bool
    days_in_transit_if_unknown: int = Field(ge=0, le=60)
    extra_days_by_tier: dict[str, int]
    # Categories and products (the shop's own ids) with a time of their own; the law's is the least.
    days_by_category: dict[str, int] = {}
    days_by_product: dict[str, int] = {}
    tenure: list[Tenure] = []
    seasons: list[Season] = []


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
    other_products: bool = False
    # A dearer replacement is paid by a link within so many hours, or not offered; a cheaper one pays the rest back.
    dearer: Literal["pay", "refuse"] = "pay"
    cheaper: Literal["original", "store_credit"] = "original"
    payment_hours: int = Field(default=48, ge=1, le=720)


class Review(_Section):
    """Returns above this value (minor units by currency), or for these reasons, wait for a colleague."""

    above_by_currency: dict[str, int]
    reasons: list[str] = []
    # So many returns within so many days let a colleague look; 0 never.
    many_returns: int = Field(default=0, ge=0)
    many_returns_days: int = Field(default=365, ge=1)
    working_days: int = Field(default=2, ge=0, le=30)

    _minor = validator("above_by_currency", pre=True, allow_reuse=True)(_amounts_in_minor)


class ReturnRules(_Section):
    """Where a registered return goes and by when."""

    address: str = Field(min_length=1)
    postage_paid: bool = False
    ship_by_days: int = Field(ge=1, le=365)
    inspection_working_days: int = Field(ge=0, le=60)
    methods: list[Literal["drop_off", "pick_up", "own_carrier"]] = ["drop_off", "own_carrier"]
    # Countries (ISO 3166-1 alpha-2) with a label; others send by a carrier of their own. Empty: everywhere.
    label_countries: list[str] = []
    label_valid_days: int = Field(default=30, ge=1, le=365)
    # Days after the request on which a shopper who has not posted the parcel is reminded.
    reminder_days: list[int] = [7, 12]
    lost_after_days: int = Field(default=10, ge=1, le=90)
    # Minutes until a person is asked when the carrier gives no label.
    label_case_minutes: int = Field(default=30, ge=1)


class RefundRules(_Section):
    """When money shows after it was paid back: first and last working day by kind of payment."""

    working_days_by_method: dict[str, tuple[int, int]]
    # How a refund is shared over several payments: in proportion, or gift cards and credit first or last.
    order: Literal["proportional", "credit_first", "credit_last"] = "proportional"
    credit_valid_days: int = Field(default=730, ge=1)
    # A present on top for taking store credit, in whole percent; never counts as paid back.
    credit_bonus_percent: int = Field(default=0, ge=0, le=100)
    # What standard delivery costs: a withdrawal from the whole order pays no more than this of the delivery back.
    standard_delivery_by_currency: dict[str, int] = {}
    # Failed tries at the provider after which a person looks.
    case_after_failures: int = Field(default=3, ge=1)

    _minor = validator("standard_delivery_by_currency", pre=True, allow_reuse=True)(
        _amounts_in_minor
    )


class ClaimRules(_Section):
    """Claims for what arrived damaged, wrong, incomplete or never."""

    # The legal guarantee in the EEA (Directive (EU) 2019/771, art. 10) is two years.
    days: int = Field(default=730, ge=0)
    photo_required_for: list[Literal["damaged", "missing", "wrong_item", "never_arrived"]] = [
        "damaged",
        "wrong_item",
    ]
    # Days after dispatch from which a parcel that has not arrived can be claimed.
    never_arrived_after_days: int = Field(default=7, ge=0)
    # Goods worth no more than this need not come back.
    keep_up_to_by_currency: dict[str, int] = {}

    _minor = validator("keep_up_to_by_currency", pre=True, allow_reuse=True)(_amounts_in_minor)


class WithdrawalRules(_Section):
    """The statutory withdrawal; the law's days are the least (Directive 2011/83/EU, art. 9, 13, 14)."""

    days: int = Field(default=14, ge=14)
    goods_back_days: int = Field(default=14, ge=14)
    refund_days: int = Field(default=14, ge=1, le=14)


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
    claims: ClaimRules = ClaimRules()
    withdrawal: WithdrawalRules = WithdrawalRules()
    # Country -> sections as above that differ there, for example {NO: {window: {return_days: 60}}}.
    markets: dict[str, dict[str, Any]] = {}

    def refund_days(self, method: str) -> tuple[int, int]:
        """First and last working day after paying back until the money shows, for a kind of payment."""
        slowest = max(self.refund.working_days_by_method.values(), key=lambda days: days[1])
        return self.refund.working_days_by_method.get(method, slowest)


def digest_of(content: dict[str, Any]) -> str:
    """A name for the content of a policy file that does not depend on order or layout."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
