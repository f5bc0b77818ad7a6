"""What the tracking page tells of one return: where it stands, its stages, how to send it, what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Event, Exchange, Return
from returnsdesk.domain import states, windows
from returnsdesk.services import policies, return_documents
from returnsdesk.services.status import Standing, standing_of
from returnsdesk.services.views import ReturnView
from returnsdesk.settings import LANGUAGES

REVIEWED = "approved"
LABELLED = "label_issued"
ON_ITS_WAY = "in_transit"
REPAID = "refunded"
REPLACED = "exchanged"
# A parcel that was lost is never checked; the shop decides on it all the same.
DECIDED = "decided"

DONE, NOW, NEXT = "done", "now", "next"

# States that end a return before its usual end: what would have come next does not come any more.
_STOPPED = frozenset(
    {states.DECLINED, states.CANCELLED, states.EXPIRED, states.REJECTED, states.LOST}
)


@dataclass(frozen=True)
class Stage:
    """A step of a return: done, where it stands now, or still to come; `on` is the day on which it was reached."""

    name: str
    state: str
    on: date | None


@dataclass(frozen=True)
class PriceDifference:
    """What a dearer replacement costs more, to be paid at `url` until `due_at`."""

    amount_minor: int
    url: str | None
    due_at: datetime | None


@dataclass(frozen=True)
class Tracking:
    """A return as whoever holds its link sees it: no name, no home address, no e-mail address.

    `decide_by` is the promised day of a decision while a colleague looks at the request. `expected_minor` is what comes
    back if everything is accepted, None when that is not known yet or something else was decided.
    """

    standing: Standing
    stages: tuple[Stage, ...]
    language: str
    postal_address: str
    is_postage_paid: bool
    has_label: bool
    has_qr: bool
    decide_by: date | None
    expected_minor: int | None
    to_pay: PriceDifference | None


def find(
    session: Session, rma_number: str, *, asked: str | None, fallback: str, now: datetime
) -> Tracking | None:
    """The return of that number; None if there is none.

    It is told in the language that was `asked` for, else in the shopper's own, else in the `fallback`.
    """
    document = return_documents.by_number(session, rma_number)
    if document is None:
        return None
    language = asked or _own_language(session, document) or fallback
    standing = standing_of(document, now, language)
    policy = policies.policy_of(document.order)
    asked_on = windows.local_date(document.requested_at, document.order.country)
    has_label = _has_label(standing.document, now)
    return Tracking(
        standing=standing,
        stages=_stages(session, document),
        language=language,
        postal_address=policy.return_.address,
        is_postage_paid=policy.return_.postage_paid,
        has_label=has_label,
        has_qr=has_label and _has_qr(document),
        decide_by=windows.add_working_days(
            asked_on, policy.review.working_days, document.order.country
        )
        if document.status == states.REQUESTED
        else None,
        expected_minor=_expected_minor(document),
        to_pay=_to_pay(document.exchange) if document.exchange else None,
    )


def _has_label(document: ReturnView, now: datetime) -> bool:
    """Whether there is a label to put on the parcel: until the carrier has scanned it or the label has run out."""
    return document.status in states.RETURN_BEFORE_SCAN and any(
        parcel.label_ready
        and parcel.status == "announced"
        and (parcel.label_expires_at is None or parcel.label_expires_at > now)
        for parcel in document.parcels
    )


def _has_qr(document: Return) -> bool:
    return any(parcel.label and parcel.label.qr_text for parcel in document.parcels)


def _own_language(session: Session, document: Return) -> str | None:
    """Language of the conversation that the return was asked for in, otherwise the customer's own."""
    conversation = (
        session.get(Conversation, document.conversation_id) if document.conversation_id else None
    )
    customer = document.order.customer
    own = conversation.language if conversation else customer and customer.language
    return own if own in LANGUAGES else None


def _expected_minor(document: Return) -> int | None:
    is_undecided = document.status in (
        *states.RETURN_BEFORE_SCAN,
        states.IN_TRANSIT,
        states.ARRIVED,
    )
    lines = [line for line in document.lines if line.outcome == "refund"]
    # A withdrawal brings delivery costs back as well, and a claim its own amount: known once it is decided.
    if not is_undecided or not lines or document.withdrawal_id or document.claim_id:
        return None
    paid = sum(
        claim.unit.paid_minor
        for line in lines
        for claim in line.claims
        if claim.state != "released"
    )
    return max(0, paid - document.fee_minor)


def _to_pay(exchange: Exchange) -> PriceDifference | None:
    if exchange.difference_status != states.DIFFERENCE_DUE:
        return None
    amount = sum(line.price_difference_minor for line in exchange.lines)
    return PriceDifference(amount, exchange.payment_url, exchange.payment_due_at)


def _stages(session: Session, document: Return) -> tuple[Stage, ...]:
    reached = _reached(session, document)
    names = _names(document, reached)
    last = max(place for place, name in enumerate(names) if name in reached)
    off_road = document.status if document.status in _STOPPED | {states.ON_HOLD} else None
    is_over = document.status in states.RETURN_ENDED
    country = document.order.country

    def stage(name: str, state: str) -> Stage:
        moment = reached.get(name)
        return Stage(name, state, windows.local_date(moment, country) if moment else None)

    done = [stage(name, DONE) for name in names[: last + 1]]
    to_come = [stage(name, NEXT) for name in names[last + 1 :]]
    if off_road is not None:
        here = stage(off_road, NOW)
        return (*done, here, *([] if off_road in _STOPPED else to_come))
    if is_over:
        return tuple(done)
    return (*done[:-1], stage(names[last], NOW), *to_come)


def _names(document: Return, reached: dict[str, datetime | None]) -> list[str]:
    """The steps of this return in order; those that it skips are left out."""
    has_label = document.method != "own_carrier" and (
        LABELLED in reached or document.status in (states.REQUESTED, states.APPROVED)
    )
    is_reviewed = document.status == states.REQUESTED or REVIEWED in reached
    is_paid = any(line.outcome == "refund" for line in document.lines)
    return [
        states.REQUESTED,
        *([REVIEWED] if is_reviewed else []),
        *([LABELLED] if has_label else []),
        ON_ITS_WAY,
        *([states.LOST, DECIDED] if DECIDED in reached else [states.ARRIVED, states.INSPECTED]),
        *([REPAID] if is_paid else []),
        *([REPLACED] if document.exchange else []),
    ]


def _reached(session: Session, document: Return) -> dict[str, datetime | None]:
    """Steps and states that the return has come to, with the moment where the record knows it."""
    rows = session.execute(
        select(Event.after, Event.at)
        .where(Event.document == "return", Event.document_id == document.id)
        .order_by(Event.id)
    )
    entered = {after["status"]: at for after, at in rows if "status" in after}
    reached: dict[str, datetime | None] = {states.REQUESTED: document.requested_at}
    if entered.get(REVIEWED, document.requested_at) > document.requested_at:
        # Approved by itself, it is registered and approved in one.
        reached[REVIEWED] = entered[REVIEWED]
    if LABELLED in entered or document.status == states.LABEL_ISSUED:
        reached[LABELLED] = entered.get(LABELLED)
    moments = (
        (ON_ITS_WAY, document.shipped_at),
        (states.ARRIVED, document.arrived_at),
        (states.INSPECTED if document.arrived_at else DECIDED, document.inspected_at),
        (REPAID, _repaid_at(document)),
        (REPLACED, document.exchange.shipped_at if document.exchange else None),
    )
    reached.update({name: moment for name, moment in moments if moment is not None})
    for status in (document.status, states.LOST):
        if status in entered:
            reached.setdefault(status, entered[status])
    return reached


def _repaid_at(document: Return) -> datetime | None:
    settled = [refund.settled_at for refund in document.refunds if refund.settled_at is not None]
    return max(settled) if settled and len(settled) == len(document.refunds) else None
