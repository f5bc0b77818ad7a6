"""Differences: what a replacement costs more is paid by a link before it is sent, what it costs less goes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Event, Exchange, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import exchange_rules, states
from returnsdesk.domain.money import allocate
from returnsdesk.domain.policy import Policy
from returnsdesk.services import (
    events,
    exchange_setbacks,
    outbox,
    policies,
    refund_amounts,
    refunds,
    replacements,
)
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.views import ExchangeView, exchange_view

MAKE_PAYMENT_LINK: Final = "make_payment_link"

# A link may be paid in its last moment; the replacement is kept until the provider has had time to say so.
GRACE: Final = timedelta(minutes=15)

_ASK: Final = "ask_difference"
_PAID: Final = "pay_difference"


@dataclass(frozen=True)
class LinkWanted:
    """A payment link that is still to be made: what for, under which key, and how long it may be paid."""

    key: str
    amount_minor: int
    currency: str
    exchange_number: str
    rma_number: str
    hours: int


@dataclass(frozen=True)
class OpenLink:
    """A payment link that is not known to be paid."""

    exchange_number: str
    reference: str
    is_over: bool


def settle(session: Session, exchange: Exchange, *, actor: str, now: datetime) -> None:
    """Bring money in line with what the replacement costs now: ask for what is missing, pay back what is too much.

    Within the caller's transaction on the locked order. Money goes back only once the goods are accepted, or when
    there will be no replacement. Raises `NotAllowed` where the policy refuses dearer replacements.
    """
    document = exchange.return_
    if document is None:
        return
    total = _total(exchange)
    has_ended = exchange.status == states.EXCHANGE_ENDED_WITHOUT
    balance = total - _paid_by_links(session, exchange) + (0 if has_ended else _paid_back(document))
    if balance > 0:
        _ask_for(session, exchange, balance, actor=actor, now=now)
        return
    if balance < 0 and exchange.status in (states.EXCHANGE_ACCEPTED, states.EXCHANGE_ENDED_WITHOUT):
        _pay_back(session, exchange, document, -balance, actor=actor, now=now)
    if has_ended and exchange.difference_status == states.DIFFERENCE_DUE:
        # The link may still be paid until it runs out; it is watched so that such money goes back.
        return
    exchange.difference_status = _status_of(total)
    if exchange.difference_status != states.DIFFERENCE_PAID:
        _forget_link(exchange)


def amount_due(session: Session, exchange: Exchange) -> int:
    """What the present payment link asks for, in minor units; 0 when none was ever needed."""
    asked = _events(session, exchange, _ASK)
    return int(asked[-1].after["amount_minor"]) if asked else 0


def link_wanted(session: Session, exchange_id: int) -> LinkWanted | None:
    """What a link has to be made for; None when there is one, or none is needed, or the return waits for a look."""
    exchange = session.get(Exchange, exchange_id)
    document = exchange.return_ if exchange is not None else None
    if exchange is None or document is None or not _awaits_link(exchange, document):
        return None
    return LinkWanted(
        key=f"{exchange.number}-link-{len(_events(session, exchange, _ASK))}",
        amount_minor=amount_due(session, exchange),
        currency=document.currency,
        exchange_number=exchange.number,
        rma_number=document.rma_number,
        hours=policies.policy_of(document.order).exchange.payment_hours,
    )


def links_missing(session: Session) -> list[int]:
    """Ids of the exchanges that still need a link: approved meanwhile, or the provider was away."""
    rows = session.scalars(
        select(Exchange).where(
            Exchange.difference_status == states.DIFFERENCE_DUE,
            Exchange.payment_reference.is_(None),
        )
    )
    return [each.id for each in rows if each.return_ and _awaits_link(each, each.return_)]


def keep_link(
    database: Database,
    exchange_id: int,
    wanted: LinkWanted,
    reference: str,
    url: str,
    *,
    now: datetime,
) -> None:
    """The link is made: the shopper has the policy's hours from now. A second report changes nothing."""
    with database.write() as session:
        exchange = replacements.locked_exchange(session, wanted.exchange_number)
        if exchange.id != exchange_id or link_wanted(session, exchange_id) != wanted:
            return
        exchange.payment_reference, exchange.payment_url = reference, url
        exchange.payment_due_at = now + timedelta(hours=wanted.hours)
        exchange_setbacks.announce(session, exchange, "payment_due", now=now)


def open_links(session: Session, now: datetime) -> list[OpenLink]:
    """All links that shoppers may pay or may have paid."""
    rows = session.scalars(
        select(Exchange).where(
            Exchange.difference_status == states.DIFFERENCE_DUE,
            Exchange.payment_reference.is_not(None),
        )
    )
    return [
        OpenLink(each.number, each.payment_reference, each.payment_due_at + GRACE < now)
        for each in rows
        if each.payment_reference is not None and each.payment_due_at is not None
    ]


def pay_difference(
    database: Database, exchange_number: str, *, actor: str, now: datetime
) -> ExchangeView:
    """The shopper has paid the link; a second report changes nothing.

    When there is no replacement any more, the money goes back the way it came. Raises `NotAllowed` when nothing is due.
    """
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        if exchange.difference_status == states.DIFFERENCE_PAID:
            return exchange_view(exchange)
        if exchange.difference_status != states.DIFFERENCE_DUE or not exchange.payment_reference:
            raise NotAllowed("NOTHING_DUE", f"nothing is to be paid for {exchange.number}")
        amount = amount_due(session, exchange)
        exchange.difference_status = states.DIFFERENCE_PAID
        events.record(
            session, actor=actor, command=_PAID, document="exchange", document_id=exchange.id, now=now,
            after={"amount_minor": amount, "reference": exchange.payment_reference},
            conversation_id=exchange_setbacks.document_of(exchange).conversation_id,
        )  # fmt: skip
        session.flush()
        if exchange.status == states.EXCHANGE_ENDED_WITHOUT:
            settle(session, exchange, actor=actor, now=now)
        return exchange_view(exchange)


def miss_payment(database: Database, exchange_number: str, *, now: datetime) -> ExchangeView:
    """The link was not paid in time: the replacement is free for others, and the shopper chooses again.

    Raises `NotAllowed` when nothing is due or there is still time.
    """
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        due_at = exchange.payment_due_at
        if (
            exchange.difference_status != states.DIFFERENCE_DUE
            or due_at is None
            or due_at + GRACE >= now
        ):
            raise NotAllowed("NOTHING_DUE", f"no payment of {exchange.number} is overdue")
        exchange.difference_status = states.DIFFERENCE_NONE
        _forget_link(exchange)
        if exchange.status in (states.EXCHANGE_HELD, states.EXCHANGE_ACCEPTED):
            replacements.release_all(session, exchange)
            exchange_setbacks.choice_lost(
                session, exchange, "miss_payment", "payment_missed", actor="system", now=now
            )
        return exchange_view(exchange)


def waive_difference(
    database: Database, exchange_number: str, *, reason: str, actor: str, now: datetime
) -> ExchangeView:
    """The team lets the shopper have a dearer replacement for nothing more. Raises `NotAllowed` when nothing is due."""
    if not reason.strip():
        raise ServiceError("REASON_MISSING", "waiving a difference needs a reason")
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        if exchange.difference_status != states.DIFFERENCE_DUE:
            raise NotAllowed("NOTHING_DUE", f"nothing is to be paid for {exchange.number}")
        if exchange.payment_reference is not None:
            raise NotAllowed("LINK_OPEN", f"the payment link of {exchange.number} is already out")
        exchange.difference_status = states.DIFFERENCE_WAIVED
        events.record(
            session, actor=actor, command="waive_difference", document="exchange", document_id=exchange.id,
            now=now, after={"reason": reason.strip(), "amount_minor": _total(exchange)},
            conversation_id=exchange_setbacks.document_of(exchange).conversation_id,
        )  # fmt: skip
        return exchange_view(exchange)


def check_dearer(total_minor: int, policy: Policy) -> None:
    """Raise `NotAllowed` when the policy does not offer replacements that cost more than was paid."""
    if exchange_rules.difference_status(total_minor, policy) == exchange_rules.REFUSED:
        raise NotAllowed(
            "PRICE_DIFFERS",
            "the replacement does not cost what was paid",
            difference_minor=total_minor,
        )


def _ask_for(
    session: Session, exchange: Exchange, amount_minor: int, *, actor: str, now: datetime
) -> None:
    document = exchange_setbacks.document_of(exchange)
    policy = policies.policy_of(document.order)
    if exchange.difference_status == states.DIFFERENCE_WAIVED:
        return
    asked = _events(session, exchange, _ASK)
    is_asked = exchange.difference_status == states.DIFFERENCE_DUE and asked
    if is_asked and asked[-1].after["amount_minor"] == amount_minor:
        return
    check_dearer(amount_minor, policy)
    _forget_link(exchange)
    exchange.difference_status = states.DIFFERENCE_DUE
    exchange.payment_due_at = now + timedelta(hours=policy.exchange.payment_hours)
    events.record(
        session, actor=actor, command=_ASK, document="exchange", document_id=exchange.id, now=now,
        after={"amount_minor": amount_minor}, conversation_id=document.conversation_id,
    )  # fmt: skip
    session.flush()
    outbox.add(
        session,
        MAKE_PAYMENT_LINK,
        {"exchange_id": exchange.id},
        dedupe_key=f"{exchange.number}-link-{len(asked) + 1}",
        now=now,
    )


def _pay_back(
    session: Session,
    exchange: Exchange,
    document: Return,
    amount_minor: int,
    *,
    actor: str,
    now: datetime,
) -> None:
    """First what came by links, by the same links; the rest as the policy says."""
    left = amount_minor
    for event in _events(session, exchange, _PAID):
        back = min(left, int(event.after["amount_minor"]) - _paid_back_to(session, exchange, event))
        if back > 0:
            refund = refunds.pay_back_link(
                session, document, back, str(event.after["reference"]), actor=actor, now=now
            )
            events.record(
                session, actor=actor, command="pay_back_link", document="exchange", document_id=exchange.id,
                now=now, after={"paid": event.id, "amount_minor": back, "refund": refund.idempotency_key},
                conversation_id=document.conversation_id,
            )  # fmt: skip
            session.flush()
            left -= back
    if left > 0:
        refunds.start_difference(
            session,
            document,
            left,
            _shares(exchange, left),
            settlement=policies.policy_of(document.order).exchange.cheaper,
            actor=actor,
            now=now,
        )


def _shares(exchange: Exchange, amount_minor: int) -> dict[int, int]:
    """Which order lines (by id) an amount belongs to that goes back because replacements are cheaper."""
    cheaper = {
        line.return_line.order_line_id: -line.price_difference_minor
        for line in replacements.wanted_lines(exchange)
        if line.return_line is not None and line.price_difference_minor < 0
    }
    if not cheaper:
        return {}
    return dict(zip(cheaper, allocate(amount_minor, list(cheaper.values())), strict=True))


def _total(exchange: Exchange) -> int:
    if exchange.status == states.EXCHANGE_ENDED_WITHOUT:
        return 0
    return sum(line.price_difference_minor for line in replacements.wanted_lines(exchange))


def _paid_by_links(session: Session, exchange: Exchange) -> int:
    """What came by links and has not gone back by them. The event log is the book of it: it is only added to."""
    paid = sum(int(event.after["amount_minor"]) for event in _events(session, exchange, _PAID))
    back = _events(session, exchange, "pay_back_link")
    return paid - sum(int(event.after["amount_minor"]) for event in back)


def _paid_back_to(session: Session, exchange: Exchange, paid: Event) -> int:
    back = _events(session, exchange, "pay_back_link")
    return sum(int(each.after["amount_minor"]) for each in back if each.after["paid"] == paid.id)


def _paid_back(document: Return) -> int:
    """What went back because the replacement was cheaper."""
    return sum(
        refund.amount_minor
        for refund in document.refunds
        if refund.purpose == refund_amounts.DIFFERENCE
    )


def _status_of(total_minor: int) -> str:
    if total_minor == 0:
        return states.DIFFERENCE_NONE
    return states.DIFFERENCE_PAID if total_minor > 0 else states.DIFFERENCE_OWED


def _awaits_link(exchange: Exchange, document: Return) -> bool:
    return (
        exchange.difference_status == states.DIFFERENCE_DUE
        and exchange.payment_reference is None
        and exchange.status in (states.EXCHANGE_HELD, states.EXCHANGE_ACCEPTED)
        and document.status != states.REQUESTED
    )


def _forget_link(exchange: Exchange) -> None:
    exchange.payment_reference = exchange.payment_url = exchange.payment_due_at = None


def _events(session: Session, exchange: Exchange, command: str) -> list[Event]:
    session.flush()
    rows = session.scalars(
        select(Event)
        .where(
            Event.document == "exchange",
            Event.document_id == exchange.id,
            Event.command == command,
        )
        .order_by(Event.id)
    )
    return list(rows)
