"""Claims: what arrived damaged, wrong, incomplete or never; opening one, its photos, and finding it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, ClaimEvidence, ClaimLine, Order
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.eligibility import claim_findings
from returnsdesk.domain.findings import Finding
from returnsdesk.domain.policy import CLAIM_TYPES
from returnsdesk.services import (
    cases,
    conversation_subject,
    events,
    feedback,
    identity,
    ledger,
    notices,
    overrides,
    policies,
)
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.overrides import Override
from returnsdesk.services.return_opening import Origin
from returnsdesk.services.returns import locked_order
from returnsdesk.services.views import ClaimView, claim_view

WISHES = ("refund", "replacement")
UNDECIDED = (states.CLAIM_OPEN, states.CLAIM_NEEDS_EVIDENCE)
CASE_REASON = "claim"

# What is claimed of goods that are in the shopper's hands; the other claims are about goods that are not.
IN_HAND = ("damaged", "wrong_item")


@dataclass(frozen=True)
class ClaimRequest:
    """A whole claim: `lines` are the shop's ids of order lines with quantities, `wanted` is refund or replacement."""

    order_number: str
    lines: tuple[tuple[str, int], ...]
    type: str
    wanted: str
    idempotency_key: str
    note: str = ""
    photo_ids: tuple[str, ...] = ()


def open_claim(
    database: Database,
    request: ClaimRequest,
    *,
    actor: str,
    channel: str,
    now: datetime,
    conversation_id: str | None = None,
    override: Override | None = None,
) -> ClaimView:
    """Open a claim for a person to decide; the same idempotency key finds the claim opened before.

    Its units are held until the decision, arrived or not. Without a photo where the policy wants one it waits for it.
    Raises `NotAllowed` with the blocking findings or for an order that is not the conversation's, `Conflict` when the
    units are in another document.
    """
    origin = Origin(actor, channel, now, conversation_id)
    with database.write() as session:
        order = locked_order(session, request.order_number)
        existing = session.scalars(
            select(Claim).where(Claim.idempotency_key == request.idempotency_key)
        ).one_or_none()
        if existing is not None:
            return view_of(existing)
        _require_own(session, order, origin)
        quantities = _checked(session, request, origin)
        found = findings(session, order, request, now)
        set_aside = overrides.codes_set_aside(found, override, actor=actor)
        claim = _draw_up(session, order, request, quantities, origin)
        overrides.record(
            session, override, set_aside, document="claim", document_id=claim.id, actor=actor, now=now,
            conversation_id=conversation_id,
        )  # fmt: skip
        conversation_subject.came_of_it(session, conversation_id, conversation_subject.CLAIM, order)
        _announce(session, claim, origin)
        return view_of(claim)


def findings(session: Session, order: Order, request: ClaimRequest, now: datetime) -> list[Finding]:
    """All findings on a claim as it would be opened now, each with the `line` it is about."""
    policy = policies.policy_of(order)
    has_photo = bool(request.photo_ids)
    return [
        Finding(each.code, each.severity, {**each.facts, "line": external_id})
        for external_id, quantity in _merged(request.lines).items()
        for each in claim_findings(
            ledger.line_facts(session, ledger.line_of(order, external_id)),
            request.type,
            policy,
            now,
            has_photo,
            quantity,
        )
    ]


def add_evidence(
    database: Database,
    number: str,
    photo_id: str,
    *,
    actor: str,
    now: datetime,
    conversation_id: str | None = None,
) -> ClaimView:
    """Add a photo to a claim that is not decided; one that waited for it goes on. The same photo counts once.

    Raises `NotAllowed` for a claim that is decided, `ServiceError` for a photo that nobody sent.
    """
    with database.write() as session:
        claim = locked(session, number)
        if any(each.photo_id == photo_id for each in claim.evidence):
            return view_of(claim)
        require_undecided(claim, "add_evidence")
        origin = Origin(actor, claim.channel, now, conversation_id)
        _require_own(session, claim.order, origin)
        _check_photos(session, (photo_id,), origin)
        claim.evidence.append(ClaimEvidence(photo_id=photo_id, added_at=now))
        before, claim.status = claim.status, states.CLAIM_OPEN
        events.record(
            session, actor=actor, command="add_evidence", document="claim", document_id=claim.id, now=now,
            before={"status": before}, after={"status": claim.status, "photo": photo_id},
            conversation_id=claim.conversation_id,
        )  # fmt: skip
        if before == states.CLAIM_NEEDS_EVIDENCE:
            announce(session, "claim_received", claim, now=now)
        return view_of(claim)


def find(session: Session, number: str) -> ClaimView | None:
    """A claim by its number, whatever the case and blanks it is written with."""
    claim = by_number(session, number)
    return view_of(claim) if claim else None


def of_order(session: Session, order_id: int) -> list[ClaimView]:
    """All claims of an order, latest first."""
    rows = session.scalars(
        select(Claim).where(Claim.order_id == order_id).order_by(Claim.id.desc())
    )
    return [view_of(claim) for claim in rows]


def by_number(session: Session, number: str) -> Claim | None:
    """The claim of that number."""
    wanted = number.strip().upper()
    return session.scalars(select(Claim).where(Claim.number == wanted)).one_or_none()


def locked(session: Session, number: str) -> Claim:
    """The claim with its order locked, as it stands now; raises `NotFound`."""
    claim = by_number(session, number)
    if claim is None:
        raise NotFound("CLAIM_UNKNOWN", f"there is no claim {number}")
    ledger.lock_order(session, claim.order_id)
    # Another command may have changed it between the look-up and the lock.
    session.expire_all()
    return claim


def require_undecided(claim: Claim, command: str) -> None:
    """Raise `NotAllowed` when a claim is decided already."""
    if claim.status not in UNDECIDED:
        raise NotAllowed(
            "WRONG_STATE",
            f"{claim.number} is {claim.status}: {command} is not possible",
            status=claim.status,
            claim_number=claim.number,
        )


def announce(session: Session, event: str, claim: Claim, *, now: datetime) -> None:
    """Let the shopper know of an event of a claim."""
    notices.announce(
        session,
        event,
        document="claim",
        document_id=claim.id,
        order=claim.order,
        conversation_id=claim.conversation_id,
        now=now,
    )


def view_of(claim: Claim) -> ClaimView:
    """Picture of a claim, with what its order's policy says of keeping the goods."""
    limits = policies.policy_of(claim.order).claims.keep_up_to_by_currency
    return claim_view(claim, keep_up_to_minor=limits.get(claim.order.currency))


def _require_own(session: Session, order: Order, origin: Origin) -> None:
    """Raise `NotAllowed` when a shopper's conversation has not proven that the order is its own."""
    if origin.conversation_id is not None and not overrides.is_staff(origin.actor):
        identity.require_order(session, origin.conversation_id, order.id, origin.now)


def _checked(session: Session, request: ClaimRequest, origin: Origin) -> dict[str, int]:
    """Quantities by line; raises `ServiceError` for a request that no rule has to look at."""
    quantities = _merged(request.lines)
    if not quantities:
        raise ServiceError("NOTHING_CHOSEN", "a claim needs at least one item")
    if any(quantity < 1 for _, quantity in request.lines):
        raise ServiceError("BAD_REQUEST", "a claim needs a quantity of 1 or more for each item")
    if request.type not in CLAIM_TYPES or request.wanted not in WISHES:
        raise ServiceError(
            "BAD_REQUEST",
            f"a claim is one of {', '.join(CLAIM_TYPES)}, with the wish for one of {', '.join(WISHES)}",
        )
    _check_photos(session, request.photo_ids, origin)
    return quantities


def _check_photos(session: Session, photo_ids: tuple[str, ...], origin: Origin) -> None:
    """Shoppers can show only what they have sent themselves."""
    is_known = all(feedback.is_photo_id(photo_id) for photo_id in photo_ids)
    if is_known and photo_ids and not overrides.is_staff(origin.actor) and origin.conversation_id:
        sent = feedback.photo_ids_of(session, origin.conversation_id)
        is_known = set(photo_ids) <= set(sent)
    if not is_known:
        raise ServiceError("PHOTO_UNKNOWN", "there is no such photo in the conversation")


def _merged(lines: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """Quantities by line; the same item named twice counts once, with both quantities."""
    quantities: Counter[str] = Counter()
    for external_id, quantity in lines:
        quantities[external_id] += quantity
    return dict(quantities)


def _draw_up(
    session: Session,
    order: Order,
    request: ClaimRequest,
    quantities: dict[str, int],
    origin: Origin,
) -> Claim:
    needs_photo = request.type in policies.policy_of(order).claims.photo_required_for
    is_waiting = needs_photo and not request.photo_ids
    claim = Claim(
        number=f"new-{uuid4().hex[:12]}",
        order=order,
        conversation_id=origin.conversation_id,
        created_by=origin.actor,
        channel=origin.channel,
        type=request.type,
        wanted=request.wanted,
        status=states.CLAIM_NEEDS_EVIDENCE if is_waiting else states.CLAIM_OPEN,
        keep_item=False,
        note=request.note,
        idempotency_key=request.idempotency_key,
        created_at=origin.now,
    )
    claim.evidence = [
        ClaimEvidence(photo_id=photo_id, added_at=origin.now)
        for photo_id in dict.fromkeys(request.photo_ids)
    ]
    session.add(claim)
    session.flush()
    claim.number = f"CLM-{1000 + claim.id}"
    for external_id, quantity in quantities.items():
        line = ClaimLine(order_line=ledger.line_of(order, external_id), quantity=quantity)
        claim.lines.append(line)
        ledger.claim_for_claim(session, line, reported_first=request.type != "never_arrived")
    session.flush()
    return claim


def _announce(session: Session, claim: Claim, origin: Origin) -> None:
    events.record(
        session, actor=origin.actor, command="open_claim", document="claim", document_id=claim.id,
        now=origin.now, after={"status": claim.status, "number": claim.number, "type": claim.type},
        conversation_id=claim.conversation_id,
    )  # fmt: skip
    is_open = claim.status == states.CLAIM_OPEN
    event = "claim_received" if is_open else "claim_needs_evidence"
    announce(session, event, claim, now=origin.now)
    items = ", ".join(f"{line.quantity} x {line.order_line.name}" for line in claim.lines)
    waits = "" if is_open else "; waits for a photo"
    cases.open_about(
        session,
        reason=CASE_REASON,
        summary=f"{claim.number}, {claim.type.replace('_', ' ')}: {items}; {claim.wanted} wanted{waits}"[:500],
        document="claim",
        document_id=claim.id,
        order_id=claim.order_id,
        conversation_id=claim.conversation_id,
        dedupe_key=f"claim-{claim.id}",
        now=origin.now,
    )  # fmt: skip
