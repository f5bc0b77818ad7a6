"""Whom a visitor of the demo may play: customers of the shop, each with a line about their story."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from babel import Locale
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Customer, Order
from returnsdesk.desk.demo.stories import Story, stories

MOST_SHOWN = 12

_LANGUAGE_NAMES = {
    "en": "English",
    "nl": "Dutch",
    "de": "German",
    "nb": "Norwegian",
    "pl": "Polish",
}


@dataclass(frozen=True)
class Shopper:
    """Somebody to play; `customer` is empty for a guest, who has to prove everything in the chat."""

    customer: str
    name: str
    language: str
    about: str
    email: str
    stories: tuple[Story, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The shopper for the page's script."""
        return asdict(self)


def shoppers(session: Session, wanted: str = "") -> list[Shopper]:
    """Those with a story; in a shop without stories those who ordered last; with `wanted`, those who fit it."""
    told = _stories_by_email()
    if wanted:
        chosen = select(Customer).where(_fits(wanted))
    elif _knows_any(session, told):
        chosen = select(Customer).where(Customer.email_norm.in_(told))
    else:
        chosen = select(Customer)
    rows = session.execute(
        chosen.add_columns(func.count(Order.id))
        .outerjoin(Order, Order.customer_id == Customer.id)
        .group_by(Customer.id)
        .order_by(func.max(Order.placed_at).desc(), Customer.id)
        .limit(MOST_SHOWN)
    ).all()
    found = [
        _shopper(customer, orders, told.get(customer.email_norm, ())) for customer, orders in rows
    ]
    if wanted:
        return found
    order = {email: place for place, email in enumerate(told)}
    return sorted(found, key=lambda shopper: order.get(shopper.email.lower(), len(order)))


def guest(session: Session) -> Shopper:
    """A visitor without an account, with the stories of those who ordered as guests."""
    told = _stories_by_email()
    customers = set(
        session.scalars(select(Customer.email_norm).where(Customer.email_norm.in_(told)))
    )
    has_stories = _knows_any(session, told)
    rows = tuple(
        story
        for email, those in told.items()
        for story in those
        if has_stories and email not in customers
    )
    return Shopper(
        customer="",
        name="A guest",
        language="en",
        about="Not logged in: the assistant asks for an order number and postcode, or sends a code.",
        email="",
        stories=rows,
    )


def find_customer(session: Session, wanted: str) -> Customer | None:
    """The customer with that id of the shop or that e-mail address."""
    found: Customer | None = session.scalars(
        select(Customer)
        .where(
            or_(Customer.external_id == wanted, Customer.email_norm == wanted.strip().casefold())
        )
        .order_by(Customer.id)
        .limit(1)
    ).one_or_none()
    return found


def _stories_by_email() -> dict[str, tuple[Story, ...]]:
    told: dict[str, tuple[Story, ...]] = {}
    for story in stories():
        told[story.email] = (*told.get(story.email, ()), story)
    return told


def _knows_any(session: Session, told: dict[str, tuple[Story, ...]]) -> bool:
    return (
        session.scalar(select(Customer.id).where(Customer.email_norm.in_(told)).limit(1))
        is not None
    )


def _fits(wanted: str) -> Any:
    part = "%" + wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    name = Customer.first_name + " " + Customer.last_name
    ordered = select(Order.customer_id).where(Order.number.ilike(part, escape="\\"))
    return or_(
        name.ilike(part, escape="\\"),
        Customer.email.ilike(part, escape="\\"),
        Customer.external_id == wanted,
        Customer.id.in_(ordered),
    )


def _shopper(customer: Customer, orders: int, told: tuple[Story, ...]) -> Shopper:
    language = customer.language if customer.language in _LANGUAGE_NAMES else "en"
    return Shopper(
        customer=customer.external_id,
        name=f"{customer.first_name} {customer.last_name}".strip(),
        language=language,
        about=_about(customer, language, orders),
        email=customer.email,
        stories=told,
    )


def _about(customer: Customer, language: str, orders: int) -> str:
    country = str(customer.address.get("country") or "")
    place = [customer.address.get("city"), Locale("en").territories.get(country, country)]
    tier = f"{customer.tier.capitalize()} member" if customer.tier != "none" else ""
    count = "1 order" if orders == 1 else f"{orders} orders"
    where = ", ".join(str(part) for part in place if part)
    return " · ".join(part for part in (where, _LANGUAGE_NAMES[language], count, tier) if part)
