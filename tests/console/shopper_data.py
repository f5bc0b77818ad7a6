"""A shopper of the sample shop of whom something stands in every place where something can stand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    ButtonToken,
    Case,
    CaseNote,
    ChatLink,
    Claim,
    ClaimEvidence,
    Conversation,
    ConversationNote,
    ConversationTag,
    Correction,
    Customer,
    Draft,
    DraftLine,
    Event,
    IdentityAttempt,
    Inspection,
    Message,
    OneTimeCode,
    Order,
    OutboxJob,
    Override,
    Return,
    SavedView,
    StaffAccount,
    TelegramChat,
    TelegramUpdate,
    VerifiedSession,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.settings import Settings

EMAIL: Final = "katarzyna.wojcik@mail.example"
NAME: Final = "Katarzyna Wójcik"
PHONE: Final = "+48 601 234 567"
WORDS: Final = "the zebrastriped umbrella"
TALK: Final = "11111111-1111-1111-1111-111111111111"
GUEST_TALK: Final = "22222222-2222-2222-2222-222222222222"
OTHER_TALK: Final = "33333333-3333-3333-3333-333333333333"
OTHER: Final = "priya.nair@mail.example"
PHOTO: Final = "photo-of-katarzyna"
CHAT: Final = 987654321


def plant(database: Database, settings: Settings, now: datetime) -> None:
    """Put the shopper, and next to her another one who only mentions her, into all stores."""
    with database.write() as session:
        customer = session.scalars(select(Customer).where(Customer.email_norm == EMAIL)).one()
        customer.phone = PHONE
        order = session.scalars(select(Order).where(Order.customer_id == customer.id)).first()
        order.lines[0].personalisation = f"For {NAME}"
        _conversations(session, customer, order, now)
        _documents(session, customer, order, now)
    plant_files(settings)


def _message(talk: str, seq: int, author: str, text: str, now: datetime, **more: Any) -> Message:
    return Message(
        conversation_id=talk,
        seq=seq,
        author=author,
        text=text,
        state="sent" if author != "shopper" else "answered",
        created_at=now,
        **more,
    )


def _conversations(session: Session, customer: Customer, order: Order, now: datetime) -> None:
    other = session.scalars(select(Customer).where(Customer.email_norm == OTHER)).one()
    for talk, owner in ((TALK, customer.id), (GUEST_TALK, None), (OTHER_TALK, other.id)):
        session.add(
            Conversation(
                id=talk, channel="web", language="pl", created_at=now, last_message_at=now,
                last_seq=2, customer_id=owner,
            )
        )  # fmt: skip
    session.flush()
    trace = {"intent": "greet", "entities": [{"entity": "name", "value": NAME}]}
    said = _message(TALK, 1, "shopper", f"I am {NAME}, {WORDS}", now, trace=trace)
    photo = {"image": f"/api/photos/{PHOTO}"}
    session.add_all([said, _message(TALK, 3, "shopper", "", now, content=photo)])
    session.flush()
    session.add_all(
        [
            _message(TALK, 2, "assistant", "Hello Katarzyna!", now, reply_to_id=said.id),
            _message(GUEST_TALK, 1, "shopper", f"send it to {EMAIL}, {WORDS}", now),
            _message(OTHER_TALK, 1, "shopper", f"my friend {NAME.upper()} <{EMAIL}> said so", now),
            _message(OTHER_TALK, 2, "assistant", "I see. Anything else?", now),
            Correction(
                message_id=said.id, intent="greet", entities=[{"value": NAME}],
                corrected_by="henrik@lundlinde.example", corrected_at=now,
            ),
            ButtonToken(
                token="t1", conversation_id=TALK, label=f"Send to {EMAIL}", choice={}, created_at=now
            ),
            VerifiedSession(
                conversation_id=GUEST_TALK, method="one_time_code", email_norm=EMAIL,
                verified_at=now, expires_at=now,
            ),
            ConversationTag(conversation_id=TALK, tag="vip", added_by="mila", added_at=now),
            ConversationNote(conversation_id=TALK, author="mila", text=f"{NAME} called", at=now),
            IdentityAttempt(conversation_id=TALK, subject=EMAIL, at=now),
            TelegramUpdate(
                bot_id=1, update_id=1, chat_id=CHAT, state="done", received_at=now,
                payload={"message": {"from": {"first_name": "Katarzyna"}, "text": WORDS}},
            ),
            ChatLink(
                token_hash="h", customer_id=customer.id, created_at=now, expires_at=now
            ),
            TelegramChat(
                chat_id=CHAT, conversation_id=TALK, customer_id=customer.id, created_at=now
            ),
        ]
    )  # fmt: skip
    for talk in (TALK, OTHER_TALK):
        # Somebody else has tried her address: a code went to her, and their conversation is theirs.
        code = OneTimeCode(
            conversation_id=talk, email_norm=EMAIL, code_hash="x", is_deliverable=True,
            created_at=now, expires_at=now,
        )  # fmt: skip
        session.add(code)
        session.flush()
        payload = {"email": EMAIL, "code": "123456", "conversation_id": talk}
        session.add(
            OutboxJob(
                kind="send_code", payload=payload, dedupe_key=f"code-{code.id}", state="waiting",
                due_at=now + timedelta(days=1), last_error=f"550 <{EMAIL}>", created_at=now,
            )
        )  # fmt: skip
    draft = Draft(
        conversation_id=TALK, order_id=order.id, state="open", wish={"words": WORDS},
        question={"text": f"Dear {NAME}"}, created_at=now, updated_at=now,
    )  # fmt: skip
    draft.lines = [DraftLine(order_line_id=order.lines[0].id, note=WORDS)]
    session.add(draft)


def _documents(session: Session, customer: Customer, order: Order, now: datetime) -> None:
    document = session.scalars(
        select(Return)
        .join(Order, Order.id == Return.order_id)
        .where(Order.customer_id == customer.id)
    ).first()
    document.conversation_id = TALK
    document.decision_text = f"Dear Katarzyna, as we said to {EMAIL}"
    document.lines[0].note = WORDS
    account = session.scalars(select(StaffAccount)).first()
    postcode = customer.address["postcode"]
    case = Case(
        conversation_id=TALK, reason="asked", summary=WORDS, status="open", created_at=now
    )  # fmt: skip
    claim = Claim(
        number="CLM-77", order_id=order.id, created_by="shopper", channel="web", type="damaged",
        wanted="refund", status="resolved", note=WORDS, idempotency_key="c77", created_at=now,
        evidence=[ClaimEvidence(photo_id=PHOTO, added_at=now)], conversation_id=TALK,
        decision_text=f"Sorry, Ms {customer.last_name}",
    )  # fmt: skip
    withdrawal = Withdrawal(
        number="WD-77", order_id=order.id, order_number_given=order.number, created_by="shopper",
        channel="web", name=NAME, contact=EMAIL, language="pl", words=f"{WORDS} {NAME}",
        status="declared", declared_at=now, idempotency_key="w77", conversation_id=TALK,
    )  # fmt: skip
    session.add_all([case, claim, withdrawal])
    session.flush()
    session.add_all(
        [
            CaseNote(case_id=case.id, author="mila", text=f"{WORDS}, {PHONE}", at=now),
            Inspection(
                return_line_id=document.lines[0].id, quantity=1, grade="C", photos=[PHOTO],
                reason=f"a letter of {NAME} inside", inspector="warehouse", at=now,
            ),
            Event(
                at=now, actor="mila", command="note", document="return", document_id=document.id,
                before={}, after={"reason": f"lives at {postcode}"}, conversation_id=TALK,
            ),
            Override(
                document="return", document_id=document.id, actor="mila", codes=["LATE"], at=now,
                reason=f"promised to {NAME} by phone {PHONE}",
            ),
            SavedView(
                account_id=account.id, name="Katarzyna Wójcik", created_at=now,
                query="q=katarzyna.wojcik%40mail.example&state=open",
            ),
        ]
    )  # fmt: skip


def plant_files(settings: Settings) -> None:
    """Files of the demo's mail, text messages and photos: hers, and those of others."""
    folders = {name: settings.var_dir / name for name in ("photos", "mail", "sms")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    (folders["photos"] / f"{PHOTO}.jpg").write_bytes(b"a picture")
    (folders["photos"] / "photo-of-another.jpg").write_bytes(b"a picture")
    body = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    encoded = "RHppZcWEIGRvYnJ5LCBLYXRhcnp5bmEgV8OzamNpayE="  # "Dzień dobry, Katarzyna Wójcik!"
    (folders["mail"] / "hers.eml").write_text(f"To: {EMAIL}\nSubject: Zwrot\n\nWitaj")
    (folders["mail"] / "of-the-team.eml").write_text(
        f"To: team@x.example\nSubject: A\n{body}{encoded}"
    )
    (folders["mail"] / "others.eml").write_text(f"To: {OTHER}\nSubject: Return\n\nHello Priya")
    (folders["sms"] / "hers.txt").write_text("To: +48601234567\n\nYour parcel\n")
    (folders["sms"] / "others.txt").write_text("To: +31612345678\n\nYour parcel\n")


def tracker_rows(url: str, rows: list[tuple[str, dict[str, Any]]] | None = None) -> list[str]:
    """Rasa's events as text; `rows` are written first, into the tables that Rasa makes."""
    from rasa.core.tracker_store import SQLTrackerStore

    from returnsdesk.rasa import tracker_store

    engine = tracker_store._engine(url)
    tracker_store._create_table(engine)
    table = SQLTrackerStore.SQLEvent.__table__
    with engine.begin() as connection:
        for sender, data in rows or []:
            values = {"sender_id": sender, "type_name": "user", "timestamp": 1.0}
            connection.execute(sa.insert(table).values(**values, data=json.dumps(data)))
        found = [f"{row.sender_id} {row.data}" for row in connection.execute(sa.select(table))]
    engine.dispose()
    return found


def everything_stored(database: Database) -> dict[str, str]:
    """The text of every row of every table of the database, by table; the whole of the file on SQLite."""
    found: dict[str, str] = {}
    with database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        for schema in [None] if database.is_sqlite else [None, "rasa"]:
            for name in inspector.get_table_names(schema=schema):
                columns = [
                    sa.cast(sa.column(column["name"]), sa.Text)
                    for column in inspector.get_columns(name, schema=schema)
                    if not isinstance(column["type"], sa.LargeBinary | sa.types.NullType)
                ]
                query = sa.select(*columns).select_from(sa.table(name, schema=schema))
                rows = connection.execute(query).all() if columns else []
                found[name] = "\n".join(sorted(str(tuple(row)) for row in rows))
    return found


def raw_files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
