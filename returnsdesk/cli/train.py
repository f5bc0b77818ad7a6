"""`returnsdesk train`: the model for the present data and configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from returnsdesk import model
from returnsdesk.cli.console import err
from returnsdesk.cli.errors import CommandError
from returnsdesk.settings import Settings, load_settings

app = typer.Typer(add_completion=False)


@app.command()
def train(
    force: Annotated[bool, typer.Option("--force", help="Train even if there is a model.")] = False,
) -> None:
    """Train the model into MODELS_DIR, unless there is one for the present data and configuration."""
    settings = load_settings()
    path = model.model_path(settings)
    if path.is_file() and not force:
        typer.echo(f"{path.name} is there already; data and configuration are unchanged.")
        return
    train_with_progress(settings, path)
    typer.echo(f"Trained {path.name}.")


def train_with_progress(settings: Settings, target: Path) -> None:
    """Train and show what Rasa is at; raises `CommandError` with the last line of its log."""
    try:
        with err.status("Training the model, which takes about a minute ...") as status:
            for line in model.train(settings, target):
                status.update(f"Training the model: [dim]{line[-90:]}[/]")
    except model.TrainingFailed as error:
        raise CommandError(str(error)) from error
