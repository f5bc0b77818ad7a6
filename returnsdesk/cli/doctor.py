"""`returnsdesk doctor`: looks at everything that a working set-up needs and says what to do about each problem."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape

from returnsdesk.cli import checks
from returnsdesk.cli.checks import Diagnosis
from returnsdesk.cli.console import AsJson, out, write_json
from returnsdesk.cli.errors import FAILED
from returnsdesk.settings import SettingsError, load_settings

app = typer.Typer(add_completion=False)


@app.command()
def examine(as_json: AsJson = False) -> None:
    """Check the set-up and say what to do about each problem.

    Changes nothing but the folder for state, which is made when it is missing. The exit status is 1 when there is a
    problem.
    """
    diagnoses = _diagnoses()
    if as_json:
        write_json([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        for diagnosis in diagnoses:
            _show(diagnosis)
    if not all(diagnosis.is_fine for diagnosis in diagnoses):
        raise typer.Exit(FAILED)


def _diagnoses() -> list[Diagnosis]:
    try:
        settings = load_settings()
    except SettingsError as error:
        # Nothing else can be looked at without them.
        return [
            checks.problem("Settings", str(error), "Correct it; docs/settings.md lists them all.")
        ]
    found = [checks.fine("Settings", "can be read")]
    for check in checks.ALL:
        found += check(settings)
    return found


def _show(diagnosis: Diagnosis) -> None:
    mark = "[green]ok     [/]" if diagnosis.is_fine else "[red]problem[/]"
    out.print(f"{mark} [bold]{diagnosis.subject}[/]: {escape(diagnosis.found)}", soft_wrap=True)
    if diagnosis.remedy:
        out.print(f"        {escape(diagnosis.remedy)}", soft_wrap=True)
