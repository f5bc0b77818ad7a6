"""Refunds that need the team: those to be released, parts that were refused, and parts that take long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Refund, RefundPart, Return, ReturnLine
from returnsdesk.domain import states
from returnsdesk.services import refund_amounts, refund_parts, refunds, return_sheets
from returnsdesk.services.errors import NotFound
from returnsdesk.services.return_sheets import PartSheet
from returnsdesk.services.timelines import Subject

MOST: Final = 200


@dataclass(frozen=True)
class ToRelease:
    """A return whose accepted items are not paid back yet; the amount is in minor units, before the fee."""

    rma_number: str
    order_number: str
    items_minor: int
    currency: str
    inspected_at: datetime | None


@dataclass(frozen=True)
class WaitingPart:
    """A part of a refund that is not settled, with the document that it belongs to."""

    part: PartSheet
    currency: str
    document: str
    address: str
    order_number: str
    decided_at: datetime


def to_release(session: Session) -> list[ToRelease]:
    """Returns whose refund waits to be released, longest waiting first."""
    rows = session.scalars(
        select(Return)
        .where(
            Return.status.in_((states.INSPECTED, states.REFUND_PENDING)),
            Return.lines.any((ReturnLine.outcome == "refund") & (ReturnLine.accepted > 0)),
        )
        .order_by(Return.inspected_at, Return.id)
        .limit(MOST)
    )
    return [
        ToRelease(
            document.rma_number,
            document.order.number,
            sum(refund_amounts.items_left(document).values()),
            document.currency,
            document.inspected_at,
        )
        for document in rows
        if refunds.may_start(document)
    ]


def parts_in(session: Session, *statuses: str) -> list[WaitingPart]:
    """Parts of refunds in these states, oldest first."""
    rows = session.scalars(
        select(RefundPart)
        .join(Refund, Refund.id == RefundPart.refund_id)
        .where(RefundPart.status.in_(statuses))
        .order_by(RefundPart.id)
        .limit(MOST)
    )
    return [_waiting(part) for part in rows]


def part_of(session: Session, number: int) -> WaitingPart:
    """One part; raises `NotFound`."""
    part = session.get(RefundPart, number)
    if part is None:
        raise NotFound("REFUND_UNKNOWN", f"there is no refund part {number}")
    return _waiting(part)


def subjects_of(session: Session, number: int) -> list[Subject]:
    """The refund of a part, as its events name it; raises `NotFound`."""
    part = session.get(RefundPart, number)
    if part is None:
        raise NotFound("REFUND_UNKNOWN", f"there is no refund part {number}")
    return [("refund", part.refund_id)]


def _waiting(part: RefundPart) -> WaitingPart:
    document = refund_parts.document_of(part.refund)
    if isinstance(document, Return):
        number, address = document.rma_number, f"/console/returns/{document.rma_number}"
    else:
        number, address = document.number, f"/console/claims/{document.number}"
    return WaitingPart(
        return_sheets.part_sheet(part),
        part.refund.currency,
        number,
        address,
        document.order.number,
        part.refund.created_at,
    )
