"""`returnsdesk case`: what waits for a person of the support team."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, out, table, write_json
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import cases

app = typer.Typer(no_args_is_help=True, add_completion=False)

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The case's number.")]


@app.command("list")
def show_list(as_json: AsJson = False) -> None:
    """List the open cases, urgent ones first."""
    with open_database() as database, database.read() as session:
        waiting = cases.open_cases(session)
    if as_json:
        write_json([asdict(case) for case in waiting])
        return
    listed = table("Open cases", "case", "since (UTC)", "priority", "reason", "message")
    for case in waiting:
        listed.add_row(
            str(case.number),
            moment(case.created_at),
            "[red]high[/]" if case.priority == "high" else case.priority,
            case.reason.replace("_", " "),
            escape(case.summary[:80]),
        )
    out.print(listed)


@app.command("show")
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a case with its conversation."""
    with open_database() as database, database.read() as session:
        case, messages = cases.transcript(session, number)
    if as_json:
        said = [{"at": at, "author": author, "text": text} for at, author, text in messages]
        write_json({**asdict(case), "messages": said})
        return
    out.print(f"[bold]Case {case.number}[/]: {case.reason.replace('_', ' ')}, {case.status}")
    for at, author, text in messages:
        out.print(f"[dim]{moment(at)}[/] [bold]{author:<9}[/] {escape(text)}")


@app.command("close")
def close(number: Number, as_json: AsJson = False) -> None:
    """Take a case off the list."""
    with open_database() as database:
        case = cases.close_case(database, number, actor="cli", now=now())
    if as_json:
        write_json(asdict(case))
    else:
        out.print(f"Case {case.number} is closed.")
