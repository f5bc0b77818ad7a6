"""Exporting the shop's side of the database to a folder in the import format; nothing of returns and conversations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from returnsdesk.db.importer import Progress
from returnsdesk.db.models import (
    Customer,
    Order,
    OrderLine,
    OrderUnit,
    Payment,
    PaymentMethod,
    Product,
    Shipment,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.db.shop_files import (
    CUSTOMERS_FILE,
    MANIFEST_FILE,
    ORDERS_FILE,
    PRODUCTS_FILE,
    RECORD_FILES,
)
from returnsdesk.domain.money import to_major

_CHUNK: Final = 500

# What a shop without any order is taken to sell in.
_NO_CURRENCY: Final = "EUR"
_NO_COUNTRY: Final = "NL"


class FilesInTheWay(Exception):
    """The folder holds files of the format already; the text is one sentence for the operator."""


def export_shop(
    database: Database,
    folder: Path,
    *,
    now: datetime,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write the shop to `folder` as it stands now; returns the number of lines of each file.

    All is read in one transaction, and a file takes its name only once it is whole. Importing the folder into an
    empty database gives the same shop. Raises `FilesInTheWay` unless `overwrite` is set.
    """
    _check_free(folder, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, int] = {}
    with database.read() as session:
        if not database.is_sqlite:
            # Each statement would otherwise see the newest state, and an order might miss its customer.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        records = {
            PRODUCTS_FILE: (Product, _products(session)),
            CUSTOMERS_FILE: (Customer, _customers(session)),
            ORDERS_FILE: (Order, _orders(session)),
        }
        for name, (model, lines) in records.items():
            total = session.scalar(select(func.count()).select_from(model))
            written[name] = _write_lines(folder / name, lines, total, progress)
        manifest = _manifest(session, now, written)
    _write_whole(folder / MANIFEST_FILE, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return written


def _check_free(folder: Path, overwrite: bool) -> None:
    names = (MANIFEST_FILE, *RECORD_FILES)
    taken = [name for name in names if (folder / name).exists()]
    if taken and not overwrite:
        raise FilesInTheWay(f"{folder} already holds {', '.join(taken)}.")


def _write_lines(
    path: Path, lines: Iterator[dict[str, Any]], total: int, progress: Progress | None
) -> int:
    part = path.with_name(path.name + ".part")
    done = 0
    with part.open("w", encoding="utf-8", newline="\n") as file:
        for done, line in enumerate(lines, start=1):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            if progress is not None and (done % _CHUNK == 0 or done == total):
                progress(path.name, done, total)
    part.replace(path)
    return done


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _manifest(session: Session, now: datetime, written: dict[str, int]) -> dict[str, Any]:
    currencies = Counter(session.scalars(select(Order.currency))) or Counter(
        session.scalars(select(Variant.currency))
    )
    countries = Counter(session.scalars(select(Order.country)))
    return {
        "reference_date": _instant(now.replace(microsecond=0)),
        "currency": currencies.most_common(1)[0][0] if currencies else _NO_CURRENCY,
        "country": countries.most_common(1)[0][0] if countries else _NO_COUNTRY,
        "counts": {Path(name).stem: count for name, count in written.items()},
    }


def _products(session: Session) -> Iterator[dict[str, Any]]:
    options = selectinload(Product.variants).joinedload(Variant.stock)
    for product in _in_chunks(session, Product, options):
        yield _without_empty(
            {
                "product_id": product.external_id,
                "name": product.names,
                "category": product.category,
                "final_sale": product.final_sale,
                "hygiene": product.hygiene,
                "personalised": product.personalised,
                "size_chart": product.size_chart,
                "image_url": product.image_url,
                "variants": [_variant(variant) for variant in product.variants],
            }
        )


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "sku": variant.sku,
        "options": variant.options,
        "price": _amount(variant.price_minor, variant.currency),
        "currency": variant.currency,
        "stock": variant.stock.on_hand,
    }


def _customers(session: Session) -> Iterator[dict[str, Any]]:
    for customer in _in_chunks(session, Customer, selectinload(Customer.payment_methods)):
        yield _without_empty(
            {
                "customer_id": customer.external_id,
                "first_name": customer.first_name,
                "last_name": customer.last_name,
                "email": customer.email,
                "phone": customer.phone,
                "language": customer.language,
                "tier": customer.tier,
                "paid_member": customer.paid_member,
                "member_since": _instant(customer.member_since),
                "address": customer.address,
                "payment_methods": [_method(method) for method in customer.payment_methods],
            }
        )


def _method(method: PaymentMethod) -> dict[str, Any]:
    balance = None
    if method.balance_minor is not None:
        balance = _amount(method.balance_minor, str(method.currency))
    return _without_empty(
        {
            "id": method.external_id,
            "type": method.kind,
            "brand": method.brand,
            "last_four": method.last_four,
            "balance": balance,
            "currency": method.currency,
        }
    )


def _orders(session: Session) -> Iterator[dict[str, Any]]:
    options = (
        joinedload(Order.customer).selectinload(Customer.payment_methods),
        selectinload(Order.lines).selectinload(OrderLine.units).joinedload(OrderUnit.shipment),
        selectinload(Order.lines).joinedload(OrderLine.variant).joinedload(Variant.product),
        selectinload(Order.payments),
        selectinload(Order.shipments),
    )
    for order in _in_chunks(session, Order, *options):
        yield _order(order)


def _order(order: Order) -> dict[str, Any]:
    customer = order.customer
    has_own_email = customer is None or customer.email_norm != order.email_norm
    return _without_empty(
        {
            "order_number": order.number,
            "customer_id": customer.external_id if customer else None,
            "email": order.email_norm if has_own_email else None,
            "status": order.status,
            "placed_at": _instant(order.placed_at),
            "currency": order.currency,
            "shipping_address": order.shipping_address,
            "discount": _amount_or_none(order.discount_minor, order.currency),
            "shipping_paid": _amount_or_none(order.shipping_paid_minor, order.currency),
            "gift": order.is_gift,
            "gift_code": order.gift_code,
            "lines": [_line(line, order.currency) for line in order.lines],
            "payments": [
                entry for payment in order.payments for entry in _payment_entries(payment, order)
            ],
            "shipments": [_shipment(shipment, order) for shipment in order.shipments],
        }
    )


def _line(line: OrderLine, currency: str) -> dict[str, Any]:
    # Always spelt out: the product may have got another flag since the line was bought.
    return {
        "line_id": line.external_id,
        "sku": line.sku,
        "name": line.name,
        "options": line.options,
        "quantity": line.quantity,
        "unit_price": _amount(line.unit_price_minor, currency),
        "final_sale": line.final_sale,
        "personalised": line.personalised,
        **({"personalisation": line.personalisation} if line.personalisation else {}),
    }


def _payment_entries(payment: Payment, order: Order) -> Iterator[dict[str, Any]]:
    method = {"method_id": payment.method_external_id}
    kept = {each.external_id for each in order.customer.payment_methods} if order.customer else ()
    if payment.method_external_id not in kept:
        method |= _without_empty(
            {"kind": payment.kind, "brand": payment.brand, "last_four": payment.last_four}
        )
    yield {
        **method,
        "type": "payment",
        "amount": _amount(payment.captured_minor, order.currency),
    }
    if payment.refunded_minor:
        yield {
            **method,
            "type": "refund",
            "amount": _amount(payment.refunded_minor, order.currency),
        }


def _shipment(shipment: Shipment, order: Order) -> dict[str, Any]:
    return _without_empty(
        {
            "tracking_number": shipment.tracking_number,
            "carrier": shipment.carrier,
            "line_ids": [mention for line in order.lines for mention in _mentions(line, shipment)],
            "shipped_at": _instant(shipment.shipped_at),
            "delivered_at": _instant(shipment.delivered_at),
            "cancelled": shipment.cancelled,
        }
    )


def _mentions(line: OrderLine, shipment: Shipment) -> list[str]:
    """Once for a line that travels in one parcel, else once for each of its pieces in this one."""
    parcels = [unit.shipment_id for unit in line.units]
    if shipment.id not in parcels:
        return []
    in_one = all(parcel == shipment.id for parcel in parcels)
    return [line.external_id] * (1 if in_one else parcels.count(shipment.id))


def _in_chunks(session: Session, model: Any, *options: Any) -> Iterator[Any]:
    """All rows in the order they came in, a few at a time, so that a large shop fits into memory."""
    last_id = 0
    while True:
        rows = session.scalars(
            select(model)
            .where(model.id > last_id)
            .order_by(model.id)
            .limit(_CHUNK)
            .options(*options)
        ).all()
        if not rows:
            return
        yield from rows
        last_id = rows[-1].id
        session.expunge_all()


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the format takes for granted: absent values, empty lists and objects, and `false`."""
    return {name: value for name, value in values.items() if value not in (None, False, "", [], {})}


def _amount(amount_minor: int, currency: str) -> str:
    return str(to_major(amount_minor, currency))


def _amount_or_none(amount_minor: int, currency: str) -> str | None:
    return _amount(amount_minor, currency) if amount_minor else None


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
