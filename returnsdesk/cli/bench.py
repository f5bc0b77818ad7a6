"""`returnsdesk bench`: the group of measurements."""

from __future__ import annotations

import typer

from returnsdesk.cli.lazy import Entry, LazyGroup


class Measurements(LazyGroup):
    """All measurements."""

    entries = {
        "import": Entry("returnsdesk.cli.bench_import", "Orders that an import loads in a second."),
    }


app = typer.Typer(cls=Measurements, no_args_is_help=True, add_completion=False)


@app.callback()
def bench_commands() -> None:
    """Measure how fast the parts are on this machine."""
