"""The `returnsdesk` command: one module for each topic, loaded only when its command is called.

A command's module has an `app: typer.Typer`; `returnsdesk.cli.commands` lists it with its line of help. Modules import
what is heavy (Rasa, SQLAlchemy) at their own top, never from here, so that `returnsdesk --help` answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; the entry point of the package."""
    from returnsdesk.cli.commands import run

    run()
