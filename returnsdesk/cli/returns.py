"""`returnsdesk return`: showing returns and, in demo mode, moving them along as carrier and warehouse would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import select

from returnsdesk.cli.console import AsJson, moment, out, status, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.return_picture import show_return, timeline_of
from returnsdesk.cli.session import now, open_database, require_demo_mode
from returnsdesk.db.models import Return
from returnsdesk.db.session import Database
from returnsdesk.services import exchanges, refunds, returns
from returnsdesk.services.views import ReturnLineView, ReturnView
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)

ACTOR = "cli"

Rma = Annotated[str, typer.Argument(metavar="RMA", help="RMA number of the return.")]


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
    status_name: Annotated[
        str | None, typer.Option("--status", help="Only returns of this status.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, latest first.")] = 50,
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
    _move(lambda database: returns.approve(database, rma_number, actor=ACTOR, now=now()), as_json)


@app.command("label")
def issue_label(rma_number: Rma, as_json: AsJson = False) -> None:
    """Issue the label of an approved return."""
    _move(
        lambda database: returns.issue_label(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("scan")
def record_scan(rma_number: Rma, as_json: AsJson = False) -> None:
    """The carrier has the parcel."""
    _move(
        lambda database: returns.record_scan(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("arrive")
def record_arrival(rma_number: Rma, as_json: AsJson = False) -> None:
    """The parcel is at the warehouse."""
    _move(
        lambda database: returns.record_arrival(database, rma_number, actor=ACTOR, now=now()),
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
    as_json: AsJson = False,
) -> None:
    """Decide on pieces that arrived."""
    if quantity is not None and line_id is None:
        raise CommandError("--quantity needs --line: which item is it about?")

    def decide(database: Database) -> ReturnView:
        view = _found(database, rma_number)
        for line in _lines_to_inspect(view, line_id):
            left = line.quantity - line.accepted - line.rejected
            view = returns.inspect_line(
                database,
                rma_number,
                line.line_external_id,
                quantity or left,
                grade.upper(),
                actor=ACTOR,
                now=now(),
                reason=reason,
            )
        return view

    _move(decide, as_json)


@app.command("refund")
def start_refund(rma_number: Rma, as_json: AsJson = False) -> None:
    """Start paying back what was accepted; the worker sends it."""
    _move(lambda database: refunds.start(database, rma_number, actor=ACTOR, now=now()), as_json)


@app.command("ship")
def ship_replacement(
    rma_number: Rma,
    tracking_number: Annotated[
        str | None, typer.Option("--tracking", help="Tracking number; one is made up without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send the replacement of an accepted exchange."""

    def send(database: Database) -> ReturnView:
        view = _found(database, rma_number)
        if view.exchange is None:
            raise CommandError(f"{view.rma_number} has no exchange.")
        tracking = tracking_number or f"DEMO-{view.exchange.number}"
        return exchanges.ship(database, view.exchange.number, tracking, actor=ACTOR, now=now())

    _move(send, as_json)


@app.command("cancel")
def cancel(rma_number: Rma, as_json: AsJson = False) -> None:
    """Call a return off before its parcel was handed in."""
    _move(lambda database: returns.cancel(database, rma_number, actor=ACTOR, now=now()), as_json)


def _move(command: Callable[[Database], ReturnView], as_json: bool) -> None:
    """Run a command that changes a return, and show what it became."""
    settings = load_settings()
    require_demo_mode(settings, "moving returns along")
    with open_database(settings) as database:
        view = command(database)
        with database.read() as session:
            timeline = timeline_of(session, view.rma_number)
    if as_json:
        write_json({**asdict(view), "timeline": timeline})
    else:
        show_return(view, timeline)


def _found(database: Database, rma_number: str) -> ReturnView:
    with database.read() as session:
        view = returns.find(session, rma_number)
    if view is None:
        raise CommandError(f"There is no return {rma_number}.")
    return view


def _lines_to_inspect(view: ReturnView, line_id: str | None) -> list[ReturnLineView]:
    open_lines = [line for line in view.lines if line.accepted + line.rejected < line.quantity]
    if line_id is None:
        if not open_lines:
            raise CommandError(f"{view.rma_number} has nothing left to inspect.")
        return open_lines
    chosen = [line for line in view.lines if line.line_external_id == line_id]
    if not chosen:
        known = ", ".join(line.line_external_id for line in view.lines)
        raise CommandError(f"{view.rma_number} has no line {line_id}; it has {known}.")
    return chosen[:1]
