"""Invariants about goods: units, decisions, stock and replacements. Each finds the rows that break it."""

from __future__ import annotations

from typing import Any

from tests.properties.small_database import SmallDatabase

Rows = list[dict[str, Any]]

ENDED_WITHOUT_GOODS = "('declined', 'cancelled', 'expired')"


def i1_no_more_units_are_taken_than_were_delivered(shop: SmallDatabase) -> Rows:
    """Over all documents; a claim may be about units that were sent and have not arrived."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT line.external_id,
            (SELECT count(*) FROM unit_claims claim JOIN order_units unit ON unit.id = claim.order_unit_id
              WHERE unit.order_line_id = line.id AND claim.state <> 'released') AS taken,
            (SELECT count(*) FROM order_units unit JOIN shipments parcel ON parcel.id = unit.shipment_id
              WHERE unit.order_line_id = line.id AND NOT parcel.cancelled) AS sent
          FROM order_lines line)
        WHERE taken > sent
        """
    ) + shop.rows(
        """
        SELECT document.rma_number, unit.id FROM unit_claims claim
          JOIN order_units unit ON unit.id = claim.order_unit_id
          JOIN return_lines line ON line.id = claim.return_line_id
          JOIN returns document ON document.id = line.return_id
          LEFT JOIN shipments parcel ON parcel.id = unit.shipment_id
        WHERE claim.state <> 'released' AND document.claim_id IS NULL AND document.withdrawal_id IS NULL
          AND (parcel.id IS NULL
            OR julianday(coalesce(parcel.delivered_at, datetime(parcel.shipped_at, '+7 days')))
              > julianday(document.requested_at) + 0.001)
        """
    )


def i2_units_of_cancelled_parcels_are_never_taken(shop: SmallDatabase) -> Rows:
    """Nor those that no parcel carried."""
    return shop.rows(
        """
        SELECT claim.id, unit.id FROM unit_claims claim JOIN order_units unit ON unit.id = claim.order_unit_id
          LEFT JOIN shipments parcel ON parcel.id = unit.shipment_id
        WHERE claim.state <> 'released' AND (parcel.id IS NULL OR parcel.cancelled)
        """
    )


def i3_quantities_are_whole_and_at_least_one(shop: SmallDatabase) -> Rows:
    """And a document takes exactly as many units as its lines say."""
    found = [
        row
        for table in (
            "return_lines", "claim_lines", "exchange_lines", "withdrawal_lines", "reservations", "inspections",
        )
        for row in shop.rows(
            f"SELECT '{table}', id FROM {table} WHERE typeof(quantity) <> 'integer' OR quantity < 1"  # noqa: S608
        )
    ]  # fmt: skip
    return found + shop.rows(
        """
        SELECT line.id, line.quantity FROM return_lines line WHERE line.quantity < (
          SELECT count(*) FROM unit_claims claim
          WHERE claim.return_line_id = line.id AND claim.state <> 'released')
        """
    )


def i4_what_was_received_is_accepted_rejected_or_undecided(shop: SmallDatabase) -> Rows:
    """Counters and units say the same, and no inspection saw more than came."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT line.id, document.status, line.quantity, line.accepted, line.rejected,
            (SELECT count(*) FROM unit_claims claim WHERE claim.return_line_id = line.id
              AND claim.state = 'consumed' AND claim.decision = 'accepted') AS units_accepted,
            (SELECT count(*) FROM unit_claims claim WHERE claim.return_line_id = line.id
              AND claim.state = 'consumed' AND claim.decision = 'rejected') AS units_rejected,
            (SELECT count(*) FROM unit_claims claim WHERE claim.return_line_id = line.id
              AND claim.state = 'held') AS undecided,
            (SELECT coalesce(sum(quantity), 0) FROM inspections seen WHERE seen.return_line_id = line.id) AS seen
          FROM return_lines line JOIN returns document ON document.id = line.return_id)
        WHERE accepted + rejected + undecided > quantity OR accepted <> units_accepted OR seen > accepted + rejected
          OR (rejected <> units_rejected AND status <> 'expired')
        """
    ) + shop.rows(
        "SELECT id, state, decision FROM unit_claims WHERE (state = 'held') <> (decision = 'pending')"
        " AND state <> 'released'"
    )


def i9_stock_is_never_promised_twice(shop: SmallDatabase) -> Rows:
    """Available stock is never below zero, and what is reserved is what the documents have reserved."""
    return shop.rows(
        """
        SELECT * FROM (
          SELECT item.variant_id, item.on_hand, item.reserved,
            (SELECT coalesce(sum(quantity), 0) FROM reservations kept
              WHERE kept.variant_id = item.variant_id AND kept.state = 'held') AS held
          FROM stock_items item)
        WHERE on_hand < reserved OR reserved <> held OR reserved < 0
        """
    )


def i10_every_reservation_ends_with_its_document(shop: SmallDatabase) -> Rows:
    """No stock stays reserved for what has ended, and what was sent is not reserved any more."""
    return shop.rows(
        f"""
        SELECT kept.id, exchange.number, exchange.status, document.status, claim.status FROM reservations kept
          JOIN exchange_lines line ON line.id = kept.exchange_line_id
          JOIN exchanges exchange ON exchange.id = line.exchange_id
          LEFT JOIN returns document ON document.id = exchange.return_id
          LEFT JOIN claims claim ON claim.id = exchange.claim_id
        WHERE (kept.state = 'held' AND (
            exchange.status NOT IN ('held', 'accepted', 'choose_again')
            OR document.status IN {ENDED_WITHOUT_GOODS} OR document.status IN ('closed', 'rejected')
            OR claim.status IN ('denied', 'resolved')))
          OR (kept.state = 'allocated' AND exchange.status NOT IN ('shipped', 'delivered'))
          OR (kept.state <> 'allocated' AND exchange.status IN ('shipped', 'delivered')
            AND NOT EXISTS (SELECT 1 FROM reservations sent JOIN exchange_lines other
              ON other.id = sent.exchange_line_id
              WHERE other.exchange_id = exchange.id AND sent.state = 'allocated'))
        """  # noqa: S608
    )


def i11_a_replacement_differs_from_what_comes_back(
    shop: SmallDatabase, *, other_products: bool
) -> Rows:
    """The same variant again is a claim; another product only where the policy allows it."""
    return shop.rows(
        """
        SELECT replacement.id, wanted.sku, bought.sku FROM exchange_lines replacement
          JOIN return_lines line ON line.id = replacement.return_line_id
          JOIN order_lines bought_line ON bought_line.id = line.order_line_id
          JOIN variants bought ON bought.id = bought_line.variant_id
          JOIN variants wanted ON wanted.id = replacement.variant_id
        WHERE wanted.id = bought.id OR (wanted.product_id <> bought.product_id AND NOT :other_products)
        """,
        other_products=other_products,
    )


def i12_a_replacement_is_sent_only_for_accepted_units(shop: SmallDatabase) -> Rows:
    """Or for a claim that was approved."""
    return shop.rows(
        """
        SELECT exchange.number, replacement.quantity, line.accepted, claim.status FROM exchanges exchange
          JOIN exchange_lines replacement ON replacement.exchange_id = exchange.id
          JOIN reservations kept ON kept.exchange_line_id = replacement.id
          LEFT JOIN return_lines line ON line.id = replacement.return_line_id
          LEFT JOIN claims claim ON claim.id = exchange.claim_id
        WHERE kept.state = 'allocated' AND (
          (exchange.return_id IS NOT NULL AND kept.quantity > line.accepted)
          OR (exchange.claim_id IS NOT NULL AND claim.status NOT IN ('approved', 'resolved')))
        """
    )


def i13_a_unit_is_in_one_document_at_a_time(shop: SmallDatabase) -> Rows:
    """Never in a return and an exchange, nor in a return and a claim."""
    return shop.rows(
        "SELECT order_unit_id, count(*) AS documents FROM unit_claims WHERE state <> 'released'"
        " GROUP BY order_unit_id HAVING count(*) > 1"
    )


def i23_what_ends_without_goods_gives_back_all_it_held(shop: SmallDatabase) -> Rows:
    """Units and stock, once; only what a claim has replaced already stays with the shopper."""
    return shop.rows(
        f"""
        SELECT document.rma_number, document.status, claim.state FROM unit_claims claim
          JOIN return_lines line ON line.id = claim.return_line_id
          JOIN returns document ON document.id = line.return_id
        WHERE document.status IN {ENDED_WITHOUT_GOODS} AND claim.state <> 'released'
          AND NOT (document.status = 'expired' AND document.claim_id IS NOT NULL)
        """  # noqa: S608
    ) + shop.rows(
        """
        SELECT claim.number, taken.state FROM unit_claims taken
          JOIN claim_lines line ON line.id = taken.claim_line_id JOIN claims claim ON claim.id = line.claim_id
        WHERE claim.status = 'denied' AND taken.state <> 'released'
        """
    )


def i24_only_units_as_new_go_back_on_the_shelf_and_once(
    shop: SmallDatabase, *, counted: dict[int, int]
) -> Rows:
    """`counted` is what was on hand by variant without any return: first delivery and counts corrected by hand."""
    rows = shop.rows(
        """
        SELECT item.variant_id, item.on_hand,
          (SELECT coalesce(sum(seen.quantity), 0) FROM inspections seen
            JOIN return_lines line ON line.id = seen.return_line_id
            JOIN order_lines bought ON bought.id = line.order_line_id
            WHERE seen.grade = 'A' AND bought.variant_id = item.variant_id) AS came_back_as_new,
          (SELECT coalesce(sum(quantity), 0) FROM reservations gone
            WHERE gone.state = 'allocated' AND gone.variant_id = item.variant_id) AS sent
        FROM stock_items item
        """
    )
    return [
        row
        for row in rows
        if row["on_hand"] != counted[row["variant_id"]] + row["came_back_as_new"] - row["sent"]
    ]
