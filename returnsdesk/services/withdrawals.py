"""Statutory withdrawals: the declaration is stored and acknowledged first; opening the return is a second step.

Directive 2011/83/EU, art. 9-14: no reason is asked, nothing may keep a declaration from being stored, and its moment
is what counts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Order, Withdrawal, WithdrawalLine
from returnsdesk.db.session import Database
from returnsdesk.domain import states, windows
from returnsdesk.domain.policy import WithdrawalRules
from returnsdesk.services import (
    cases,
    conversation_subject,
    events,
    identity,
    notices,
    overrides,
    policies,
)
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.return_opening import Origin
from returnsdesk.services.views import WithdrawalView, withdrawal_view

logger = logging.getLogger(__name__)

SAME_FOR: Final = timedelta(days=1)
CASE_REASON: Final = "withdrawal"
NOTICE_FAILED: Final = "withdrawal_notice_failed"

_LONGEST_ORDER_NUMBER, _LONGEST_NAME, _LONGEST_CONTACT = 120, 240, 254


@dataclass(frozen=True)
class Declaration:
    """What the shopper declares; without `lines` it is from the whole order.

    `order_number_given` are the shopper's words, `order_id` the order where it is known to be theirs. `lines` are the
    shop's ids of order lines with quantities. `contact` is the mail address for the receipt.
    """

    order_number_given: str
    order_id: int | None
    name: str
    contact: str
    words: str
    language: str
    idempotency_key: str
    lines: tuple[tuple[str, int], ...] = ()


def declare(
    database: Database,
    declaration: Declaration,
    *,
    actor: str,
    channel: str,
    now: datetime,
    conversation_id: str | None = None,
) -> WithdrawalView:
    """Store a declaration and send its receipt at once, whatever else is wrong with it.

    An order that the shopper has not proven to be theirs, or lines that it does not have, leave the order open for a
    person. The same key, or the same words in the same conversation within a day, are the same declaration.
    """
    origin = Origin(actor, channel, now, conversation_id)
    with database.write() as session:
        if declaration.order_id is not None:
            # The order before the conversation, as every command does; no two wait for each other then.
            session.get(Order, declaration.order_id, with_for_update=True)
        if conversation_id is not None:
            # Two messages at once in one conversation must not become two declarations.
            session.get(Conversation, conversation_id, with_for_update=True)
        withdrawal = _declared_before(session, declaration, origin)
        if withdrawal is None:
            withdrawal = _store(session, declaration, origin)
        is_told = withdrawal.receipt_sent_at is not None
        if not is_told and _tell(session, "withdrawal_received", withdrawal, now):
            withdrawal.receipt_sent_at = now
        view = withdrawal_view(withdrawal)
    if view.order_number is None:
        _ask_person(database, view.number, now)
    return view


def _ask_person(database: Database, number: str, now: datetime) -> None:
    """Open a case on a declaration whose order is not known.

    A transaction of its own: the declaration stands whatever becomes of this.
    """
    with database.write() as session:
        withdrawal = locked(session, number)
        if withdrawal.status == states.WITHDRAWAL_DECLARED:
            cases.open_about(
                session,
                reason=CASE_REASON,
                summary=f"{number}: the order is not known. In the shopper's words: {withdrawal.words}"[
                    :500
                ],
                document="withdrawal",
                document_id=withdrawal.id,
                order_id=withdrawal.order_id,
                conversation_id=withdrawal.conversation_id,
                dedupe_key=f"withdrawal-{withdrawal.id}-{withdrawal.status}",
                now=now,
                priority="high",
            )


def refuse(
    database: Database, number: str, text: str, *, actor: str, now: datetime
) -> WithdrawalView:
    """Refuse a withdrawal with the words that the shopper reads: out of time, or excepted by law; a person decides.

    Raises `NotAllowed` once a return was opened for it.
    """
    if not text.strip():
        raise ServiceError("REASON_MISSING", "the shopper has to be told why")
    with database.write() as session:
        withdrawal = locked(session, number)
        if withdrawal.status == states.WITHDRAWAL_REFUSED:
            return withdrawal_view(withdrawal)
        require_declared(withdrawal, "refuse")
        withdrawal.decision_text = text.strip()
        set_status(session, withdrawal, "refuse", states.WITHDRAWAL_REFUSED, actor=actor, now=now)
        cases.close_about(
            session, document="withdrawal", document_id=withdrawal.id, actor=actor, now=now
        )
        _tell(session, "withdrawal_refused", withdrawal, now)
        return withdrawal_view(withdrawal)


def find(session: Session, number: str) -> WithdrawalView | None:
    """A withdrawal by its number, whatever the case and blanks it is written with."""
    withdrawal = by_number(session, number)
    return withdrawal_view(withdrawal) if withdrawal else None


def of_order(session: Session, order_id: int) -> list[WithdrawalView]:
    """All withdrawals from an order, latest first."""
    rows = session.scalars(
        select(Withdrawal).where(Withdrawal.order_id == order_id).order_by(Withdrawal.id.desc())
    )
    return [withdrawal_view(withdrawal) for withdrawal in rows]


def due_by(session: Session, moment: datetime) -> list[str]:
    """Numbers of withdrawals whose money has to be back by `moment` and is not, the most urgent first."""
    return list(
        session.scalars(
            select(Withdrawal.number)
            .where(
                Withdrawal.status.in_(
                    (states.WITHDRAWAL_DECLARED, states.WITHDRAWAL_RETURN_OPENED)
                ),
                Withdrawal.refund_due_at <= moment,
            )
            .order_by(Withdrawal.refund_due_at)
        )
    )


def by_number(session: Session, number: str) -> Withdrawal | None:
    """The withdrawal of that number."""
    wanted = number.strip().upper()
    return session.scalars(select(Withdrawal).where(Withdrawal.number == wanted)).one_or_none()


def locked(session: Session, number: str) -> Withdrawal:
    """The withdrawal as it stands now, with its order locked where it is known; raises `NotFound`."""
    found = session.execute(
        select(Withdrawal.id, Withdrawal.order_id).where(
            Withdrawal.number == number.strip().upper()
        )
    ).one_or_none()
    if found is None:
        raise NotFound("WITHDRAWAL_UNKNOWN", f"there is no withdrawal {number}")
    if found.order_id is not None:
        session.execute(select(Order.id).where(Order.id == found.order_id).with_for_update())
    return session.scalars(
        select(Withdrawal)
        .where(Withdrawal.id == found.id)
        .with_for_update(of=Withdrawal)
        .execution_options(populate_existing=True)
    ).one()


def require_declared(withdrawal: Withdrawal, command: str) -> None:
    """Raise `NotAllowed` when something was decided on a withdrawal already."""
    if withdrawal.status != states.WITHDRAWAL_DECLARED:
        raise NotAllowed(
            "WRONG_STATE",
            f"{withdrawal.number} is {withdrawal.status}: {command} is not possible",
            status=withdrawal.status,
            withdrawal_number=withdrawal.number,
        )


def set_status(
    session: Session,
    withdrawal: Withdrawal,
    command: str,
    status: str,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Change the status and log it."""
    before, withdrawal.status = withdrawal.status, status
    events.record(
        session, actor=actor, command=command, document="withdrawal", document_id=withdrawal.id, now=now,
        before={"status": before}, after={"status": status}, conversation_id=withdrawal.conversation_id,
    )  # fmt: skip


def set_deadlines(withdrawal: Withdrawal) -> None:
    """By when goods and money have to be back, counted from the declaration where the shopper lives."""
    order, declared_at = withdrawal.order, withdrawal.declared_at
    country = order.country if order else ""
    rules = _rules_of(order)
    goods_by = windows.last_day(declared_at, rules.goods_back_days, country, to_working_day=True)
    withdrawal.goods_by = windows.end_of_day(goods_by, country)
    # The shop's own time is not moved to a working day: the law's days are the most.
    paid_by = windows.last_day(declared_at, rules.refund_days, country, to_working_day=False)
    withdrawal.refund_due_at = windows.end_of_day(paid_by, country)


def _rules_of(order: Order | None) -> WithdrawalRules:
    try:
        policy = policies.policy_of(order) if order else policies.active_policy()
    except (ServiceError, ValueError):
        # A policy that cannot be read must not keep a declaration from being stored: the law's own days hold.
        return WithdrawalRules()
    return policy.withdrawal


def _declared_before(
    session: Session, declaration: Declaration, origin: Origin
) -> Withdrawal | None:
    same_key = session.scalars(
        select(Withdrawal).where(Withdrawal.idempotency_key == declaration.idempotency_key)
    ).one_or_none()
    if same_key is not None or origin.conversation_id is None:
        return same_key
    found: Withdrawal | None = session.scalars(
        select(Withdrawal)
        .where(
            Withdrawal.conversation_id == origin.conversation_id,
            Withdrawal.words == declaration.words,
            Withdrawal.declared_at > origin.now - SAME_FOR,
        )
        .order_by(Withdrawal.id.desc())
        .limit(1)
    ).one_or_none()
    return found


def _store(session: Session, declaration: Declaration, origin: Origin) -> Withdrawal:
    order = _order_of(session, declaration, origin)
    lines = _lines_of(order, declaration) if order else None
    if lines is None:
        order, lines = None, []
    withdrawal = Withdrawal(
        number=f"new-{uuid4().hex[:12]}",
        order=order,
        order_number_given=declaration.order_number_given[:_LONGEST_ORDER_NUMBER],
        conversation_id=origin.conversation_id,
        created_by=origin.actor,
        channel=origin.channel,
        name=declaration.name[:_LONGEST_NAME],
        contact=declaration.contact[:_LONGEST_CONTACT],
        language=declaration.language,
        words=declaration.words,
        status=states.WITHDRAWAL_DECLARED,
        declared_at=origin.now,
        idempotency_key=declaration.idempotency_key,
        lines=lines,
    )
    set_deadlines(withdrawal)
    session.add(withdrawal)
    session.flush()
    withdrawal.number = f"WD-{1000 + withdrawal.id}"
    events.record(
        session, actor=origin.actor, command="declare", document="withdrawal", document_id=withdrawal.id,
        now=origin.now, after={"status": withdrawal.status, "number": withdrawal.number},
        conversation_id=origin.conversation_id,
    )  # fmt: skip
    conversation_subject.came_of_it(
        session, origin.conversation_id, conversation_subject.WITHDRAWAL, order
    )
    session.flush()
    return withdrawal


def _order_of(session: Session, declaration: Declaration, origin: Origin) -> Order | None:
    """The order that is meant, as far as whoever declares may act on it; anything else is for a person."""
    if declaration.order_id is None:
        return None
    if not overrides.is_staff(origin.actor) and origin.conversation_id is not None:
        try:
            identity.require_order(
                session, origin.conversation_id, declaration.order_id, origin.now
            )
        except NotAllowed:
            return None
    return session.get(Order, declaration.order_id)


def _lines_of(order: Order, declaration: Declaration) -> list[WithdrawalLine] | None:
    """The lines that are meant; None when the order does not have them as they were named."""
    known = {line.external_id: line for line in order.lines}
    quantities: dict[str, int] = {}
    for external_id, quantity in declaration.lines:
        quantities[external_id] = quantities.get(external_id, 0) + quantity
    if any(
        external_id not in known or not 1 <= quantity <= known[external_id].quantity
        for external_id, quantity in quantities.items()
    ):
        return None
    return [
        WithdrawalLine(order_line=known[external_id], quantity=quantity)
        for external_id, quantity in quantities.items()
    ]


def _tell(session: Session, event: str, withdrawal: Withdrawal, now: datetime) -> bool:
    """Write the notice of an event; one that cannot be written is for a person, and changes nothing else."""
    try:
        with session.begin_nested():
            notices.announce_withdrawal(session, event, withdrawal, now=now)
    except Exception as error:
        logger.warning("%s of %s cannot be sent", event, withdrawal.number, exc_info=True)
        cases.open_about(
            session,
            reason=NOTICE_FAILED,
            summary=f"{event} of {withdrawal.number} cannot be sent, do it by hand: {error}"[:500],
            document="withdrawal",
            document_id=withdrawal.id,
            order_id=withdrawal.order_id,
            conversation_id=withdrawal.conversation_id,
            dedupe_key=f"{event}-failed-{withdrawal.id}",
            now=now,
            priority="high",
        )
        return False
    return True
