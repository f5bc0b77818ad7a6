"""`returnsdesk photos`: the photos that shoppers sent, and how long they are kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, out, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import photo_files
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def photos() -> None:
    """Delete old photos of shoppers."""


@app.command("prune")
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DAYS", help="Age in days, such as 180d.")
    ],
    as_json: AsJson = False,
) -> None:
    """Delete the photos of conversations in which nothing was said for so long; photos of open claims stay."""
    age = re.fullmatch(r"(\d{1,5})d", older_than)
    if age is None:
        raise CommandError(f"{older_than!r} is not an age in days; write it as 180d.")
    settings = load_settings()
    before = now() - timedelta(days=int(age.group(1)))
    with open_database(settings) as database:
        number = photo_files.prune(database, settings.var_dir, before=before)
    if as_json:
        write_json({"deleted": number})
    else:
        out.print(f"{number} photos are deleted.")
