"""What is kept only for a time goes when its time is over, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import (
    AuditEntry,
    Case,
    ChatLink,
    Conversation,
    ConversationNote,
    IdentityAttempt,
    LoginAttempt,
    Message,
    SentForm,
    StaffSession,
    TelegramUpdate,
)
from returnsdesk.db.session import Database
from returnsdesk.jobs import retention as retention_jobs
from returnsdesk.services import (
    conversation_erasure,
    login_attempts,
    retention,
    staff,
    staff_sessions,
)
from returnsdesk.services.erasure_outside import Tracker
from returnsdesk.settings import Settings, load_settings

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
KEPT, OLD = "kept-conversation", "old-conversation"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        database_url=database_url,
        var_dir=tmp_path / "var",
        keep_conversations_days=100,
        keep_audit_days=200,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.resolved_database_url)
    mapper_registry.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def tracker_table(database: Database, settings: Settings) -> Iterator[Any]:
    """Rasa's table of events, and a way to look into it."""
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(settings.tracker_url, future=True)
    schema = None if database.is_sqlite else "rasa"
    with engine.begin() as connection:
        if schema:
            connection.execute(sa.text("CREATE SCHEMA rasa"))
        table = sa.Table(
            "events",
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sender_id", sa.String(255)),
            sa.Column("data", sa.Text),
            schema=schema,
        )
        table.create(connection)
        connection.execute(
            sa.insert(table), [{"sender_id": KEPT, "data": "{}"}, {"sender_id": OLD, "data": "{}"}]
        )

    def senders() -> list[str]:
        with engine.connect() as connection:
            return list(connection.scalars(sa.select(table.c.sender_id)))

    yield senders
    engine.dispose()


def talk(database: Database, name: str, days: float, photo: str = "") -> None:
    at = NOW - timedelta(days=days)
    content = {"image": f"/api/photos/{photo}"} if photo else {}
    with database.write() as session:
        session.add(
            Conversation(
                id=name, channel="web", language="en", created_at=at, last_message_at=at, last_seq=1
            )
        )
        session.flush()
        session.add_all(
            [
                Message(
                    conversation_id=name, seq=1, author="shopper", text="hi", state="answered",
                    created_at=at, content=content,
                ),
                ConversationNote(conversation_id=name, author="mila", text="a note", at=at),
            ]
        )  # fmt: skip


def count(database: Database, kind: Any) -> int:
    with database.read() as session:
        return int(session.scalar(select(func.count()).select_from(kind)))


def conversations(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Conversation.id)))


def test_old_conversations_go_with_all_that_hangs_on_them(
    database: Database, settings: Settings, tracker_table: Any
) -> None:
    talk(database, KEPT, 99, photo="kept-photo")
    talk(database, OLD, 101, photo="old-photo")
    photos = settings.var_dir / "photos"
    photos.mkdir()
    for name in ("kept-photo", "old-photo"):
        (photos / f"{name}.jpg").write_bytes(b"x")

    assert retention.forget_old(database, settings, now=NOW) == {"conversations": 1}
    assert conversations(database) == {KEPT}
    assert count(database, Message) == count(database, ConversationNote) == 1
    assert tracker_table() == [KEPT]
    assert [path.name for path in photos.iterdir()] == ["kept-photo.jpg"]
    assert retention.forget_old(database, settings, now=NOW) == {}


def test_a_conversation_with_an_open_case_waits_for_it(
    database: Database, settings: Settings
) -> None:
    talk(database, OLD, 500)
    with database.write() as session:
        session.add(
            Case(
                conversation_id=OLD,
                reason="asked",
                summary="my words",
                status="open",
                created_at=NOW,
            )
        )
    assert retention.forget_old(database, settings, now=NOW) == {}
    with database.write() as session:
        session.scalars(select(Case)).one().status = "closed"
    assert retention.forget_old(database, settings, now=NOW) == {"conversations": 1}
    with database.read() as session:
        case = session.scalars(select(Case)).one()
        assert (case.summary, case.conversation_id) == ("", None)


def test_days_of_nought_keep_for_ever(database: Database, settings: Settings) -> None:
    talk(database, OLD, 5000)
    with database.write() as session:
        at = NOW - timedelta(days=5000)
        session.add(AuditEntry(at=at, actor="a", action="read", subject="case", detail={}))
    for_ever = settings.copy(update={"keep_conversations_days": 0, "keep_audit_days": 0})
    assert retention.forget_old(database, for_ever, now=NOW) == {}
    assert retention.forget_old(database, settings, now=NOW) == {
        "conversations": 1,
        "audit_entries": 1,
    }


def test_small_things_go_each_in_its_time(database: Database, settings: Settings) -> None:
    staff.add(
        database, "m@x.example", name="M", role="agent", password="a long password",
        actor="cli", now=NOW,
    )  # fmt: skip
    _token, member = staff_sessions.begin(database, 1, now=NOW)
    login_attempts.begin(database, "m@x.example", "192.0.2.1", now=NOW)
    with database.write() as session:
        link = {"conversation_id": None, "created_at": NOW, "expires_at": NOW}
        conversation = Conversation(
            id=KEPT, channel="web", language="en", created_at=NOW, last_message_at=NOW, last_seq=0
        )
        session.add(conversation)
        session.flush()
        session.add_all(
            [
                ChatLink(token_hash="used", **{**link, "conversation_id": KEPT, "used_at": NOW}),
                TelegramUpdate(
                    bot_id=1, update_id=1, payload={"a": 1}, state="done", received_at=NOW
                ),
                TelegramUpdate(bot_id=1, update_id=2, payload={}, state="waiting", received_at=NOW),
                IdentityAttempt(conversation_id=KEPT, subject="LL-1", at=NOW),
                SentForm(key="k", account_id=member.id, at=NOW),
            ]
        )
    assert retention.forget_old(database, settings, now=NOW + timedelta(minutes=1)) == {}
    gone: dict[str, int] = {}
    for hours in (1, 3, 25, 49):
        gone |= dict.fromkeys(
            retention.forget_old(database, settings, now=NOW + timedelta(hours=hours)), hours
        )
    assert gone == {
        "login_attempts": 1,
        "staff_sessions": 3,
        "chat_links": 25,
        "identity_attempts": 25,
        "telegram_updates": 49,
        "sent_forms": 49,
    }
    assert count(database, LoginAttempt) == count(database, StaffSession) == 0
    # What waits to be handled is not lost because the desk was away.
    assert count(database, TelegramUpdate) == 1


def test_cut_off_between_stores_it_is_finished_the_next_time(
    database: Database, settings: Settings, tracker_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(database, OLD, 101)

    def away(*_given: object) -> None:
        raise OperationalError("away", None, Exception())

    stores: list[Any] = [Tracker, conversation_erasure]
    for store in stores:
        with monkeypatch.context() as patch:
            patch.setattr(store, "erase", away)
            with pytest.raises(OperationalError):
                retention.forget_old(database, settings, now=NOW)
        assert conversations(database) == {OLD}
    assert retention.forget_old(database, settings, now=NOW) == {"conversations": 1}
    assert tracker_table() == [KEPT]


def test_the_worker_looks_once_an_hour(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[datetime] = []

    def forget_old(_database: Database, _settings: Settings, *, now: datetime) -> dict[str, int]:
        looks.append(now)
        return {}

    monkeypatch.setattr(retention, "forget_old", forget_old)
    context: Any = type("Context", (), {"database": database, "settings": settings})()
    [timer] = retention_jobs.timers(context)
    for minutes in range(0, 121, 1):
        timer(NOW + timedelta(minutes=minutes))
    assert looks == [NOW + timedelta(hours=hours) for hours in range(3)]
