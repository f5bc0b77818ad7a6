"""Decisions on claims: approving with a remedy, and denying; nothing but a person's decision pays or replaces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, ClaimLine, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import (
    cases,
    claims,
    events,
    exchanges,
    ledger,
    policies,
    refunds,
    return_opening,
)
from returnsdesk.services.claim_closing import close_claim_if_done
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.return_opening import Opening, OpeningLine, Origin
from returnsdesk.services.views import ClaimView

REFUND: Final = "refund"
REPLACEMENT: Final = "replacement"
BOTH: Final = "both"
KEEP: Final = "partial_refund_keep"
RESOLUTIONS: Final = (REFUND, REPLACEMENT, BOTH, KEEP)

# Why goods come back, said as returns say it
_REASONS: Final = {"damaged": "defective", "wrong_item": "not_as_described"}


def approve(
    database: Database,
    number: str,
    resolution: str,
    *,
    actor: str,
    now: datetime,
    keep_item: bool = False,
    amount_minor: int | None = None,
    skus: Mapping[str, str] | None = None,
) -> ClaimView:
    """Approve a claim and start its remedy, all in one transaction.

    `skus` names the replacement for lines by the shop's id: the very same item for every line when nothing is said.
    With `both`, lines without one are paid back. `amount_minor` is what is paid back where it is not all that was paid;
    `partial_refund_keep` needs it. Goods in the shopper's hands come back by a return with a label at no cost, and are
    paid for when they were inspected; with `keep_item`, and for goods that never came, money is started at once.

    The same decision again changes nothing. Raises `NotAllowed` in other states and for amounts above what was paid,
    `Conflict` when the replacement is out of stock; nothing is changed then.
    """
    with database.write() as session:
        claim = claims.locked(session, number)
        is_approved = claim.status in (states.CLAIM_APPROVED, states.CLAIM_RESOLVED)
        if is_approved and claim.resolution == resolution:
            return claims.view_of(claim)
        claims.require_undecided(claim, "approve")
        comes_back = claim.type in claims.IN_HAND and not keep_item and resolution != KEEP
        replaced = _replaced(claim, resolution, skus)
        _check_amount(resolution, amount_minor, comes_back)
        _decide(session, claim, states.CLAIM_APPROVED, "approve", actor=actor, now=now)
        claim.resolution, claim.keep_item = resolution, not comes_back
        claims.announce(session, "claim_approved", claim, now=now)
        _remedy(session, claim, replaced, comes_back, amount_minor, actor=actor, now=now)
        close_claim_if_done(session, claim, actor=actor, now=now)
        return claims.view_of(claim)


def deny(database: Database, number: str, text: str, *, actor: str, now: datetime) -> ClaimView:
    """Deny a claim with the words that the shopper reads; its units are free again. Again, it changes nothing."""
    if not text.strip():
        raise ServiceError("REASON_MISSING", "the shopper has to be told why")
    with database.write() as session:
        claim = claims.locked(session, number)
        if claim.status == states.CLAIM_DENIED:
            return claims.view_of(claim)
        claims.require_undecided(claim, "deny")
        for line in claim.lines:
            ledger.release(line.unit_claims)
        claim.decision_text, claim.closed_at = text.strip(), now
        _decide(session, claim, states.CLAIM_DENIED, "deny", actor=actor, now=now)
        claims.announce(session, "claim_denied", claim, now=now)
        return claims.view_of(claim)


def _decide(
    session: Session, claim: Claim, status: str, command: str, *, actor: str, now: datetime
) -> None:
    before, claim.status = claim.status, status
    claim.decided_at = now
    events.record(
        session, actor=actor, command=command, document="claim", document_id=claim.id, now=now,
        before={"status": before}, after={"status": status}, conversation_id=claim.conversation_id,
    )  # fmt: skip
    cases.close_about(session, document="claim", document_id=claim.id, actor=actor, now=now)


def _replaced(claim: Claim, resolution: str, skus: Mapping[str, str] | None) -> dict[str, str]:
    """The replacement for each line that gets one, by the shop's id of the line."""
    if resolution not in RESOLUTIONS:
        raise ServiceError("BAD_REQUEST", f"a claim is resolved by {', '.join(RESOLUTIONS)}")
    known = {line.order_line.external_id: line.order_line.sku for line in claim.lines}
    unknown = [line for line in skus or {} if line not in known]
    if unknown:
        raise NotFound("LINE_UNKNOWN", f"{claim.number} has no line {unknown[0]}")
    if resolution in (REFUND, KEEP):
        if skus:
            raise ServiceError("BAD_REQUEST", f"with {resolution} nothing is replaced")
        return {}
    if resolution == REPLACEMENT:
        return {**known, **(skus or {})}
    if not skus or len(skus) == len(known):
        raise ServiceError(
            "BAD_REQUEST", "with both, some lines are replaced and others are paid back"
        )
    return dict(skus)


def _check_amount(resolution: str, amount_minor: int | None, comes_back: bool) -> None:
    if resolution == KEEP and amount_minor is None:
        raise ServiceError("AMOUNT_MISSING", "a refund in part needs its amount")
    if amount_minor is None:
        return
    if amount_minor < 1:
        raise ServiceError("BAD_REQUEST", "an amount is 1 or more, in minor units")
    if comes_back or resolution == REPLACEMENT:
        raise ServiceError(
            "AMOUNT_NOT_WANTED", "the amount follows from the goods that come back or are replaced"
        )


def _remedy(
    session: Session,
    claim: Claim,
    replaced: Mapping[str, str],
    comes_back: bool,
    amount_minor: int | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    if replaced:
        exchanges.add_for_claim(session, claim, replaced, actor=actor, now=now)
    if comes_back:
        _open_return(session, claim, replaced, actor=actor, now=now)
        return
    for line in claim.lines:
        ledger.consume(line.unit_claims, "accepted")
    session.flush()
    if claim.resolution != REPLACEMENT:
        refunds.start_for_claim(session, claim, amount_minor, actor=actor, now=now)


def _open_return(
    session: Session,
    claim: Claim,
    replaced: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> Return:
    """The goods of an approved claim come back: at no cost, with the units that the claim held."""
    policy = policies.policy_of(claim.order)
    lines = tuple(_to_return(claim, line, replaced) for line in claim.lines)
    opening = Opening(
        order=claim.order,
        lines=lines,
        status=states.APPROVED,
        settlement="original" if any(line.outcome == "refund" for line in lines) else None,
        fee_minor=0,
        idempotency_key=f"claim-{claim.number}",
        ship_by=return_opening.ship_by(now, claim.order, policy),
        method=return_opening.usual_method(claim.order, policy),
        asked_at=claim.created_at,
        claim=claim,
    )
    origin = Origin(actor, claim.channel, now, claim.conversation_id)
    document = return_opening.draw_up(session, opening, origin)
    return_opening.announce(session, document, "open_for_claim", origin)
    return document


def _to_return(claim: Claim, line: ClaimLine, replaced: Mapping[str, str]) -> OpeningLine:
    # What is replaced comes back like an exchange: its replacement stands on the claim, nothing is paid for it.
    outcome = "exchange" if line.order_line.external_id in replaced else "refund"
    return OpeningLine(
        line.order_line, line.quantity, _REASONS[claim.type], outcome, taken_from=line
    )
