"""`returnsdesk policy`: the returns policy file."""

from __future__ import annotations

import typer

from returnsdesk.cli.console import out
from returnsdesk.services import policies

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def policy_commands() -> None:
    """Check the returns policy."""


@app.command("check")
def check() -> None:
    """Say whether policy.yml can be used, or which key is wrong."""
    policies.read_policy_file()
    out.print(f"[green]{policies.POLICY_FILE.name} can be used.[/]")
