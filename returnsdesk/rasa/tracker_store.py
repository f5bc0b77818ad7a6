"""Where Rasa keeps its conversations: a SQLite file, or the schema `rasa` of the product's PostgreSQL database.

Rasa 3.6.21's own `SQLTrackerStore` takes SQLite and PostgreSQL through different settings, waits for ever for a
database that is away, ends the whole server at one row that is not JSON (`session_scope` treats every `ValueError` as
a missing schema) and loses events when two processes save the same conversation.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Query, Session, sessionmaker
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

logger = logging.getLogger(__name__)

POSTGRESQL_SCHEMA = "rasa"
DATABASE_START_SECONDS = 60
SQLITE_LOCK_SECONDS = 10


class TrackerConflict(Exception):
    """Another process has saved this conversation since it was read; the turn can be tried again."""


class TrackerUnreadable(Exception):
    """A stored event of this conversation cannot be read; other conversations are not affected."""


class DeskTrackerStore(SQLTrackerStore):
    """`SQLTrackerStore` on one SQLAlchemy address, for `endpoints.yml`: `type`, `url`."""

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        **kwargs: Any,
    ) -> None:
        """Connect and make the table; `host` is what `endpoints.yml` calls `url`.

        Raises `sqlalchemy.exc.OperationalError` when the database stays away for a minute.
        """
        if not host:
            raise ValueError("The tracker store in endpoints.yml needs a url.")
        self.engine = _engine(host)
        _create_table(self.engine)
        self.sessionmaker = sessionmaker(bind=self.engine)
        # Not SQLTrackerStore's: it builds its engine from parts and makes the table in the default schema.
        TrackerStore.__init__(self, domain, event_broker)

    @contextlib.contextmanager
    def session_scope(self) -> Iterator[Session]:
        """A session that is always closed, and rolled back after an error."""
        with self.sessionmaker() as session:
            yield session

    async def _retrieve(
        self, sender_id: str, fetch_events_from_all_sessions: bool
    ) -> DialogueStateTracker | None:
        """The conversation's tracker, None if there is none; raises `TrackerUnreadable`.

        Rasa skips an event that it does not know, and the tracker then no longer fits what is stored.
        """
        with self.session_scope() as session:
            query = self._event_query(session, sender_id, fetch_events_from_all_sessions)
            rows = [data for (data,) in query.with_entities(self.SQLEvent.data)]
        if not rows:
            return None
        try:
            events = [json.loads(row) for row in rows]
            tracker = DialogueStateTracker.from_dict(sender_id, events, self.domain.slots)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TrackerUnreadable(f"conversation {sender_id}: {type(error).__name__}") from error
        if len(tracker.events) != len(rows):
            raise TrackerUnreadable(f"conversation {sender_id}: an unknown event")
        return tracker

    def _event_query(
        self, session: Session, sender_id: str, fetch_events_from_all_sessions: bool
    ) -> Query:
        """All events of the conversation: it is one session, see `session_config` in domain.yml.

        Rasa finds the latest session by time stamps and loses what a clock set back has stamped earlier.
        """
        return (
            session.query(self.SQLEvent)
            .filter(self.SQLEvent.sender_id == sender_id)
            .order_by(self.SQLEvent.id)
        )

    def _additional_events(
        self, session: Session, tracker: DialogueStateTracker
    ) -> Iterator[Event]:
        """New events of the tracker; raises `TrackerConflict` when the stored ones are not its beginning.

        Rasa only counts the stored events, and so drops as many new ones as another process has added meanwhile.
        """
        _hold_conversation(session, tracker.sender_id)
        stored = [
            (type_name, timestamp)
            for type_name, timestamp in self._event_query(
                session, tracker.sender_id, fetch_events_from_all_sessions=False
            ).with_entities(self.SQLEvent.type_name, self.SQLEvent.timestamp)
        ]
        events = list(tracker.events)
        known = [(event.type_name, event.timestamp) for event in events[: len(stored)]]
        if known != stored:
            raise TrackerConflict(f"conversation {tracker.sender_id} was saved by another process")
        return iter(events[len(stored) :])


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": SQLITE_LOCK_SECONDS})
        sa.event.listen(engine, "connect", _prepare_sqlite)
        return engine
    return sa.create_engine(
        url,
        # Connections that a restarted database has dropped are noticed before they are used.
        pool_pre_ping=True,
        execution_options={"schema_translate_map": {None: POSTGRESQL_SCHEMA}},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Readers and the one writer do not wait for each other, and a crash loses at most the last turn.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


@retry(
    retry=retry_if_exception_type(sa.exc.OperationalError),
    stop=stop_after_delay(DATABASE_START_SECONDS),
    wait=wait_fixed(2),
    before_sleep=lambda _state: logger.warning("The tracker store's database is away; waiting."),
    reraise=True,
)
def _create_table(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # One of several processes that start together creates, the others wait for it.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('rasa schema'))"))
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRESQL_SCHEMA}"))
        SQLTrackerStore.Base.metadata.create_all(connection)


def _hold_conversation(session: Session, sender_id: str) -> None:
    """Let no other process save this conversation until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext(:sender_id))"), {"sender_id": sender_id}
        )
    else:
        session.execute(sa.text("BEGIN IMMEDIATE"))
