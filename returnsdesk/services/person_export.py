"""Everything that is stored about one shopper as plain values, for the shopper (GDPR art. 15 and 20)."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    ChatLink,
    Claim,
    ClaimEvidence,
    ClaimLine,
    Customer,
    Exchange,
    InboundParcel,
    Inspection,
    Notification,
    Order,
    OrderLine,
    Payment,
    PaymentMethod,
    Refund,
    RefundPart,
    Return,
    ReturnLine,
    Shipment,
    StoreCredit,
    TelegramUpdate,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.services import (
    audit,
    conversation_erasure,
    erasure,
    erasure_records,
    person_records,
)
from returnsdesk.services.erasure_outside import Tracker
from returnsdesk.services.errors import NotFound
from returnsdesk.services.person_records import Person
from returnsdesk.settings import Settings

# What opens or proves something, and what is made from another column.
_LEFT_OUT: Final = frozenset({"code_hash", "token_hash", "token", "search_text", "idempotency_key"})
# The team's own: which colleague has read how far is no data of the shopper.
_OF_THE_TEAM: Final = frozenset({"conversation_reads", "conversation_viewers", "corrections"})


def export(
    database: Database, settings: Settings, wanted: str, *, actor: str, now: datetime
) -> dict[str, Any]:
    """All rows about a shopper by table, and the events of Rasa; that it was taken is recorded. Raises `NotFound`."""
    with database.write() as session:
        person = person_records.find(session, wanted)
        if person is None:
            raise NotFound("PERSON_UNKNOWN", "nothing is stored about this address or customer id")
        tables = _tables(session, person)
        audit.recorded(
            session,
            actor=actor,
            action=audit.EXPORT,
            subject="customer",
            subject_id=erasure.subject_of(person),
            now=now,
        )
    tracker = Tracker(settings.tracker_url)
    try:
        events = tracker.events(person.conversation_ids)
    finally:
        tracker.close()
    return {
        "made_at": _plain(now),
        "about": sorted(person.emails),
        "photos": sorted(person.photo_ids),
        **{name: rows for name, rows in tables.items() if rows},
        "dialogue_events": events,
    }


def as_json(found: dict[str, Any]) -> str:
    """What `export` gives, as a file."""
    return json.dumps(found, ensure_ascii=False, indent=2, default=str) + "\n"


def _tables(session: Session, person: Person) -> dict[str, list[dict[str, Any]]]:
    own_lines = select(ReturnLine.id).where(ReturnLine.return_id.in_(person.return_ids))
    conditions: list[tuple[Any, Any]] = [
        (Customer, Customer.id.in_(person.customer_ids)),
        (PaymentMethod, PaymentMethod.customer_id.in_(person.customer_ids)),
        (Order, Order.id.in_(person.order_ids)),
        (OrderLine, OrderLine.order_id.in_(person.order_ids)),
        (Payment, Payment.order_id.in_(person.order_ids)),
        (Shipment, Shipment.order_id.in_(person.order_ids)),
        (Return, Return.id.in_(person.return_ids)),
        (ReturnLine, ReturnLine.return_id.in_(person.return_ids)),
        (InboundParcel, InboundParcel.return_id.in_(person.return_ids)),
        (Inspection, Inspection.return_line_id.in_(own_lines)),
        (Exchange, Exchange.id.in_(person.exchange_ids)),
        (Claim, Claim.id.in_(person.claim_ids)),
        (ClaimLine, ClaimLine.claim_id.in_(person.claim_ids)),
        (ClaimEvidence, ClaimEvidence.claim_id.in_(person.claim_ids)),
        (Withdrawal, Withdrawal.id.in_(person.withdrawal_ids)),
        (Refund, Refund.id.in_(person.refund_ids)),
        (RefundPart, RefundPart.refund_id.in_(person.refund_ids)),
        (StoreCredit, StoreCredit.order_id.in_(person.order_ids)),
        (Case, Case.id.in_(person.case_ids)),
        (Notification, erasure_records.own_notices(person)),
        (ChatLink, ChatLink.customer_id.in_(person.customer_ids)),
        (TelegramUpdate, TelegramUpdate.chat_id.in_(person.chat_ids)),
    ]
    tables = [(kind.__table__, condition) for kind, condition in conditions]
    seen = {table.name for table, _ in tables}
    for table, condition in reversed(conversation_erasure.rows_of(person.conversation_ids)):
        if table.name not in seen | _OF_THE_TEAM:
            tables.append((table, condition))
    return {table.name: _rows(session, table, condition) for table, condition in tables}


def _rows(session: Session, table: Any, condition: Any) -> list[dict[str, Any]]:
    found = session.execute(select(table).where(condition).order_by(*table.primary_key.columns))
    return [
        {name: _plain(value) for name, value in row._mapping.items() if name not in _LEFT_OUT}
        for row in found
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value
