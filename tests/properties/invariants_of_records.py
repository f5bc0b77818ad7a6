"""Invariants about what is written down: who made a document, whose it is, what was logged and announced."""

from __future__ import annotations

from typing import Any

from tests.properties.small_database import SmallDatabase

Rows = list[dict[str, Any]]


def i15_every_document_has_a_verified_shopper_or_a_named_agent(shop: SmallDatabase) -> Rows:
    """The system makes one only in the course of a claim or a withdrawal."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT rma_number AS number, created_by, conversation_id, claim_id IS NOT NULL
            OR withdrawal_id IS NOT NULL AS follows FROM returns
          UNION ALL SELECT number, created_by, conversation_id, 0 FROM claims)
        WHERE NOT (
          (created_by = 'shopper' AND conversation_id IN (SELECT conversation_id FROM verified_sessions))
          OR (created_by LIKE 'agent _%') OR (created_by = 'system' AND follows))
        """
    )


def i16_a_document_belongs_to_one_order_and_one_customer(shop: SmallDatabase) -> Rows:
    """With all its lines, units, payments, parcels and replacements."""
    return shop.rows(
        """
        SELECT 'line of a return' AS what, line.id FROM return_lines line
          JOIN returns document ON document.id = line.return_id
          JOIN order_lines bought ON bought.id = line.order_line_id WHERE bought.order_id <> document.order_id
        UNION ALL SELECT 'line of a claim', line.id FROM claim_lines line
          JOIN claims document ON document.id = line.claim_id
          JOIN order_lines bought ON bought.id = line.order_line_id WHERE bought.order_id <> document.order_id
        UNION ALL SELECT 'unit', taken.id FROM unit_claims taken
          JOIN order_units unit ON unit.id = taken.order_unit_id
          LEFT JOIN return_lines returned ON returned.id = taken.return_line_id
          LEFT JOIN claim_lines claimed ON claimed.id = taken.claim_line_id
          WHERE unit.order_line_id <> coalesce(returned.order_line_id, claimed.order_line_id)
        UNION ALL SELECT 'payment', part.id FROM refund_parts part
          JOIN refunds refund ON refund.id = part.refund_id JOIN payments payment ON payment.id = part.payment_id
          LEFT JOIN returns document ON document.id = refund.return_id
          LEFT JOIN claims claim ON claim.id = refund.claim_id
          WHERE payment.order_id <> coalesce(document.order_id, claim.order_id)
        UNION ALL SELECT 'replacement', replacement.id FROM exchange_lines replacement
          JOIN exchanges exchange ON exchange.id = replacement.exchange_id
          LEFT JOIN return_lines returned ON returned.id = replacement.return_line_id
          LEFT JOIN claim_lines claimed ON claimed.id = replacement.claim_line_id
          WHERE exchange.status <> 'released' AND (
            coalesce(returned.return_id, -1) <> coalesce(exchange.return_id, -1)
            OR coalesce(claimed.claim_id, -1) <> coalesce(exchange.claim_id, -1))
        UNION ALL SELECT 'return of a claim', document.id FROM returns document
          JOIN claims claim ON claim.id = document.claim_id WHERE claim.order_id <> document.order_id
        UNION ALL SELECT 'return of a withdrawal', document.id FROM returns document
          JOIN withdrawals declared ON declared.id = document.withdrawal_id
          WHERE declared.order_id <> document.order_id
        """
    )


def i18_every_change_of_state_is_logged_with_who_and_when(shop: SmallDatabase) -> Rows:
    """The log alone tells how each document stands, and every step begins where the one before it ended."""
    return (
        shop.rows(
            """
        WITH documents AS (
          SELECT 'return' AS kind, id, status FROM returns
          UNION ALL SELECT 'exchange', id, status FROM exchanges
          UNION ALL SELECT 'claim', id, status FROM claims
          UNION ALL SELECT 'withdrawal', id, status FROM withdrawals)
        SELECT documents.*, (
          SELECT json_extract(entry.after, '$.status') FROM events_log entry
          WHERE entry.document = documents.kind AND entry.document_id = documents.id
            AND json_extract(entry.after, '$.status') IS NOT NULL
          ORDER BY entry.id DESC LIMIT 1) AS logged
        FROM documents WHERE status IS NOT logged
        """
        )
        + shop.rows(
            """
        SELECT * FROM (
          SELECT id, document, document_id, command, json_extract(before, '$.status') AS begins,
            lag(json_extract(after, '$.status')) OVER (PARTITION BY document, document_id ORDER BY id) AS stood
          FROM events_log
          WHERE json_extract(after, '$.status') IS NOT NULL
            AND document IN ('return', 'exchange', 'claim', 'withdrawal'))
        WHERE begins IS NOT NULL AND stood IS NOT NULL AND begins <> stood
        """
        )
        + shop.rows("SELECT id FROM events_log WHERE trim(actor) = '' OR at IS NULL")
    )


def i18_every_change_of_a_refund_part_is_logged(shop: SmallDatabase) -> Rows:
    """A part without a logged step is as it was made."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT part.id, part.status, coalesce((
            SELECT json_extract(entry.after, '$.status') FROM events_log entry
            WHERE entry.document = 'refund' AND entry.document_id = part.refund_id
              AND json_extract(entry.after, '$.part') = part.idempotency_key
            ORDER BY entry.id DESC LIMIT 1), 'sending') AS logged
          FROM refund_parts part)
        WHERE status <> logged
        """
    )


def i19_an_event_is_announced_once_on_each_channel(shop: SmallDatabase) -> Rows:
    """Whatever is repeated, retried or reported again."""
    return shop.rows(
        "SELECT document, document_id, event, channel, count(*) AS times FROM notifications"
        " GROUP BY document, document_id, event, channel HAVING count(*) > 1"
    )


def i27_an_override_says_who_why_and_which_rule(shop: SmallDatabase) -> Rows:
    """And it is always a member of staff by name."""
    return shop.rows(
        "SELECT id, actor, reason, codes FROM overrides"
        " WHERE trim(reason) = '' OR actor NOT LIKE 'agent _%' OR json_array_length(codes) = 0 OR at IS NULL"
    )
