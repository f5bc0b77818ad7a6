"""`returnsdesk check-data`: faults in training data, rules and texts, without training."""

from __future__ import annotations

import subprocess
import sys

import typer

from returnsdesk import texts
from returnsdesk.cli.console import err
from returnsdesk.cli.errors import FAILED
from returnsdesk.services import policies
from returnsdesk.settings import PROJECT_ROOT

app = typer.Typer(add_completion=False)


@app.command()
def check_data() -> None:
    """Check texts in all languages, the policy file, and Rasa's data with warnings as errors."""
    policies.read_policy_file()
    problems = texts.check_texts()
    for problem in problems:
        err.print(problem, style="red", markup=False)
    validation = subprocess.run(
        [sys.executable, "-m", "rasa", "data", "validate", "--fail-on-warnings"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if validation.returncode:
        err.print(validation.stdout + validation.stderr, markup=False)
    if problems or validation.returncode:
        raise typer.Exit(FAILED)
    typer.echo("Training data, rules, texts and policy are in order.")
