"""Credit at the shop: codes for money that goes back this way, bonus coupons on top, and presents by the team."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, RefundPart, Return, StoreCredit
from returnsdesk.db.session import Database
from returnsdesk.domain import refund_rules
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import events, policies, refund_amounts
from returnsdesk.services.errors import NotFound, ServiceError

CREDIT: Final = "credit"
COUPON: Final = "coupon"

# Nothing that is read for something else: no 0 and O, no 1 and I. 80 bits in 16 characters.
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS: Final = 4
_GROUP_LENGTH: Final = 4


@dataclass(frozen=True)
class CreditView:
    """A code as the shop's checkout takes it; `kind` is `credit` (paid back) or `coupon` (a present)."""

    code: str
    kind: str
    amount_minor: int
    currency: str
    order_number: str
    created_at: datetime
    expires_at: datetime | None


def issue_for_part(session: Session, part: RefundPart, *, now: datetime) -> StoreCredit:
    """The credit of a refund part that goes back this way; made once, found after that.

    Where the shopper chose credit and the policy gives a present for it, a coupon comes with it, which never counts
    as paid back.
    """
    existing = session.scalars(
        select(StoreCredit).where(StoreCredit.refund_part_id == part.id)
    ).one_or_none()
    if existing is not None:
        return existing
    document = part.refund.return_ or part.refund.claim
    if document is None:
        raise ServiceError("REFUND_BROKEN", f"refund {part.refund_id} belongs to no document")
    order = document.order
    policy = policies.policy_of(order)
    expires_at = now + timedelta(days=policy.refund.credit_valid_days)
    credit = _add(
        session, order, CREDIT, part.amount_minor, key=f"credit-{part.idempotency_key}", now=now,
        expires_at=expires_at, refund_part_id=part.id,
    )  # fmt: skip
    chosen = isinstance(document, Return) and document.settlement == refund_amounts.STORE_CREDIT
    bonus_minor = refund_rules.credit_bonus_minor(part.amount_minor, policy)
    if chosen and bonus_minor:
        _add(
            session, order, COUPON, bonus_minor, key=f"bonus-{part.idempotency_key}", now=now,
            expires_at=expires_at,
        )  # fmt: skip
    return credit


def give_coupon(
    database: Database,
    order_number: str,
    amount_minor: int,
    *,
    reason: str,
    actor: str,
    now: datetime,
    idempotency_key: str | None = None,
) -> CreditView:
    """A present of the team to the buyer of an order (minor units of the order's currency), with its reason.

    The same idempotency key finds the coupon given before. Raises `NotFound`, or `ServiceError` for an amount that is
    not above zero or an empty reason.
    """
    if amount_minor <= 0:
        raise ServiceError("BAD_AMOUNT", "a coupon needs an amount above zero")
    if not reason.strip():
        raise ServiceError("REASON_MISSING", "a coupon needs a reason")
    key = f"coupon-{idempotency_key or uuid4().hex}"
    with database.write() as session:
        order = _order(session, order_number, lock=True)
        existing = session.scalars(
            select(StoreCredit).where(StoreCredit.idempotency_key == key)
        ).one_or_none()
        if existing is not None:
            return _view(existing)
        days = policies.policy_of(order).refund.credit_valid_days
        coupon = _add(
            session, order, COUPON, amount_minor, key=key, now=now,
            expires_at=now + timedelta(days=days), actor=actor, reason=reason.strip(),
        )  # fmt: skip
        return _view(coupon)


def of_order(session: Session, order_number: str) -> list[CreditView]:
    """The credit and coupons given for an order, oldest first. Raises `NotFound`."""
    order = _order(session, order_number)
    rows = session.scalars(
        select(StoreCredit).where(StoreCredit.order_id == order.id).order_by(StoreCredit.id)
    )
    return [_view(credit) for credit in rows]


def list_all(session: Session) -> list[CreditView]:
    """All credit and coupons, oldest first, for the shop's checkout to take over."""
    return [_view(each) for each in session.scalars(select(StoreCredit).order_by(StoreCredit.id))]


def new_code() -> str:
    """A code that is easy to read out and impossible to guess."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def _add(
    session: Session,
    order: Order,
    kind: str,
    amount_minor: int,
    *,
    key: str,
    now: datetime,
    expires_at: datetime,
    refund_part_id: int | None = None,
    actor: str = "system",
    reason: str = "",
) -> StoreCredit:
    credit = StoreCredit(
        code=new_code(),
        kind=kind,
        amount_minor=amount_minor,
        currency=order.currency,
        order=order,
        refund_part_id=refund_part_id,
        idempotency_key=key,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(credit)
    session.flush()
    # The log does not hold the code: it is money to whoever reads it.
    after = {"kind": kind, "amount_minor": amount_minor, **({"reason": reason} if reason else {})}
    events.record(
        session, actor=actor, command=f"give_{kind}", document="store_credit", document_id=credit.id, now=now,
        after=after,
    )  # fmt: skip
    return credit


def _order(session: Session, number: str, *, lock: bool = False) -> Order:
    wanted = select(Order).where(Order.number_norm == normalise_order_number(number))
    order = session.scalars(wanted.with_for_update(of=Order) if lock else wanted).one_or_none()
    if order is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {number}")
    return order


def _view(credit: StoreCredit) -> CreditView:
    return CreditView(
        code=credit.code,
        kind=credit.kind,
        amount_minor=credit.amount_minor,
        currency=credit.currency,
        order_number=credit.order.number,
        created_at=credit.created_at,
        expires_at=credit.expires_at,
    )
