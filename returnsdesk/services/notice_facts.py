"""What a notice tells of its document, read from the record at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Claim,
    Exchange,
    Notification,
    Order,
    OrderLine,
    Refund,
    Return,
    StoreCredit,
    Withdrawal,
)
from returnsdesk.domain import windows
from returnsdesk.services import orders, policies, refund_amounts, tracking
from returnsdesk.services.errors import NotFound
from returnsdesk.services.tracking import Tracking


@dataclass(frozen=True)
class Item:
    """Units that a document is about; `new_options` are those of the replacement, the counts those of the check."""

    name: str
    options: Mapping[str, str]
    quantity: int
    outcome: str = ""
    new_options: Mapping[str, str] | None = None
    accepted: int = 0
    rejected: int = 0
    rejection_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Credit:
    """A code for the shop's checkout that was given in place of money."""

    code: str
    amount_minor: int
    expires_on: date | None


@dataclass(frozen=True)
class WayBack:
    """How a part of the money goes back: the kind of payment, `payment_link` or `store_credit`."""

    kind: str
    last_four: str | None


@dataclass(frozen=True)
class PaidBack:
    """A refund (minor units); the days are empty until it is settled, then bound the day on which the money shows."""

    amount_minor: int
    currency: str
    fee_minor: int
    ways: tuple[WayBack, ...]
    credits: tuple[Credit, ...]
    paid_on: date | None
    shows_from: date | None
    shows_to: date | None


@dataclass(frozen=True)
class Replacement:
    """What is sent in place of units: name and options of each, and how it travels once it has been sent."""

    items: tuple[tuple[str, Mapping[str, str]], ...]
    status: str
    tracking_number: str | None
    shipped_on: date | None


@dataclass(frozen=True)
class Decided:
    """What was decided on a claim."""

    resolution: str | None
    keep_item: bool


@dataclass(frozen=True)
class Declared:
    """A declaration of withdrawal as it was made, and its deadlines."""

    words: str
    name: str
    declared_at: datetime
    goods_by: date | None
    refund_by: date | None


@dataclass(frozen=True)
class Reader:
    """Who is greeted; both are empty where nobody knows who reads the notice."""

    first_name: str
    last_name: str


@dataclass(frozen=True)
class NoticeFacts:
    """A document as its notices tell of it.

    `number` is the document's own, `rma_number` names the return whose tracking page shows more. `tracking`,
    `decided` and `declared` belong to one kind of document each.
    """

    number: str
    order_number: str
    country: str
    reader: Reader
    items: tuple[Item, ...]
    decision_text: str
    rma_number: str | None = None
    paid_back: tuple[PaidBack, ...] = ()
    replacement: Replacement | None = None
    tracking: Tracking | None = None
    label_expires_on: date | None = None
    decided: Decided | None = None
    declared: Declared | None = None


def facts_of(session: Session, notice: Notification, language: str, now: datetime) -> NoticeFacts:
    """The facts for a notice, names of products in its language; raises `NotFound` for a document that is gone."""
    if notice.document == "refund":
        return _of_refund(session, notice.document_id, language, now)
    model = {"return": Return, "claim": Claim, "withdrawal": Withdrawal}.get(notice.document)
    document = session.get(model, notice.document_id) if model else None
    if isinstance(document, Return):
        return _of_return(session, document, language, now)
    if isinstance(document, Claim):
        return _of_claim(session, document, language)
    if isinstance(document, Withdrawal):
        return _of_withdrawal(document, language)
    raise NotFound("DOCUMENT_UNKNOWN", f"there is no {notice.document} {notice.document_id}")


def _of_refund(session: Session, refund_id: int, language: str, now: datetime) -> NoticeFacts:
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFound("DOCUMENT_UNKNOWN", f"there is no refund {refund_id}")
    if refund.return_ is not None:
        return _of_return(session, refund.return_, language, now, [refund])
    return _of_claim(session, refund.claim, language, [refund])


def _of_return(
    session: Session,
    document: Return,
    language: str,
    now: datetime,
    refunds: list[Refund] | None = None,
) -> NoticeFacts:
    found = tracking.find(session, document.rma_number, asked=language, fallback=language, now=now)
    if found is None:
        raise NotFound("RETURN_UNKNOWN", f"there is no return {document.rma_number}")
    view, names = found.standing.document, found.standing.names
    ends = [each.label_expires_at for each in view.parcels if each.label_expires_at]
    return NoticeFacts(
        number=view.rma_number,
        order_number=view.order_number,
        country=view.country,
        reader=_reader(document.order),
        items=tuple(
            Item(
                name=names.get(line.line_external_id, line.name),
                options=line.options,
                quantity=line.quantity,
                outcome=line.outcome,
                new_options=line.new_options,
                accepted=line.accepted,
                rejected=line.rejected,
                rejection_reasons=line.rejection_reasons,
            )
            for line in view.lines
        ),
        decision_text=view.decision_text or "",
        rma_number=view.rma_number,
        paid_back=_paid_back(
            session, document.refunds if refunds is None else refunds, document.order
        ),
        replacement=_replacement(document.exchange, view.country, language),
        tracking=found,
        label_expires_on=windows.local_date(max(ends), view.country) if ends else None,
    )


def _of_claim(
    session: Session, claim: Claim, language: str, refunds: list[Refund] | None = None
) -> NoticeFacts:
    return NoticeFacts(
        number=claim.number,
        order_number=claim.order.number,
        country=claim.order.country,
        reader=_reader(claim.order),
        items=_items(claim.lines, language),
        decision_text=claim.decision_text or "",
        rma_number=claim.return_.rma_number if claim.return_ else None,
        paid_back=_paid_back(session, claim.refunds if refunds is None else refunds, claim.order),
        replacement=_replacement(claim.exchange, claim.order.country, language),
        decided=Decided(claim.resolution, claim.keep_item),
    )


def _of_withdrawal(withdrawal: Withdrawal, language: str) -> NoticeFacts:
    country = withdrawal.order.country if withdrawal.order else ""

    def on(moment: datetime | None) -> date | None:
        return windows.local_date(moment, country) if moment else None

    return NoticeFacts(
        number=withdrawal.number,
        order_number=withdrawal.order.number if withdrawal.order else withdrawal.order_number_given,
        country=country,
        # The name is the one that was declared: whoever declares need not be who bought.
        reader=Reader(withdrawal.name, ""),
        items=_items(withdrawal.lines, language),
        decision_text=withdrawal.decision_text or "",
        rma_number=withdrawal.return_.rma_number if withdrawal.return_ else None,
        declared=Declared(
            words=withdrawal.words,
            name=withdrawal.name,
            declared_at=withdrawal.declared_at.astimezone(windows.zone_of(country)),
            goods_by=on(withdrawal.goods_by),
            refund_by=on(withdrawal.refund_due_at),
        ),
    )


def _reader(order: Order) -> Reader:
    """The buyer; nobody for a gift, which somebody else may have by now."""
    customer = order.customer
    if customer is None or order.is_gift:
        return Reader("", "")
    return Reader(customer.first_name, customer.last_name)


def _items(lines: Iterable[object], language: str) -> tuple[Item, ...]:
    found = []
    for line in lines:
        ordered: OrderLine = line.order_line  # type: ignore[attr-defined]
        quantity: int = line.quantity  # type: ignore[attr-defined]
        found.append(Item(orders.name_of(ordered, language), dict(ordered.options), quantity))
    return tuple(found)


def _replacement(exchange: Exchange | None, country: str, language: str) -> Replacement | None:
    if exchange is None:
        return None
    variants = [line.variant for line in exchange.lines]
    return Replacement(
        items=tuple(
            (
                variant.product.names.get(language) or next(iter(variant.product.names.values())),
                dict(variant.options),
            )
            for variant in variants
        ),
        status=exchange.status,
        tracking_number=exchange.tracking_number,
        shipped_on=windows.local_date(exchange.shipped_at, country)
        if exchange.shipped_at
        else None,
    )


def _paid_back(session: Session, refunds: Iterable[Refund], order: Order) -> tuple[PaidBack, ...]:
    return tuple(_one_paid_back(session, refund, order) for refund in refunds if refund.parts)


def _one_paid_back(session: Session, refund: Refund, order: Order) -> PaidBack:
    paid_on = windows.local_date(refund.settled_at, order.country) if refund.settled_at else None
    ways = tuple(
        WayBack(refund_amounts.way_of(part), part.payment.last_four if part.payment else None)
        for part in refund.parts
    )
    spans = [policies.policy_of(order).refund_days(way.kind) for way in ways]

    def after(days: int) -> date | None:
        return windows.add_working_days(paid_on, days, order.country) if paid_on else None

    return PaidBack(
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        fee_minor=refund.breakdown.get("fee_minor", 0),
        ways=ways,
        credits=_credits(session, refund, order),
        paid_on=paid_on,
        shows_from=after(min(span[0] for span in spans)),
        shows_to=after(max(span[1] for span in spans)),
    )


def _credits(session: Session, refund: Refund, order: Order) -> tuple[Credit, ...]:
    given = session.scalars(
        select(StoreCredit)
        .where(StoreCredit.refund_part_id.in_([part.id for part in refund.parts]))
        .order_by(StoreCredit.id)
    )
    return tuple(
        Credit(
            each.code,
            each.amount_minor,
            windows.local_date(each.expires_at, order.country) if each.expires_at else None,
        )
        for each in given
    )
