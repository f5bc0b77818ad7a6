"""Searching transcripts: the words of each message in their folded form, and the full-text index over them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from returnsdesk.db.message_search import search_text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROWS_AT_ONCE = 1000

_SQLITE = (
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
    "INSERT INTO message_search(message_search) VALUES ('rebuild')",
)
_POSTGRESQL = (
    "CREATE INDEX ix_messages_search_text ON messages USING gin (to_tsvector('simple', search_text))",
)
_BY_TIME = ("channel", "language", "outcome", "csat")
_PARTIAL = {
    "ix_conversations_fallback_last_message_at": "fallback_count > 0",
    "ix_conversations_handover_last_message_at": "handed_over_at IS NOT NULL",
}


def upgrade() -> None:
    """Go to this revision."""
    op.add_column(
        "messages", sa.Column("search_text", sa.Text(), server_default="", nullable=False)
    )
    _fill()
    for statement in _SQLITE if _is_sqlite() else _POSTGRESQL:
        op.execute(statement)
    op.create_index("ix_messages_conversation_id_intent", "messages", ["conversation_id", "intent"])
    for column in _BY_TIME:
        name = f"ix_conversations_{column}_last_message_at"
        op.create_index(name, "conversations", [column, "last_message_at", "id"])
    for name, condition in _PARTIAL.items():
        op.create_index(
            name,
            "conversations",
            ["last_message_at", "id"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    for column in ("lowest_confidence", "reviewed_at"):
        op.create_index(op.f(f"ix_conversations_{column}"), "conversations", [column])


def downgrade() -> None:
    """Return to the revision before."""
    for column in ("lowest_confidence", "reviewed_at"):
        op.drop_index(op.f(f"ix_conversations_{column}"), "conversations")
    for name in _PARTIAL:
        op.drop_index(name, "conversations")
    for column in _BY_TIME:
        op.drop_index(f"ix_conversations_{column}_last_message_at", "conversations")
    op.drop_index("ix_messages_conversation_id_intent", "messages")
    if _is_sqlite():
        for name in ("added", "removed", "changed"):
            op.execute(f"DROP TRIGGER message_search_{name}")
        op.execute("DROP TABLE message_search")
    else:
        op.drop_index("ix_messages_search_text", "messages")
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_column("search_text")


def _is_sqlite() -> bool:
    return bool(op.get_bind().dialect.name == "sqlite")


def _fill() -> None:
    """The words of the messages so far."""
    connection = op.get_bind()
    messages = sa.table(
        "messages",
        sa.column("id", sa.Integer),
        sa.column("text", sa.Text),
        sa.column("search_text", sa.Text),
    )
    fill = (
        messages.update()
        .where(messages.c.id == sa.bindparam("of"))
        .values(search_text=sa.bindparam("words"))
    )
    last_id = 0
    while True:
        rows = connection.execute(
            sa.select(messages.c.id, messages.c.text)
            .where(messages.c.id > last_id)
            .order_by(messages.c.id)
            .limit(_ROWS_AT_ONCE)
        ).all()
        if not rows:
            return
        last_id = rows[-1].id
        connection.execute(fill, [{"of": row.id, "words": search_text(row.text)} for row in rows])
