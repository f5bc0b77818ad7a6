"""`returnsdesk bench`: the group of measurements."""

from __future__ import annotations

import typer

from returnsdesk.cli.lazy import Entry, LazyGroup


class Measurements(LazyGroup):
    """All measurements."""

    entries = {
        "turns": Entry("returnsdesk.cli.bench_turns", "How fast the running product answers."),
        "import": Entry("returnsdesk.cli.bench_import", "Orders that an import loads in a second."),
        "transcripts": Entry(
            "returnsdesk.cli.bench_transcripts",
            "List, search and reading view of the console with many messages.",
        ),
        "widget": Entry(
            "returnsdesk.cli.bench_widget",
            "Time until the chat's button is there, until the chat is open and until the first reply.",
        ),
    }


app = typer.Typer(cls=Measurements, no_args_is_help=True, add_completion=False)


@app.callback()
def bench_commands() -> None:
    """Measure how fast the parts are on this machine."""
