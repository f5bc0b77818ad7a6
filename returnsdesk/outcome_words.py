"""How what comes of a document is worded wherever it is told: money on its way back, and what is sent instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

from returnsdesk import formatting
from returnsdesk.texts import render

# Ways of paying back that have a text of their own, and the key of each.
_WAYS: Final = {
    "credit_card": "card",
    "paypal": "paypal",
    "gift_card": "gift_card",
    "invoice": "invoice",
    "payment_link": "payment_link",
    "store_credit": "store_credit",
}


class WayBack(Protocol):
    """How a part of the money goes back: the kind of payment, `payment_link` or `store_credit`."""

    @property
    def kind(self) -> str:
        """The kind."""

    @property
    def last_four(self) -> str | None:
        """The end of a card's number, where it is known."""


@dataclass(frozen=True)
class Paid:
    """The day on which money was paid back, and the first and last day on which it shows."""

    on: date
    shows_from: date
    shows_to: date


def ways_back(parts: Iterable[WayBack], language: str) -> str:
    """The ways in which an amount goes back: "to your card ending in 4242 and as store credit"."""
    return formatting.enumeration([_way(part, language) for part in parts], language)


def _way(part: WayBack, language: str) -> str:
    if part.kind == "credit_card" and part.last_four:
        return render("label_payment_credit_card", language, last_four=part.last_four)
    return render(f"label_payment_{_WAYS.get(part.kind, 'other')}", language)


def paid_back(
    amount: str, ways: str, paid: Paid, language: str, *, is_overdue: bool = False
) -> str:
    """That an amount was paid back and when it shows; `is_overdue` says that it should have shown by now."""
    key = "refunds_status_settled_overdue" if is_overdue else "refunds_status_settled"
    return render(
        "refunds_status_settled_at_once" if paid.shows_to == paid.on else key,
        language,
        amount=amount,
        ways=ways,
        paid_on=formatting.day(paid.on, language),
        money_from=formatting.day(paid.shows_from, language),
        money_to=formatting.day(paid.shows_to, language),
    )


def fee_taken_off(fee_minor: int, currency: str, language: str) -> str:
    """The fee (minor units) that an amount was lessened by."""
    fee = formatting.money(fee_minor, currency, language)
    return render("refunds_status_fee", language, fee=fee)


def expected_back(
    expected_minor: int, fee_minor: int, currency: str, settlement: str | None, language: str
) -> list[str]:
    """What comes back if everything is accepted (minor units), the fee taken off it, and the way it goes."""
    amount = formatting.money(expected_minor, currency, language)
    lines = [render("tracking_money_expected", language, amount=amount)]
    if fee_minor:
        fee = formatting.money(fee_minor, currency, language)
        lines.append(render("tracking_money_expected_fee", language, fee=fee))
    way = "store_credit" if settlement == "store_credit" else "original"
    return [*lines, render(f"tracking_money_way_{way}", language)]


def replacement_stands(
    status: str, items: Iterable[str], shipped_on: date | None, language: str
) -> str:
    """Where the items stand that are sent in place of others."""
    return render(
        f"tracking_exchange_{status}",
        language,
        items=formatting.enumeration(items, language),
        day=formatting.day(shipped_on, language) if shipped_on else "",
    )
