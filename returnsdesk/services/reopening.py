"""Reopening: a return that expired is taken up again while its window lasts, with its units and its replacement."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import (
    differences,
    exchanges,
    ledger,
    overrides,
    policies,
    replacements,
    return_moves,
    return_opening,
    returns,
    stock,
)
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.overrides import Override
from returnsdesk.services.views import ReturnView, return_view


def reopen(
    database: Database,
    rma_number: str,
    *,
    actor: str,
    now: datetime,
    override: Override | None = None,
) -> ReturnView:
    """Take up a return that was not posted in time: its units are held and its replacement is reserved again.

    Raises `NotAllowed` with the findings when the window has closed and no `override` of a member of staff sets that
    aside, and `Conflict` when units or stock have gone to somebody else; nothing is changed then.
    """
    with database.write() as session:
        document = documents.locked(session, rma_number, "reopen")
        if return_moves.is_replaced(document):
            raise NotAllowed(
                "REPLACEMENT_PROMISED", f"{document.rma_number} brings back what is replaced"
            )
        # The shop's window is no matter of a claim that was approved, nor of a withdrawal.
        if document.claim_id is None and document.withdrawal_id is None:
            findings = returns.check_request(
                session, document.order, _as_requested(document), document.settlement, now
            )
            set_aside = overrides.codes_set_aside(findings, override, actor=actor)
            overrides.record(
                session, override, set_aside, document="return", document_id=document.id, actor=actor, now=now,
                conversation_id=document.conversation_id,
            )  # fmt: skip
        policy = policies.policy_of(document.order)
        for line in document.lines:
            ledger.claim_units(
                session, line, line.order_line, quantity=line.quantity, policy=policy, now=now
            )
        document.ship_by = return_opening.ship_by(now, document.order, policy)
        _reserve_again(session, document, actor=actor, now=now)
        document.closed_at = None
        documents.set_status(session, document, "reopen", states.APPROVED, actor=actor, now=now)
        return return_view(document)


def _as_requested(document: Return) -> tuple[returns.RequestedLine, ...]:
    return tuple(
        returns.RequestedLine(line.order_line.external_id, line.quantity, line.reason, line.outcome)
        for line in document.lines
    )


def _reserve_again(session: Session, document: Return, *, actor: str, now: datetime) -> None:
    exchange = document.exchange
    if exchange is None:
        return
    expires_at = max(replacements.expiry(now, policies.policy_of(document.order)), document.ship_by)
    # Stock is taken in one order by all, so that no two requests wait for each other.
    for line in sorted(exchange.lines, key=lambda line: line.variant_id):
        stock.reserve(session, line.variant, line.quantity)
        line.reservation.state, line.reservation.quantity = "held", line.quantity
        line.reservation.expires_at = expires_at
    exchanges.move(session, exchange, "reserve", states.EXCHANGE_HELD, actor=actor, now=now)
    differences.settle(session, exchange, actor=actor, now=now)
