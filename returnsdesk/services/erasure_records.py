"""What becomes of a shopper's rows in the product's tables: deleted, emptied, or kept for the books.

Orders, returns and refunds stay with their numbers, amounts and dates: a shop has to keep them (GDPR art. 17(3)(b),
with the tax and accounting law of its country). Who bought, where it went and what was said about it does not stay.
"""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from typing import Any, Final

from sqlalchemy import (
    JSON,
    String,
    Table,
    Text,
    and_,
    cast,
    delete,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.message_search import search_text
from returnsdesk.db.models import (
    Case,
    CaseNote,
    ChatLink,
    Claim,
    ClaimEvidence,
    Customer,
    Event,
    Exchange,
    InboundParcel,
    Inspection,
    Notification,
    OneTimeCode,
    Order,
    OrderLine,
    Override,
    ParcelLabel,
    Payment,
    PaymentMethod,
    RefundPart,
    Return,
    ReturnLine,
    TelegramUpdate,
    Withdrawal,
)
from returnsdesk.services import conversation_erasure
from returnsdesk.services.erasure_outside import contains
from returnsdesk.services.person_records import Person
from returnsdesk.services.redaction import ERASED, Redaction

_NOT_ABOUT_SHOPPERS: Final = frozenset(
    {
        "staff_accounts",
        "staff_sessions",
        "products",
        "variants",
        "policy_versions",
        "canned_answers",
    }
)
# Rows of other shoppers hold their own addresses, which may be the same: those of one household.
_OF_OTHERS: Final = frozenset({"customers", "orders", "notifications", "withdrawals"})


def delete_rows(session: Session, person: Person) -> dict[str, int]:
    """Delete what nobody has to keep; returns the number of rows of each table."""
    deleted = conversation_erasure.erase(session, person.conversation_ids)
    own_lines = select(ReturnLine.id).where(ReturnLine.return_id.in_(person.return_ids))
    parcels = select(InboundParcel.id).where(InboundParcel.return_id.in_(person.return_ids))
    for kind, condition in (
        (OneTimeCode, OneTimeCode.email_norm.in_(person.emails)),
        (ChatLink, ChatLink.customer_id.in_(person.customer_ids)),
        (TelegramUpdate, TelegramUpdate.chat_id.in_(person.chat_ids)),
        (PaymentMethod, PaymentMethod.customer_id.in_(person.customer_ids)),
        (ClaimEvidence, ClaimEvidence.claim_id.in_(person.claim_ids)),
        # A label has name and address of who sends the parcel.
        (ParcelLabel, ParcelLabel.parcel_id.in_(parcels)),
        (CaseNote, CaseNote.case_id.in_(person.case_ids)),
    ):
        number = _run(session, delete(kind).where(condition))
        name = kind.__tablename__
        deleted[name] = deleted.get(name, 0) + number
    _run(
        session,
        update(Inspection).where(Inspection.return_line_id.in_(own_lines)).values(photos=[]),
    )
    return {name: number for name, number in deleted.items() if number}


def empty_rows(session: Session, person: Person, now: datetime) -> None:
    """Take the person out of the rows that the books keep."""
    nobody = literal("erased-") + cast(Customer.id, String) + literal("@erased.invalid")
    customers = {
        "email": nobody,
        "email_norm": nobody,
        "first_name": "Erased",
        "last_name": "",
        "phone": null(),
        "language": null(),
        "member_since": null(),
        "address": {},
        "notify_by_email": False,
        "notify_by_sms": False,
        "erased_at": now,
    }
    buyer = literal("erased-order-") + cast(Order.id, String) + literal("@erased.invalid")
    orders = {
        "email_norm": buyer,
        "shipping_address": {},
        "postcode_norm": "",
        "gift_code": null(),
        "erased_at": now,
    }
    withdrawals = {"name": "", "contact": "", "order_number_given": "", "words": ERASED}
    of_order = person.order_ids
    for kind, condition, values in (
        (Customer, Customer.id.in_(person.customer_ids), customers),
        (Order, Order.id.in_(of_order), orders),
        (OrderLine, OrderLine.order_id.in_(of_order), {"personalisation": null()}),
        (Payment, Payment.order_id.in_(of_order), {"last_four": null()}),
        (ReturnLine, ReturnLine.return_id.in_(person.return_ids), {"note": null()}),
        (Claim, Claim.id.in_(person.claim_ids), {"note": ""}),
        (Withdrawal, Withdrawal.id.in_(person.withdrawal_ids), withdrawals),
        (Exchange, Exchange.id.in_(person.exchange_ids), {"payment_url": null()}),
        (Case, Case.id.in_(person.case_ids), {"summary": ""}),
    ):
        _run(session, update(kind).where(condition).values(**values))
    _drop_notices(session, person)


def redact_own(session: Session, person: Person) -> None:
    """Take every word that names the person out of what colleagues wrote about their orders."""
    redaction = Redaction(person.names | person.parts)
    own_lines = select(ReturnLine.id).where(ReturnLine.return_id.in_(person.return_ids))
    own: list[tuple[Any, Any]] = [
        (Return, Return.id.in_(person.return_ids)),
        (Claim, Claim.id.in_(person.claim_ids)),
        (Withdrawal, Withdrawal.id.in_(person.withdrawal_ids)),
        (Inspection, Inspection.return_line_id.in_(own_lines)),
        (RefundPart, RefundPart.refund_id.in_(person.refund_ids)),
        (Case, Case.id.in_(person.case_ids)),
        (Event, _own_documents(Event, person)),
        (Override, _own_documents(Override, person)),
    ]
    for kind, condition in own:
        _redact(session, kind.__table__, condition, redaction)


def redact_everywhere(session: Session, person: Person) -> None:
    """Take the person's addresses, numbers and full names out of every text that is left, whoever it is about."""
    redaction = Redaction(person.names)
    connection = session.connection()
    for table in mapper_registry.metadata.sorted_tables:
        if table.name in _NOT_ABOUT_SHOPPERS | _OF_OTHERS:
            continue
        columns = [func.coalesce(cast(column, Text), "") for column in _texts(table)]
        if not columns:
            continue
        row = reduce(lambda before, column: before + " " + column, columns)
        found = [contains(connection, row, spelling) for spelling in redaction.spellings]
        _redact(session, table, or_(false(), *found), redaction)


def own_notices(person: Person) -> Any:
    """The condition for notices to the person."""
    return _own_documents(Notification, person)


def _drop_notices(session: Session, person: Person) -> None:
    keys = session.scalars(select(Notification.dedupe_key).where(own_notices(person))).all()
    conversation_erasure.finish_jobs(session, keys)
    own = update(Notification).where(own_notices(person))
    _run(session, own.where(Notification.status == "waiting").values(status="dropped"))
    _run(session, own.values(recipient=""))


def _own_documents(kind: Any, person: Person) -> Any:
    """The condition for rows that name a document of the person by kind and id."""
    return or_(
        *(
            and_(kind.document == document, kind.document_id.in_(ids))
            for document, ids in person.documents.items()
        )
    )


def _redact(session: Session, table: Table, condition: Any, redaction: Redaction) -> None:
    columns = _texts(table)
    keys = list(table.primary_key.columns)
    for row in session.execute(select(table).where(condition)).all():
        held = row._mapping
        changed = {}
        for column in columns:
            value = redaction.value(held[column])
            if value != held[column]:
                changed[column.name] = _fitting(column, value)
        if not changed:
            continue
        if table.name == "messages" and "text" in changed:
            changed["search_text"] = search_text(changed["text"])
        own = and_(true(), *(key == held[key] for key in keys))
        _run(session, update(table).where(own).values(**changed))


def _texts(table: Table) -> list[Any]:
    """Columns with words in them: no keys, and not what is made from another column."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, String | Text | JSON)
        and not column.primary_key
        and not column.foreign_keys
        and column.name != "search_text"
    ]


def _fitting(column: Any, value: Any) -> Any:
    length = getattr(column.type, "length", None)
    return value[:length] if length and isinstance(value, str) else value


def _run(session: Session, statement: Any) -> int:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)


def number_of(session: Session, table: Any, condition: Any) -> int:
    """Number of rows that fulfil a condition."""
    return int(session.scalar(select(func.count()).select_from(table).where(condition)) or 0)
