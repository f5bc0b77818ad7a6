"""`returnsdesk insight`: the figures of the console's insight page, as CSV for other programs."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from typing import Annotated

import typer

from returnsdesk.cli.console import out, table
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.console.csv_files import cell
from returnsdesk.services import insight_catalogue
from returnsdesk.services.insight_scope import Scope
from returnsdesk.settings import LANGUAGES, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)

_DAY_FORMATS = ["%Y-%m-%d"]
FirstDay = Annotated[
    datetime | None, typer.Option("--from", formats=_DAY_FORMATS, help="First day, as 2026-06-01.")
]
LastDay = Annotated[
    datetime | None, typer.Option("--to", formats=_DAY_FORMATS, help="Last day; today if not said.")
]


@app.command("list")
def show_list() -> None:
    """List the figures that there are."""
    listed = table("Figures", "figure", "what it is")
    for kind in insight_catalogue.KINDS.values():
        listed.add_row(kind.key, kind.definition)
    out.print(listed)


@app.command("csv")
def write_csv(
    figure: Annotated[str, typer.Argument(help="A figure of `returnsdesk insight list`.")],
    days: Annotated[int, typer.Option(help="So many days up to today.", min=1)] = 30,
    first: FirstDay = None,
    last: LastDay = None,
    channel: Annotated[str, typer.Option(help="Only this channel: web or telegram.")] = "",
    language: Annotated[
        str, typer.Option(help=f"Only this language: {', '.join(LANGUAGES)}.")
    ] = "",
) -> None:
    """Write the numbers of a figure, with the period before beside them."""
    settings = load_settings()
    kind = insight_catalogue.kind_of(figure)
    usual = Scope.of_days(min(days, 731), settings.support_time_zone, now())
    try:
        scope = Scope(
            first.date() if first else usual.first,
            last.date() if last else usual.last,
            settings.support_time_zone,
            channel or None,
            language or None,
        )
    except ValueError as error:
        raise CommandError(f"These days are no period: {error}.") from error
    with open_database(settings) as database, database.read() as session:
        found = insight_catalogue.compute(session, kind, scope)
    rows = csv.writer(sys.stdout)
    rows.writerows(map(cell, row) for row in (found.columns, *found.rows))
