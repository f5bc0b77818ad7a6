"""`returnsdesk migrate`: the schema of the database."""

from __future__ import annotations

from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, out, write_json
from returnsdesk.db import migrate
from returnsdesk.db.session import Database
from returnsdesk.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def bring_to_revision(
    to: Annotated[str, typer.Option(help="Revision to go to; `base` removes all tables.")] = "head",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before data is lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database's schema up to date."""
    database = Database(load_settings().resolved_database_url)
    before = migrate.current(database)
    if migrate.is_behind(database, to):
        if not yes:
            typer.confirm(f"Going back to {to} deletes data. Go on?", abort=True, err=True)
        migrate.downgrade(database, to)
    else:
        migrate.upgrade(database, to)
    after = migrate.current(database)
    database.dispose()
    if as_json:
        write_json({"before": before, "after": after})
    elif before == after:
        out.print(f"The schema is at {after or 'base'} already.")
    else:
        out.print(f"The schema went from {before or 'base'} to [green]{after or 'base'}[/].")
