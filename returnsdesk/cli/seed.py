"""`returnsdesk seed`: the sample shop."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, out, progress_bars, write_json
from returnsdesk.cli.session import now, open_database, require_demo_mode
from returnsdesk.db import migrate
from returnsdesk.services import sample_shop
from returnsdesk.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def seed_database(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete everything in the database first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before data is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load the sample shop with a return at every stage.

    Dates are moved to today. A shop that is there already stays as it is, also on another day; `--fresh` begins anew.
    """
    settings = load_settings()
    require_demo_mode(settings, "loading the sample shop")
    with open_database(settings) as database:
        if fresh:
            if not yes:
                typer.confirm(
                    "This deletes all orders, returns and conversations. Go on?",
                    abort=True,
                    err=True,
                )
            migrate.downgrade(database, migrate.BASE)
            migrate.upgrade(database)
        with progress_bars() as progress:
            report = sample_shop.seed(database, now=now(), progress=progress)
    if as_json:
        write_json(asdict(report))
    elif report.was_there_already:
        out.print(f"The sample shop of {report.today} is there already; --fresh begins anew.")
    else:
        out.print(
            f"The sample shop is loaded: {report.orders} orders and {report.returns} returns,"
            " one at every stage."
        )
