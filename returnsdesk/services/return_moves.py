"""What moves a return along: decisions of the team, reports of carriers, the shopper's cancelling, and time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import cases, events, exchanges, inspections, ledger, policies
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.return_opening import OWN_CARRIER
from returnsdesk.services.views import ReturnView, return_view

PARCEL_LOST: Final = "parcel_lost"
PARCEL_TURNED_UP: Final = "parcel_turned_up"
ON_HOLD: Final = "return_on_hold"
NOT_SENT_BACK: Final = "goods_not_sent_back"


def approve(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Let a return that waited for a look go ahead."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "approve")
        documents.set_status(session, document, "approve", states.APPROVED, actor=actor, now=now)
        return return_view(document)


def decline(
    database: Database, rma_number: str, code: str, text: str, *, actor: str, now: datetime
) -> ReturnView:
    """Refuse a return that waited for a look; `text` is what the shopper reads, its units are free again."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.status != states.DECLINED:
            documents.require(document, "decline")
            _decide(document, code, text)
            _end(session, document, "decline", states.DECLINED, actor=actor, now=now)
        return return_view(document)


def record_scan(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """The carrier has the parcel; a second scan changes nothing."""
    return _noted(database, rma_number, note_scan, actor=actor, now=now)


def note_scan(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    """`record_scan` of a locked return within the caller's transaction."""
    if document.shipped_at is not None:
        return
    documents.require(document, "record_scan")
    document.shipped_at = now
    exchanges.renew_reservations(document, now)
    documents.set_status(session, document, "record_scan", states.IN_TRANSIT, actor=actor, now=now)


def record_arrival(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """The parcel is at the warehouse; a second arrival changes nothing."""
    return _noted(database, rma_number, note_arrival, actor=actor, now=now)


def note_arrival(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    """`record_arrival` of a locked return within the caller's transaction.

    A parcel that turns up after it was accepted as lost changes neither state nor money: a person looks at it.
    """
    if document.arrived_at is not None:
        return
    if document.inspected_at is not None:
        document.arrived_at = now
        events.record(
            session, actor=actor, command="record_arrival", document="return", document_id=document.id,
            now=now, after={"status": document.status}, conversation_id=document.conversation_id,
        )  # fmt: skip
        summary = f"The parcel of {document.rma_number} turned up after it was accepted as lost."
        _open_case(session, document, PARCEL_TURNED_UP, summary, now)
        return
    documents.require(document, "record_arrival")
    document.arrived_at = now
    document.shipped_at = document.shipped_at or now
    _close_case(session, document, PARCEL_LOST, actor, now)
    documents.set_status(session, document, "record_arrival", states.ARRIVED, actor=actor, now=now)


def report_lost(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """The parcel is not heard of any more: a person traces it, the shopper is asked for the proof of posting."""
    return _noted(database, rma_number, note_loss, actor=actor, now=now)


def note_loss(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    """`report_lost` of a locked return within the caller's transaction."""
    if document.status == states.LOST:
        return
    documents.require(document, "report_lost")
    documents.set_status(session, document, "report_lost", states.LOST, actor=actor, now=now)
    summary = f"The parcel of {document.rma_number} is lost: trace it, ask for the proof of posting"
    _open_case(session, document, PARCEL_LOST, summary, now)


def unheard_of(session: Session, now: datetime) -> list[str]:
    """RMA numbers of returns on their way that no carrier has reported for as long as the policy waits."""
    travelling = session.scalars(
        select(Return).where(
            Return.status == states.IN_TRANSIT, Return.shipped_at < now - timedelta(days=1)
        )
    )
    return [document.rma_number for document in travelling if _silent_until(document, now) < now]


def accept_lost(
    database: Database,
    rma_number: str,
    *,
    actor: str,
    now: datetime,
    has_proof_of_posting: bool = False,
) -> ReturnView:
    """Treat a lost parcel as if all of it had come back well; nothing goes back on the shelf.

    With the shop's label the loss is the shop's. A carrier of the shopper's own choice needs the proof of posting:
    raises `NotAllowed` PROOF_MISSING without.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number, "accept_lost")
        if document.method == OWN_CARRIER and not has_proof_of_posting:
            raise NotAllowed(
                "PROOF_MISSING",
                f"{document.rma_number} travelled by a carrier of the shopper's choice:"
                " it needs the proof of posting",
            )
        for line in document.lines:
            line.accepted += sum(1 for claim in line.claims if claim.state == "held")
            ledger.consume(line.claims, "accepted")
        _close_case(session, document, PARCEL_LOST, actor, now)
        inspections.finish(session, document, "accept_lost", actor=actor, now=now)
        return return_view(document)


def hold(
    database: Database,
    rma_number: str,
    code: str,
    text: str,
    *,
    actor: str,
    now: datetime,
    photo_ids: tuple[str, ...] = (),
) -> ReturnView:
    """Stop a return that arrived: a wrong item, a missing part, a dispute; the shopper reads `text` and is heard."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "hold")
        _decide(document, code, text)
        facts = {"code": code, "photos": list(photo_ids)}
        documents.set_status(
            session, document, "hold", states.ON_HOLD, actor=actor, now=now, facts=facts
        )
        _open_case(session, document, ON_HOLD, f"{document.rma_number} is on hold: {text}", now)
        return return_view(document)


def resume(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Go on with a return that was on hold, where it stood."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "resume")
        document.decision_code = document.decision_text = None
        _close_case(session, document, ON_HOLD, actor, now)
        status = states.ARRIVED if document.inspected_at is None else states.INSPECTED
        documents.set_status(session, document, "resume", status, actor=actor, now=now)
        return return_view(document)


def close_short(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """End the inspection without what did not arrive with the rest; those units are free again."""
    with database.write() as session:
        document = documents.locked(session, rma_number, "close_short")
        ledger.release_claims(document)
        inspections.finish(session, document, "close_short", actor=actor, now=now)
        return return_view(document)


def cancel(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Call a return off before its parcel was handed in; units and reserved stock are free again at once.

    Raises `NotAllowed` REPLACEMENT_PROMISED when a claim's replacement goes out for what should come back.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.status != states.CANCELLED:
            documents.require(document, "cancel")
            if is_replaced(document):
                raise NotAllowed(
                    "REPLACEMENT_PROMISED", f"{document.rma_number} brings back what is replaced"
                )
            _end(session, document, "cancel", states.CANCELLED, actor=actor, now=now)
        return return_view(document)


def expire(database: Database, rma_number: str, *, now: datetime) -> ReturnView:
    """End a return that was never posted; units and reserved stock are free again."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        if document.status != states.EXPIRED:
            documents.require(document, "expire")
            if is_replaced(document):
                # The shopper keeps what was replaced: it is never paid back as well, and a person decides the rest.
                for line in document.lines:
                    ledger.consume(line.claims, "rejected")
            _end(session, document, "expire", states.EXPIRED, actor="system", now=now)
        return return_view(document)


def overdue(session: Session, now: datetime) -> list[str]:
    """RMA numbers of returns that were not posted in time."""
    return list(
        session.scalars(
            select(Return.rma_number).where(
                Return.status.in_(states.RETURN_COMMANDS["expire"]), Return.ship_by < now
            )
        )
    )


def _end(
    session: Session, document: Return, command: str, status: str, *, actor: str, now: datetime
) -> None:
    """End a return without goods."""
    ledger.release_claims(document)
    exchanges.release_for(session, document, now=now)
    document.closed_at = now
    documents.set_status(session, document, command, status, actor=actor, now=now)
    if document.claim is not None:
        summary = f"{document.rma_number} is {status}: the goods of {document.claim.number} do not come back"
        _open_case(session, document, NOT_SENT_BACK, summary, now)


def _noted(
    database: Database, rma_number: str, note: Callable[..., None], *, actor: str, now: datetime
) -> ReturnView:
    """Note what became of a parcel in a transaction of its own."""
    with database.write() as session:
        document = documents.locked(session, rma_number)
        note(session, document, actor=actor, now=now)
        return return_view(document)


def _decide(document: Return, code: str, text: str) -> None:
    if not code.strip() or not text.strip():
        raise ServiceError("REASON_MISSING", "the shopper has to be told why: a code and a text")
    document.decision_code, document.decision_text = code.strip(), text.strip()


def is_replaced(document: Return) -> bool:
    """Whether a claim's replacement goes out, whatever becomes of the goods that should come back."""
    exchange = document.claim.exchange if document.claim else None
    return exchange is not None and exchange.status != states.EXCHANGE_ENDED_WITHOUT


def _silent_until(document: Return, now: datetime) -> datetime:
    """Until when a parcel may keep silent."""
    reports = [parcel.last_event_at for parcel in document.parcels]
    news = max(filter(None, [document.shipped_at, *reports]), default=now)
    return news + timedelta(days=policies.policy_of(document.order).return_.lost_after_days)


def _open_case(
    session: Session, document: Return, reason: str, summary: str, now: datetime
) -> None:
    cases.open_about_return(
        session,
        document,
        reason=reason,
        summary=summary,
        dedupe_key=f"{reason}-return-{document.id}-{now.isoformat()}",
        now=now,
    )


def _close_case(session: Session, document: Return, reason: str, actor: str, now: datetime) -> None:
    cases.close_about(
        session,
        document="return",
        document_id=document.id,
        reason=reason,
        actor=actor,
        now=now,
    )
