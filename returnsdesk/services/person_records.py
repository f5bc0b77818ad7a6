"""Finding everything that is stored about one shopper: who they are in each table, and by which words they are named.

A shopper is known by an e-mail address or by the shop's customer id; guests have orders, or only a conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    ChatLink,
    Claim,
    ClaimEvidence,
    Conversation,
    Customer,
    Exchange,
    Inspection,
    Message,
    OneTimeCode,
    Order,
    OrderLine,
    Refund,
    Return,
    ReturnLine,
    TelegramChat,
    VerifiedSession,
    Withdrawal,
)
from returnsdesk.domain.mentions import normalise_email

_SHORTEST_TOKEN: Final = 3
_NOT_A_DIGIT: Final = re.compile(r"\D")


@dataclass(frozen=True)
class Person:
    """Ids of the rows about a shopper, and the words by which texts name them."""

    emails: frozenset[str] = frozenset()
    customer_ids: frozenset[int] = frozenset()
    order_ids: frozenset[int] = frozenset()
    conversation_ids: frozenset[str] = frozenset()
    withdrawal_ids: frozenset[int] = frozenset()
    claim_ids: frozenset[int] = frozenset()
    return_ids: frozenset[int] = frozenset()
    exchange_ids: frozenset[int] = frozenset()
    refund_ids: frozenset[int] = frozenset()
    case_ids: frozenset[int] = frozenset()
    chat_ids: frozenset[int] = frozenset()
    photo_ids: frozenset[str] = frozenset()
    # What names them wherever it stands: e-mail addresses, phone numbers, full names.
    names: frozenset[str] = frozenset()
    # What names them only beside their own orders: parts of names, street, postcode.
    parts: frozenset[str] = frozenset()

    @property
    def documents(self) -> dict[str, frozenset[int]]:
        """Ids by the name that cases, events, notices and overrides give a kind of document."""
        return {
            "return": self.return_ids,
            "exchange": self.exchange_ids,
            "claim": self.claim_ids,
            "withdrawal": self.withdrawal_ids,
            "refund": self.refund_ids,
            "order": self.order_ids,
            "customer": self.customer_ids,
            "case": self.case_ids,
        }


def find(session: Session, wanted: str) -> Person | None:
    """Everything about the shopper with an e-mail address or customer id; None when nothing is stored."""
    email = normalise_email(wanted) if "@" in wanted else ""
    key = Customer.email_norm == email if email else Customer.external_id == wanted.strip()
    customers = session.scalars(select(Customer).where(key, Customer.erased_at.is_(None))).all()
    emails = {email, *(customer.email_norm for customer in customers)} - {""}
    if not emails:
        return None
    customer_ids = {customer.id for customer in customers}
    orders = session.scalars(
        select(Order).where(
            or_(Order.email_norm.in_(emails), Order.customer_id.in_(customer_ids)),
            Order.erased_at.is_(None),
        )
    ).all()
    emails |= {order.email_norm for order in orders if order.customer_id in customer_ids}
    person = _documents(session, emails, customer_ids, {order.id for order in orders})
    if not (customers or orders or person["conversation_ids"] or person["withdrawal_ids"]):
        return None
    names, parts = _words(session, customers, orders, emails, person["withdrawal_ids"])
    found = Person(
        emails=frozenset(emails),
        customer_ids=frozenset(customer_ids),
        order_ids=frozenset(order.id for order in orders),
        names=frozenset(names),
        parts=frozenset(parts),
        **{name: frozenset(ids) for name, ids in person.items()},
    )
    return replace(found, case_ids=_cases(session, found))


def _cases(session: Session, person: Person) -> frozenset[int]:
    about = [
        and_(Case.document == document, Case.document_id.in_(ids))
        for document, ids in person.documents.items()
    ]
    query = select(Case.id).where(
        or_(
            Case.order_id.in_(person.order_ids),
            Case.conversation_id.in_(person.conversation_ids),
            *about,
        )
    )
    return frozenset(session.scalars(query))


def _documents(
    session: Session, emails: set[str], customer_ids: set[int], order_ids: set[int]
) -> dict[str, set[Any]]:
    withdrawals = session.scalars(
        select(Withdrawal).where(
            or_(Withdrawal.order_id.in_(order_ids), func.lower(Withdrawal.contact).in_(emails))
        )
    ).all()
    claims = session.scalars(select(Claim).where(Claim.order_id.in_(order_ids))).all()
    returns = session.scalars(select(Return).where(Return.order_id.in_(order_ids))).all()
    talks = {row.conversation_id for row in (*withdrawals, *claims, *returns)} - {None}
    talks |= _conversations(session, emails, customer_ids, order_ids)
    # Only those that are there: documents keep the id of one that was erased.
    talks = set(session.scalars(select(Conversation.id).where(Conversation.id.in_(talks))))
    chats = session.scalars(
        select(TelegramChat.chat_id).where(
            or_(
                TelegramChat.conversation_id.in_(talks),
                TelegramChat.customer_id.in_(customer_ids),
            )
        )
    )
    claim_ids, return_ids = {row.id for row in claims}, {row.id for row in returns}
    came_of = {
        kind: set(
            session.scalars(
                select(kind.id).where(
                    or_(kind.return_id.in_(return_ids), kind.claim_id.in_(claim_ids))
                )
            )
        )
        for kind in (Exchange, Refund)
    }
    return {
        "exchange_ids": came_of[Exchange],
        "refund_ids": came_of[Refund],
        "conversation_ids": talks,
        "withdrawal_ids": {row.id for row in withdrawals},
        "claim_ids": claim_ids,
        "return_ids": return_ids,
        "chat_ids": set(chats),
        "photo_ids": photos_of(session, talks, claim_ids, return_ids),
    }


def _conversations(
    session: Session, emails: set[str], customer_ids: set[int], order_ids: set[int]
) -> set[str]:
    """Conversations in which the shopper has shown who they are, or that are about their orders."""
    queries = (
        select(Conversation.id).where(
            or_(Conversation.customer_id.in_(customer_ids), Conversation.order_id.in_(order_ids))
        ),
        select(VerifiedSession.conversation_id).where(
            or_(
                VerifiedSession.customer_id.in_(customer_ids),
                VerifiedSession.order_id.in_(order_ids),
                VerifiedSession.email_norm.in_(emails),
            )
        ),
        select(TelegramChat.conversation_id).where(TelegramChat.customer_id.in_(customer_ids)),
        select(ChatLink.conversation_id).where(
            ChatLink.customer_id.in_(customer_ids), ChatLink.conversation_id.is_not(None)
        ),
        # A code was sent to them for it. Whoever asked for a code to an address that is not theirs has proven nothing,
        # but such a conversation holds nothing that would be missed either, unless it belongs to somebody else.
        select(OneTimeCode.conversation_id)
        .join(Conversation, Conversation.id == OneTimeCode.conversation_id)
        .where(
            OneTimeCode.email_norm.in_(emails),
            Conversation.customer_id.is_(None),
            Conversation.order_id.is_(None),
        ),
    )
    return {found for query in queries for found in session.scalars(query)}


def photos_of(
    session: Session,
    conversation_ids: Iterable[str],
    claim_ids: Iterable[int],
    return_ids: Iterable[int],
) -> set[str]:
    """Ids of the photos of conversations, claims and inspections."""
    contents = session.scalars(
        select(Message.content).where(Message.conversation_id.in_(list(conversation_ids)))
    )
    found = {
        str(content["image"]).rpartition("/")[2]
        for content in contents
        if content and content.get("image")
    }
    found |= set(
        session.scalars(
            select(ClaimEvidence.photo_id).where(ClaimEvidence.claim_id.in_(list(claim_ids)))
        )
    )
    inspected = session.scalars(
        select(Inspection.photos)
        .join(ReturnLine, ReturnLine.id == Inspection.return_line_id)
        .where(ReturnLine.return_id.in_(list(return_ids)))
    )
    return found | {str(photo) for photos in inspected for photo in photos or ()}


def _words(
    session: Session,
    customers: Iterable[Customer],
    orders: Iterable[Order],
    emails: set[str],
    withdrawal_ids: set[int],
) -> tuple[set[str], set[str]]:
    """Words that name the person anywhere, and words that do so beside their own orders."""
    customers, orders = list(customers), list(orders)
    own = {customer.id for customer in customers}
    names, parts = set(emails), set()
    for customer in customers:
        names |= {customer.email, *_alone(session, own, _full_name(customer), customer.phone)}
        parts |= {customer.first_name, customer.last_name, customer.phone or ""}
    for address in (*(row.address for row in customers), *(row.shipping_address for row in orders)):
        parts |= {str(address.get(part) or "") for part in ("name", "line1", "line2", "postcode")}
    parts |= {order.postcode_norm for order in orders}
    parts |= {order.gift_code or "" for order in orders}
    given = session.execute(
        select(Withdrawal.name, Withdrawal.contact).where(Withdrawal.id.in_(withdrawal_ids))
    )
    parts |= {text for row in given for text in row}
    engraved = select(OrderLine.personalisation).where(
        OrderLine.order_id.in_([order.id for order in orders]),
        OrderLine.personalisation.is_not(None),
    )
    parts |= set(session.scalars(engraved))
    return _long_enough(names), _long_enough(parts)


def _alone(session: Session, own: set[int], name: str, phone: str | None) -> set[str]:
    """The name and number, as far as no other customer has the same."""
    found = set()
    first, _, last = name.partition(" ")
    namesake = select(Customer.id).where(
        func.lower(Customer.first_name + " " + Customer.last_name) == name.lower(),
        Customer.id.not_in(own),
    )
    if first and last and session.scalar(namesake.limit(1)) is None:
        found.add(name)
    if phone:
        shared = select(Customer.id).where(Customer.phone == phone, Customer.id.not_in(own))
        if session.scalar(shared.limit(1)) is None:
            found |= {phone, _NOT_A_DIGIT.sub("", phone), f"+{_NOT_A_DIGIT.sub('', phone)}"}
    return found


def _full_name(customer: Customer) -> str:
    return f"{customer.first_name} {customer.last_name}".strip()


def _long_enough(words: Iterable[str]) -> set[str]:
    return {word.strip() for word in words if len(word.strip()) >= _SHORTEST_TOKEN}
