"""Invariants about money: what goes back, by which payment, and when it counts as done. Each finds what breaks it."""

from __future__ import annotations

from typing import Any

from tests.properties.small_database import SmallDatabase

Rows = list[dict[str, Any]]

# Every column that holds an amount.
AMOUNTS = {
    "order_lines": ("unit_price_minor", "paid_minor"),
    "order_units": ("paid_minor",),
    "payments": ("captured_minor", "refunded_minor"),
    "returns": ("fee_minor",),
    "refunds": ("amount_minor",),
    "refund_parts": ("amount_minor",),
    "store_credits": ("amount_minor",),
    "exchange_lines": ("price_difference_minor",),
}


def i5_no_more_goes_back_for_a_line_than_was_paid_for_it(shop: SmallDatabase) -> Rows:
    """Money, credit and replacements together, over all documents; and so for the order as a whole."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT line.external_id, line.paid_minor,
            (SELECT coalesce(sum(share.value), 0) FROM refunds refund, json_each(refund.breakdown) share
              LEFT JOIN exchanges swap ON swap.return_id = refund.return_id
              WHERE share.key = 'line_' || line.id
                AND NOT (refund.purpose = 'difference' AND coalesce(swap.status, 'released') <> 'released')) AS money,
            (SELECT coalesce(sum(unit.paid_minor), 0) FROM exchange_lines replacement
              JOIN exchanges exchange ON exchange.id = replacement.exchange_id
              JOIN reservations kept ON kept.exchange_line_id = replacement.id
              JOIN unit_claims claim ON claim.return_line_id = replacement.return_line_id
                OR claim.claim_line_id = replacement.claim_line_id
              JOIN order_units unit ON unit.id = claim.order_unit_id
              WHERE kept.state = 'allocated' AND unit.order_line_id = line.id AND claim.state = 'consumed'
                AND claim.decision = 'accepted') AS goods
          FROM order_lines line)
        WHERE money + goods > paid_minor
        """
    ) + shop.rows(
        """
        SELECT * FROM (
          SELECT bought.number,
            (SELECT sum(paid_minor) FROM order_lines line WHERE line.order_id = bought.id)
              + bought.shipping_paid_minor AS paid,
            (SELECT coalesce(sum(refund.amount_minor), 0) FROM refunds refund
              LEFT JOIN returns document ON document.id = refund.return_id
              LEFT JOIN claims claim ON claim.id = refund.claim_id
              WHERE refund.purpose <> 'payment_link'
                AND bought.id IN (document.order_id, claim.order_id)) AS back
          FROM orders bought)
        WHERE back > paid
        """
    )


def i5_money_follows_what_was_accepted(shop: SmallDatabase) -> Rows:
    """A return pays no more than was paid for its accepted units, and delivery only with a withdrawal."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT document.rma_number,
            (SELECT coalesce(sum(refund.amount_minor), 0) FROM refunds refund
              WHERE refund.return_id = document.id AND refund.purpose = 'items') AS money,
            (SELECT coalesce(sum(unit.paid_minor), 0) FROM unit_claims claim
              JOIN return_lines line ON line.id = claim.return_line_id
              JOIN order_units unit ON unit.id = claim.order_unit_id
              WHERE line.return_id = document.id AND line.outcome = 'refund'
                AND claim.state = 'consumed' AND claim.decision = 'accepted') AS accepted,
            CASE WHEN document.withdrawal_id IS NULL THEN 0 ELSE bought.shipping_paid_minor END AS delivery
          FROM returns document JOIN orders bought ON bought.id = document.order_id)
        WHERE money > accepted + delivery
        """
    )


def i6_no_payment_gives_back_more_than_it_took(
    shop: SmallDatabase, *, refunded_before: dict[int, int]
) -> Rows:
    """And what the books of a payment have given back is what refunds took from them, to the cent."""
    rows = shop.rows(
        "SELECT id, order_id, captured_minor, refunded_minor FROM payments"
        " WHERE refunded_minor > captured_minor OR refunded_minor < 0"
    )
    taken = shop.rows(
        """
        SELECT bought.id,
          (SELECT sum(refunded_minor) FROM payments payment WHERE payment.order_id = bought.id) AS given_back,
          (SELECT coalesce(sum(refund.amount_minor), 0) FROM refunds refund
            LEFT JOIN returns document ON document.id = refund.return_id
            LEFT JOIN claims claim ON claim.id = refund.claim_id
            WHERE refund.purpose <> 'payment_link' AND bought.id IN (document.order_id, claim.order_id)) AS decided
        FROM orders bought
        """
    )
    return rows + [
        row for row in taken if row["given_back"] != refunded_before[row["id"]] + row["decided"]
    ]


def i7_one_refund_command_has_one_key(shop: SmallDatabase) -> Rows:
    """Keys name document and sequence, and the parts of a refund are the amount that was decided."""
    return shop.rows(
        """
        SELECT idempotency_key, count(*) FROM (
          SELECT idempotency_key FROM refunds UNION ALL SELECT idempotency_key FROM refund_parts)
        GROUP BY idempotency_key HAVING count(*) > 1
        """
    ) + shop.rows(
        """
        SELECT refund.idempotency_key, refund.amount_minor, sum(part.amount_minor) FROM refunds refund
          LEFT JOIN refund_parts part ON part.refund_id = refund.id
        GROUP BY refund.id HAVING refund.amount_minor <> coalesce(sum(part.amount_minor), 0)
        """
    )


def i8_closed_means_that_all_money_is_settled(shop: SmallDatabase) -> Rows:
    """Of returns, claims and refunds alike."""
    return (
        shop.rows(
            """
        SELECT document.rma_number, claim.number, refund.status FROM refunds refund
          LEFT JOIN returns document ON document.id = refund.return_id
          LEFT JOIN claims claim ON claim.id = refund.claim_id
        WHERE (document.status = 'closed' OR claim.status = 'resolved') AND refund.status <> 'settled'
        """
        )
        + shop.rows(
            """
        SELECT refund.idempotency_key, refund.amount_minor FROM refunds refund
        WHERE refund.status = 'settled' AND refund.amount_minor <> (
          SELECT coalesce(sum(part.amount_minor), 0) FROM refund_parts part
          WHERE part.refund_id = refund.id AND part.status = 'settled')
        """
        )
        + shop.rows(
            """
        SELECT document.rma_number FROM returns document WHERE document.status = 'closed'
          AND document.claim_id IS NULL
          AND EXISTS (SELECT 1 FROM return_lines line WHERE line.return_id = document.id
            AND line.outcome = 'refund' AND line.accepted > 0)
          AND NOT EXISTS (SELECT 1 FROM refunds refund WHERE refund.return_id = document.id)
        """
        )
    )


def i26_amounts_are_whole_numbers_in_the_currency_of_the_order(shop: SmallDatabase) -> Rows:
    """Every column with an amount, every document with a currency."""
    broken = [
        row
        for table, columns in AMOUNTS.items()
        for column in columns
        for row in shop.rows(
            f"SELECT '{table}.{column}', id FROM {table} WHERE typeof({column}) <> 'integer'"  # noqa: S608
        )
    ]
    return broken + shop.rows(
        """
        SELECT document.rma_number, document.currency, bought.currency FROM returns document
          JOIN orders bought ON bought.id = document.order_id
        WHERE document.currency <> bought.currency
        UNION ALL
        SELECT refund.idempotency_key, refund.currency, bought.currency FROM refunds refund
          LEFT JOIN returns document ON document.id = refund.return_id
          LEFT JOIN claims claim ON claim.id = refund.claim_id
          JOIN orders bought ON bought.id IN (document.order_id, claim.order_id)
        WHERE refund.currency <> bought.currency
        UNION ALL
        SELECT credit.code, credit.currency, bought.currency FROM store_credits credit
          JOIN orders bought ON bought.id = credit.order_id WHERE credit.currency <> bought.currency
        """
    )
