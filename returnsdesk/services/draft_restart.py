"""Changing a return before it was posted: it is called off, and a draft with the same items takes its place."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from returnsdesk.db.models import Draft, DraftLine
from returnsdesk.db.session import Database
from returnsdesk.services import drafts, return_moves
from returnsdesk.services import return_documents as documents


def restart(
    database: Database,
    conversation_id: str,
    rma_number: str,
    *,
    forget_variants: bool,
    words: str,
    now: datetime,
) -> None:
    """Cancel a return and open a draft of what it held; nothing is registered before a new yes.

    With `forget_variants` the replacements of its exchanges are asked for again. `words` are what the shopper said of
    the change. Raises `NotAllowed` when the return cannot be cancelled any more; nothing is changed then.
    """
    with database.read() as session:
        document = documents.by_number(session, rma_number)
        held = [
            (
                line.order_line_id,
                line.quantity,
                line.reason,
                line.note,
                line.outcome,
                line.exchange_line.variant_id if line.exchange_line else None,
            )
            for line in (document.lines if document else ())
        ]
        order_id = document.order_id if document else None
    return_moves.cancel(database, rma_number, actor="shopper", now=now)
    draft_id = drafts.start(database, conversation_id, {"text": words, "intent": "inform"}, now=now)
    with database.write() as session:
        draft = session.scalars(select(Draft).where(Draft.id == draft_id)).one()
        draft.order_id = order_id
        # The form goes on from here: what is said next is an answer, not a first message.
        draft.question = {"kind": "confirmation", "choices": []}
        draft.lines = [
            DraftLine(
                order_line_id=order_line_id,
                quantity=quantity,
                reason=reason,
                note=note,
                outcome=outcome,
                new_variant_id=None if forget_variants else variant_id,
            )
            for order_line_id, quantity, reason, note, outcome, variant_id in held
        ]
