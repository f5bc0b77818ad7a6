"""Exchanges: reserving the replacement with the request, and sending it once what comes back is accepted.

A replacement is no unit of the order: it has no line and no parcel of its own there, and the units that it stands for
stay consumed in the ledger. What is wrong with a replacement is therefore a matter for a person, who can undo no money
that way: what was paid for a unit is paid back at most once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, Exchange, ExchangeLine, Return, ReturnLine, Variant
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.policy import Policy
from returnsdesk.services import (
    claim_closing,
    differences,
    events,
    exchange_setbacks,
    ledger,
    policies,
    refund_amounts,
    replacements,
    stock,
)
from returnsdesk.services import return_documents as documents
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.views import ExchangeView, ReturnView, exchange_view, return_view

if TYPE_CHECKING:
    from returnsdesk.services.returns import RequestedLine

_SENT = (states.EXCHANGE_SHIPPED, states.EXCHANGE_DELIVERED)


def add_for(
    session: Session,
    document: Return,
    requested: tuple[RequestedLine, ...],
    *,
    policy: Policy,
    actor: str,
    now: datetime,
) -> None:
    """Add the exchange of a return being registered, with its stock reserved, in the same transaction.

    Raises `NotAllowed` for a replacement that the rules forbid, `Conflict` for one that is sold out.
    """
    wanted = {line.order_line_external_id: line for line in requested if line.outcome == "exchange"}
    if not wanted:
        return
    exchange = _begin(session, return_=document, status=states.EXCHANGE_HELD)
    chosen: list[tuple[ReturnLine, Variant, int]] = []
    for line in document.lines:
        if line.outcome == "exchange":
            new = replacements.variant_of(session, wanted[line.order_line.external_id].new_sku)
            replacements.check_choice(line.order_line, new, policy)
            difference = replacements.difference_minor(line, new, line.quantity, policy)
            chosen.append((line, new, difference))
    differences.check_dearer(sum(difference for _line, _new, difference in chosen), policy)
    expires_at = max(replacements.expiry(now, policy), document.ship_by)
    # Stock is taken in one order by all, so that no two requests wait for each other.
    for line, new, difference in sorted(chosen, key=lambda choice: choice[1].id):
        replacements.add_line(
            session, exchange, line, new, difference=difference, expires_at=expires_at
        )
    session.flush()
    _record(session, exchange, "reserve", actor=actor, now=now)
    differences.settle(session, exchange, actor=actor, now=now)


def add_for_claim(
    session: Session, claim: Claim, skus: Mapping[str, str], *, actor: str, now: datetime
) -> Exchange:
    """Add the replacement for lines of an approved claim (order line's id -> SKU), within the caller's transaction.

    It is accepted at once and costs nothing; like for like is the rule here. Raises `NotAllowed` when the units were
    paid back already, `Conflict` when a replacement is sold out.
    """
    order = ledger.lock_order(session, claim.order_id)
    policy = policies.policy_of(order)
    if claim.exchange is not None:
        return claim.exchange
    lines = {line.order_line.external_id: line for line in claim.lines}
    unknown = [external_id for external_id in skus if external_id not in lines]
    if unknown or not skus:
        raise NotFound("LINE_UNKNOWN", f"{claim.number} has no line {', '.join(unknown)}")
    left = refund_amounts.claim_left(session, claim)
    exchange = _begin(session, claim=claim, status=states.EXCHANGE_ACCEPTED)
    chosen = [(lines[each], replacements.variant_of(session, sku)) for each, sku in skus.items()]
    for line, new in sorted(chosen, key=lambda choice: choice[1].id):
        replacements.check_choice(line.order_line, new, policy, like_for_like=True)
        if left.get(line.order_line_id, 0) < sum(each.unit.paid_minor for each in line.unit_claims):
            raise NotAllowed("ALREADY_PAID_BACK", f"{line.order_line.external_id} was paid back")
        replacements.add_line(
            session, exchange, line, new, difference=0, expires_at=replacements.expiry(now, policy)
        )
    session.flush()
    _record(session, exchange, "reserve", actor=actor, now=now)
    return exchange


def renew_reservations(document: Return, now: datetime) -> None:
    """The parcel is on its way: keep its replacement reserved for a whole period from now."""
    for reservation in replacements.held(document.exchange):
        reservation.expires_at = replacements.expiry(now, policies.policy_of(document.order))


def ship(
    database: Database, exchange_number: str, tracking_number: str, *, actor: str, now: datetime
) -> ReturnView:
    """Send the replacement: its stock leaves the warehouse, and the return closes when nothing else is owed.

    Raises `NotAllowed` before the inspection accepted the return, or while its difference in price is not paid; a
    second call changes nothing.
    """
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        document = exchange.return_
        if document is None:
            raise NotAllowed("OTHER_DOCUMENT", f"{exchange.number} belongs to a claim")
        if exchange.status not in _SENT:
            _ship(session, exchange, tracking_number, actor=actor, now=now)
            exchange_setbacks.announce(session, exchange, "exchange_shipped", now=now)
            documents.close_if_done(session, document, actor=actor, now=now)
        return return_view(document)


def ship_for_claim(
    database: Database, exchange_number: str, tracking_number: str, *, actor: str, now: datetime
) -> ExchangeView:
    """Send the replacement of a claim, which resolves the claim when nothing else is open; once, like `ship`."""
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        claim = exchange.claim
        if claim is None:
            raise NotAllowed("OTHER_DOCUMENT", f"{exchange.number} belongs to a return")
        if exchange.status not in _SENT:
            _ship(session, exchange, tracking_number, actor=actor, now=now)
            claim_closing.close_claim_if_done(session, claim, actor=actor, now=now)
        return exchange_view(exchange)


def deliver(database: Database, exchange_number: str, *, actor: str, now: datetime) -> ExchangeView:
    """The replacement has arrived; a second report changes nothing. Raises `NotAllowed` before it was sent."""
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        if exchange.status not in _SENT:
            raise NotAllowed("WRONG_STATE", f"{exchange.number} is {exchange.status}: not sent yet")
        if exchange.status == states.EXCHANGE_SHIPPED:
            exchange.delivered_at = now
            move(session, exchange, "deliver", states.EXCHANGE_DELIVERED, actor=actor, now=now)
        return exchange_view(exchange)


def release_for(session: Session, document: Return, *, now: datetime) -> None:
    """The return ended without goods: free the reserved stock; what was paid for a dearer replacement goes back."""
    exchange = document.exchange
    if exchange is None or exchange.status == states.EXCHANGE_ENDED_WITHOUT:
        return
    replacements.release_all(session, exchange)
    move(session, exchange, "release", states.EXCHANGE_ENDED_WITHOUT, actor="system", now=now)
    differences.settle(session, exchange, actor="system", now=now)


def decide_for(session: Session, document: Return, *, now: datetime) -> None:
    """After inspection: a replacement goes out only for accepted units; the rest of the stock is freed.

    What the accepted replacement costs less goes back now.
    """
    exchange = document.exchange
    # One that was turned into money back stays ended.
    if exchange is None or exchange.status == states.EXCHANGE_ENDED_WITHOUT:
        return
    for line in sorted(exchange.lines, key=lambda line: line.variant_id):
        replacements.narrow_line(
            session, line, line.return_line.accepted if line.return_line else 0
        )
    if not replacements.wanted_lines(exchange):
        move(session, exchange, "release", states.EXCHANGE_ENDED_WITHOUT, actor="system", now=now)
    elif exchange.status != states.EXCHANGE_CHOOSE_AGAIN:
        move(session, exchange, "accept", states.EXCHANGE_ACCEPTED, actor="system", now=now)
    differences.settle(session, exchange, actor="system", now=now)


def choose_again(
    database: Database,
    exchange_number: str,
    skus: Mapping[str, str],
    *,
    actor: str,
    now: datetime,
) -> ExchangeView:
    """Keep another replacement (order line's id -> SKU) after the first was lost; the same rules and prices apply.

    Every line that lost its stock needs a choice. Raises `NotAllowed` or `Conflict` as for a new exchange.
    """
    with database.write() as session:
        exchange = replacements.locked_exchange(session, exchange_number)
        document = exchange_setbacks.document_of(exchange)
        if exchange.status != states.EXCHANGE_CHOOSE_AGAIN:
            raise NotAllowed("WRONG_STATE", f"{exchange.number} is {exchange.status}: it is chosen")
        policy = policies.policy_of(document.order)
        expires_at = replacements.expiry(now, policy)
        chosen = [
            (line, replacements.variant_of(session, sku))
            for line, sku in _choices(exchange, skus).items()
        ]
        for line, new in sorted(chosen, key=lambda choice: choice[1].id):
            difference = 0
            if line.return_line is not None:
                replacements.check_choice(line.return_line.order_line, new, policy)
                difference = replacements.difference_minor(
                    line.return_line, new, line.quantity, policy
                )
            elif line.claim_line is not None:
                replacements.check_choice(
                    line.claim_line.order_line, new, policy, like_for_like=True
                )
            replacements.change_line(
                session, line, new, difference=difference, expires_at=expires_at
            )
        status = states.EXCHANGE_ACCEPTED if _is_accepted(exchange) else states.EXCHANGE_HELD
        move(session, exchange, "choose_again", status, actor=actor, now=now)
        differences.settle(session, exchange, actor=actor, now=now)
        return exchange_view(exchange)


def _begin(
    session: Session, *, status: str, return_: Return | None = None, claim: Claim | None = None
) -> Exchange:
    key = f"new-{return_.id}" if return_ is not None else f"new-c{claim.id if claim else 0}"
    exchange = Exchange(
        number=key,
        return_=return_,
        claim=claim,
        status=status,
        difference_status=states.DIFFERENCE_NONE,
    )
    session.add(exchange)
    session.flush()
    exchange.number = f"EX-{1000 + exchange.id}"
    return exchange


def _ship(
    session: Session, exchange: Exchange, tracking_number: str, *, actor: str, now: datetime
) -> None:
    if exchange.status != states.EXCHANGE_ACCEPTED:
        raise NotAllowed(
            "WRONG_STATE", f"{exchange.number} is {exchange.status}: it cannot be sent"
        )
    if exchange.difference_status == states.DIFFERENCE_DUE:
        raise NotAllowed("DIFFERENCE_DUE", f"the difference of {exchange.number} is not paid yet")
    for reservation in replacements.held(exchange):
        stock.allocate(session, reservation)
    exchange.tracking_number, exchange.shipped_at = tracking_number, now
    move(session, exchange, "ship", states.EXCHANGE_SHIPPED, actor=actor, now=now)


def _is_accepted(exchange: Exchange) -> bool:
    """Whether what comes back was inspected already, or need not come back."""
    document = exchange.return_
    return document is None or document.inspected_at is not None


def _choices(exchange: Exchange, skus: Mapping[str, str]) -> dict[ExchangeLine, str]:
    lines = {
        replacements.external_id_of(line): line for line in replacements.wanted_lines(exchange)
    }
    unknown = [each for each in skus if each not in lines]
    if unknown:
        raise NotFound("LINE_UNKNOWN", f"{exchange.number} has no line {', '.join(unknown)}")
    missing = [
        external_id
        for external_id, line in lines.items()
        if external_id not in skus and line.reservation.state != "held"
    ]
    if missing:
        raise ServiceError("CHOICE_MISSING", f"{', '.join(missing)} needs a replacement too")
    return {lines[external_id]: sku for external_id, sku in skus.items()}


def move(
    session: Session, exchange: Exchange, command: str, status: str, *, actor: str, now: datetime
) -> None:
    """Change the status and log it; a status that stays is no change."""
    if exchange.status == status:
        return
    before, exchange.status = exchange.status, status
    _record(session, exchange, command, actor=actor, now=now, before={"status": before})


def _record(
    session: Session,
    exchange: Exchange,
    command: str,
    *,
    actor: str,
    now: datetime,
    before: dict[str, str] | None = None,
) -> None:
    events.record(
        session, actor=actor, command=command, document="exchange", document_id=exchange.id, now=now,
        before=before, after={"status": exchange.status, "number": exchange.number},
        conversation_id=exchange_setbacks.document_of(exchange).conversation_id,
    )  # fmt: skip
