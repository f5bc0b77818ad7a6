"""Groups of commands whose modules are imported only when one of their commands is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer.main
from typer.core import TyperCommand, TyperGroup


class Entry(NamedTuple):
    """Where a command lives, and its line in the list of commands."""

    module: str
    help: str


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and help alone; subclasses fill `entries`."""

    entries: dict[str, Entry] = {}

    def __init__(self, **attributes: Any) -> None:
        """Stand-ins take the commands' places until one is called."""
        stand_ins = {
            name: TyperCommand(name=name, help=entry.help) for name, entry in self.entries.items()
        }
        super().__init__(**{**attributes, "commands": stand_ins})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Load the command that is called."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None or stand_in is None:
            return name, stand_in, rest
        return name, load(name, self.entries[name]), rest


def load(name: str, entry: Entry) -> Any:
    """Import a command's module and build the command."""
    command = typer.main.get_command(import_module(entry.module).app)
    command.name = name
    return command
