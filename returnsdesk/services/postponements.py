"""Before a parcel is handed in: more time to post it, and another label in place of one that does not serve."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from returnsdesk.db.session import Database
from returnsdesk.domain import states, windows
from returnsdesk.services import events, label_requests, replacements
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.views import ReturnView, return_view

LONGEST: Final = timedelta(days=180)


def extend(
    database: Database, rma_number: str, until: date, *, reason: str, actor: str, now: datetime
) -> ReturnView:
    """Give the shopper until the end of a day, where they live, to post the parcel; the replacement is kept as long.

    Raises `ServiceError` for a day that is not later than the present one or too far away, or without a reason;
    `NotAllowed` once a carrier has the parcel.
    """
    if not reason.strip():
        raise ServiceError("REASON_MISSING", "more time needs a reason")
    with database.write() as session:
        document = documents.locked(session, rma_number, "extend")
        ship_by = windows.end_of_day(until, document.order.country)
        if ship_by <= max(document.ship_by, now):
            raise ServiceError("DAY_NOT_LATER", "the new day has to be later than the present one")
        if ship_by > now + LONGEST:
            raise ServiceError(
                "DAY_TOO_FAR", f"at most {LONGEST.days} days from today can be given"
            )
        before, document.ship_by = document.ship_by, ship_by
        for reservation in replacements.held(document.exchange):
            reservation.expires_at = max(reservation.expires_at, ship_by)
        events.record(
            session, actor=actor, command="extend", document="return", document_id=document.id, now=now,
            before={"ship_by": before.isoformat()},
            after={"ship_by": ship_by.isoformat(), "reason": reason.strip()},
            conversation_id=document.conversation_id,
        )  # fmt: skip
        return return_view(document)


def renew_label(database: Database, rma_number: str, *, actor: str, now: datetime) -> ReturnView:
    """Take back the label that is out, if any, and have the worker make another.

    Raises `NotAllowed` where the shopper sends by a carrier of their own, and once a carrier has the parcel.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number, "renew_label")
        if document.method not in label_requests.LABELLED:
            raise NotAllowed("NO_LABEL", f"{document.rma_number} is sent without a label of ours")
        label_requests.void(session, document, now=now)
        if document.status == states.LABEL_ISSUED:
            documents.set_status(
                session, document, "renew_label", states.APPROVED, actor=actor, now=now
            )
        else:
            label_requests.request(session, document, now=now)
            events.record(
                session, actor=actor, command="renew_label", document="return", document_id=document.id,
                now=now, after={"status": document.status}, conversation_id=document.conversation_id,
            )  # fmt: skip
        return return_view(document)
