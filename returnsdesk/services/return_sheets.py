"""A return as the support team works on it: items, findings, money, replacement, what is allowed in its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    Conversation,
    Inspection,
    Refund,
    RefundPart,
    Return,
    ReturnLine,
)
from returnsdesk.domain import states
from returnsdesk.domain.findings import Finding
from returnsdesk.domain.variants import VariantOption
from returnsdesk.services import (
    case_work,
    deeds,
    exchange_sheets,
    feedback,
    label_requests,
    overrides,
    policies,
    refund_amounts,
    refunds,
    return_lists,
    returns,
    timelines,
)
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.exchange_sheets import ReplacementLine
from returnsdesk.services.return_moves import is_replaced
from returnsdesk.services.return_opening import OWN_CARRIER
from returnsdesk.services.returns import RequestedLine
from returnsdesk.services.timelines import Moment
from returnsdesk.services.views import ReturnLineView, ReturnView, return_view

# Commands of the team that follow the state alone.
_BY_STATE: Final = (
    "approve",
    "decline",
    "record_arrival",
    "report_lost",
    "accept_lost",
    "inspect",
    "close_short",
    "hold",
    "resume",
    "reopen",
    "cancel",
    "extend",
)
_EXCHANGE_BEFORE_SENDING: Final = (
    states.EXCHANGE_HELD,
    states.EXCHANGE_ACCEPTED,
    states.EXCHANGE_CHOOSE_AGAIN,
)


@dataclass(frozen=True)
class InspectionView:
    """What the warehouse found on some pieces."""

    quantity: int
    grade: str
    reason: str | None
    photo_ids: tuple[str, ...]
    inspector: str
    at: datetime


@dataclass(frozen=True)
class SheetLine:
    """A line of a return; `left` pieces are still to be inspected. `note` is the shopper's."""

    id: int
    view: ReturnLineView
    sku: str
    note: str | None
    left: int
    inspections: tuple[InspectionView, ...]


@dataclass(frozen=True)
class PartSheet:
    """A part of a refund; amounts in minor units."""

    id: int
    key: str
    amount_minor: int
    way: str
    card: str
    status: str
    failures: int
    last_error: str | None
    settled_at: datetime | None


@dataclass(frozen=True)
class RefundSheet:
    """Money on its way back, with what it is made of."""

    purpose: str
    amount_minor: int
    currency: str
    status: str
    breakdown: Mapping[str, int]
    created_at: datetime
    settled_at: datetime | None
    parts: tuple[PartSheet, ...]


@dataclass(frozen=True)
class OverrideView:
    """Rules that a colleague set aside for a document."""

    by: str
    reason: str
    codes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class CaseLink:
    """An open case about the return."""

    number: int
    reason: str
    assignee: str | None


@dataclass(frozen=True)
class ReturnSheet:
    """Everything that the page of a return shows. `version` is the latest event: what forms were made from.

    `expected` is what would go back now, by part of the breakdown; empty once it was decided or nothing is accepted.
    """

    view: ReturnView
    order_id: int
    customer_id: int | None
    email: str
    language: str
    created_by: str
    channel: str
    conversation_id: str | None
    due_on: date | None
    lines: tuple[SheetLine, ...]
    findings: tuple[Finding, ...]
    overrides: tuple[OverrideView, ...]
    expected: Mapping[str, int]
    refunds: tuple[RefundSheet, ...]
    replacement: tuple[ReplacementLine, ...]
    offers: Mapping[str, tuple[VariantOption, ...]]
    photo_ids: tuple[str, ...]
    cases: tuple[CaseLink, ...]
    timeline: tuple[Moment, ...]
    allowed: frozenset[str]
    version: int


def sheet(session: Session, rma_number: str, *, now: datetime) -> ReturnSheet:
    """The return of that number with everything that belongs to it; raises `NotFound`."""
    document = documents.by_number(session, rma_number)
    if document is None:
        raise NotFound("RETURN_UNKNOWN", f"there is no return {rma_number}")
    view, order = return_view(document), document.order
    subjects = timelines.of_return(document)
    return ReturnSheet(
        view=view,
        order_id=order.id,
        customer_id=order.customer_id,
        email=order.email_norm,
        language=language_of(session, document),
        created_by=deeds.name_of(session, document.created_by),
        channel=document.channel,
        conversation_id=document.conversation_id,
        due_on=return_lists.due_day(document, now),
        lines=tuple(
            _line(session, line, shown)
            for line, shown in zip(document.lines, view.lines, strict=True)
        ),
        findings=_findings(session, document),
        overrides=override_views(session, "return", document.id),
        expected=_expected(document),
        refunds=tuple(refund_sheet(refund) for refund in document.refunds),
        replacement=exchange_sheets.lines_of(session, document.exchange),
        offers=exchange_sheets.offers_of(session, document.exchange),
        photo_ids=_shoppers_photos(session, document),
        cases=_cases(session, document),
        timeline=tuple(
            timelines.timeline(
                session,
                subjects,
                tracking_numbers=[parcel.tracking_number for parcel in document.parcels],
            )
        ),
        allowed=frozenset(_allowed(document)),
        version=timelines.last_event_id(session, subjects),
    )


def language_of(session: Session, document: Return) -> str:
    """The language that the shopper reads."""
    conversation = (
        session.get(Conversation, document.conversation_id) if document.conversation_id else None
    )
    customer = document.order.customer
    own = conversation.language if conversation else customer and customer.language
    return str(own or "")


def override_views(session: Session, document: str, document_id: int) -> tuple[OverrideView, ...]:
    """The rules that were set aside for a document, oldest first."""
    return tuple(
        OverrideView(deeds.name_of(session, row.actor), row.reason, tuple(row.codes), row.at)
        for row in overrides.of_document(session, document, document_id)
    )


def refund_sheet(refund: Refund) -> RefundSheet:
    """A refund with its parts and what went wrong with them."""
    return RefundSheet(
        purpose=refund.purpose,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        status=refund.status,
        breakdown=refund_amounts.facts_of(refund),
        created_at=refund.created_at,
        settled_at=refund.settled_at,
        parts=tuple(part_sheet(part) for part in refund.parts),
    )


def part_sheet(part: RefundPart) -> PartSheet:
    """One part of a refund."""
    payment = part.payment
    card = " ".join(filter(None, [payment.brand, payment.last_four])) if payment else ""
    return PartSheet(
        id=part.id,
        key=part.idempotency_key,
        amount_minor=part.amount_minor,
        way=refund_amounts.way_of(part),
        card=card,
        status=part.status,
        failures=part.failures,
        last_error=part.last_error,
        settled_at=part.settled_at,
    )


def _line(session: Session, line: ReturnLine, view: ReturnLineView) -> SheetLine:
    return SheetLine(
        id=line.id,
        view=view,
        sku=line.order_line.sku,
        note=line.note,
        left=sum(1 for claim in line.claims if claim.state == "held"),
        inspections=tuple(_inspection(session, each) for each in line.inspections),
    )


def _inspection(session: Session, row: Inspection) -> InspectionView:
    return InspectionView(
        row.quantity,
        row.grade,
        row.reason,
        tuple(row.photos),
        deeds.name_of(session, row.inspector),
        row.at,
    )


def _findings(session: Session, document: Return) -> tuple[Finding, ...]:
    """What the rules say of the request as it was made; what it holds itself is no finding against it."""
    if document.claim_id is not None or document.withdrawal_id is not None:
        return ()
    requested = tuple(
        RequestedLine(line.order_line.external_id, line.quantity, line.reason, line.outcome)
        for line in document.lines
    )
    try:
        found = returns.check_request(
            session,
            document.order,
            requested,
            document.settlement,
            document.requested_at,
            document.asked_at,
        )
    except ServiceError:
        # A policy that cannot be read any more must not hide the return.
        return ()
    judged = (_without_itself(document, each) for each in found)
    return tuple(each for each in judged if each is not None)


def _without_itself(document: Return, finding: Finding) -> Finding | None:
    """A finding without what the return itself has to do with it; None when nothing is left of it."""
    if finding.code in overrides.FACTS:
        return None
    if finding.code != "SERIAL_RETURNER":
        return finding
    others = int(finding.facts["returns"]) - 1
    if others < policies.policy_of(document.order).review.many_returns:
        return None
    return replace(finding, facts={**finding.facts, "returns": others})


def _expected(document: Return) -> dict[str, int]:
    if not refund_amounts.has_unstarted_items(document):
        return {}
    items = sum(refund_amounts.items_left(document).values())
    fee = min(refund_amounts.fee_left(document), items)
    shipping = refund_amounts.shipping_left(document, policies.policy_of(document.order))
    return {
        "items_minor": items,
        "fee_minor": fee,
        "shipping_minor": shipping,
        "total_minor": items - fee + shipping,
    }


def _shoppers_photos(session: Session, document: Return) -> tuple[str, ...]:
    if document.conversation_id is None:
        return ()
    return feedback.photo_ids_of(session, document.conversation_id)


def _cases(session: Session, document: Return) -> tuple[CaseLink, ...]:
    rows = session.scalars(
        select(Case)
        .where(
            Case.document == "return",
            Case.document_id == document.id,
            Case.status == case_work.OPEN,
        )
        .order_by(Case.id)
    )
    return tuple(
        CaseLink(
            row.id,
            row.reason,
            deeds.name_of(session, row.assigned_to) if row.assigned_to else None,
        )
        for row in rows
    )


def _allowed(document: Return) -> set[str]:
    """The commands of the team that may be given now."""
    found = {command for command in _BY_STATE if states.may(command, document.status)}
    if is_replaced(document):
        found -= {"cancel", "reopen"}
    if states.may("renew_label", document.status) and document.method in label_requests.LABELLED:
        found.add("renew_label")
    if "accept_lost" in found and document.method == OWN_CARRIER:
        found.add("proof_of_posting")
    if refunds.may_start(document):
        found.add("start_refund")
    found |= _allowed_of_exchange(document)
    if document.status in documents.WAITING_CASES:
        found.add("take")
    return found


def _allowed_of_exchange(document: Return) -> set[str]:
    exchange = document.exchange
    if exchange is None or exchange.status not in _EXCHANGE_BEFORE_SENDING:
        return set()
    found = {"convert"}
    if exchange.status == states.EXCHANGE_CHOOSE_AGAIN:
        found.add("choose_again")
    if exchange.difference_status == states.DIFFERENCE_DUE:
        if exchange.payment_reference is None:
            found.add("waive")
    elif exchange.status == states.EXCHANGE_ACCEPTED:
        found.add("ship")
    return found
