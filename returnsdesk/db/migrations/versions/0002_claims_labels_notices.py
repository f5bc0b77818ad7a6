"""Claims, withdrawals, labels, notices, store credit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "carrier_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=160), nullable=False),
        sa.Column("tracking_number", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_events")),
        sa.UniqueConstraint("carrier", "event_id", name=op.f("uq_carrier_events_carrier_event_id")),
    )
    with op.batch_alter_table("carrier_events") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_carrier_events_tracking_number"), ["tracking_number"], unique=False
        )

    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("document", sa.String(length=20), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("dedupe_key", sa.String(length=160), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'sent', 'dropped')", name=op.f("ck_notifications_known_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_notifications_dedupe_key")),
    )
    with op.batch_alter_table("notifications") as batch_op:
        batch_op.create_index(
            "ix_notifications_document_document_id", ["document", "document_id"], unique=False
        )

    op.create_table(
        "overrides",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(length=20), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reason <> '' AND actor <> ''", name=op.f("ck_overrides_says_who_and_why")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
    )
    with op.batch_alter_table("overrides") as batch_op:
        batch_op.create_index(
            "ix_overrides_document_document_id", ["document", "document_id"], unique=False
        )

    op.create_table(
        "claims",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("wanted", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("resolution", sa.String(length=30), nullable=True),
        sa.Column("keep_item", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decision_text", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'need_evidence', 'approved', 'resolved', 'denied')",
            name=op.f("ck_claims_known_status"),
        ),
        sa.CheckConstraint(
            "type IN ('damaged', 'missing', 'wrong_item', 'never_arrived')",
            name=op.f("ck_claims_known_type"),
        ),
        sa.CheckConstraint(
            "wanted IN ('refund', 'replacement')", name=op.f("ck_claims_known_wish")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_claims_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_claims_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_claims_number")),
    )
    with op.batch_alter_table("claims") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_claims_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_claims_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_claims_status"), ["status"], unique=False)

    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("order_number_given", sa.String(length=120), nullable=False),
        sa.Column("conversation_id", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=240), nullable=False),
        sa.Column("contact", sa.String(length=254), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("receipt_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("goods_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_text", sa.Text(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.CheckConstraint(
            "status IN ('declared', 'return_opened', 'refunded', 'refused')",
            name=op.f("ck_withdrawals_known_status"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_withdrawals_order_id_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_withdrawals_idempotency_key")),
        sa.UniqueConstraint("number", name=op.f("uq_withdrawals_number")),
    )
    with op.batch_alter_table("withdrawals") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_withdrawals_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_withdrawals_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_withdrawals_status"), ["status"], unique=False)

    op.create_table(
        "claim_evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Integer(), nullable=False),
        sa.Column("photo_id", sa.String(length=40), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_claim_evidence_claim_id_claims")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_evidence")),
        sa.UniqueConstraint(
            "claim_id", "photo_id", name=op.f("uq_claim_evidence_claim_id_photo_id")
        ),
    )
    with op.batch_alter_table("claim_evidence") as batch_op:
        batch_op.create_index(batch_op.f("ix_claim_evidence_claim_id"), ["claim_id"], unique=False)

    op.create_table(
        "claim_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_claim_lines_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_claim_lines_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["order_lines.id"],
            name=op.f("fk_claim_lines_order_line_id_order_lines"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_lines")),
        sa.UniqueConstraint(
            "claim_id", "order_line_id", name=op.f("uq_claim_lines_claim_id_order_line_id")
        ),
    )
    with op.batch_alter_table("claim_lines") as batch_op:
        batch_op.create_index(batch_op.f("ix_claim_lines_claim_id"), ["claim_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_claim_lines_order_line_id"), ["order_line_id"], unique=False
        )

    op.create_table(
        "withdrawal_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("withdrawal_id", sa.Integer(), nullable=False),
        sa.Column("order_line_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_withdrawal_lines_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["order_lines.id"],
            name=op.f("fk_withdrawal_lines_order_line_id_order_lines"),
        ),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"],
            ["withdrawals.id"],
            name=op.f("fk_withdrawal_lines_withdrawal_id_withdrawals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal_lines")),
        sa.UniqueConstraint(
            "withdrawal_id",
            "order_line_id",
            name=op.f("uq_withdrawal_lines_withdrawal_id_order_line_id"),
        ),
    )
    with op.batch_alter_table("withdrawal_lines") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_withdrawal_lines_withdrawal_id"), ["withdrawal_id"], unique=False
        )

    op.create_table(
        "parcel_labels",
        sa.Column("parcel_id", sa.Integer(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("qr_text", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["parcel_id"],
            ["inbound_parcels.id"],
            name=op.f("fk_parcel_labels_parcel_id_inbound_parcels"),
        ),
        sa.PrimaryKeyConstraint("parcel_id", name=op.f("pk_parcel_labels")),
    )
    op.create_table(
        "store_credits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("refund_part_id", sa.Integer(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('credit', 'coupon')", name=op.f("ck_store_credits_known_kind")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_store_credits_amount_positive")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_store_credits_order_id_orders")
        ),
        sa.ForeignKeyConstraint(
            ["refund_part_id"],
            ["refund_parts.id"],
            name=op.f("fk_store_credits_refund_part_id_refund_parts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_credits")),
        sa.UniqueConstraint("code", name=op.f("uq_store_credits_code")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_store_credits_idempotency_key")),
        sa.UniqueConstraint("refund_part_id", name=op.f("uq_store_credits_refund_part_id")),
    )
    with op.batch_alter_table("store_credits") as batch_op:
        batch_op.create_index(batch_op.f("ix_store_credits_order_id"), ["order_id"], unique=False)

    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("order_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("document", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("document_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("dedupe_key", sa.String(length=160), nullable=True))
        batch_op.create_index(batch_op.f("ix_cases_order_id"), ["order_id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_cases_dedupe_key"), ["dedupe_key"])
        batch_op.create_foreign_key(
            batch_op.f("fk_cases_order_id_orders"), "orders", ["order_id"], ["id"]
        )

    with op.batch_alter_table("customers") as batch_op:
        batch_op.add_column(
            sa.Column("notify_by_email", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch_op.add_column(
            sa.Column("notify_by_sms", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("notify_by_telegram", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("telegram_chat_id", sa.String(length=40), nullable=True))
        batch_op.create_unique_constraint(
            batch_op.f("uq_customers_telegram_chat_id"), ["telegram_chat_id"]
        )

    with op.batch_alter_table("exchange_lines") as batch_op:
        batch_op.add_column(sa.Column("claim_line_id", sa.Integer(), nullable=True))
        batch_op.alter_column("return_line_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_unique_constraint(
            batch_op.f("uq_exchange_lines_claim_line_id"), ["claim_line_id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_exchange_lines_claim_line_id_claim_lines"),
            "claim_lines",
            ["claim_line_id"],
            ["id"],
        )

    with op.batch_alter_table("exchanges") as batch_op:
        batch_op.add_column(sa.Column("claim_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column(
                "difference_status", sa.String(length=10), nullable=False, server_default="none"
            )
        )
        batch_op.add_column(sa.Column("payment_reference", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("payment_url", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("payment_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.alter_column("return_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_unique_constraint(batch_op.f("uq_exchanges_claim_id"), ["claim_id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_exchanges_claim_id_claims"), "claims", ["claim_id"], ["id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_exchanges_stands_on_one_document"),
            "(return_id IS NULL) <> (claim_id IS NULL)",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_exchanges_known_difference_status"),
            "difference_status IN ('none', 'due', 'paid', 'owed', 'waived')",
        )

    with op.batch_alter_table("inbound_parcels") as batch_op:
        batch_op.add_column(sa.Column("carrier_reference", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("tracking_url", sa.String(length=500), nullable=True))
        batch_op.add_column(
            sa.Column("label_expires_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_inbound_parcels_carrier_reference"), ["carrier_reference"], unique=False
        )

    with op.batch_alter_table("inspections") as batch_op:
        batch_op.add_column(sa.Column("photos", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("refund_parts") as batch_op:
        batch_op.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("last_error", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_refund_parts_status"), ["status"], unique=False)

    with op.batch_alter_table("refunds") as batch_op:
        batch_op.add_column(sa.Column("claim_id", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("purpose", sa.String(length=20), nullable=False, server_default="items")
        )
        batch_op.alter_column("return_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_index(batch_op.f("ix_refunds_claim_id"), ["claim_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_refunds_claim_id_claims"), "claims", ["claim_id"], ["id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_refunds_for_one_document"), "(return_id IS NULL) <> (claim_id IS NULL)"
        )

    with op.batch_alter_table("returns") as batch_op:
        batch_op.add_column(
            sa.Column("method", sa.String(length=20), nullable=False, server_default="drop_off")
        )
        batch_op.add_column(sa.Column("pick_up_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("claim_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("withdrawal_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("decision_code", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("decision_text", sa.Text(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_returns_claim_id"), ["claim_id"])
        batch_op.create_unique_constraint(batch_op.f("uq_returns_withdrawal_id"), ["withdrawal_id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_returns_claim_id_claims"), "claims", ["claim_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_returns_withdrawal_id_withdrawals"),
            "withdrawals",
            ["withdrawal_id"],
            ["id"],
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_returns_known_method"),
            "method IN ('drop_off', 'pick_up', 'own_carrier')",
        )

    with op.batch_alter_table("unit_claims") as batch_op:
        batch_op.add_column(sa.Column("claim_line_id", sa.Integer(), nullable=True))
        batch_op.alter_column("return_line_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_index(
            batch_op.f("ix_unit_claims_claim_line_id"), ["claim_line_id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_unit_claims_claim_line_id_claim_lines"),
            "claim_lines",
            ["claim_line_id"],
            ["id"],
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_unit_claims_held_by_one_document"),
            "(return_line_id IS NULL) <> (claim_line_id IS NULL)",
        )


def downgrade() -> None:
    """Go back to the revision before."""
    with op.batch_alter_table("unit_claims") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_unit_claims_held_by_one_document"), type_="check")
        batch_op.drop_constraint(
            batch_op.f("fk_unit_claims_claim_line_id_claim_lines"), type_="foreignkey"
        )
        batch_op.drop_index(batch_op.f("ix_unit_claims_claim_line_id"))
        batch_op.alter_column("return_line_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("claim_line_id")

    with op.batch_alter_table("returns") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_returns_known_method"), type_="check")
        batch_op.drop_constraint(
            batch_op.f("fk_returns_withdrawal_id_withdrawals"), type_="foreignkey"
        )
        batch_op.drop_constraint(batch_op.f("fk_returns_claim_id_claims"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_returns_withdrawal_id"), type_="unique")
        batch_op.drop_constraint(batch_op.f("uq_returns_claim_id"), type_="unique")
        batch_op.drop_column("decision_text")
        batch_op.drop_column("decision_code")
        batch_op.drop_column("asked_at")
        batch_op.drop_column("withdrawal_id")
        batch_op.drop_column("claim_id")
        batch_op.drop_column("pick_up_on")
        batch_op.drop_column("method")

    with op.batch_alter_table("refunds") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_refunds_for_one_document"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_refunds_claim_id_claims"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_refunds_claim_id"))
        batch_op.alter_column("return_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("purpose")
        batch_op.drop_column("claim_id")

    with op.batch_alter_table("refund_parts") as batch_op:
        batch_op.drop_index(batch_op.f("ix_refund_parts_status"))
        batch_op.drop_column("last_error")
        batch_op.drop_column("failures")

    with op.batch_alter_table("inspections") as batch_op:
        batch_op.drop_column("photos")

    with op.batch_alter_table("inbound_parcels") as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_parcels_carrier_reference"))
        batch_op.drop_column("last_event_at")
        batch_op.drop_column("label_expires_at")
        batch_op.drop_column("tracking_url")
        batch_op.drop_column("carrier_reference")

    with op.batch_alter_table("exchanges") as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_exchanges_stands_on_one_document"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_exchanges_known_difference_status"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_exchanges_claim_id_claims"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_exchanges_claim_id"), type_="unique")
        batch_op.alter_column("return_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("payment_due_at")
        batch_op.drop_column("payment_url")
        batch_op.drop_column("payment_reference")
        batch_op.drop_column("difference_status")
        batch_op.drop_column("delivered_at")
        batch_op.drop_column("claim_id")

    with op.batch_alter_table("exchange_lines") as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_exchange_lines_claim_line_id_claim_lines"), type_="foreignkey"
        )
        batch_op.drop_constraint(batch_op.f("uq_exchange_lines_claim_line_id"), type_="unique")
        batch_op.alter_column("return_line_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("claim_line_id")

    with op.batch_alter_table("customers") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_customers_telegram_chat_id"), type_="unique")
        batch_op.drop_column("telegram_chat_id")
        batch_op.drop_column("notify_by_telegram")
        batch_op.drop_column("notify_by_sms")
        batch_op.drop_column("notify_by_email")

    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_cases_order_id_orders"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_cases_dedupe_key"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_cases_order_id"))
        batch_op.drop_column("dedupe_key")
        batch_op.drop_column("document_id")
        batch_op.drop_column("document")
        batch_op.drop_column("order_id")

    with op.batch_alter_table("store_credits") as batch_op:
        batch_op.drop_index(batch_op.f("ix_store_credits_order_id"))

    op.drop_table("store_credits")
    op.drop_table("parcel_labels")
    with op.batch_alter_table("withdrawal_lines") as batch_op:
        batch_op.drop_index(batch_op.f("ix_withdrawal_lines_withdrawal_id"))

    op.drop_table("withdrawal_lines")
    with op.batch_alter_table("claim_lines") as batch_op:
        batch_op.drop_index(batch_op.f("ix_claim_lines_order_line_id"))
        batch_op.drop_index(batch_op.f("ix_claim_lines_claim_id"))

    op.drop_table("claim_lines")
    with op.batch_alter_table("claim_evidence") as batch_op:
        batch_op.drop_index(batch_op.f("ix_claim_evidence_claim_id"))

    op.drop_table("claim_evidence")
    with op.batch_alter_table("withdrawals") as batch_op:
        batch_op.drop_index(batch_op.f("ix_withdrawals_status"))
        batch_op.drop_index(batch_op.f("ix_withdrawals_order_id"))
        batch_op.drop_index(batch_op.f("ix_withdrawals_conversation_id"))

    op.drop_table("withdrawals")
    with op.batch_alter_table("claims") as batch_op:
        batch_op.drop_index(batch_op.f("ix_claims_status"))
        batch_op.drop_index(batch_op.f("ix_claims_order_id"))
        batch_op.drop_index(batch_op.f("ix_claims_conversation_id"))

    op.drop_table("claims")
    with op.batch_alter_table("overrides") as batch_op:
        batch_op.drop_index("ix_overrides_document_document_id")

    op.drop_table("overrides")
    with op.batch_alter_table("notifications") as batch_op:
        batch_op.drop_index("ix_notifications_document_document_id")

    op.drop_table("notifications")
    with op.batch_alter_table("carrier_events") as batch_op:
        batch_op.drop_index(batch_op.f("ix_carrier_events_tracking_number"))

    op.drop_table("carrier_events")
