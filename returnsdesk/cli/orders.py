"""`returnsdesk order`: an order as the record has it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.cli.console import AsJson, moment, money, options, out, status, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import open_database
from returnsdesk.db.models import Order, OrderLine, Payment, Shipment
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import claims, returns, withdrawals

app = typer.Typer(add_completion=False)


@app.command()
def show_order(
    number: Annotated[str, typer.Argument(help="Order number, with or without #.")],
    as_json: AsJson = False,
) -> None:
    """Show an order with its items, payments, parcels and returns."""
    with open_database() as database, database.read() as session:
        data = _order_data(session, number)
    if as_json:
        write_json(data)
    else:
        _show(data)


def _order_data(session: Session, number: str) -> dict[str, Any]:
    order = session.scalars(
        select(Order).where(Order.number_norm == normalise_order_number(number))
    ).one_or_none()
    if order is None:
        raise CommandError(f"There is no order {number}.")
    return {
        "order_number": order.number,
        "status": order.status,
        "placed_at": order.placed_at,
        "customer_id": order.customer.external_id if order.customer else None,
        "email": order.email_norm,
        "currency": order.currency,
        "discount_minor": order.discount_minor,
        "shipping_paid_minor": order.shipping_paid_minor,
        "shipping_address": order.shipping_address,
        "is_gift": order.is_gift,
        "lines": [_line_data(line) for line in order.lines],
        "payments": [_payment_data(payment) for payment in order.payments],
        "shipments": [_shipment_data(shipment) for shipment in order.shipments],
        "returns": [asdict(view) for view in returns.of_order(session, order.id)],
        "claims": [asdict(view) for view in claims.of_order(session, order.id)],
        "withdrawals": [asdict(view) for view in withdrawals.of_order(session, order.id)],
    }


def _line_data(line: OrderLine) -> dict[str, Any]:
    return {
        "line_id": line.external_id,
        "sku": line.sku,
        "name": line.name,
        "options": line.options,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "paid_minor": line.paid_minor,
        "unit_shares_minor": [unit.paid_minor for unit in line.units],
        "final_sale": line.final_sale,
        "personalised": line.personalised,
    }


def _payment_data(payment: Payment) -> dict[str, Any]:
    return {
        "method_id": payment.method_external_id,
        "kind": payment.kind,
        "brand": payment.brand,
        "last_four": payment.last_four,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
    }


def _shipment_data(shipment: Shipment) -> dict[str, Any]:
    return {
        "tracking_number": shipment.tracking_number,
        "carrier": shipment.carrier,
        "shipped_at": shipment.shipped_at,
        "delivered_at": shipment.delivered_at,
        "cancelled": shipment.cancelled,
        "line_ids": sorted({unit.line.external_id for unit in shipment.units}),
    }


def _show(data: dict[str, Any]) -> None:
    who = data["customer_id"] or "guest"
    out.print(f"[bold]Order {escape(data['order_number'])}[/]  {status(data['status'])}")
    out.print(f"placed {moment(data['placed_at'])} UTC by {escape(who)} <{escape(data['email'])}>")
    _show_lines(data)
    _show_payments(data)
    _show_shipments(data)
    if data["returns"]:
        returned = table("Returns", "RMA", "status", "requested (UTC)", "items")
        for view in data["returns"]:
            items = ", ".join(f"{line['quantity']} {line['name']}" for line in view["lines"])
            returned.add_row(
                view["rma_number"],
                status(view["status"]),
                moment(view["requested_at"]),
                escape(items),
            )
        out.print(returned)
    for claim in data["claims"]:
        kind = claim["type"].replace("_", " ")
        out.print(f"Claim {claim['number']}, {kind}  {status(claim['status'])}")
    for withdrawal in data["withdrawals"]:
        out.print(f"Withdrawal {withdrawal['number']}  {status(withdrawal['status'])}")


def _show_lines(data: dict[str, Any]) -> None:
    currency = data["currency"]
    lines = table("Items", "line", "item", "sku", "qty", "paid", numbers=("qty", "paid"))
    for line in data["lines"]:
        flags = [name for name in ("final_sale", "personalised") if line[name]]
        item = f"{line['name']} ({options(line['options'])})" if line["options"] else line["name"]
        lines.add_row(
            escape(line["line_id"]),
            escape(item) + "".join(f" [yellow]{flag.replace('_', ' ')}[/]" for flag in flags),
            escape(line["sku"]),
            str(line["quantity"]),
            money(line["paid_minor"], currency),
        )
    out.print(lines)
    if data["discount_minor"]:
        out.print(f"after a discount of {money(data['discount_minor'], currency)}")
    if data["shipping_paid_minor"]:
        out.print(f"and {money(data['shipping_paid_minor'], currency)} for delivery")


def _show_payments(data: dict[str, Any]) -> None:
    numbers = ("paid", "paid back")
    payments = table("Payments", "method", *numbers, numbers=numbers)
    for payment in data["payments"]:
        card = " ".join(filter(None, [payment["brand"], payment["last_four"]]))
        payments.add_row(
            escape(f"{payment['kind'].replace('_', ' ')} {card}".strip()),
            money(payment["captured_minor"], data["currency"]),
            money(payment["refunded_minor"], data["currency"]),
        )
    out.print(payments)


def _show_shipments(data: dict[str, Any]) -> None:
    if not data["shipments"]:
        out.print("No parcel has left yet.")
        return
    parcels = table("Parcels", "tracking", "carrier", "lines", "shipped (UTC)", "delivered (UTC)")
    for parcel in data["shipments"]:
        arrival = "[red]cancelled[/]" if parcel["cancelled"] else moment(parcel["delivered_at"])
        parcels.add_row(
            escape(parcel["tracking_number"]),
            escape(parcel["carrier"] or "-"),
            escape(", ".join(parcel["line_ids"])),
            moment(parcel["shipped_at"]),
            arrival,
        )
    out.print(parcels)
