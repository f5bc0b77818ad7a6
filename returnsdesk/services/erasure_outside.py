"""What is stored about a shopper outside the product's tables: Rasa's tracker, photos, the demo's mail and messages."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import closing
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from sqlite3 import OperationalError
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from returnsdesk.services import photo_files
from returnsdesk.services.redaction import Redaction

_SCHEMA_ON_POSTGRESQL: Final = "rasa"
_TABLE: Final = "events"
_LOCK_SECONDS: Final = 15

logger = logging.getLogger(__name__)


class Tracker:
    """Rasa's conversations, in a database of its own or beside the product's; used for a moment, then closed."""

    def __init__(self, url: str) -> None:
        """`url` is that of the tracker store; nothing is connected yet, and no file is made."""
        self._is_sqlite = url.startswith("sqlite")
        self._file = Path(url.removeprefix("sqlite:///"))
        options = {"connect_args": {"timeout": _LOCK_SECONDS}} if self._is_sqlite else {}
        self._engine = sa.create_engine(url, future=True, **options)
        schema = None if self._is_sqlite else _SCHEMA_ON_POSTGRESQL
        self._events = sa.Table(
            _TABLE,
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("sender_id", sa.String),
            sa.Column("data", sa.Text),
            schema=schema,
        )

    def count(self, conversation_ids: Iterable[str]) -> int:
        """Number of events of these conversations."""
        if not self._is_there():
            return 0
        number = sa.select(sa.func.count()).where(self._of(conversation_ids))
        with self._engine.connect() as connection:
            return int(connection.scalar(number) or 0)

    def events(self, conversation_ids: Iterable[str]) -> list[dict[str, Any]]:
        """The events of these conversations as Rasa has written them."""
        if not self._is_there():
            return []
        query = sa.select(self._events).where(self._of(conversation_ids)).order_by("id")
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def erase(self, conversation_ids: Iterable[str], redaction: Redaction | None = None) -> int:
        """Delete these conversations, and take a person's words out of all others; returns how many events went."""
        if not self._is_there():
            return 0
        with self._engine.begin() as connection:
            deleted = connection.execute(sa.delete(self._events).where(self._of(conversation_ids)))
            if redaction is not None:
                self._redact(connection, redaction)
        if self._is_sqlite and deleted.rowcount:
            write_anew(self._engine)
        return int(deleted.rowcount)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _redact(self, connection: Any, redaction: Redaction) -> None:
        data = self._events.c.data
        found = [contains(connection, data, spelling) for spelling in redaction.spellings]
        rows = connection.execute(
            sa.select(self._events.c.id, data).where(sa.or_(sa.false(), *found))
        ).all()
        for row_id, written in rows:
            connection.execute(
                sa.update(self._events)
                .where(self._events.c.id == row_id)
                .values(data=redaction.raw_json(written))
            )

    def _of(self, conversation_ids: Iterable[str]) -> Any:
        return self._events.c.sender_id.in_(list(conversation_ids))

    def _is_there(self) -> bool:
        if self._is_sqlite and not self._file.exists():
            return False
        return bool(sa.inspect(self._engine).has_table(_TABLE, schema=self._events.schema))


def write_anew(engine: Engine) -> None:
    """Write a SQLite file anew and empty its log: deleted rows stay in both until then, for whoever reads the bytes.

    Writers wait meanwhile. A file that is too busy keeps its remains, which later rows overwrite.
    """
    with closing(engine.raw_connection()) as connection:
        try:
            connection.cursor().execute("VACUUM")
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except OperationalError:
            logger.warning("the database file is busy and was not written anew")


def contains(connection: Any, column: Any, spelling: str) -> Any:
    """The condition that a text, in small letters, holds a spelling; without wildcards."""
    lower = sa.func.lower(column)
    if connection.dialect.name == "sqlite":
        return sa.func.instr(lower, spelling) > 0
    return sa.func.strpos(lower, spelling) > 0


def delete_photos(var_dir: Path, photo_ids: Iterable[str]) -> int:
    """Delete photos by their ids; returns how many there were."""
    deleted = 0
    for photo_id in photo_ids:
        path = photo_files.folder(var_dir) / f"{Path(photo_id).name}.jpg"
        if path.is_file():
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def kept_messages(var_dir: Path, redaction: Redaction) -> list[Path]:
    """Files of the demo's mail and text messages that name the person."""
    mails = [path for path in (var_dir / "mail").glob("*.eml") if redaction.finds(_mail(path))]
    texts = [
        path
        for path in (var_dir / "sms").glob("*.txt")
        if redaction.finds(path.read_text(encoding="utf-8", errors="replace"))
    ]
    return mails + texts


def _mail(path: Path) -> str:
    """Everything that a mail says, decoded."""
    message = message_from_bytes(path.read_bytes(), policy=SMTP)
    headers = "\n".join(str(value) for value in message.values())
    bodies = [
        str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"
    ]
    return "\n".join((headers, *bodies))
