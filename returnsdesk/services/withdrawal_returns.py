"""The second step of a withdrawal: the return that brings its goods back, as far as there is one to open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Order, OrderLine, Withdrawal
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.domain.eligibility import withdrawal_findings
from returnsdesk.domain.findings import BLOCK
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import (
    cases,
    events,
    ledger,
    policies,
    return_opening,
    returns,
    withdrawals,
)
from returnsdesk.services.errors import NotAllowed, NotFound
from returnsdesk.services.return_opening import Opening, OpeningLine, Origin
from returnsdesk.services.views import WithdrawalView, withdrawal_view

# The law asks for no reason.
NO_REASON = "other"


@dataclass
class _Plan:
    """What can come back now, and why the rest cannot: codes by the shop's id of the line."""

    units: list[tuple[OrderLine, int]] = field(default_factory=list)
    obstacles: dict[str, str] = field(default_factory=dict)


def open_return(
    database: Database,
    number: str,
    *,
    actor: str,
    now: datetime,
    order_number: str | None = None,
) -> WithdrawalView:
    """Open the return of a withdrawal, without a reason and without a look; a second call finds the first.

    Units that have not arrived, or that the law excepts, wait for a person: a case is opened and the declaration
    stays as it is. `order_number` says which order it is where nobody knew. Raises `NotAllowed` for a withdrawal
    that was refused, `NotFound` for an unknown order.
    """
    with database.write() as session:
        withdrawal = withdrawals.locked(session, number)
        if withdrawal.return_ is not None:
            return withdrawal_view(withdrawal)
        withdrawals.require_declared(withdrawal, "open_return")
        if order_number is not None:
            _name_order(session, withdrawal, order_number, actor=actor, now=now)
        if withdrawal.order is None:
            _open_case(session, withdrawal, "it is not known which order it is", now)
            return withdrawal_view(withdrawal)
        plan = _plan(session, withdrawal, withdrawal.order, now)
        if plan.units:
            _open(session, withdrawal, withdrawal.order, plan, actor=actor, now=now)
        if plan.obstacles:
            why = ", ".join(f"{line} {code}" for line, code in plan.obstacles.items())
            _open_case(session, withdrawal, f"cannot come back as it stands: {why}", now)
        return withdrawal_view(withdrawal)


def _name_order(
    session: Session, withdrawal: Withdrawal, order_number: str, *, actor: str, now: datetime
) -> None:
    """Say which order a declaration is about; one that is known already stays."""
    order_id = session.scalar(
        select(Order.id).where(Order.number_norm == normalise_order_number(order_number))
    )
    if order_id is None:
        raise NotFound("ORDER_UNKNOWN", f"there is no order {order_number}")
    if withdrawal.order is not None:
        if withdrawal.order.id != order_id:
            raise NotAllowed(
                "OTHER_ORDER", f"{withdrawal.number} is from order {withdrawal.order.number}"
            )
        return
    withdrawal.order = order = ledger.lock_order(session, order_id)
    withdrawals.set_deadlines(withdrawal)
    events.record(
        session, actor=actor, command="name_order", document="withdrawal", document_id=withdrawal.id, now=now,
        after={"order_number": order.number}, conversation_id=withdrawal.conversation_id,
    )  # fmt: skip


def _plan(session: Session, withdrawal: Withdrawal, order: Order, now: datetime) -> _Plan:
    policy = policies.policy_of(order)
    named = [(line.order_line, line.quantity) for line in withdrawal.lines]
    plan = _Plan()
    for line, wanted in named or [(line, line.quantity) for line in order.lines]:
        facts = ledger.line_facts(session, line)
        # The moment of the declaration is what counts, whenever the return is opened.
        found = withdrawal_findings(facts, policy, withdrawal.declared_at)
        blocks = [finding.code for finding in found if finding.severity == BLOCK]
        free = ledger.free_units(session, line, policy=policy, now=now)
        if not blocks and free:
            plan.units.append((line, min(wanted, len(free))))
        # Of a whole order, what is coming back already needs nothing more.
        still_wanted = wanted if named else wanted - facts.claimed
        if blocks and (named or still_wanted > 0):
            plan.obstacles[line.external_id] = blocks[0]
        elif not blocks and still_wanted > len(free):
            plan.obstacles[line.external_id] = (
                "QTY_EXCEEDS" if facts.delivered(policy, now) == line.quantity else "NOT_DELIVERED"
            )
    return plan


def _open(
    session: Session,
    withdrawal: Withdrawal,
    order: Order,
    plan: _Plan,
    *,
    actor: str,
    now: datetime,
) -> None:
    requested = tuple(
        returns.RequestedLine(line.external_id, quantity, NO_REASON, "refund")
        for line, quantity in plan.units
    )
    policy = policies.policy_of(order)
    usual_ship_by = return_opening.ship_by(now, order, policy)
    opening = Opening(
        order=order,
        lines=tuple(
            OpeningLine(line, quantity, NO_REASON, "refund") for line, quantity in plan.units
        ),
        status=states.APPROVED,
        settlement="original",
        fee_minor=returns.request_fee_minor(session, order, requested, "original"),
        idempotency_key=f"withdrawal-{withdrawal.number}",
        ship_by=max(withdrawal.goods_by or usual_ship_by, usual_ship_by),
        method=return_opening.usual_method(order, policy),
        asked_at=withdrawal.declared_at,
        withdrawal=withdrawal,
    )
    origin = Origin(actor, withdrawal.channel, now, withdrawal.conversation_id)
    document = return_opening.draw_up(session, opening, origin)
    cases.close_about(
        session, document="withdrawal", document_id=withdrawal.id, actor=actor, now=now,
        reason=withdrawals.CASE_REASON,
    )  # fmt: skip
    withdrawals.set_status(
        session, withdrawal, "open_return", states.WITHDRAWAL_RETURN_OPENED, actor=actor, now=now
    )
    return_opening.announce(session, document, "open_for_withdrawal", origin)


def _open_case(session: Session, withdrawal: Withdrawal, why: str, now: datetime) -> None:
    cases.open_about(
        session,
        reason=withdrawals.CASE_REASON,
        summary=f"{withdrawal.number}: {why}. In the shopper's words: {withdrawal.words}"[:500],
        document="withdrawal",
        document_id=withdrawal.id,
        order_id=withdrawal.order_id,
        conversation_id=withdrawal.conversation_id,
        dedupe_key=f"withdrawal-{withdrawal.id}-{withdrawal.status}",
        now=now,
        priority="high",
    )
