"""`returnsdesk bench import`: how fast a shop is loaded and recognised again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, out, table, write_json
from returnsdesk.db import migrate
from returnsdesk.db.importer import ImportReport, import_shop
from returnsdesk.db.session import Database
from returnsdesk.services.sample_shop import SHOP_FOLDER

app = typer.Typer(add_completion=False)


@app.command()
def bench_import(
    folder: Annotated[
        Path, typer.Argument(help="Shop to load; the sample shop without.")
    ] = SHOP_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Orders that an import loads in a second.

    Loads the folder twice into a new SQLite file, which is removed afterwards: first everything is new, then nothing.
    """
    with tempfile.TemporaryDirectory(prefix="returnsdesk-bench-") as place:
        database = Database(f"sqlite:///{Path(place) / 'bench.db'}")
        migrate.upgrade(database)
        runs = {
            name: _timed(lambda: import_shop(database, folder, policy_version_id=None))
            for name in ("first import", "same again")
        }
        database.dispose()
    rows = [
        {
            "run": name,
            "records": records,
            "seconds": round(seconds, 3),
            "records_per_second": round(records / seconds),
        }
        for name, (records, seconds) in runs.items()
    ]
    if as_json:
        write_json(rows)
        return
    numbers = ("records", "seconds", "records/s")
    result = table(f"Import of {folder}", "run", *numbers, numbers=numbers)
    for row in rows:
        result.add_row(*(str(value) for value in row.values()))
    out.print(result)


def _timed(run: Callable[[], ImportReport]) -> tuple[int, float]:
    started = time.perf_counter()
    report = run()
    seconds = time.perf_counter() - started
    loaded = sum(
        counts.created + counts.updated + counts.unchanged for counts in report.counts.values()
    )
    return loaded, seconds
