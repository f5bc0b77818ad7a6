"""`returnsdesk return`: showing returns, and moving them along as carrier, warehouse and colleagues do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import select

from returnsdesk.cli import return_decisions
from returnsdesk.cli.console import AsJson, moment, out, status, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.lists import Limit, StatusName
from returnsdesk.cli.moving import (
    ACTOR,
    Photos,
    Rma,
    TrackingNumber,
    move_return,
    tracking_number_of,
)
from returnsdesk.cli.return_picture import show_return, timeline_of
from returnsdesk.cli.session import now, open_database
from returnsdesk.clients.carriers import carrier_for
from returnsdesk.db.models import Return
from returnsdesk.db.session import Database
from returnsdesk.services import (
    exchanges,
    inspections,
    labels,
    links,
    refunds,
    return_moves,
    returns,
)
from returnsdesk.services.views import ReturnView
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)
# The commands of the support team stand with those of carrier and warehouse.
app.add_typer(return_decisions.app)


@app.command("show")
def show(rma_number: Rma, as_json: AsJson = False) -> None:
    """Show a return: items, money, exchange and what happened when."""
    with open_database() as database, database.read() as session:
        view = returns.find(session, rma_number)
        if view is None:
            raise CommandError(f"There is no return {rma_number}.")
        timeline = timeline_of(session, view.rma_number)
    if as_json:
        write_json({**asdict(view), "timeline": timeline})
    else:
        show_return(view, timeline)


@app.command("list")
def show_list(
    status_name: StatusName = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List returns, latest first."""
    wanted = select(Return).order_by(Return.requested_at.desc(), Return.id.desc()).limit(limit)
    if status_name is not None:
        wanted = wanted.where(Return.status == status_name)
    with open_database() as database, database.read() as session:
        rows = [
            {
                "rma_number": document.rma_number,
                "order_number": document.order.number,
                "status": document.status,
                "requested_at": document.requested_at,
                "ship_by": document.ship_by,
            }
            for document in session.scalars(wanted)
        ]
    if as_json:
        write_json(rows)
        return
    listed = table("Returns", "RMA", "order", "status", "requested (UTC)", "post by (UTC)")
    for row in rows:
        listed.add_row(
            row["rma_number"],
            row["order_number"],
            status(row["status"]),
            moment(row["requested_at"]),
            moment(row["ship_by"]),
        )
    out.print(listed)


@app.command("approve")
def approve(rma_number: Rma, as_json: AsJson = False) -> None:
    """Approve a return that waits for a colleague."""
    move_return(
        lambda database: return_moves.approve(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("label")
def issue_label(rma_number: Rma, as_json: AsJson = False) -> None:
    """Have the label of an approved return made now, and show where its PDF is."""
    settings = load_settings()
    carrier = carrier_for(settings)
    if carrier is None:
        raise CommandError("CARRIER is none: shoppers send by a carrier of their own.")
    move_return(
        lambda database: labels.issue_label(
            database, rma_number, actor=ACTOR, now=now(), carrier=carrier
        ),
        as_json,
    )
    if not as_json:
        out.print(f"Label: {links.label_url(settings, rma_number.strip().upper(), now=now())}")


@app.command("method")
def choose_method(
    rma_number: Rma,
    method: Annotated[str, typer.Argument(help="drop_off, pick_up or own_carrier.")],
    pick_up_on: Annotated[
        datetime | None,
        typer.Option("--on", formats=["%Y-%m-%d"], help="Day of the pick-up, a working day."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change how the parcel travels, before a carrier has it."""
    day = pick_up_on.date() if pick_up_on else None
    move_return(
        lambda database: labels.choose_method(
            database, rma_number, method, day, actor=ACTOR, now=now()
        ),
        as_json,
    )


@app.command("scan")
def record_scan(rma_number: Rma, as_json: AsJson = False) -> None:
    """The carrier has the parcel."""
    move_return(
        lambda database: return_moves.record_scan(database, rma_number, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("arrive")
def record_arrival(rma_number: Rma, as_json: AsJson = False) -> None:
    """The parcel is at the warehouse."""
    move_return(
        lambda database: return_moves.record_arrival(database, rma_number, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("inspect")
def inspect_lines(
    rma_number: Rma,
    line_id: Annotated[
        str | None, typer.Option("--line", help="Only this line; otherwise all that is left.")
    ] = None,
    quantity: Annotated[
        int | None, typer.Option(min=1, help="Pieces of the line; otherwise all that are left.")
    ] = None,
    grade: Annotated[
        str, typer.Option(help="A as new, B accepted but not resold as new, C not accepted.")
    ] = "A",
    reason: Annotated[
        str | None, typer.Option(help="Why not accepted; the shopper is told. Needed for grade C.")
    ] = None,
    photos: Photos = None,
    as_json: AsJson = False,
) -> None:
    """Decide on pieces that arrived."""
    if quantity is not None and line_id is None:
        raise CommandError("--quantity needs --line: which item is it about?")

    def decide(database: Database) -> ReturnView:
        view = _found(database, rma_number)
        for chosen, left in _left_to_inspect(view, line_id).items():
            view = inspections.inspect_line(
                database,
                rma_number,
                chosen,
                quantity or left,
                grade.upper(),
                actor=ACTOR,
                now=now(),
                reason=reason,
                photo_ids=tuple(photos or ()),
            )
        return view

    move_return(decide, as_json)


@app.command("refund")
def start_refund(rma_number: Rma, as_json: AsJson = False) -> None:
    """Start paying back what was accepted; the worker sends it."""
    move_return(
        lambda database: refunds.start(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("ship")
def ship_replacement(
    rma_number: Rma,
    tracking_number: TrackingNumber = None,
    as_json: AsJson = False,
) -> None:
    """Send the replacement of an accepted exchange."""

    def send(database: Database) -> ReturnView:
        view = _found(database, rma_number)
        if view.exchange is None:
            raise CommandError(f"{view.rma_number} has no exchange.")
        tracking = tracking_number_of(tracking_number, view.exchange.number)
        return exchanges.ship(database, view.exchange.number, tracking, actor=ACTOR, now=now())

    move_return(send, as_json)


@app.command("cancel")
def cancel(rma_number: Rma, as_json: AsJson = False) -> None:
    """Call a return off before its parcel was handed in."""
    move_return(
        lambda database: return_moves.cancel(database, rma_number, actor=ACTOR, now=now()), as_json
    )


def _found(database: Database, rma_number: str) -> ReturnView:
    with database.read() as session:
        view = returns.find(session, rma_number)
    if view is None:
        raise CommandError(f"There is no return {rma_number}.")
    return view


def _left_to_inspect(view: ReturnView, line_id: str | None) -> dict[str, int]:
    """Pieces that are not decided yet, by the line that is asked for, or by every line that has some."""
    left: dict[str, int] = {}
    for line in view.lines:
        open_pieces = line.quantity - line.accepted - line.rejected
        left[line.line_external_id] = left.get(line.line_external_id, 0) + open_pieces
    if line_id is None:
        waiting = {name: pieces for name, pieces in left.items() if pieces}
        if not waiting:
            raise CommandError(f"{view.rma_number} has nothing left to inspect.")
        return waiting
    if line_id not in left:
        known = ", ".join(left)
        raise CommandError(f"{view.rma_number} has no line {line_id}; it has {known}.")
    return {line_id: left[line_id]}
