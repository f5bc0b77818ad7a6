"""The shop import format as typed records: one class for each kind of line, with kind words for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timezone
from typing import Any, Final, Literal

import pytz
from babel.numbers import is_currency
from pydantic import (
    BaseModel,
    ConstrainedInt,
    Extra,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    validator,
)

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_AMOUNT = re.compile(r"\d{1,12}(\.\d+)?")

_PLAIN_MESSAGES: Final = {
    "value_error.missing": "is missing",
    "type_error.none.not_allowed": "may not be null",
    "type_error.str": "must be text in quotes",
    "value_error.any_str.min_length": "may not be empty",
    "value_error.any_str.max_length": "may have at most {limit_value} characters",
    "type_error.integer": "must be a whole number",
    "value_error.strictbool": "must be true or false",
    "type_error.dict": "must be an object",
    "type_error.list": "must be a list",
    "value_error.list.min_items": "must have at least {limit_value} entry",
    "value_error.const": "must be one of {permitted}",
    "value_error.str.regex": "has the wrong form",
    "value_error.number.not_ge": "may not be less than {limit_value}",
    "value_error.number.not_le": "may not be more than {limit_value}",
}


class Text(StrictStr):
    """Text that is not empty; numbers are not turned into text silently."""

    min_length = 1


class Key(Text):
    """What names a record in the shop: its natural key."""

    max_length = 120


class Count(ConstrainedInt):
    """A whole number, zero or more."""

    strict = True
    ge = 0
    le = 1_000_000_000


class Quantity(ConstrainedInt):
    """Pieces of one line; each of them gets a row of its own."""

    strict = True
    ge = 1
    le = 1000


class Amount(StrictStr):
    """Money as a decimal string in the currency's major unit, zero or more."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Any]:
        """Pydantic's way to ask for the checks."""
        yield cls._check

    @classmethod
    def _check(cls, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError('must be a decimal string such as "12.50"')
        if value.startswith("-"):
            raise ValueError(f"may not be negative, and is {value}")
        if not _AMOUNT.fullmatch(value):
            raise ValueError(f'must be a decimal string such as "12.50", not {value!r}')
        return value


class Email(StrictStr):
    """An address that mail can be sent to, as far as its form tells."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Any]:
        """Pydantic's way to ask for the checks."""
        yield cls._check

    @classmethod
    def _check(cls, value: Any) -> str:
        is_plausible = isinstance(value, str) and _EMAIL.fullmatch(value) and len(value) <= 254
        if not is_plausible:
            raise ValueError(f"{value!r} is not an e-mail address")
        return str(value)


class Instant(datetime):
    """A moment as ISO 8601 text with its zone; kept in UTC."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Any]:
        """Pydantic's way to ask for the checks."""
        yield cls._check

    @classmethod
    def _check(cls, value: Any) -> datetime:
        moment = _iso(value)
        if moment.tzinfo is None:
            raise ValueError(
                f"{value!r} has no time zone; write it with Z or an offset such as +01:00"
            )
        return moment.astimezone(timezone.utc)


class Day(datetime):
    """A day, or a moment with its zone, as ISO 8601 text; a bare day stands for its first moment in UTC."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Any]:
        """Pydantic's way to ask for the checks."""
        yield cls._check

    @classmethod
    def _check(cls, value: Any) -> datetime:
        if isinstance(value, str) and len(value) == len("2026-01-31"):
            return datetime.combine(_iso(value).date(), time(), tzinfo=timezone.utc)
        return Instant._check(value)


def _iso(value: Any) -> datetime:
    if isinstance(value, (datetime, date)) or not isinstance(value, str):
        raise ValueError("must be ISO 8601 text such as 2026-01-31T09:30:00Z")
    try:
        return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", value))
    except ValueError:
        raise ValueError(
            f"{value!r} is not an ISO 8601 date such as 2026-01-31T09:30:00Z"
        ) from None


def _known_currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError(f"{value!r} is not an ISO 4217 currency such as EUR")
    return value


def _known_country(value: str) -> str:
    if value not in pytz.country_names:
        raise ValueError(f"{value!r} is not an ISO 3166-1 alpha-2 country such as NL")
    return value


class Record(BaseModel):
    """Parent of all records. Fields that the format does not have are kept aside, to be told about."""

    class Config:
        """Unknown fields are allowed, so that a file of a richer shop can be read."""

        extra = Extra.allow

    def unknown_fields(self) -> Iterator[str]:
        """Names of fields that the format does not have, nested ones with their path."""
        for name, value in self.__dict__.items():
            if name not in self.__fields__:
                yield name
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, Record):
                    yield from (f"{name}.{inner}" for inner in part.unknown_fields())


class AddressRecord(Record):
    """Where somebody lives or a parcel goes."""

    line1: StrictStr = ""
    line2: StrictStr = ""
    city: StrictStr = ""
    region: StrictStr = ""
    postcode: StrictStr = Field(default="", max_length=20)
    country: StrictStr | None = None

    @validator("country")
    def _country(cls, value: str | None) -> str | None:
        return None if value is None else _known_country(value)


class Manifest(Record):
    """`manifest.json`: the day that the data describes, and what holds for all of it."""

    reference_date: Day
    currency: StrictStr
    country: StrictStr
    counts: dict[str, Count] = {}

    _currency = validator("currency", allow_reuse=True)(_known_currency)
    _country = validator("country", allow_reuse=True)(_known_country)


class VariantRecord(Record):
    """A product in one combination of options."""

    sku: Key
    options: dict[Text, StrictStr] = {}
    price: Amount
    currency: StrictStr
    stock: Count

    _currency = validator("currency", allow_reuse=True)(_known_currency)


class ProductRecord(Record):
    """A line of `products.jsonl`."""

    product_id: Key
    name: Text | dict[Text, Text]
    category: StrictStr | None = Field(default=None, max_length=60)
    final_sale: StrictBool = False
    hygiene: StrictBool = False
    personalised: StrictBool = False
    size_chart: dict[str, Any] | None = None
    image_url: StrictStr | None = Field(default=None, max_length=500)
    variants: list[VariantRecord] = Field(min_items=1)

    @validator("name", pre=True)
    def _name(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value:
            raise ValueError("may not be empty")
        if not isinstance(value, (str, dict)):
            raise ValueError("must be text, or an object of language and text")
        return value


class PaymentMethodRecord(Record):
    """A way of paying that a customer keeps at the shop."""

    id: Key
    type: Literal["credit_card", "paypal", "gift_card", "invoice", "store_credit"]
    brand: StrictStr | None = Field(default=None, max_length=40)
    last_four: StrictStr | None = Field(default=None, regex=r"^\d{4}$")
    balance: Amount | None = None
    currency: StrictStr | None = None

    @validator("currency")
    def _currency(cls, value: str | None) -> str | None:
        return None if value is None else _known_currency(value)


class CustomerRecord(Record):
    """A line of `customers.jsonl`."""

    customer_id: Key
    first_name: Text = Field(max_length=120)
    last_name: StrictStr = Field(default="", max_length=120)
    email: Email
    phone: StrictStr | None = Field(default=None, max_length=40)
    language: StrictStr | None = Field(default=None, min_length=2, max_length=5)
    tier: Literal["none", "silver", "gold"] = "none"
    paid_member: StrictBool = False
    member_since: Day | None = None
    address: AddressRecord = AddressRecord()
    payment_methods: list[PaymentMethodRecord] = []


class OrderLineRecord(Record):
    """Some units of one variant in an order."""

    line_id: Key
    sku: Key
    name: Text = Field(max_length=300)
    options: dict[Text, StrictStr] = {}
    quantity: Quantity
    unit_price: Amount
    # Absent: as the product is when the order is first loaded.
    final_sale: StrictBool | None = None
    personalised: StrictBool | None = None
    personalisation: StrictStr | None = Field(default=None, max_length=200)


class PaymentRecord(Record):
    """Money taken for an order, or given back.

    `kind`, `brand` and `last_four` are for methods that no customer in the data keeps.
    """

    method_id: Key
    type: Literal["payment", "refund"]
    amount: Amount
    kind: StrictStr | None = Field(default=None, max_length=20)
    brand: StrictStr | None = Field(default=None, max_length=40)
    last_four: StrictStr | None = Field(default=None, regex=r"^\d{4}$")


class ShipmentRecord(Record):
    """A parcel to the shopper.

    A line id that all parcels together name once stands for all pieces of the line; named more often, each mention
    stands for one piece.
    """

    tracking_number: Text = Field(max_length=80)
    carrier: StrictStr | None = Field(default=None, max_length=60)
    line_ids: list[StrictStr] = []
    shipped_at: Instant | None = None
    delivered_at: Instant | None = None
    cancelled: StrictBool = False

    @validator("delivered_at")
    def _after_dispatch(cls, value: datetime | None, values: dict[str, Any]) -> datetime | None:
        shipped_at = values.get("shipped_at")
        if value is not None and shipped_at is not None and value < shipped_at:
            raise ValueError("is before shipped_at")
        return value


class OrderRecord(Record):
    """A line of `orders.jsonl`."""

    order_number: Text = Field(max_length=60)
    customer_id: StrictStr | None = None
    email: Email | None = None
    status: Literal["pending", "processing", "shipped", "delivered", "cancelled"]
    placed_at: Instant
    currency: StrictStr
    shipping_address: AddressRecord | None = None
    discount: Amount = Amount("0")
    shipping_paid: Amount = Amount("0")
    gift: StrictBool = False
    gift_code: StrictStr | None = Field(default=None, max_length=60)
    lines: list[OrderLineRecord] = Field(min_items=1)
    payments: list[PaymentRecord] = []
    shipments: list[ShipmentRecord] = []

    _currency = validator("currency", allow_reuse=True)(_known_currency)


def explain(error: ValidationError) -> str:
    """What is wrong with a record, in one sentence that names the field."""
    problems = error.errors()
    first = problems[0]
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]
    ).lstrip(".")
    facts = dict(first.get("ctx", {}))
    if "permitted" in facts:
        facts["permitted"] = ", ".join(facts["permitted"])
    plain = _PLAIN_MESSAGES.get(first["type"])
    message = plain.format(**facts) if plain else first["msg"]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where} {message}{more}"
