"""`returnsdesk serve`: one process in the foreground, as the supervisor and process managers start it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from returnsdesk import model
from returnsdesk.cli.errors import CommandError
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def desk() -> None:
    """The desk: channels, conversations and pages; the only public process."""
    from returnsdesk.desk.server import serve

    serve(load_settings())


@app.command()
def rasa(
    model_file: Annotated[
        Path | None,
        typer.Option("--model", help="Model to load; that of the present data when left out."),
    ] = None,
) -> None:
    """Rasa: understanding and dialogue, on the loopback address only."""
    from returnsdesk.rasa.server import serve

    settings = load_settings()
    path = model_file or model.model_path(settings)
    if not path.is_file():
        raise CommandError(
            "There is no model for the present data and configuration; run `returnsdesk train`."
        )
    serve(settings, path)


@app.command()
def actions() -> None:
    """The action server, on the loopback address only."""
    from returnsdesk.rasa.actions_server import serve_actions

    serve_actions(load_settings())


@app.command()
def worker() -> None:
    """The worker: mail, refunds and timers."""
    from returnsdesk.worker import serve

    serve(load_settings())
