"""`returnsdesk import`: loading a shop from a folder."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, err, out, progress_bars, table, write_json
from returnsdesk.cli.errors import INCOMPLETE, CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.db.importer import ImportReport, Rejection, import_shop
from returnsdesk.services import policies
from returnsdesk.settings import load_settings

app = typer.Typer(add_completion=False)

# More lines than this scroll away unread; `--json` has them all.
_SHOWN_REJECTIONS = 50


@app.command()
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with manifest.json and the three files.")],
    shift_to: Annotated[
        str | None,
        typer.Option(
            help="Move all dates so that the data describes this day: `today` or 2026-01-31."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load a shop from a folder in the import format.

    Products, customers and orders that are there already are updated. Lines that cannot be loaded are left out whole
    and listed; the exit status is 3 then.
    """
    day = _day(shift_to)
    settings = load_settings()
    with open_database(settings) as database:
        with database.write() as session:
            policy_version_id = policies.current_version(session, now()).id
        with progress_bars() as progress:
            report = import_shop(
                database,
                folder,
                policy_version_id=policy_version_id,
                shift_to=day,
                language=settings.default_language,
                progress=progress,
            )
    if as_json:
        write_json(_as_data(report))
    else:
        _show(report)
    if not report.is_complete:
        raise typer.Exit(INCOMPLETE)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    if text == "today":
        return now().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--shift-to takes `today` or a day such as 2026-01-31, not {text!r}."
        ) from None


def _as_data(report: ImportReport) -> dict[str, object]:
    return {
        "files": {name: asdict(counts) for name, counts in report.counts.items()},
        "rejected": [asdict(rejection) for rejection in report.rejections],
        "ignored_fields": {
            name: fields for name, fields in report.ignored_fields.items() if fields
        },
    }


def _show(report: ImportReport) -> None:
    counts = ("created", "updated", "unchanged", "rejected")
    summary = table("Import", "file", *counts, numbers=counts)
    for name, file in report.counts.items():
        rejected = f"[red]{file.rejected}[/]" if file.rejected else "0"
        summary.add_row(name, str(file.created), str(file.updated), str(file.unchanged), rejected)
    out.print(summary)
    for name, fields in report.ignored_fields.items():
        for field, records in fields.items():
            err.print(
                f"[yellow]{name}[/]: the format has no field {field}; ignored in {records} lines"
            )
    for rejection in report.rejections[:_SHOWN_REJECTIONS]:
        err.print(_line(rejection), soft_wrap=True)
    more = len(report.rejections) - _SHOWN_REJECTIONS
    if more > 0:
        err.print(f"... and {more} more; --json lists them all.")


def _line(rejection: Rejection) -> str:
    where = f"{rejection.file}:{rejection.line}" if rejection.line else rejection.file
    return f"[red]{where}[/]: {escape(rejection.reason)}"
