"""The console and Telegram: staff sessions, audit, reviews; chats and updates; what lists filter conversations by."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROWS_AT_ONCE = 1000


def upgrade() -> None:
    """Go to this revision."""
    with op.batch_alter_table("staff_accounts") as batch_op:
        batch_op.add_column(
            sa.Column(
                "must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )
    for table in ("customers", "orders"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))

    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.create_index("ix_audit_entries_actor_at", ["actor", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_entries_at"), ["at"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_subject_subject_id", ["subject", "subject_id"], unique=False
        )

    op.create_table(
        "canned_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.String(length=254), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_answers")),
        sa.UniqueConstraint("name", "language", name=op.f("uq_canned_answers_name_language")),
    )
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
    )
    with op.batch_alter_table("login_attempts") as batch_op:
        batch_op.create_index("ix_login_attempts_subject_at", ["subject", "at"], unique=False)

    op.create_table(
        "telegram_updates",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("update_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'failed')", name=op.f("ck_telegram_updates_known_state")
        ),
        sa.PrimaryKeyConstraint("bot_id", "update_id", name=op.f("pk_telegram_updates")),
    )
    with op.batch_alter_table("telegram_updates") as batch_op:
        batch_op.create_index("ix_telegram_updates_received_at", ["received_at"], unique=False)
        batch_op.create_index(
            "ix_telegram_updates_state_chat_id", ["state", "chat_id"], unique=False
        )

    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.String(length=1000), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name=op.f("fk_saved_views_account_id_staff_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_saved_views_account_id_name")),
    )
    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name=op.f("fk_staff_sessions_account_id_staff_accounts"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_sessions")),
    )
    with op.batch_alter_table("staff_sessions") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_staff_sessions_account_id"), ["account_id"], unique=False
        )

    op.create_table(
        "sent_forms",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name=op.f("fk_sent_forms_account_id_staff_accounts"),
        ),
        sa.PrimaryKeyConstraint("key", "account_id", name=op.f("pk_sent_forms")),
    )
    with op.batch_alter_table("sent_forms") as batch_op:
        batch_op.create_index(batch_op.f("ix_sent_forms_at"), ["at"], unique=False)

    op.create_table(
        "case_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_notes_case_id_cases")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_notes")),
    )
    with op.batch_alter_table("case_notes") as batch_op:
        batch_op.create_index(batch_op.f("ix_case_notes_case_id"), ["case_id"], unique=False)

    op.create_table(
        "chat_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "conversation_id IS NOT NULL OR customer_id IS NOT NULL",
            name=op.f("ck_chat_links_carries_something"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_chat_links_conversation_id_conversations"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_chat_links_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_chat_links")),
    )
    op.create_table(
        "conversation_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("author", sa.String(length=254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=80), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_conversation_notes_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_notes")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_conversation_notes_dedupe_key")),
    )
    with op.batch_alter_table("conversation_notes") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_conversation_notes_conversation_id"), ["conversation_id"], unique=False
        )

    op.create_table(
        "conversation_reads",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name=op.f("fk_conversation_reads_account_id_staff_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_conversation_reads_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "conversation_id", name=op.f("pk_conversation_reads")
        ),
    )
    with op.batch_alter_table("conversation_reads") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_conversation_reads_conversation_id"), ["conversation_id"], unique=False
        )

    op.create_table(
        "conversation_tags",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        sa.Column("added_by", sa.String(length=254), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_conversation_tags_conversation_id_conversations"),
        ),
        sa.PrimaryKeyConstraint("conversation_id", "tag", name=op.f("pk_conversation_tags")),
    )
    with op.batch_alter_table("conversation_tags") as batch_op:
        batch_op.create_index("ix_conversation_tags_tag", ["tag"], unique=False)

    op.create_table(
        "conversation_viewers",
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("looking_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["staff_accounts.id"],
            name=op.f("fk_conversation_viewers_account_id_staff_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_conversation_viewers_conversation_id_conversations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "conversation_id", "account_id", name=op.f("pk_conversation_viewers")
        ),
    )
    op.create_table(
        "telegram_chats",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wants_notices", sa.Boolean(), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_seq", sa.Integer(), nullable=False),
        sa.Column("sent_parts", sa.Integer(), nullable=False),
        sa.Column("keyboard_message_id", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_telegram_chats_conversation_id_conversations"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_telegram_chats_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_telegram_chats")),
        sa.UniqueConstraint("conversation_id", name=op.f("uq_telegram_chats_conversation_id")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_telegram_chats_customer_id")),
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("intent", sa.String(length=60), nullable=True),
        sa.Column("entities", sa.JSON(), nullable=False),
        sa.Column("corrected_by", sa.String(length=254), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_corrections_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
        sa.UniqueConstraint("message_id", name=op.f("uq_corrections_message_id")),
    )
    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("assigned_to", sa.String(length=254), nullable=True))
        batch_op.create_index(batch_op.f("ix_cases_assigned_to"), ["assigned_to"], unique=False)

    with op.batch_alter_table("conversations") as batch_op:
        batch_op.add_column(sa.Column("sessions_from", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("state", sa.String(length=10), nullable=False, server_default="bot")
        )
        batch_op.add_column(sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lowest_confidence", sa.Float(), nullable=True))
        batch_op.add_column(
            sa.Column("fallback_count", sa.Integer(), nullable=False, server_default="0")
        )
        batch_op.add_column(sa.Column("outcome", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("csat", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("order_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("customer_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reviewed_by", sa.String(length=254), nullable=True))
        batch_op.add_column(sa.Column("assigned_to", sa.String(length=254), nullable=True))
        batch_op.add_column(
            sa.Column("agent_typing_until", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.create_index(
            batch_op.f("ix_conversations_assigned_to"), ["assigned_to"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_conversations_customer_id"), ["customer_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_conversations_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "ix_conversations_state_last_message_at", ["state", "last_message_at"], unique=False
        )
        batch_op.create_index("ix_conversations_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_conversations_handed_over_at", ["handed_over_at"], unique=False)
        batch_op.create_check_constraint(
            batch_op.f("ck_conversations_known_state"),
            "state IN ('bot', 'waiting', 'person', 'closed')",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_conversations_csat_in_range"), "csat BETWEEN 1 AND 5"
        )

    with op.batch_alter_table("customers") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_customers_telegram_chat_id"), type_="unique")
        batch_op.drop_column("notify_by_telegram")
        batch_op.drop_column("telegram_chat_id")

    with op.batch_alter_table("messages") as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("intent", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("confidence", sa.Float(), nullable=True))
        batch_op.add_column(
            sa.Column("is_fallback", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.create_index("ix_messages_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_messages_intent_id", ["intent", "id"], unique=False)
        batch_op.create_index("ix_messages_is_fallback_id", ["is_fallback", "id"], unique=False)

    _fill_conversations()
    _fill_messages()


def _fill_conversations() -> None:
    """State, rating and customer of the conversations so far."""
    op.execute("UPDATE conversations SET state = 'closed' WHERE ended_at IS NOT NULL")
    op.execute(
        "UPDATE conversations SET state = 'waiting' WHERE ended_at IS NULL AND id IN "
        "(SELECT conversation_id FROM cases WHERE status = 'open' AND document IS NULL)"
    )
    op.execute(
        "UPDATE conversations SET state = 'person' WHERE ended_at IS NULL AND id IN "
        "(SELECT conversation_id FROM cases WHERE status = 'with_person')"
    )
    op.execute(
        "UPDATE conversations SET handed_over_at = (SELECT MIN(cases.created_at) FROM cases "
        "WHERE cases.conversation_id = conversations.id AND cases.document IS NULL)"
    )
    op.execute(
        "UPDATE conversations SET customer_id = (SELECT customer_id FROM verified_sessions "
        "WHERE verified_sessions.conversation_id = conversations.id)"
    )


def _fill_messages() -> None:
    """Intent and confidence out of the traces so far, and the ratings out of their messages."""
    connection = op.get_bind()
    messages = sa.table(
        "messages",
        sa.column("id", sa.Integer),
        sa.column("conversation_id", sa.String),
        sa.column("trace", sa.JSON),
        sa.column("content", sa.JSON),
        sa.column("intent", sa.String),
        sa.column("confidence", sa.Float),
        sa.column("is_fallback", sa.Boolean),
    )
    last_id = 0
    while True:
        rows = connection.execute(
            sa.select(
                messages.c.id, messages.c.conversation_id, messages.c.trace, messages.c.content
            )
            .where(messages.c.id > last_id)
            .order_by(messages.c.id)
            .limit(_ROWS_AT_ONCE)
        ).all()
        if not rows:
            break
        last_id = rows[-1].id
        for row in rows:
            _fill_message(connection, messages, row)


def _fill_message(connection, messages, row) -> None:  # type: ignore[no-untyped-def]
    trace = row.trace if isinstance(row.trace, dict) else json.loads(row.trace or "{}")
    content = row.content if isinstance(row.content, dict) else json.loads(row.content or "{}")
    if trace.get("intent"):
        confidence = trace.get("confidence")
        is_fallback = trace["intent"] == "nlu_fallback"
        connection.execute(
            messages.update()
            .where(messages.c.id == row.id)
            .values(intent=trace["intent"][:60], confidence=confidence, is_fallback=is_fallback)
        )
        connection.execute(
            sa.text(
                "UPDATE conversations SET fallback_count = fallback_count + :more, "
                "lowest_confidence = CASE WHEN lowest_confidence IS NULL "
                "OR lowest_confidence > :confidence THEN :confidence ELSE lowest_confidence END "
                "WHERE id = :id"
            ),
            {"more": int(is_fallback), "confidence": confidence, "id": row.conversation_id},
        )
    if content.get("kind") == "rating":
        connection.execute(
            sa.text("UPDATE conversations SET csat = :score WHERE id = :id"),
            {"score": content.get("score"), "id": row.conversation_id},
        )


def downgrade() -> None:
    """Return to the revision before."""
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_index("ix_messages_is_fallback_id")
        batch_op.drop_index("ix_messages_intent_id")
        batch_op.drop_index("ix_messages_created_at")
        batch_op.drop_column("is_fallback")
        batch_op.drop_column("confidence")
        batch_op.drop_column("intent")
        batch_op.drop_column("channel")

    with op.batch_alter_table("customers") as batch_op:
        batch_op.add_column(sa.Column("telegram_chat_id", sa.String(length=40), nullable=True))
        batch_op.add_column(
            sa.Column("notify_by_telegram", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_customers_telegram_chat_id"), ["telegram_chat_id"]
        )

    with op.batch_alter_table("conversations") as batch_op:
        batch_op.drop_index("ix_conversations_handed_over_at")
        batch_op.drop_index("ix_conversations_created_at")
        batch_op.drop_index("ix_conversations_state_last_message_at")
        batch_op.drop_index(batch_op.f("ix_conversations_order_id"))
        batch_op.drop_index(batch_op.f("ix_conversations_customer_id"))
        batch_op.drop_index(batch_op.f("ix_conversations_assigned_to"))
        batch_op.drop_constraint(batch_op.f("ck_conversations_csat_in_range"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_conversations_known_state"), type_="check")
        batch_op.drop_column("agent_typing_until")
        batch_op.drop_column("assigned_to")
        batch_op.drop_column("reviewed_by")
        batch_op.drop_column("reviewed_at")
        batch_op.drop_column("customer_id")
        batch_op.drop_column("order_id")
        batch_op.drop_column("csat")
        batch_op.drop_column("outcome")
        batch_op.drop_column("fallback_count")
        batch_op.drop_column("lowest_confidence")
        batch_op.drop_column("handed_over_at")
        batch_op.drop_column("state")
        batch_op.drop_column("sessions_from")

    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_index(batch_op.f("ix_cases_assigned_to"))
        batch_op.drop_column("assigned_to")
        batch_op.drop_column("closed_at")

    op.drop_table("corrections")
    op.drop_table("telegram_chats")
    op.drop_table("conversation_viewers")
    with op.batch_alter_table("conversation_tags") as batch_op:
        batch_op.drop_index("ix_conversation_tags_tag")

    op.drop_table("conversation_tags")
    with op.batch_alter_table("conversation_reads") as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_reads_conversation_id"))

    op.drop_table("conversation_reads")
    with op.batch_alter_table("conversation_notes") as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_notes_conversation_id"))

    op.drop_table("conversation_notes")
    op.drop_table("chat_links")
    with op.batch_alter_table("case_notes") as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_notes_case_id"))

    op.drop_table("case_notes")
    with op.batch_alter_table("sent_forms") as batch_op:
        batch_op.drop_index(batch_op.f("ix_sent_forms_at"))

    op.drop_table("sent_forms")
    with op.batch_alter_table("staff_sessions") as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_sessions_account_id"))

    op.drop_table("staff_sessions")
    op.drop_table("saved_views")
    with op.batch_alter_table("telegram_updates") as batch_op:
        batch_op.drop_index("ix_telegram_updates_state_chat_id")
        batch_op.drop_index("ix_telegram_updates_received_at")

    op.drop_table("telegram_updates")
    with op.batch_alter_table("login_attempts") as batch_op:
        batch_op.drop_index("ix_login_attempts_subject_at")

    op.drop_table("login_attempts")
    op.drop_table("canned_answers")
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.drop_index("ix_audit_entries_subject_subject_id")
        batch_op.drop_index(batch_op.f("ix_audit_entries_at"))
        batch_op.drop_index("ix_audit_entries_actor_at")

    op.drop_table("audit_entries")

    for table in ("customers", "orders"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column("erased_at")
    with op.batch_alter_table("staff_accounts") as batch_op:
        batch_op.drop_column("must_change_password")
