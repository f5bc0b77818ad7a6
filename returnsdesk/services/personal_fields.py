"""Fields with personal data that pages show masked: which there are, and reading one of them, which is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    Claim,
    ConversationNote,
    Customer,
    Message,
    Order,
    ReturnLine,
    VerifiedSession,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.services import audit
from returnsdesk.services.errors import NotFound

Reading = Callable[[Any], str | None]
_LARGEST_ID: Final = 2**31 - 1


def address_lines(address: Mapping[str, Any]) -> str:
    """A postal address in one line, as far as it is known."""
    place = " ".join(str(address.get(part) or "") for part in ("postcode", "city")).strip()
    parts = [address.get("name"), address.get("line1"), address.get("line2"), place]
    parts += [address.get("region"), address.get("country")]
    return ", ".join(str(part) for part in parts if part)


def full_name(customer: Customer | None) -> str:
    """First and last name; empty for an order without an account."""
    return f"{customer.first_name} {customer.last_name}".strip() if customer else ""


FIELDS: Final[dict[tuple[str, str], tuple[Any, Reading]]] = {
    ("customer", "email"): (Customer, lambda row: row.email),
    ("customer", "name"): (Customer, full_name),
    ("customer", "phone"): (Customer, lambda row: row.phone),
    ("customer", "address"): (Customer, lambda row: address_lines(row.address)),
    ("customer", "postcode"): (Customer, lambda row: row.address.get("postcode")),
    ("order", "email"): (Order, lambda row: row.email_norm),
    ("order", "name"): (Order, lambda row: full_name(row.customer)),
    ("order", "address"): (Order, lambda row: address_lines(row.shipping_address)),
    ("order", "postcode"): (Order, lambda row: row.postcode_norm),
    ("withdrawal", "name"): (Withdrawal, lambda row: row.name),
    ("withdrawal", "contact"): (Withdrawal, lambda row: row.contact),
    ("withdrawal", "words"): (Withdrawal, lambda row: row.words),
    ("claim", "note"): (Claim, lambda row: row.note),
    ("return_line", "note"): (ReturnLine, lambda row: row.note),
    ("case", "summary"): (Case, lambda row: row.summary),
    ("message", "text"): (Message, lambda row: row.text),
    ("note", "text"): (ConversationNote, lambda row: row.text),
    ("verified_session", "email"): (VerifiedSession, lambda row: row.email_norm),
}
"""What can be revealed, by kind of record and field; a record is named by the `id` of its row."""


def reveal(
    database: Database, record: str, record_id: str, field: str, *, actor: str, now: datetime
) -> str:
    """What stands in a field; that it was read is recorded in the same transaction. Raises `NotFound`."""
    if (record, field) not in FIELDS or not record_id.isascii() or not record_id.isdigit():
        raise NotFound("FIELD_UNKNOWN", f"there is no {field} of {record} {record_id}")
    kind, reading = FIELDS[(record, field)]
    with database.write() as session:
        row = _row(session, kind, int(record_id))
        if row is None:
            raise NotFound("FIELD_UNKNOWN", f"there is no {field} of {record} {record_id}")
        audit.recorded(
            session,
            actor=actor,
            action=audit.REVEAL,
            subject=record,
            subject_id=record_id,
            detail={"field": field},
            now=now,
        )
        return reading(row) or ""


def _row(session: Session, kind: Any, record_id: int) -> Any:
    if record_id > _LARGEST_ID:
        return None
    return session.scalars(select(kind).where(kind.id == record_id)).one_or_none()
