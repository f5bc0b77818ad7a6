"""Inspections: what the warehouse decides on the units that arrived, as often as parcels come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from returnsdesk.db.models import Inspection, Return, ReturnLine
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import events, exchanges, feedback, ledger, stock
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.views import ReturnView, return_view


def inspect_line(
    database: Database,
    rma_number: str,
    line_external_id: str,
    quantity: int,
    grade: str,
    *,
    actor: str,
    now: datetime,
    reason: str | None = None,
    photo_ids: tuple[str, ...] = (),
    outcome: str | None = None,
) -> ReturnView:
    """Decide on some units of an order line: grades A and B are accepted, C is not and needs a reason.

    Repeatable, parcel after parcel, until all units are decided. Only units of grade A go back on the shelf, each once.
    Where some units are for a refund and others for an exchange, `outcome` says which; without, refunds come first.
    """
    if grade not in ("A", "B", "C"):
        raise ServiceError("BAD_GRADE", "a grade is A, B or C")
    if grade == "C" and not (reason and reason.strip()):
        raise ServiceError("REASON_MISSING", "units that are not accepted need a reason")
    if not all(feedback.is_photo_id(photo_id) for photo_id in photo_ids):
        raise ServiceError("PHOTO_UNKNOWN", "a photo is named by its id of 32 letters and digits")
    with database.write() as session:
        document = documents.locked(session, rma_number, "inspect")
        lines = _lines_for(document, line_external_id, outcome)
        held = [claim for line in lines for claim in line.claims if claim.state == "held"]
        if not 1 <= quantity <= len(held):
            raise NotAllowed("QTY_EXCEEDS", f"{len(held)} units are still to be inspected")
        left = quantity
        for line in lines:
            decided = _decide(session, line, left, grade)
            left -= decided
            if decided:
                line.inspections.append(
                    Inspection(
                        quantity=decided,
                        grade=grade,
                        reason=reason,
                        photos=list(photo_ids),
                        inspector=actor,
                        at=now,
                    )
                )
        events.record(
            session, actor=actor, command="inspect_line", document="return", document_id=document.id, now=now,
            after={"line": line_external_id, "quantity": quantity, "grade": grade},
            conversation_id=document.conversation_id,
        )  # fmt: skip
        if not any(claim.state == "held" for line in document.lines for claim in line.claims):
            finish(session, document, "inspect", actor=actor, now=now)
        return return_view(document)


def finish(session: Session, document: Return, command: str, *, actor: str, now: datetime) -> None:
    """End the inspection of a locked return whose units are all decided or released."""
    document.inspected_at = now
    exchanges.decide_for(session, document, now=now)
    if any(line.accepted for line in document.lines):
        documents.set_status(session, document, command, states.INSPECTED, actor=actor, now=now)
        # Nothing may be owed for what came back: a claim has settled it already.
        documents.close_if_done(session, document, actor=actor, now=now)
    else:
        document.closed_at = now
        documents.set_status(session, document, command, states.REJECTED, actor=actor, now=now)


def _lines_for(document: Return, line_external_id: str, outcome: str | None) -> list[ReturnLine]:
    lines = [
        each
        for each in document.lines
        if each.order_line.external_id == line_external_id and outcome in (None, each.outcome)
    ]
    if not lines:
        raise NotFound("LINE_UNKNOWN", f"{document.rma_number} has no line {line_external_id}")
    return sorted(lines, key=lambda line: line.outcome != "refund")


def _decide(session: Session, line: ReturnLine, quantity: int, grade: str) -> int:
    """Decide on up to so many units of a return line, and give how many they were."""
    claims = [claim for claim in line.claims if claim.state == "held"][:quantity]
    ledger.consume(claims, "rejected" if grade == "C" else "accepted")
    if grade == "C":
        line.rejected += len(claims)
        return len(claims)
    line.accepted += len(claims)
    if grade == "A" and claims and line.order_line.variant_id is not None:
        stock.restock(session, line.order_line.variant_id, len(claims))
    return len(claims)
