"""Rasa's conversations in SQLite and PostgreSQL: kept whole, kept apart from the product's tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from rasa.core.tracker_store import TrackerStore
from rasa.core.utils import AvailableEndpoints
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
from rasa.shared.core.slots import AnySlot
from rasa.shared.core.trackers import DialogueStateTracker

from returnsdesk.rasa.server import prepare_environment, tracker_url
from returnsdesk.rasa.tracker_store import DeskTrackerStore, TrackerConflict, TrackerUnreadable
from returnsdesk.settings import PROJECT_ROOT, load_settings


def _store(url: str) -> DeskTrackerStore:
    domain = Domain.empty()
    domain.slots = [AnySlot("returns_items", mappings=[{}])]
    return DeskTrackerStore(domain=domain, host=url)


async def _tracker(store: DeskTrackerStore, conversation_id: str) -> DialogueStateTracker:
    return await store.get_or_create_tracker(conversation_id, append_action_listen=False)


async def _say(store: DeskTrackerStore, conversation_id: str, *texts: str) -> None:
    for text in texts:
        tracker = await _tracker(store, conversation_id)
        tracker.update(UserUttered(text, message_id=f"id of {text}"))
        tracker.update(BotUttered(f"answer to {text}", {"buttons": [{"title": "ÆØÅ 🙂"}]}))
        tracker.update(ActionExecuted("action_listen"))
        await store.save(tracker)


def _texts(tracker: DialogueStateTracker | None) -> list[str | None]:
    assert tracker is not None
    return [event.text for event in tracker.events if isinstance(event, UserUttered | BotUttered)]


async def test_a_conversation_comes_back_whole_and_in_order(database_url: str) -> None:
    await _say(_store(database_url), "c1", "one", "two")
    await _say(_store(database_url), "c2", "other")
    tracker = await _store(database_url).retrieve("c1")
    assert _texts(tracker) == ["one", "answer to one", "two", "answer to two"]
    assert tracker is not None
    assert tracker.events[0].message_id == "id of one"
    assert tracker.events[1].data == {"buttons": [{"title": "ÆØÅ 🙂"}]}


async def test_an_unknown_conversation_is_none(database_url: str) -> None:
    assert await _store(database_url).retrieve("nobody") is None


async def test_the_events_do_not_stand_among_the_products_tables(database_url: str) -> None:
    store = _store(database_url)
    await _say(store, "c1", "one")
    if store.engine.dialect.name == "postgresql":
        tables = sa.inspect(store.engine)
        assert tables.get_table_names() == []
        assert tables.get_table_names(schema="rasa") == ["events"]


async def test_starting_again_keeps_what_is_there(database_url: str) -> None:
    await _say(_store(database_url), "c1", "one")
    assert _texts(await _store(database_url).retrieve("c1")) == ["one", "answer to one"]


async def test_a_clock_set_back_loses_no_event(database_url: str) -> None:
    store = _store(database_url)
    tracker = await _tracker(store, "c1")
    from rasa.shared.core.events import SessionStarted

    tracker.update(SessionStarted(timestamp=2000.0))
    tracker.update(UserUttered("one", timestamp=1000.0))
    await store.save(tracker)
    assert _texts(await store.retrieve("c1")) == ["one"]


async def test_of_two_processes_that_save_one_conversation_the_second_is_refused(
    database_url: str,
) -> None:
    one, two = _store(database_url), _store(database_url)
    await _say(one, "c1", "start")
    first, second = await _tracker(one, "c1"), await _tracker(two, "c1")
    first.update(UserUttered("first"))
    second.update(UserUttered("second"))
    second.update(SlotSet("returns_items", ["lost?"]))
    await one.save(first)
    with pytest.raises(TrackerConflict):
        await two.save(second)
    assert _texts(await two.retrieve("c1")) == ["start", "answer to start", "first"]
    await _say(two, "c1", "again")
    assert _texts(await one.retrieve("c1"))[-1] == "answer to again"


async def test_of_two_processes_that_begin_one_conversation_the_second_is_refused(
    database_url: str,
) -> None:
    one, two = _store(database_url), _store(database_url)
    first, second = await _tracker(one, "c1"), await _tracker(two, "c1")
    first.update(UserUttered("first"))
    second.update(UserUttered("second"))
    await one.save(first)
    with pytest.raises(TrackerConflict):
        await two.save(second)


@pytest.mark.parametrize("data", ['{"event": "us', "", "null", "[]", '{"text": "no event"}'])
async def test_a_row_that_cannot_be_read_concerns_its_conversation_alone(
    database_url: str, data: str
) -> None:
    store = _store(database_url)
    await _say(store, "c1", "one")
    await _say(store, "c2", "other")
    with store.sessionmaker.begin() as session:
        session.query(store.SQLEvent).filter_by(sender_id="c1", type_name="bot").update(
            {"data": data}
        )
    with pytest.raises(TrackerUnreadable):
        await store.retrieve("c1")
    assert _texts(await store.retrieve("c2")) == ["other", "answer to other"]


async def test_readers_do_not_wait_for_a_writer_in_sqlite(tmp_path: Path) -> None:
    store = _store(f"sqlite:///{tmp_path / 'tracker.db'}")
    await _say(store, "c1", "one")
    with store.engine.connect() as writer:
        writer.execute(sa.text("BEGIN IMMEDIATE"))
        assert _texts(await store.retrieve("c1")) == ["one", "answer to one"]


async def test_a_connection_that_the_database_dropped_is_replaced(postgres_url: str) -> None:
    store = _store(postgres_url)
    await _say(store, "c1", "one")
    other = sa.create_engine(postgres_url)
    with other.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()
    await _say(store, "c1", "two")
    assert len(_texts(await store.retrieve("c1"))) == 4


def test_a_store_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="url"):
        DeskTrackerStore()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_endpoints_yml_loads_the_store_for_both_databases(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RETURNSDESK_TRACKER_URL", "RETURNSDESK_ACTIONS_URL", "RETURNSDESK_CHANNEL_TOKEN"):
        monkeypatch.setenv(name, "restored after the test")
    url = "sqlite:///var/returnsdesk.db"
    if kind == "postgresql":
        url = str(request.getfixturevalue("postgres_url"))
    settings = load_settings(database_url=url, var_dir=tmp_path)
    prepare_environment(settings)
    endpoints = AvailableEndpoints.read_endpoints(str(PROJECT_ROOT / "endpoints.yml"))
    # Rasa takes a misspelt class for a wish to keep conversations in memory.
    store = TrackerStore.create(endpoints.tracker_store)
    assert type(store) is DeskTrackerStore
    assert store.engine.dialect.name == kind


def test_in_sqlite_conversations_have_a_file_of_their_own(tmp_path: Path) -> None:
    settings = load_settings(database_url="sqlite:///var/returnsdesk.db", var_dir=tmp_path / "var")
    assert tracker_url(settings) == f"sqlite:///{tmp_path / 'var' / 'tracker.db'}"
    assert (tmp_path / "var").is_dir()
