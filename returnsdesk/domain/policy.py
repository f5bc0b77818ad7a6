"""The returns policy as typed values: what the shop allows, for how long and at what price."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

import pytz
from pydantic import (
    BaseModel,
    ConstrainedInt,
    Extra,
    Field,
    ValidationError,
    root_validator,
    validator,
)
from pydantic.error_wrappers import ErrorWrapper

from returnsdesk.domain.money import AmountsByCurrency
from returnsdesk.domain.reasons import REASONS

OUTCOMES = ("refund", "exchange")
SETTLEMENTS = ("original", "store_credit")
CLAIM_TYPES = ("damaged", "missing", "wrong_item", "never_arrived")
MARKETS: Final = "markets"

Outcome = Literal["refund", "exchange"]
Settlement = Literal["original", "store_credit"]
ClaimType = Literal["damaged", "missing", "wrong_item", "never_arrived"]

if TYPE_CHECKING:
    Days = int
else:

    class Days(ConstrainedInt):
        """A period in whole days; ten years at most, as more is a slip of the finger."""

        strict = True
        ge = 0
        le = 3650


class _Section(BaseModel):
    class Config:
        """A misspelt key is an error, never a rule that silently does not apply."""

        extra = Extra.forbid
        allow_mutation = False


def _check_countries(codes: list[str]) -> list[str]:
    for code in codes:
        if code not in pytz.country_names:
            raise ValueError(
                f"{code!r} is not a country; write the two capital letters of ISO 3166, for example NL"
            )
    return codes


class Tenure(_Section):
    """More days for those who have been customers for so many whole years."""

    years: int = Field(ge=1, le=100, description="Whole years since the account was opened.")
    extra_days: Days = Field(description="Days on top; of several steps the one with most days.")


class Season(_Section):
    """What was bought between two days (both included, where the shopper lives) can come back until `last_day`."""

    bought_from: date = Field(description="First day of buying, for example 2026-11-15.")
    bought_to: date = Field(description="Last day of buying.")
    last_day: date = Field(description="Can come back until this day at the least.")

    @validator("last_day")
    def _in_order(cls, value: date, values: dict[str, Any]) -> date:
        if not values.get("bought_from", value) <= values.get("bought_to", value) <= value:
            raise ValueError("bought_from, bought_to and last_day must follow each other")
        return value


class Window(_Section):
    """How long something can come back, in days from delivery."""

    return_days: Days = Field(
        description="Days for a refund, from delivery of the order's last parcel. EEA: never less than 14."
    )
    exchange_days: Days = Field(description="Days for an exchange.")
    move_to_working_day: bool = Field(
        description="A last day on a weekend or public holiday moves to the next working day."
    )
    days_in_transit_if_unknown: int = Field(
        ge=0, le=60, description="Where no delivery was reported: so many days after dispatch."
    )
    extra_days_by_tier: dict[str, Days] = Field(description="More days by the customer's tier.")
    days_by_category: dict[str, Days] = Field(
        default={}, description="Categories with a time of their own, longer or shorter."
    )
    days_by_product: dict[str, Days] = Field(
        default={}, description="Products (the shop's ids) with a time of their own."
    )
    tenure: list[Tenure] = Field(default=[], description="More days for long-standing customers.")
    seasons: list[Season] = Field(default=[], description="A common last day, for presents say.")


class Exclusions(_Section):
    """What cannot come back for a change of mind."""

    final_sale: bool = Field(description="Items sold as final sale.")
    hygiene: bool = Field(description="Items that cannot be sold again once unsealed.")
    personalised: bool = Field(description="Items made for this buyer.")
    categories: list[str] = Field(description="Whole categories, as the catalogue calls them.")


class Fees(_Section):
    """The price of a return, and who does not pay it; nobody pays for a fault of the shop."""

    return_by_currency: AmountsByCurrency = Field(description="One fee for each return.")
    waived_for_outcomes: list[Outcome] = Field(description="refund, exchange")
    waived_for_settlements: list[Settlement] = Field(description="original, store_credit")
    waived_for_reasons: list[str] = Field(description="Reasons that cost nothing.")
    waived_for_tiers: list[str] = Field(description="Tiers that pay nothing.")

    @validator("waived_for_reasons")
    def _known_reasons(cls, value: list[str]) -> list[str]:
        return _check_reasons(value)


def _check_reasons(reasons: list[str]) -> list[str]:
    for reason in reasons:
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is not a reason; there are {', '.join(REASONS)}")
    return reasons


class ExchangeRules(_Section):
    """Whether and how items can be exchanged."""

    allowed: bool = Field(description="Whether there are exchanges.")
    same_product_without_difference: bool = Field(
        description="Another size or colour costs nothing more and nothing less."
    )
    reserve_days: int = Field(ge=1, le=90, description="Days that a replacement is reserved.")
    other_products: bool = Field(default=False, description="Whether for another product.")
    dearer: Literal["pay", "refuse"] = Field(
        default="pay", description="A dearer replacement is paid by a link, or not offered."
    )
    cheaper: Settlement = Field(default="original", description="How a rest goes back.")
    payment_hours: int = Field(default=48, ge=1, le=720, description="Hours to pay that link.")


class Review(_Section):
    """What waits for a colleague before it is approved."""

    above_by_currency: AmountsByCurrency = Field(description="Returns worth more than this.")
    reasons: list[str] = Field(default=[], description="Returns for these reasons.")
    many_returns: int = Field(
        default=0,
        ge=0,
        description="Shoppers with so many returns within many_returns_days; 0: never.",
    )
    many_returns_days: int = Field(default=365, ge=1, description="The days that are counted.")
    working_days: int = Field(
        default=2, ge=0, le=30, description="By when a colleague has looked, as shoppers are told."
    )

    @validator("reasons")
    def _known_reasons(cls, value: list[str]) -> list[str]:
        return _check_reasons(value)


class ReturnRules(_Section):
    """Where a registered return goes, how, and by when."""

    address: str = Field(min_length=1, description="Where parcels go, as shoppers read it.")
    country: str | None = Field(
        default=None, description="Country of that address; parcels from elsewhere may need papers."
    )
    postage_paid: bool = Field(default=False, description="Whether it needs no stamp.")
    ship_by_days: int = Field(ge=1, le=365, description="Days to post the parcel.")
    inspection_working_days: int = Field(ge=0, le=60, description="Working days to open it.")
    methods: list[Literal["drop_off", "pick_up", "own_carrier"]] = Field(
        default=["drop_off", "own_carrier"], min_items=1, description="How parcels can come back."
    )
    label_countries: list[str] = Field(
        default=[],
        description="Countries with a label; others use a carrier of their own. Empty: all.",
    )
    label_valid_days: int = Field(default=30, ge=1, le=365, description="Days a label is valid.")
    reminder_days: list[int] = Field(
        default=[7, 12], description="Days after the request with a reminder to post the parcel."
    )
    lost_after_days: int = Field(
        default=10, ge=1, le=90, description="Days without a scan until a parcel counts as lost."
    )
    label_case_minutes: int = Field(
        default=30, ge=1, description="Minutes without a label until a person is asked."
    )

    @validator("label_countries")
    def _known_countries(cls, value: list[str]) -> list[str]:
        return _check_countries(value)

    @validator("country")
    def _known_country(cls, value: str | None) -> str | None:
        return _check_countries([value])[0] if value is not None else None


class RefundRules(_Section):
    """How money goes back, and when it shows."""

    working_days_by_method: dict[str, tuple[int, int]] = Field(
        description="Working days until money shows, from and to, by kind of payment."
    )
    order: Literal["proportional", "credit_first", "credit_last"] = Field(
        default="proportional",
        description="With several payments: in proportion, or gift cards and credit first or last.",
    )
    credit_valid_days: int = Field(default=730, ge=1, description="Days that credit is valid.")
    credit_bonus_percent: int = Field(
        default=0, ge=0, le=100, description="A present on top for taking store credit."
    )
    standard_delivery_by_currency: AmountsByCurrency = Field(
        default_factory=AmountsByCurrency,
        description="What standard delivery costs; a whole withdrawal pays no more of it back.",
    )
    case_after_failures: int = Field(
        default=3, ge=1, description="Failed tries at the provider after which a person looks."
    )

    @validator("working_days_by_method")
    def _not_empty(cls, value: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        if not value:
            raise ValueError("name at least one kind of payment")
        for method, (first, last) in value.items():
            if not 0 <= first <= last:
                raise ValueError(f"{method}: the days must be [from, to], smaller first")
        return value


class ClaimRules(_Section):
    """Claims for what arrived damaged, wrong, incomplete or never."""

    days: Days = Field(
        default=730,
        description="Days from delivery. EEA: never less than the two years of the law.",
    )
    photo_required_for: list[ClaimType] = Field(
        default=["damaged", "wrong_item"], description="Claims that need a photo."
    )
    never_arrived_after_days: int = Field(
        default=7, ge=0, description="Days after dispatch from which a parcel counts as missing."
    )
    keep_up_to_by_currency: AmountsByCurrency = Field(
        default_factory=AmountsByCurrency,
        description="Goods worth no more than this need not come back.",
    )


class WithdrawalRules(_Section):
    """The statutory withdrawal in the EEA; the law's days are the least (Directive 2011/83/EU, art. 9, 13, 14)."""

    days: int = Field(default=14, ge=14, le=3650, description="Days from receipt to declare it.")
    goods_back_days: int = Field(default=14, ge=14, le=365, description="Days to post the goods.")
    refund_days: int = Field(default=14, ge=1, le=14, description="Days until money goes back.")


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
    markets: dict[str, dict[str, Any]] = Field(
        default={},
        description="Country -> sections as above that differ there: {NO: {window: {return_days: 60}}}.",
    )

    @root_validator(pre=True)
    def _every_market_is_a_policy(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Raises for a market that is no country, or whose sections do not make a policy with the others."""
        markets = values.get(MARKETS) or {}
        if not isinstance(markets, dict):
            return values
        faults = [fault for country in markets if (fault := _fault_of_market(values, country))]
        if faults and not _is_wrong_without_markets(values):
            raise ValidationError(faults, Policy)
        return values

    def refund_days(self, method: str) -> tuple[int, int]:
        """First and last working day after paying back until the money shows, for a kind of payment."""
        slowest = max(self.refund.working_days_by_method.values(), key=lambda days: days[1])
        return self.refund.working_days_by_method.get(method, slowest)


def _fault_of_market(content: dict[str, Any], country: Any) -> ErrorWrapper | None:
    try:
        _check_countries([country])
        Policy.parse_obj(content_for(content, country))
    except ValueError as error:
        return ErrorWrapper(error, (MARKETS, str(country)))
    return None


def _is_wrong_without_markets(content: dict[str, Any]) -> bool:
    """Whether the fault lies in the policy itself: that is what to name then, not every market once more."""
    try:
        Policy.parse_obj({**content, MARKETS: {}})
    except ValidationError:
        return True
    return False


def content_for(content: dict[str, Any], country: str) -> dict[str, Any]:
    """The content of a policy as it holds in a country: the market's keys in place of the general ones.

    Sections and tables are merged key by key, lists are replaced as a whole. Raises `ValueError` for a market that is
    no table.
    """
    general = {key: value for key, value in content.items() if key != MARKETS}
    market = (content.get(MARKETS) or {}).get(country, {})
    if not isinstance(market, dict):
        raise ValueError("a market holds sections of the policy")
    if MARKETS in market:
        raise ValueError("a market has no markets of its own")
    return _merged(general, market)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged


def digest_of(content: dict[str, Any]) -> str:
    """A name for the content of a policy file that does not depend on order or layout."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
