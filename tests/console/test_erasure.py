"""Erasing a shopper: nothing is left of them anywhere, the books stay, others are untouched, a crash loses nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, select

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.importer import import_shop
from returnsdesk.db.models import AuditEntry, Conversation, Customer, Message, Order, Refund, Return
from returnsdesk.db.session import Database
from returnsdesk.services import (
    conversation_erasure,
    erasure,
    erasure_outside,
    erasure_records,
    person_export,
    sample_shop,
)
from returnsdesk.services.errors import Conflict, NotFound
from returnsdesk.services.redaction import Redaction
from returnsdesk.settings import Settings, load_settings
from tests.console import shopper_data as her
from tests.console.conftest import ADMIN, Staff
from tests.servers.postgres import PostgresServer

NOW = datetime.now(timezone.utc)
OF_HER = [
    "katarzyna", "wójcik", "w\\u00f3jcik", "wojcik", "zebrastriped", "601234567", "601 234 567",
    her.PHOTO, her.TALK, her.GUEST_TALK,
]  # fmt: skip


@pytest.fixture(scope="session")
def seeded_postgres(postgres_server: PostgresServer, quick_passwords: None) -> Iterator[str]:
    """Name of a PostgreSQL database with the sample shop, to be copied."""
    name = postgres_server.create_database()
    database = Database(postgres_server.url(name))
    mapper_registry.metadata.create_all(database.engine)
    sample_shop.seed(database, now=NOW)
    database.dispose()
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a database with the sample shop, once on each kind."""
    folder = tmp_path / "var"
    folder.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("seeded_file"), folder / "desk.db")
        yield load_settings(database_url=f"sqlite:///{folder / 'desk.db'}", var_dir=folder)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create_database(request.getfixturevalue("seeded_postgres"))
    yield load_settings(database_url=server.url(name), var_dir=folder)
    server.drop_database(name)


@pytest.fixture
def stores(settings: Settings) -> Iterator[Database]:
    """All stores, with something of the shopper in every place."""
    database = Database(settings.resolved_database_url)
    her.plant(database, settings, NOW)
    her.tracker_rows(
        settings.tracker_url,
        [
            (her.TALK, {"text": her.WORDS}),
            (her.GUEST_TALK, {"text": her.EMAIL}),
            (her.OTHER_TALK, {"text": f"my friend {her.NAME}"}),
            (her.OTHER_TALK, {"text": "hello"}),
        ],
    )
    yield database
    database.dispose()


one_kind_is_enough = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def erase(database: Database, settings: Settings, who: str = her.EMAIL) -> dict[str, int]:
    return erasure.erase(database, settings, who, actor=ADMIN, now=NOW)


def where_it_stands(database: Database, settings: Settings) -> list[str]:
    """Every place in which something of the shopper can be read."""
    found = [
        f"{table}: {word}"
        for table, rows in her.everything_stored(database).items()
        for word in OF_HER
        if word.lower() in rows.lower()
    ]
    found += [
        f"tracker: {word}"
        for row in her.tracker_rows(settings.tracker_url)
        for word in OF_HER
        if word.lower() in row.lower()
    ]
    for name, content in her.raw_files(settings.var_dir).items():
        decoded = content.decode("utf-8", errors="replace").lower()
        words = [word for word in OF_HER if word.lower() in decoded + Path(name).name.lower()]
        found += [f"{name}: {word}" for word in words]
    return found


def test_it_stands_everywhere_before(stores: Database, settings: Settings) -> None:
    found = " ".join(where_it_stands(stores, settings))
    for place in (
        "customers:", "orders:", "order_lines:", "messages:", "corrections:", "button_tokens:",
        "verified_sessions:", "one_time_codes:", "drafts:", "draft_lines:", "conversation_notes:",
        "cases:", "case_notes:", "claims:", "claim_evidence:", "withdrawals:", "return_lines:",
        "returns:", "inspections:", "events_log:", "overrides:", "outbox_jobs:", "notifications:",
        "identity_attempts:", "telegram_updates:", "telegram_chats:", "saved_views:", "tracker:",
        "hers.eml:", "photo-of-katarzyna.jpg:",
    ):  # fmt: skip
        assert place in found, place


def test_nothing_is_left_of_an_erased_shopper(stores: Database, settings: Settings) -> None:
    with stores.read() as session:
        customer = session.scalars(select(Customer).where(Customer.email_norm == her.EMAIL)).one()
        hers = [*OF_HER, customer.address["line1"], customer.address["postcode"]]
    done = erase(stores, settings)

    assert done["messages"] >= 4 and done["tracker_events"] == 2 and done["photos"] == 1
    assert where_it_stands(stores, settings) == []
    stored = "\n".join(her.everything_stored(stores).values()).lower()
    assert [word for word in hers if word.lower() in stored] == []
    left = {Path(name).name for name in her.raw_files(settings.var_dir)}
    assert {"others.eml", "others.txt", "photo-of-another.jpg"} <= left
    assert not left & {"hers.eml", "hers.txt", "of-the-team.eml"}


def test_the_books_keep_orders_returns_and_money(stores: Database, settings: Settings) -> None:
    def books() -> list[object]:
        with stores.read() as session:
            return [
                session.execute(
                    select(Order.number, Order.status, Order.placed_at, Order.country).order_by(
                        Order.id
                    )
                ).all(),
                session.execute(
                    select(Return.rma_number, Return.status, Return.fee_minor).order_by(Return.id)
                ).all(),
                session.execute(
                    select(Refund.amount_minor, Refund.currency, Refund.status).order_by(Refund.id)
                ).all(),
            ]

    before = books()
    erase(stores, settings)
    assert books() == before


def test_another_shopper_is_untouched(stores: Database, settings: Settings) -> None:
    def of_the_other() -> dict[str, object]:
        found = person_export.export(stores, settings, her.OTHER, actor=ADMIN, now=NOW)
        return {name: rows for name, rows in found.items() if name != "messages"}

    before = of_the_other()
    # A code that was sent to her address goes, in whatever conversation it was asked for.
    before.pop("one_time_codes")
    before["dialogue_events"][0]["data"] = json.dumps({"text": "my friend [erased]"})  # type: ignore[index]
    erase(stores, settings)
    assert of_the_other() == before
    with stores.read() as session:
        texts = session.scalars(
            select(Message.text).where(Message.conversation_id == her.OTHER_TALK).order_by("seq")
        ).all()
    assert texts == ["my friend [erased] <[erased]> said so", "I see. Anything else?"]


@one_kind_is_enough
def test_by_the_shops_customer_id_it_is_the_same(stores: Database, settings: Settings) -> None:
    erase(stores, settings, "LLC-2010")
    assert where_it_stands(stores, settings) == []


@one_kind_is_enough
def test_erasing_again_finds_nothing(stores: Database, settings: Settings) -> None:
    erase(stores, settings)
    for who in (her.EMAIL, "LLC-2010", "nobody@mail.example", "", "erased-10@erased.invalid"):
        with pytest.raises(NotFound):
            erase(stores, settings, who)


@one_kind_is_enough
@pytest.mark.parametrize("step", ["photos", "tracker", "records", "late"])
def test_after_a_crash_the_same_command_finishes(
    stores: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    places = {
        "photos": (erasure_outside, "delete_photos"),
        "tracker": (erasure_outside.Tracker, "erase"),
        "records": (erasure_records, "delete_rows"),
        "late": (erasure_records, "redact_everywhere"),
    }

    def crash(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*places[step], crash)
        with pytest.raises(KeyboardInterrupt):
            erase(stores, settings)
    erase(stores, settings)
    assert where_it_stands(stores, settings) == []


@one_kind_is_enough
def test_while_a_message_is_answered_nothing_is_erased(
    stores: Database, settings: Settings
) -> None:
    with stores.write() as session:
        session.get(Conversation, her.TALK).turn_lease_until = NOW + timedelta(seconds=30)
    before = her.everything_stored(stores)
    with pytest.raises(Conflict):
        erase(stores, settings)
    assert her.everything_stored(stores) == before


@one_kind_is_enough
def test_the_audit_log_tells_of_it_without_the_person(stores: Database, settings: Settings) -> None:
    with stores.read() as session:
        number = session.scalar(select(Customer.id).where(Customer.email_norm == her.EMAIL))
    erase(stores, settings)
    with stores.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "erase")).one()
        assert (entry.actor, entry.subject, entry.subject_id) == (ADMIN, "customer", str(number))
        assert entry.detail["messages"] >= 4
        assert all(isinstance(value, int) for value in entry.detail.values())


@one_kind_is_enough
def test_the_preview_counts_and_changes_nothing(stores: Database, settings: Settings) -> None:
    before = her.everything_stored(stores)
    found = erasure.preview(stores, settings, her.EMAIL)
    assert her.everything_stored(stores) == before
    assert found.deleted["conversations"] >= 2 and found.deleted["messages"] >= 4
    assert found.deleted["events of the dialogue"] == 2 and found.deleted["photos"] == 1
    assert found.deleted["mails and text messages kept as files"] == 3
    assert found.emptied["orders"] == 3 and found.emptied["accounts"] == 1
    assert "WD-77" in found.under_way and "CLM-77" not in found.under_way


@one_kind_is_enough
def test_an_import_does_not_bring_an_erased_shopper_back(
    stores: Database, settings: Settings
) -> None:
    erase(stores, settings)
    report = import_shop(
        stores, sample_shop.SHOP_FOLDER, policy_version_id=None, shift_to=NOW.date()
    )
    assert report.is_complete
    found = [place for place in where_it_stands(stores, settings) if not place.startswith("/")]
    assert found == []


def test_the_export_has_everything_but_secrets(stores: Database, settings: Settings) -> None:
    found = person_export.export(stores, settings, her.EMAIL, actor=ADMIN, now=NOW)
    text = person_export.as_json(found)
    for word in (her.NAME, her.PHONE, her.WORDS, her.PHOTO, "WD-77", "CLM-77", "30-059"):
        assert word in text, word
    assert json.loads(text)["orders"]
    assert "code_hash" not in text and "search_text" not in text
    assert her.OTHER not in text
    with stores.read() as session:
        number = select(func.count()).where(AuditEntry.action == "export")
        assert session.scalar(number) == 1


def test_what_belongs_to_a_conversation_is_decided_for_each_table() -> None:
    """Whoever adds a table that points to conversations decides whether its rows go with them."""
    names = {table.name for table, _ in conversation_erasure.rows_of(["x"])}
    assert names == {
        "conversations", "messages", "corrections", "button_tokens", "chat_links",
        "conversation_notes", "conversation_reads", "conversation_tags", "conversation_viewers",
        "drafts", "draft_lines", "one_time_codes", "telegram_chats", "verified_sessions",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I am Ola Ås", "I am [erased]"),
        ("OLA ÅS!", "[erased]!"),
        ("Ola Åsen", "Ola Åsen"),
        ("mail ola@x.example, please", "mail [erased], please"),
        ("mail viola@x.example", "mail viola@x.example"),
        ("q=ola%40x.example&a=b", "q=[erased]&a=b"),
    ],
)
def test_only_the_persons_own_words_are_taken_out(text: str, left: str) -> None:
    assert Redaction(["Ola Ås", "ola@x.example"]).text(text) == left


def test_the_admin_erases_on_the_page_after_typing_the_address(
    admin: Staff, database: Database, desk_settings: Settings
) -> None:
    her.plant(database, desk_settings, NOW)
    page = admin.post("/console/privacy", who=her.EMAIL)
    assert "Erase for good" in page.text and "WD-77" in page.text
    for typed in ("", "katarzyna", her.OTHER):
        refused = admin.post("/console/privacy/erase", who=her.EMAIL, confirmed=typed)
        assert refused.status_code == 422 and "nothing was erased" in refused.text
    assert "katarzyna" in str(her.everything_stored(database)).lower()
    done = admin.post("/console/privacy/erase", who=her.EMAIL, confirmed=her.EMAIL)
    assert re.search(r"Erased: .*\d+ messages", done.text)
    assert "katarzyna" not in str(her.everything_stored(database)).lower()
    # Sent twice, there is nothing left to erase.
    again = admin.post("/console/privacy/erase", who=her.EMAIL, confirmed=her.EMAIL)
    assert again.status_code == 404 and "Nothing is stored" in again.text


def test_the_admin_hands_out_what_is_stored(admin: Staff) -> None:
    answer = admin.post("/console/privacy/export", who=her.EMAIL)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["customers"][0]["email"] == her.EMAIL
    assert admin.post("/console/privacy/export", who="x@y.example").status_code == 404
    assert admin.post("/console/privacy", who="x@y.example").status_code == 404
