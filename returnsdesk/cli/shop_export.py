"""`returnsdesk export`: writing the shop to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, out, progress_bars, write_json
from returnsdesk.cli.session import now, open_database
from returnsdesk.db.exporter import export_shop

app = typer.Typer(add_completion=False)


@app.command()
def export_folder(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made if it is not there.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of an earlier export.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the shop to a folder in the import format.

    Products, customers and orders as they stand; returns and conversations are not part of the format.
    """
    with open_database() as database, progress_bars() as progress:
        written = export_shop(database, folder, now=now(), overwrite=overwrite, progress=progress)
    if as_json:
        write_json({"folder": str(folder), "files": written})
        return
    for name, lines in written.items():
        out.print(f"{folder / name}: {lines} lines")
