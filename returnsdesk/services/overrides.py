"""Overrides: a member of staff sets a rule aside, with name, reason and the findings that stood against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Override as OverrideRow
from returnsdesk.domain.findings import BLOCK, Finding
from returnsdesk.services import events
from returnsdesk.services.errors import NotAllowed, ServiceError

# What is no rule but a fact: units that are not there, or that another document holds.
FACTS: Final = frozenset(
    {
        "ORDER_CANCELLED",
        "NOT_SHIPPED",
        "IN_TRANSIT",
        "ALREADY_RETURNED",
        "CLAIM_IN_PROGRESS",
        "QTY_EXCEEDS",
    }
)
_STAFF: Final = "agent "


@dataclass(frozen=True)
class Override:
    """Why the rules are set aside this time."""

    reason: str


def is_staff(actor: str) -> bool:
    """Whether an actor is a member of staff by name."""
    return actor.startswith(_STAFF) and bool(actor[len(_STAFF) :].strip())


def codes_set_aside(
    findings: Iterable[Finding], override: Override | None, *, actor: str
) -> list[str]:
    """Codes of the blocking findings that the override sets aside; empty when nothing blocks.

    Raises `NotAllowed` NOT_ELIGIBLE when something blocks that no override was given for, or that is no rule but a
    fact, and STAFF_ONLY when the actor is not a named member of staff.
    """
    found = list(findings)
    blocking = list(dict.fromkeys(each.code for each in found if each.severity == BLOCK))
    if override is not None:
        if not is_staff(actor):
            raise NotAllowed("STAFF_ONLY", "only a member of staff by name may set a rule aside")
        if not override.reason.strip():
            raise ServiceError("REASON_MISSING", "setting a rule aside needs a reason")
    if blocking and (override is None or FACTS & set(blocking)):
        codes = ", ".join(blocking)
        raise NotAllowed("NOT_ELIGIBLE", f"not eligible: {codes}", findings=found)
    return blocking


def record(
    session: Session,
    override: Override | None,
    codes: list[str],
    *,
    document: str,
    document_id: int,
    actor: str,
    now: datetime,
    conversation_id: str | None,
) -> None:
    """Keep who set which rules aside and why; nothing when no rule stood in the way."""
    if override is None or not codes:
        return
    reason = override.reason.strip()
    session.add(
        OverrideRow(
            document=document,
            document_id=document_id,
            actor=actor,
            reason=reason,
            codes=codes,
            at=now,
        )
    )
    events.record(
        session, actor=actor, command="override", document=document, document_id=document_id, now=now,
        after={"codes": codes, "reason": reason}, conversation_id=conversation_id,
    )  # fmt: skip


def of_document(session: Session, document: str, document_id: int) -> list[OverrideRow]:
    """The overrides of a document, oldest first."""
    return list(
        session.scalars(
            select(OverrideRow)
            .where(OverrideRow.document == document, OverrideRow.document_id == document_id)
            .order_by(OverrideRow.id)
        )
    )
