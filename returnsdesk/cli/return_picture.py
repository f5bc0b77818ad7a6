"""A return as the command line shows it: tables of its parts and the timeline of its events."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.cli.console import moment, money, options, out, status, table
from returnsdesk.cli.timelines import events_of, show_timeline
from returnsdesk.db.models import Return
from returnsdesk.services import timelines
from returnsdesk.services.views import ReturnLineView, ReturnView


def timeline_of(session: Session, rma_number: str) -> list[dict[str, Any]]:
    """Every event of a return, its refunds and its exchange, oldest first."""
    document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
    return events_of(session, timelines.of_return(document))


def show_return(view: ReturnView, timeline: list[dict[str, Any]]) -> None:
    """Write a return with all its parts."""
    out.print(f"[bold]Return {view.rma_number}[/]  {status(view.status)}")
    out.print(f"of order {escape(view.order_number)}, to be posted by {moment(view.ship_by)} UTC")
    _show_sending(view)
    _show_lines(view)
    _show_refunds(view)
    if view.exchange is not None:
        sent = f", sent {moment(view.exchange.shipped_at)} UTC" if view.exchange.shipped_at else ""
        out.print(f"Exchange {view.exchange.number}  {status(view.exchange.status)}{sent}")
    show_timeline(timeline)


def _show_sending(view: ReturnView) -> None:
    day = f" on {view.pick_up_on.isoformat()}" if view.pick_up_on else ""
    out.print(f"sent by {view.method.replace('_', ' ')}{day}")
    for parcel in view.parcels:
        number = f"{escape(parcel.carrier)} {escape(parcel.tracking_number)}"
        out.print(f"Parcel {number}  {status(parcel.status)}")


def _show_lines(view: ReturnView) -> None:
    numbers = ("qty", "paid")
    lines = table("Items", "line", "item", "wanted", "inspection", *numbers, numbers=numbers)
    for line in view.lines:
        lines.add_row(
            escape(line.line_external_id),
            escape(f"{line.name} ({options(line.options)})" if line.options else line.name),
            escape(_wanted(line)),
            _inspection(line),
            str(line.quantity),
            money(line.paid_minor, view.currency),
        )
    out.print(lines)
    if view.fee_minor:
        out.print(f"The return costs {money(view.fee_minor, view.currency)}.")


def _wanted(line: ReturnLineView) -> str:
    reason = line.reason.replace("_", " ")
    if line.outcome != "exchange" or line.new_sku is None:
        return f"{line.outcome}: {reason}"
    return f"exchange for {options(line.new_options or {}) or line.new_sku}: {reason}"


def _inspection(line: ReturnLineView) -> str:
    decided = {"[green]accepted[/]": line.accepted, "[red]rejected[/]": line.rejected}
    return ", ".join(f"{count} {name}" for name, count in decided.items() if count) or "-"


def _show_refunds(view: ReturnView) -> None:
    if not view.refunds:
        return
    parts = table("Refund", "to", "amount", "status", numbers=("amount",))
    for refund in view.refunds:
        for part in refund.parts:
            card = " ".join(filter(None, [part.brand, part.last_four]))
            parts.add_row(
                escape(f"{part.kind.replace('_', ' ')} {card}".strip()),
                money(part.amount_minor, refund.currency),
                status(part.status),
            )
    out.print(parts)
