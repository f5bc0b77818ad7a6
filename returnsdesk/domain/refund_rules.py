"""Paying back as rules: the ways to choose from, sharing over payments, delivery costs and the present for credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from returnsdesk.domain.money import fill_up_to
from returnsdesk.domain.policy import SETTLEMENTS, Policy

# Kinds of payment that are no money: what was paid with them goes back as credit and is never paid out.
CREDIT_KINDS: Final = frozenset({"gift_card", "store_credit"})


@dataclass(frozen=True)
class PaymentRoom:
    """How much one payment of an order can still take back, in minor units; `kind` as in the order."""

    kind: str
    room_minor: int


def settlement_of(wanted: str | None) -> tuple[str, bool]:
    """The way to pay back that will be used, and whether it is the one that was wanted.

    A way that does not exist falls back to the original payments, and the shopper is to be told before the yes; an
    item is never silently left without one.
    """
    if wanted in SETTLEMENTS:
        return str(wanted), True
    return "original", wanted is None


def share_over_payments(
    total_minor: int, payments: Sequence[PaymentRoom], policy: Policy
) -> list[int]:
    """What goes back to each payment, in minor units; the shares add up to `total_minor`.

    `refund.order` of the policy decides between in proportion to what is left of each, and credit first or last.
    Raises `ValueError` when the payments together cannot take so much.
    """
    order = policy.refund.order
    if order == "proportional":
        return fill_up_to(total_minor, [payment.room_minor for payment in payments])
    is_first = [(payment.kind in CREDIT_KINDS) == (order == "credit_first") for payment in payments]
    room_first = sum(
        payment.room_minor for payment, first in zip(payments, is_first, strict=True) if first
    )
    first_total = min(total_minor, room_first)
    shares = [0] * len(payments)
    for group, amount in ((True, first_total), (False, total_minor - first_total)):
        members = [index for index, first in enumerate(is_first) if first is group]
        parts = fill_up_to(amount, [payments[index].room_minor for index in members])
        for index, part in zip(members, parts, strict=True):
            shares[index] = part
    return shares


def delivery_refund_minor(
    shipping_paid_minor: int, currency: str, *, whole_order_withdrawn: bool, policy: Policy
) -> int:
    """What goes back of the outbound delivery, in minor units.

    A withdrawal from the whole order pays delivery back, but not more than standard delivery costs (Directive
    2011/83/EU, art. 13(1) and (2)); where the policy names no standard price, all of it. Anything else keeps it.
    """
    if not whole_order_withdrawn:
        return 0
    standard = policy.refund.standard_delivery_by_currency.get(currency)
    return shipping_paid_minor if standard is None else min(shipping_paid_minor, standard)


def credit_bonus_minor(credit_minor: int, policy: Policy) -> int:
    """The present on top for taking store credit, in minor units, rounded down; it never counts as paid back."""
    return credit_minor * policy.refund.credit_bonus_percent // 100
