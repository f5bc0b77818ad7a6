"""Claims and withdrawals as the support team works on them: lists page after page, and everything about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, ClaimLine, Conversation, Order, Withdrawal
from returnsdesk.domain.findings import Finding
from returnsdesk.domain.variants import VariantOption
from returnsdesk.services import (
    claims,
    exchange_sheets,
    return_sheets,
    stock,
    timelines,
    withdrawals,
)
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.exchange_sheets import ReplacementLine
from returnsdesk.services.return_sheets import OverrideView, RefundSheet
from returnsdesk.services.timelines import Moment
from returnsdesk.services.views import ClaimView, WithdrawalView, withdrawal_view

PER_PAGE: Final = 50
UNDECIDED: Final = "undecided"


@dataclass(frozen=True)
class Page:
    """Some claims or withdrawals, and where the list goes on; `next_cursor` is None at the end."""

    rows: tuple[Any, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class ClaimSheet:
    """Everything that the page of a claim shows. `version` is the latest event: what forms were made from.

    `choices` is what there is on the shelf to replace each line with, by the shop's id of the line.
    """

    id: int
    view: ClaimView
    order_id: int
    customer_id: int | None
    email: str
    language: str
    conversation_id: str | None
    findings: tuple[Finding, ...]
    overrides: tuple[OverrideView, ...]
    refunds: tuple[RefundSheet, ...]
    replacement: tuple[ReplacementLine, ...]
    choices: Mapping[str, tuple[VariantOption, ...]]
    timeline: tuple[Moment, ...]
    is_undecided: bool
    may_ship: bool
    version: int


@dataclass(frozen=True)
class WithdrawalSheet:
    """Everything that the page of a withdrawal shows."""

    id: int
    view: WithdrawalView
    customer_id: int | None
    conversation_id: str | None
    timeline: tuple[Moment, ...]
    is_open: bool
    version: int


def latest(session: Session, status: str, *, cursor: str | None = None) -> Page:
    """Claims in a state, or all with "", latest first; `undecided` are those that wait for the team."""
    found = _page(session, Claim, _claim_states(status), cursor)
    more = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
    return Page(tuple(claims.view_of(each) for each in found[:PER_PAGE]), more and str(more))


def latest_withdrawals(session: Session, status: str, *, cursor: str | None = None) -> Page:
    """Withdrawals in a state, or all with "", latest first."""
    found = _page(session, Withdrawal, (status,) if status else (), cursor)
    more = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
    rows = tuple((each.id, withdrawal_view(each)) for each in found[:PER_PAGE])
    return Page(rows, more and str(more))


def sheet(session: Session, number: str) -> ClaimSheet:
    """The claim of that number with everything that belongs to it; raises `NotFound`."""
    claim = claims.by_number(session, number)
    if claim is None:
        raise NotFound("CLAIM_UNKNOWN", f"there is no claim {number}")
    order, subjects = claim.order, timelines.of_claim(claim)
    exchange = claim.exchange
    return ClaimSheet(
        id=claim.id,
        view=claims.view_of(claim),
        order_id=order.id,
        customer_id=order.customer_id,
        email=order.email_norm,
        language=_language(session, claim.conversation_id, order),
        conversation_id=claim.conversation_id,
        findings=_findings(session, claim),
        overrides=return_sheets.override_views(session, "claim", claim.id),
        refunds=tuple(return_sheets.refund_sheet(refund) for refund in claim.refunds),
        replacement=exchange_sheets.lines_of(session, exchange),
        choices={line.order_line.external_id: _choices(session, line) for line in claim.lines},
        timeline=tuple(timelines.timeline(session, subjects)),
        is_undecided=claim.status in claims.UNDECIDED,
        may_ship=exchange is not None and exchange.status == "accepted",
        version=timelines.last_event_id(session, subjects),
    )


def withdrawal_sheet(session: Session, number: str) -> WithdrawalSheet:
    """The withdrawal of that number with everything that belongs to it; raises `NotFound`."""
    withdrawal = withdrawals.by_number(session, number)
    if withdrawal is None:
        raise NotFound("WITHDRAWAL_UNKNOWN", f"there is no withdrawal {number}")
    subjects = timelines.of_withdrawal(withdrawal)
    return WithdrawalSheet(
        id=withdrawal.id,
        view=withdrawal_view(withdrawal),
        customer_id=withdrawal.order.customer_id if withdrawal.order else None,
        conversation_id=withdrawal.conversation_id,
        timeline=tuple(timelines.timeline(session, subjects)),
        is_open=withdrawal.status == "declared",
        version=timelines.last_event_id(session, subjects),
    )


def _choices(session: Session, line: ClaimLine) -> tuple[VariantOption, ...]:
    """The variants of a product with enough on the shelf for a line; the very same first."""
    bought = line.order_line.variant
    if bought is None:
        return ()
    found = [
        VariantOption(variant.id, variant.sku, dict(variant.options), free, variant.price_minor)
        for variant, free in stock.siblings(session, bought)
        if free >= line.quantity
    ]
    return tuple(sorted(found, key=lambda each: each.key != bought.id))


def _claim_states(status: str) -> tuple[str, ...]:
    if status == UNDECIDED:
        return claims.UNDECIDED
    return (status,) if status else ()


def _page(session: Session, table: Any, statuses: tuple[str, ...], cursor: str | None) -> list[Any]:
    wanted = select(table)
    if statuses:
        wanted = wanted.where(table.status.in_(statuses))
    if cursor and cursor.isascii() and cursor.isdecimal() and len(cursor) < 15:
        wanted = wanted.where(table.id < int(cursor))
    return list(session.scalars(wanted.order_by(table.id.desc()).limit(PER_PAGE + 1)))


def _language(session: Session, conversation_id: str | None, order: Order) -> str:
    conversation = session.get(Conversation, conversation_id) if conversation_id else None
    own = conversation.language if conversation else order.customer and order.customer.language
    return str(own or "")


def _findings(session: Session, claim: Claim) -> tuple[Finding, ...]:
    """What the rules said of the claim as it was opened; what it holds itself is no finding against it."""
    request = ClaimRequest(
        claim.order.number,
        tuple((line.order_line.external_id, line.quantity) for line in claim.lines),
        claim.type,
        claim.wanted,
        claim.idempotency_key,
        photo_ids=tuple(each.photo_id for each in claim.evidence),
    )
    try:
        found = claims.findings(session, claim.order, request, claim.created_at)
    except ServiceError:
        return ()
    return tuple(each for each in found if each.code not in _ITS_OWN)


_ITS_OWN: Final = frozenset({"ALREADY_RETURNED", "CLAIM_IN_PROGRESS", "QTY_EXCEEDS"})
