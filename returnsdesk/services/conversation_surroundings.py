"""What stands beside a conversation: the shopper, their orders, returns, claims, withdrawals, cases, other talks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    Claim,
    Conversation,
    Customer,
    Order,
    Return,
    VerifiedSession,
    Withdrawal,
)
from returnsdesk.services import personal_fields

MOST: Final = 8


@dataclass(frozen=True)
class Shopper:
    """Who the shopper has proven to be, and how; empty texts where that is not known."""

    customer_id: int | None
    name: str
    email: str
    phone: str
    tier: str
    method: str
    verified_at: datetime | None


@dataclass(frozen=True)
class Related:
    """A document beside the conversation; `is_own` where it came out of it."""

    number: str
    status: str
    at: datetime
    about: str = ""
    is_own: bool = False


@dataclass(frozen=True)
class OtherTalk:
    """Another conversation of the same shopper."""

    id: str
    at: datetime
    channel: str
    outcome: str | None


@dataclass(frozen=True)
class Surroundings:
    """Everything beside a conversation, latest first."""

    shopper: Shopper
    orders: tuple[Related, ...]
    returns: tuple[Related, ...]
    claims: tuple[Related, ...]
    withdrawals: tuple[Related, ...]
    cases: tuple[Related, ...]
    others: tuple[OtherTalk, ...]


def around(session: Session, conversation: Conversation) -> Surroundings:
    """What stands beside a conversation at this moment."""
    orders = _orders(session, conversation)
    order_ids = [order.id for order in orders]
    return Surroundings(
        shopper=_shopper(session, conversation),
        orders=tuple(
            Related(order.number, order.status, order.placed_at, is_own=order.id == conversation.order_id)
            for order in orders
        ),
        returns=_documents(session, conversation, Return, Return.rma_number, Return.requested_at, order_ids),
        claims=_documents(session, conversation, Claim, Claim.number, Claim.created_at, order_ids),
        withdrawals=_documents(
            session, conversation, Withdrawal, Withdrawal.number, Withdrawal.declared_at, order_ids
        ),
        cases=_cases(session, conversation),
        others=_others(session, conversation),
    )  # fmt: skip


def _shopper(session: Session, conversation: Conversation) -> Shopper:
    customer = session.get(Customer, conversation.customer_id) if conversation.customer_id else None
    order = session.get(Order, conversation.order_id) if conversation.order_id else None
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation.id)
    ).one_or_none()
    known = proof.email_norm if proof and proof.email_norm else (order.email_norm if order else "")
    return Shopper(
        customer_id=customer.id if customer else None,
        name=personal_fields.full_name(customer),
        email=customer.email if customer else known,
        phone=(customer.phone or "") if customer else "",
        tier=customer.tier if customer else "none",
        method=proof.method if proof else "",
        verified_at=proof.verified_at if proof else None,
    )


def _orders(session: Session, conversation: Conversation) -> list[Order]:
    wanted = [Order.id == conversation.order_id] if conversation.order_id else []
    if conversation.customer_id:
        wanted.append(Order.customer_id == conversation.customer_id)
    if not wanted:
        return []
    found = list(
        session.scalars(
            select(Order).where(or_(*wanted)).order_by(Order.placed_at.desc()).limit(MOST)
        )
    )
    return sorted(found, key=lambda order: order.id != conversation.order_id)


def _documents(
    session: Session,
    conversation: Conversation,
    model: Any,
    number: Any,
    at: Any,
    order_ids: list[int],
) -> tuple[Related, ...]:
    wanted = [model.conversation_id == conversation.id]
    if order_ids:
        wanted.append(model.order_id.in_(order_ids))
    rows = session.execute(
        select(number, model.status, at, model.conversation_id)
        .where(or_(*wanted))
        .order_by(at.desc(), model.id.desc())
        .limit(MOST)
    )
    return tuple(Related(row[0], row[1], row[2], is_own=row[3] == conversation.id) for row in rows)


def _cases(session: Session, conversation: Conversation) -> tuple[Related, ...]:
    rows = session.scalars(
        select(Case)
        .where(Case.conversation_id == conversation.id)
        .order_by(Case.id.desc())
        .limit(MOST)
    )
    return tuple(
        Related(str(row.id), row.status, row.created_at, row.reason, is_own=True) for row in rows
    )


def _others(session: Session, conversation: Conversation) -> tuple[OtherTalk, ...]:
    if conversation.customer_id is None:
        return ()
    rows = session.scalars(
        select(Conversation)
        .where(
            Conversation.customer_id == conversation.customer_id,
            Conversation.id != conversation.id,
        )
        .order_by(Conversation.last_message_at.desc())
        .limit(MOST)
    )
    return tuple(OtherTalk(row.id, row.last_message_at, row.channel, row.outcome) for row in rows)
