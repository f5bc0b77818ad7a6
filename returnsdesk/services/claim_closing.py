"""The end of an approved claim: resolved once its refunds, its replacement and its return are all through."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim
from returnsdesk.domain import states
from returnsdesk.services import events, notices

_SENT = (states.EXCHANGE_SHIPPED, states.EXCHANGE_DELIVERED)


def close_claim_if_done(session: Session, claim: Claim, *, actor: str, now: datetime) -> None:
    """Resolve an approved claim when nothing of its remedy is open any more, log it, and let the shopper know."""
    if claim.status != states.CLAIM_APPROVED or not _has_its_remedy(claim):
        return
    is_paid = all(refund.status == states.REFUND_SETTLED for refund in claim.refunds)
    exchange = claim.exchange
    is_sent = exchange is None or exchange.status in (*_SENT, states.EXCHANGE_ENDED_WITHOUT)
    is_back = claim.return_ is None or claim.return_.status == states.CLOSED
    if not (is_paid and is_sent and is_back):
        return
    claim.status, claim.closed_at = states.CLAIM_RESOLVED, now
    events.record(
        session, actor=actor, command="resolve", document="claim", document_id=claim.id, now=now,
        before={"status": states.CLAIM_APPROVED}, after={"status": states.CLAIM_RESOLVED},
        conversation_id=claim.conversation_id,
    )  # fmt: skip
    notices.announce(
        session, "claim_resolved", document="claim", document_id=claim.id, order=claim.order,
        conversation_id=claim.conversation_id, now=now,
    )  # fmt: skip


def _has_its_remedy(claim: Claim) -> bool:
    """Whether what was decided exists: a claim is not done before its refund or replacement was made."""
    was_replaced = claim.exchange is not None and claim.exchange.status in _SENT
    # Money for goods that come back is paid with their return.
    was_refunded = bool(claim.refunds) or claim.return_ is not None
    if claim.resolution == "both":
        return was_replaced and was_refunded
    # A replacement that sold out is paid back instead.
    return was_replaced or was_refunded
