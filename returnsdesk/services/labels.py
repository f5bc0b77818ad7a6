"""Labels of returns: made at the carrier and kept, changed with the way of sending, handed out to shoppers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.clients.carrier import (
    PICK_UP,
    Carrier,
    EmbeddedCarrier,
    LabelItem,
    LabelMade,
    LabelRequest,
)
from returnsdesk.clients.http import ProviderRefused
from returnsdesk.db.models import (
    Event,
    InboundParcel,
    Order,
    OutboxJob,
    ParcelLabel,
    Return,
    ReturnLine,
)
from returnsdesk.db.session import Database
from returnsdesk.domain import addresses, states
from returnsdesk.domain.pick_up import pick_up_days
from returnsdesk.services import cases, events, label_requests, notices, parcels, policies
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.views import ReturnView, return_view


def issue_label(
    database: Database,
    rma_number: str,
    *,
    actor: str,
    now: datetime,
    carrier: Carrier | None = None,
) -> ReturnView:
    """Have the label of an approved return made now, by the drawing stand-in unless a carrier is given.

    Raises `NotAllowed` in other states and where the shopper sends by a carrier of their own, and what the carrier
    raises: the label then waits for the worker.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number, "issue_label")
        key = label_requests.request(session, document, now=now)
        number, method = document.rma_number, document.method
    if key is None:
        raise NotAllowed(
            "NO_LABEL", f"{number} is sent by {method}: there is no label", rma_number=number
        )
    issue(database, carrier or EmbeddedCarrier(), number, key, actor=actor, now=now)
    with database.read() as session:
        view = return_view(session.scalars(select(Return).where(Return.rma_number == number)).one())
    if not view.parcels:
        raise NotAllowed("LABEL_REFUSED", f"the carrier made no label for {number}; a case is open")
    return view


def issue(
    database: Database, carrier: Carrier, rma_number: str, key: str, *, actor: str, now: datetime
) -> None:
    """Make the label of a key and keep it; a second time finds it made.

    The carrier is called outside any transaction. What it refuses goes to a colleague; raises `ProviderUnavailable`.
    """
    with database.read() as session:
        request = _request(session, rma_number, key)
    if request is None:
        return
    try:
        made = carrier.make_label(request)
    except ProviderRefused as refusal:
        _report_failure(
            database, rma_number, key, f"the carrier refuses: {refusal}", now, is_final=True
        )
        return
    with database.write() as session:
        document = documents.locked(session, rma_number)
        _keep(session, document, request, made, actor=actor, now=now)
        # Nothing keeps a carrier from reporting a parcel before its label is kept here.
        parcels.catch_up(session, made.tracking_number, now=now)


def do_without_carrier(database: Database, rma_number: str, *, now: datetime) -> None:
    """Let the shopper send by a carrier of their own, for the shop has none that makes labels."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.status == states.APPROVED and document.method in label_requests.LABELLED:
            _set_method(
                session, document, label_requests.OWN_CARRIER, None, actor="system", now=now
            )
            notices.announce_return(session, "own_carrier", document, now=now)


def report_delays(database: Database, *, now: datetime) -> None:
    """Open a case for each label that has been wanted for too long, and tell the shopper; once for each label."""
    with database.read() as session:
        jobs = session.scalars(
            select(OutboxJob).where(
                OutboxJob.kind == label_requests.ISSUE_LABEL,
                OutboxJob.state != "done",
                OutboxJob.created_at <= now - timedelta(minutes=1),
            )
        )
        late = [
            (str(job.payload["rma_number"]), job.dedupe_key, job.last_error or "no answer yet")
            for job in jobs
            if _is_late(session, job, now)
        ]
    for rma_number, key, error in late:
        _report_failure(database, rma_number, key, f"not made yet: {error}", now)


def choose_method(
    database: Database,
    rma_number: str,
    method: str,
    pick_up_on: date | None,
    *,
    actor: str,
    now: datetime,
) -> ReturnView:
    """Change how the parcel travels, before a carrier has it; a label that is out is taken back and a new one made.

    Raises `NotAllowed` with METHOD_NOT_OFFERED or COUNTRY_NOT_SERVED (fact `methods`: what is offered), and with
    PICK_UP_DAY_MISSING or PICK_UP_DAY_NOT_POSSIBLE (fact `days`: those that are possible).
    """
    with database.write() as session:
        document = documents.locked(session, rma_number, "choose_method")
        _check_method(document.order, method, pick_up_on, now)
        day = pick_up_on if method == PICK_UP else None
        if (document.method, document.pick_up_on) == (method, day):
            return return_view(document)
        _set_method(session, document, method, day, actor=actor, now=now)
        label_requests.void(session, document, now=now)
        if document.status == states.LABEL_ISSUED:
            documents.set_status(
                session, document, "choose_method", states.APPROVED, actor=actor, now=now
            )
        elif document.status == states.APPROVED:
            label_requests.request(session, document, now=now)
        return return_view(document)


@dataclass(frozen=True)
class LabelFile:
    """The label that a return is to be sent with now; `qr_text` where a parcel shop takes it instead of paper."""

    rma_number: str
    pdf: bytes
    qr_text: str | None


def label_of(session: Session, rma_number: str, *, now: datetime) -> LabelFile | None:
    """The latest label of a return that was not taken back and has not run out.

    Once the carrier has scanned its parcel a label is proof of what was sent: it is handed out for good.
    """
    document = documents.by_number(session, rma_number)
    if document is None:
        return None
    for parcel in reversed(label_requests.live_parcels(document)):
        is_run_out = (
            parcel.status == label_requests.ANNOUNCED
            and parcel.label_expires_at is not None
            and parcel.label_expires_at <= now
        )
        if parcel.label is not None and not is_run_out:
            return LabelFile(document.rma_number, parcel.label.pdf, parcel.label.qr_text)
    return None


def _request(session: Session, rma_number: str, key: str) -> LabelRequest | None:
    """What to ask the carrier for; None when no label is wanted any more."""
    document = documents.by_number(session, rma_number)
    if (
        document is None
        or document.status != states.APPROVED
        or document.method not in label_requests.LABELLED
        or label_requests.live_parcels(document)
    ):
        return None
    order, customer = document.order, document.order.customer
    name = f"{customer.first_name} {customer.last_name}".strip() if customer else ""
    return LabelRequest(
        key=key,
        rma_number=document.rma_number,
        order_number=order.number,
        # A buyer without an account is known by the order alone.
        sender=addresses.from_record(
            name or order.number, order.shipping_address, country=order.country
        ),
        receiver=addresses.from_line(policies.policy_of(order).return_.address),
        method=document.method,
        requested_at=document.requested_at,
        pick_up_on=document.pick_up_on,
        items=tuple(_item(line, document.currency) for line in document.lines),
    )


def _item(line: ReturnLine, currency: str) -> LabelItem:
    held = [claim for claim in line.claims if claim.state != "released"]
    return LabelItem(
        sku=line.order_line.sku,
        description=line.order_line.name,
        quantity=line.quantity,
        value_minor=sum(claim.unit.paid_minor for claim in held),
        currency=currency,
    )


def _keep(
    session: Session,
    document: Return,
    request: LabelRequest,
    made: LabelMade,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Store what the carrier made; a label that is not wanted any more is kept as one to be taken back."""
    known = select(InboundParcel.id).where(InboundParcel.tracking_number == made.tracking_number)
    if session.scalar(known) is not None:
        return
    valid_days = policies.policy_of(document.order).return_.label_valid_days
    parcel = InboundParcel(
        return_=document,
        carrier=made.carrier,
        tracking_number=made.tracking_number,
        status=label_requests.ANNOUNCED,
        carrier_reference=made.reference,
        tracking_url=made.tracking_url,
        label_expires_at=made.expires_at or now + timedelta(days=valid_days),
        label=ParcelLabel(pdf=made.pdf, qr_text=made.qr_text, created_at=now),
    )
    session.add(parcel)
    session.flush()
    wanted = (document.method, document.pick_up_on) == (request.method, request.pick_up_on)
    is_first = len(label_requests.live_parcels(document)) == 1
    if document.status == states.APPROVED and wanted and is_first:
        if _had_label(session, document):
            notices.announce_return(session, "label_replaced", document, now=now)
        documents.set_status(
            session, document, "issue_label", states.LABEL_ISSUED, actor=actor, now=now
        )
        return
    label_requests.void_parcel(session, parcel, now=now)
    if document.status == states.APPROVED:
        label_requests.request(session, document, now=now, spent=request.key)


def _had_label(session: Session, document: Return) -> bool:
    """Whether the shopper has been given a label of this return before."""
    earlier = select(Event.id).where(
        Event.document == "return",
        Event.document_id == document.id,
        Event.command == "issue_label",
    )
    return session.scalar(earlier.limit(1)) is not None


def _set_method(
    session: Session,
    document: Return,
    method: str,
    pick_up_on: date | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    before = {"method": document.method, "pick_up_on": _text(document.pick_up_on)}
    document.method, document.pick_up_on = method, pick_up_on
    events.record(
        session, actor=actor, command="choose_method", document="return", document_id=document.id, now=now,
        before=before, after={"method": method, "pick_up_on": _text(pick_up_on)},
        conversation_id=document.conversation_id,
    )  # fmt: skip


def _check_method(order: Order, method: str, pick_up_on: date | None, now: datetime) -> None:
    methods = label_requests.offered_methods(order)
    if method not in methods:
        if method in label_requests.LABELLED and not label_requests.serves(order):
            raise NotAllowed(
                "COUNTRY_NOT_SERVED", f"there are no labels in {order.country}", methods=methods
            )
        raise NotAllowed(
            "METHOD_NOT_OFFERED",
            f"{method} is not offered; there is {', '.join(methods)}",
            methods=methods,
        )
    if method != PICK_UP:
        return
    days = pick_up_days(order.country, now)
    if pick_up_on is None:
        raise NotAllowed("PICK_UP_DAY_MISSING", "a pick-up needs a day", days=days)
    if pick_up_on not in days:
        raise NotAllowed(
            "PICK_UP_DAY_NOT_POSSIBLE",
            f"parcels are fetched on working days from {days[0]} to {days[-1]}",
            days=days,
            first=days[0],
            last=days[-1],
        )


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _is_late(session: Session, job: OutboxJob, now: datetime) -> bool:
    document = documents.by_number(session, str(job.payload.get("rma_number", "")))
    if document is None or document.status != states.APPROVED:
        return False
    minutes = policies.policy_of(document.order).return_.label_case_minutes
    return bool(job.created_at + timedelta(minutes=minutes) <= now)


def _report_failure(
    database: Database,
    rma_number: str,
    key: str,
    reason: str,
    now: datetime,
    *,
    is_final: bool = False,
) -> None:
    """Ask a person, and tell the shopper; a key that was refused for good is not tried again."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if is_final:
            label_requests.give_up(session, key)
        if document.status != states.APPROVED:
            return
        cases.open_about_return(
            session,
            document,
            reason="label_failed",
            summary=f"The label of {document.rma_number} is missing; {reason}"[:500],
            dedupe_key=key,
            now=now,
        )
        notices.announce_return(session, "label_delayed", document, now=now)
