"""What a conversation is about and what came of it, kept on its row in the transaction of whatever tells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Customer, Order
from returnsdesk.domain.mentions import order_number_spellings

RETURN: Final = "return"
EXCHANGE: Final = "exchange"
CLAIM: Final = "claim"
WITHDRAWAL: Final = "withdrawal"
CASE: Final = "case"
ANSWERED: Final = "answered"

OUTCOMES: Final = (RETURN, EXCHANGE, CLAIM, WITHDRAWAL, CASE, ANSWERED)
"""What may come of a conversation; the last that did is kept."""

ORDER_ENTITY: Final = "order_number"


def came_of_it(
    session: Session, conversation_id: str | None, outcome: str, order: Order | None = None
) -> None:
    """Keep what came of a conversation, and the order that it was about; nothing without a conversation."""
    if conversation_id is None:
        return
    _set(session, conversation_id, outcome=outcome)
    if order is not None:
        about_order(session, conversation_id, order)


def about_order(session: Session, conversation_id: str, order: Order) -> None:
    """Keep the order that is in view, and whose it is."""
    values: dict[str, Any] = {"order_id": order.id}
    if order.customer_id is not None:
        values["customer_id"] = order.customer_id
    _set(session, conversation_id, **values)


def proven(
    session: Session,
    conversation_id: str,
    *,
    customer_id: int | None,
    email_norm: str | None,
    order_id: int | None,
) -> None:
    """Keep who the shopper has proven to be: a customer, the owner of an address, or of one order."""
    if order_id is not None:
        order = session.get(Order, order_id)
        if order is not None:
            about_order(session, conversation_id, order)
        return
    if customer_id is None and email_norm is not None:
        customer_id = session.scalar(
            select(Customer.id).where(Customer.email_norm == email_norm).limit(1)
        )
    _set(session, conversation_id, customer_id=customer_id)


def mentioned(
    session: Session, conversation: Conversation, entities: Iterable[Any], own_orders: object
) -> None:
    """Keep the latest order that a message named, among the shopper's own, which `own_orders` is the condition of."""
    for entity in entities:
        if not isinstance(entity, dict) or entity.get("entity") != ORDER_ENTITY:
            continue
        spellings = order_number_spellings(str(entity.get("value") or ""))
        order = session.scalars(
            select(Order).where(Order.number_norm.in_(spellings), own_orders).limit(1)
        ).one_or_none()
        if order is not None and order.id != conversation.order_id:
            about_order(session, conversation.id, order)


def _set(session: Session, conversation_id: str, **values: Any) -> None:
    # A statement of its own, not the row: the desk may hold that one under a lock of its own.
    session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(**values)
        .execution_options(synchronize_session="evaluate")
    )
