"""Exchanges that end without a replacement, or lose it to time: converted to a refund, reservations that run out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Exchange, ExchangeLine, Reservation, Return, ReturnLine
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.policy import SETTLEMENTS
from returnsdesk.services import (
    differences,
    events,
    exchange_setbacks,
    refunds,
    replacements,
    stock,
)
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.views import ExchangeView, exchange_view

_BEFORE_SENDING = (states.EXCHANGE_HELD, states.EXCHANGE_ACCEPTED, states.EXCHANGE_CHOOSE_AGAIN)


def convert_to_return(
    database: Database,
    exchange_number: str,
    settlement: str,
    *,
    actor: str,
    now: datetime,
) -> ExchangeView:
    """Pay back what was paid instead of sending a replacement; nothing more is charged for the return.

    The lines of a return become lines for a refund (`settlement` original or store_credit, unless other lines have
    one already), paid once they are accepted; what a claim's units cost goes back at once. Raises `NotAllowed` once
    the replacement is sent.
    """
    if settlement not in SETTLEMENTS:
        raise ServiceError("BAD_SETTLEMENT", f"money goes back as {' or '.join(SETTLEMENTS)}")
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        if exchange.status not in _BEFORE_SENDING:
            raise NotAllowed("WRONG_STATE", f"{exchange.number} is {exchange.status}")
        replacements.release_all(session, exchange)
        before, exchange.status = exchange.status, states.EXCHANGE_ENDED_WITHOUT
        document = exchange_setbacks.document_of(exchange)
        events.record(
            session, actor=actor, command="convert_to_return", document="exchange", document_id=exchange.id,
            now=now, before={"status": before}, after={"status": exchange.status, "settlement": settlement},
            conversation_id=document.conversation_id,
        )  # fmt: skip
        if isinstance(document, Return):
            document.settlement = document.settlement or settlement
            for line in exchange.lines:
                _pay_instead(session, document, line)
            differences.settle(session, exchange, actor=actor, now=now)
            session.flush()
            documents.close_if_done(session, document, actor=actor, now=now)
        else:
            session.flush()
            refunds.start_for_claim(session, document, actor=actor, now=now)
        return exchange_view(exchange)


def release_expired(database: Database, *, now: datetime) -> list[str]:
    """End the reservations that ran out before their return was scanned; gives the exchanges that choose again.

    What is accepted is owed and stays reserved.
    """
    with database.read() as session:
        due = list(
            session.scalars(
                select(Exchange.number)
                .join(ExchangeLine, ExchangeLine.exchange_id == Exchange.id)
                .join(Reservation, Reservation.exchange_line_id == ExchangeLine.id)
                .join(Return, Return.id == Exchange.return_id)
                .where(
                    Reservation.state == "held",
                    Reservation.expires_at < now,
                    Return.shipped_at.is_(None),
                    Exchange.status == states.EXCHANGE_HELD,
                )
                .distinct()
            )
        )
    return [number for number in due if _release(database, number, now)]


def _release(database: Database, exchange_number: str, now: datetime) -> bool:
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        document = exchange.return_
        # It may have been scanned, sent or chosen anew since the look.
        if document is None or document.shipped_at or exchange.status != states.EXCHANGE_HELD:
            return False
        late = [each for each in replacements.held(exchange) if each.expires_at < now]
        for reservation in late:
            stock.release(session, reservation)
        if late:
            exchange_setbacks.choice_lost(
                session, exchange, "release_expired", "choose_again", actor="system", now=now
            )
        return bool(late)


def _pay_instead(session: Session, document: Return, replacement: ExchangeLine) -> None:
    """Turn the line of a replacement into one for a refund; units of an item that has such a line join it."""
    line = replacement.return_line
    if line is None:
        return
    replacement.return_line = None
    session.flush()
    twin = next(
        (
            each
            for each in document.lines
            if each.order_line_id == line.order_line_id and each.outcome == "refund"
        ),
        None,
    )
    if twin is None:
        line.outcome = "refund"
    else:
        _join(session, document, line, twin)


def _join(session: Session, document: Return, line: ReturnLine, twin: ReturnLine) -> None:
    for claim in list(line.claims):
        claim.return_line = twin
    for inspection in list(line.inspections):
        inspection.return_line = twin
    twin.quantity += line.quantity
    twin.accepted += line.accepted
    twin.rejected += line.rejected
    session.flush()
    document.lines.remove(line)
