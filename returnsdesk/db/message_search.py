"""The full-text index over messages: what it is made of on each database, kept in step by the database itself.

`messages.search_text` holds a message's words in their folded form. On SQLite an FTS5 table indexes it, which triggers
keep in step; on PostgreSQL a GIN index over it does the same. Neither needs rights beyond those of the tables' owner.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import DDL, event

from returnsdesk.domain.text import fold

TABLE: Final = "message_search"
"""Name of the FTS5 table on SQLite; its shadow tables begin with it."""

LONGEST_WORD: Final = 60

_WORD = re.compile(r"[^\W_]+")

_SQLITE: Final = (
    # Beginnings of two and three letters have lists of their own: they are asked for with every key typed.
    "CREATE VIRTUAL TABLE message_search USING fts5(search_text, content='messages', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 0', prefix='2 3')",
    "CREATE TRIGGER message_search_added AFTER INSERT ON messages BEGIN "
    "INSERT INTO message_search(rowid, search_text) VALUES (new.id, new.search_text); END",
    "CREATE TRIGGER message_search_removed AFTER DELETE ON messages BEGIN "
    "INSERT INTO message_search(message_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text); END",
    "CREATE TRIGGER message_search_changed AFTER UPDATE OF search_text ON messages BEGIN "
    "INSERT INTO message_search(message_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text); "
    "INSERT INTO message_search(rowid, search_text) VALUES (new.id, new.search_text); END",
)
_POSTGRESQL: Final = (
    "CREATE INDEX ix_messages_search_text ON messages USING gin (to_tsvector('simple', search_text))",
)


def words_of(text: str) -> tuple[str, ...]:
    """The folded words and numbers of a text, as they are indexed and looked for."""
    return tuple(word[:LONGEST_WORD] for word in _WORD.findall(fold(text)))


def search_text(text: str) -> str:
    """What the index holds of a message: its folded words with single blanks between them."""
    return " ".join(words_of(text))


def attach(messages: Any) -> None:
    """Make the index whenever the table of messages is made from the models."""
    for dialect, statements in (("sqlite", _SQLITE), ("postgresql", _POSTGRESQL)):
        for statement in statements:
            ddl = DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)
            event.listen(messages, "after_create", ddl)
    event.listen(
        messages,
        "before_drop",
        DDL(f"DROP TABLE IF EXISTS {TABLE}").execute_if(dialect="sqlite"),
    )
