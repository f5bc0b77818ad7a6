"""What carriers report of parcels, and what it means for returns and for replacements on their way out.

A return is on its way with the first of its parcels that is scanned, and has arrived with the first that arrives: the
warehouse inspects what is there, and later parcels add to it. It is lost when none of its parcels can come any more.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from returnsdesk.clients.carrier import DELIVERED, IN_TRANSIT, LOST, UNDELIVERED, CarrierReport
from returnsdesk.db.models import CarrierEvent, Exchange, InboundParcel, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import cases, exchanges, return_moves
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.label_requests import ANNOUNCED, VOIDED

APPLIED: Final = "applied"
DUPLICATE: Final = "duplicate"
UNKNOWN_PARCEL: Final = "unknown_parcel"

ACTOR: Final = "carrier"

# A parcel only ever moves on. One that was given up may turn up after all.
_RANKS: Final = {ANNOUNCED: 0, IN_TRANSIT: 1, LOST: 2, DELIVERED: 3}
_CHANGING: Final = (IN_TRANSIT, DELIVERED, LOST, UNDELIVERED)
_CALLED_OFF: Final = (states.CANCELLED, states.EXPIRED, states.DECLINED)

logger = logging.getLogger(__name__)


def apply_event(database: Database, report: CarrierReport, *, now: datetime) -> str:
    """Take note of a report and move what it is about; gives APPLIED, DUPLICATE or UNKNOWN_PARCEL.

    Reports may come late, twice and in any order. One of a parcel that is not known is kept, and changes nothing.
    """
    try:
        with database.write() as session:
            if _is_known(session, report):
                return DUPLICATE
            session.add(
                CarrierEvent(
                    carrier=report.carrier[:60],
                    event_id=report.event_id[:160],
                    tracking_number=report.tracking_number[:80],
                    status=report.status[:40],
                    at=report.at,
                    received_at=now,
                )
            )
            session.flush()
            is_inbound = _move_parcel(
                session, report.tracking_number, report.status, report.at, now
            )
    except IntegrityError:
        with database.read() as session:
            if _is_known(session, report):
                # It came twice at the same time.
                return DUPLICATE
        raise
    if is_inbound or _move_replacement(database, report, now):
        return APPLIED
    return UNKNOWN_PARCEL


def catch_up(session: Session, tracking_number: str, *, now: datetime) -> None:
    """Apply what was reported of a parcel before it was known here."""
    reported = session.scalars(
        select(CarrierEvent)
        .where(CarrierEvent.tracking_number == tracking_number)
        .order_by(CarrierEvent.at)
    )
    for event in reported.all():
        _move_parcel(session, tracking_number, event.status, event.at, now)


def to_ask_about(session: Session, *, quiet_since: datetime, limit: int) -> list[InboundParcel]:
    """Parcels on their way, or to be posted, of which nothing was heard since `quiet_since`; the quietest first."""
    waiting = (
        select(InboundParcel)
        .join(InboundParcel.return_)
        .where(
            InboundParcel.status.in_((ANNOUNCED, IN_TRANSIT)),
            InboundParcel.carrier_reference.isnot(None),
            Return.status.in_((states.LABEL_ISSUED, states.IN_TRANSIT)),
            Return.requested_at <= quiet_since,
            (InboundParcel.last_event_at.is_(None)) | (InboundParcel.last_event_at <= quiet_since),
        )
    )
    return list(session.scalars(waiting.order_by(InboundParcel.id).limit(limit)))


def _is_known(session: Session, report: CarrierReport) -> bool:
    return (
        session.scalar(
            select(CarrierEvent.id).where(
                CarrierEvent.carrier == report.carrier[:60],
                CarrierEvent.event_id == report.event_id[:160],
            )
        )
        is not None
    )


def _move_parcel(
    session: Session, tracking_number: str, status: str, at: datetime, now: datetime
) -> bool:
    """Move a return's parcel on, and the return with it; False when no parcel has that number."""
    rma_number = session.scalar(
        select(Return.rma_number)
        .join(InboundParcel)
        .where(InboundParcel.tracking_number == tracking_number)
    )
    if rma_number is None:
        return False
    document = documents.locked(session, rma_number)
    parcel = next(each for each in document.parcels if each.tracking_number == tracking_number)
    if parcel.last_event_at is None or parcel.last_event_at < at:
        parcel.last_event_at = at
    if parcel.status == VOIDED or document.status in _CALLED_OFF:
        if status in _CHANGING:
            _open_case(session, document, parcel, "parcel_after_end", status, now)
    elif status == UNDELIVERED:
        _open_case(session, document, parcel, "parcel_undelivered", status, now)
    elif _RANKS.get(status, 0) > _RANKS[parcel.status]:
        parcel.status = status
        try:
            _move_return(session, document, parcel, now)
        except NotAllowed as error:
            logger.info("a carrier's report changes nothing any more: %s", error)
    return True


def _move_return(session: Session, document: Return, parcel: InboundParcel, now: datetime) -> None:
    """Let the return follow a parcel that has moved on; raises `NotAllowed`, with nothing changed, when it is past."""
    if parcel.status == IN_TRANSIT:
        return_moves.note_scan(session, document, actor=ACTOR, now=now)
    elif parcel.status == DELIVERED:
        return_moves.note_arrival(session, document, actor=ACTOR, now=now)
    elif any(each.status in (IN_TRANSIT, DELIVERED) for each in document.parcels):
        _open_case(session, document, parcel, "parcel_lost", LOST, now)
    else:
        # A carrier loses only what it has: the scan before it never came here.
        return_moves.note_scan(session, document, actor=ACTOR, now=now)
        return_moves.note_loss(session, document, actor=ACTOR, now=now)


def _move_replacement(database: Database, report: CarrierReport, now: datetime) -> bool:
    """Note that a replacement was delivered; False when none goes out under that number."""
    with database.read() as session:
        number = session.scalar(
            select(Exchange.number)
            .where(Exchange.tracking_number == report.tracking_number)
            .limit(1)
        )
    if number is not None and report.status == DELIVERED:
        try:
            exchanges.deliver(database, number, actor=ACTOR, now=now)
        except NotAllowed as error:
            logger.info("a carrier's report changes nothing any more: %s", error)
    return number is not None


def _open_case(
    session: Session,
    document: Return,
    parcel: InboundParcel,
    reason: str,
    status: str,
    now: datetime,
) -> None:
    cases.open_about_return(
        session,
        document,
        reason=reason,
        summary=(
            f"{document.rma_number} is {document.status}, "
            f"and the carrier reports its parcel {parcel.tracking_number} as {status}"
        ),
        dedupe_key=f"{reason}-{parcel.tracking_number}",
        now=now,
    )
