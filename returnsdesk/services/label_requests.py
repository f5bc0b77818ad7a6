"""What a change of a return asks of labels: that one is made, or that those out are taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.clients.carrier import DROP_OFF, PICK_UP
from returnsdesk.db.models import InboundParcel, Order, OutboxJob, Return
from returnsdesk.domain import states
from returnsdesk.services import notices, outbox, policies

ISSUE_LABEL: Final = "issue_label"
VOID_LABEL: Final = "void_label"

OWN_CARRIER: Final = "own_carrier"
LABELLED: Final = (DROP_OFF, PICK_UP)
"""The ways of sending that need a label."""

ANNOUNCED: Final = "announced"
VOIDED: Final = "voided"


def follow(session: Session, document: Return, *, now: datetime) -> None:
    """What the state that a return has come into means for its label."""
    if document.status == states.APPROVED:
        request(session, document, now=now)
    elif document.status in (states.CANCELLED, states.EXPIRED):
        void(session, document, now=now)


def request(
    session: Session, document: Return, *, now: datetime, spent: str | None = None
) -> str | None:
    """Have the label of an approved return made by the worker; gives the label's key, None where there is to be none.

    A label that is wanted already keeps its key, so that a carrier who was asked before makes no second one; `spent`
    is a key that must not be used again. Where the country has no labels, the shopper is told to send the parcel by a
    carrier of their own.
    """
    if document.method in LABELLED and not serves(document.order):
        document.method = OWN_CARRIER
    if document.method not in LABELLED:
        notices.announce_return(session, "own_carrier", document, now=now)
        return None
    if live_parcels(document):
        return None
    jobs = _jobs(session, document)
    open_job = next((job for job in jobs if job.state != "done" and job.dedupe_key != spent), None)
    if open_job is not None:
        if open_job.state == "dead":
            open_job.state, open_job.attempts, open_job.due_at = "waiting", 0, now
        return open_job.dedupe_key
    key = f"{_prefix(document)}{1 + max(len(jobs), len(document.parcels))}"
    outbox.add(session, ISSUE_LABEL, {"rma_number": document.rma_number}, dedupe_key=key, now=now)
    return key


def give_up(session: Session, key: str) -> None:
    """Do not try the label of a key any more; the next that is wanted gets a key of its own."""
    session.execute(
        update(OutboxJob)
        .where(OutboxJob.dedupe_key == key)
        .values(state="done")
        .execution_options(synchronize_session="fetch")
    )


def void(session: Session, document: Return, *, now: datetime) -> None:
    """Take back the labels of a return that no carrier has scanned; the worker tells the carrier."""
    for parcel in live_parcels(document):
        if parcel.status == ANNOUNCED:
            void_parcel(session, parcel, now=now)


def void_parcel(session: Session, parcel: InboundParcel, *, now: datetime) -> None:
    """Take one label back. The parcel is kept: a carrier may still report it."""
    parcel.status = VOIDED
    if parcel.carrier_reference:
        outbox.add(
            session,
            VOID_LABEL,
            {"reference": parcel.carrier_reference},
            dedupe_key=f"void-{parcel.tracking_number}",
            now=now,
        )


def live_parcels(document: Return) -> list[InboundParcel]:
    """The parcels of a return whose labels were not taken back."""
    return [parcel for parcel in document.parcels if parcel.status != VOIDED]


def serves(order: Order) -> bool:
    """Whether there are labels in the country of an order."""
    countries = policies.policy_of(order).return_.label_countries
    return not countries or order.country in countries


def offered_methods(order: Order) -> tuple[str, ...]:
    """The ways of sending that the policy has in the country of an order."""
    methods = policies.policy_of(order).return_.methods
    return tuple(each for each in methods if each == OWN_CARRIER or serves(order))


def _jobs(session: Session, document: Return) -> list[OutboxJob]:
    """The jobs of all labels that were ever wanted for a return."""
    return list(
        session.scalars(
            select(OutboxJob)
            .where(
                OutboxJob.kind == ISSUE_LABEL,
                OutboxJob.dedupe_key.like(f"{_prefix(document)}%"),
            )
            .order_by(OutboxJob.id)
        )
    )


def _prefix(document: Return) -> str:
    return f"label-{document.rma_number}-"
