"""What commands that change documents share: who they sign as, the pieces they name, and showing what became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Final
from uuid import uuid4

import typer

from returnsdesk.cli.console import write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.return_picture import show_return, timeline_of
from returnsdesk.cli.session import open_database
from returnsdesk.db.session import Database
from returnsdesk.services.overrides import Override
from returnsdesk.services.views import ReturnView
from returnsdesk.settings import load_settings

ACTOR: Final = "cli"
CHANNEL: Final = "cli"

Rma = Annotated[str, typer.Argument(metavar="RMA", help="RMA number of the return.")]
Words = Annotated[str, typer.Option("--text", help="The words that the shopper reads.")]
Items = Annotated[
    list[str],
    typer.Option("--item", metavar="LINE=QUANTITY", help="An order line and how many pieces."),
]
Agent = Annotated[
    str | None, typer.Option("--agent", help="Who of the support team does this; mail address.")
]
OverrideReason = Annotated[
    str | None,
    typer.Option("--override", help="Why rules are set aside; needs --agent. It is kept."),
]

OrderNumber = Annotated[str, typer.Argument(metavar="ORDER", help="Order number.")]
Photos = Annotated[list[str] | None, typer.Option("--photo", help="Id of a photo.")]
TrackingNumber = Annotated[
    str | None,
    typer.Option("--tracking", help="Tracking number; in demo mode one is made up without."),
]
Key = Annotated[
    str | None, typer.Option("--key", help="The same key again finds what was made before.")
]


def move_return(command: Callable[[Database], ReturnView], as_json: bool) -> None:
    """Run a command that moves a return along, and show what it became."""
    with open_database() as database:
        show_moved(database, command(database), as_json)


def tracking_number_of(given: str | None, exchange_number: str) -> str:
    """The tracking number of a replacement: the one given; in the demo one is made up. Raises `CommandError`."""
    if given:
        return given
    if not load_settings().demo_mode:
        raise CommandError("Give the parcel's tracking number with --tracking.")
    return f"DEMO-{exchange_number}"


def show_moved(database: Database, view: ReturnView, as_json: bool) -> None:
    """Show a return after a command, with everything that has happened to it."""
    with database.read() as session:
        timeline = timeline_of(session, view.rma_number)
    if as_json:
        write_json({**asdict(view), "timeline": timeline})
    else:
        show_return(view, timeline)


def items_of(items: list[str]) -> tuple[tuple[str, int], ...]:
    """The order lines with quantities that `--item` names."""
    found = []
    for item in items:
        line, _, quantity = item.rpartition("=")
        if not line or not quantity.isdecimal() or int(quantity) < 1:
            raise CommandError(f"--item {item} is not understood; write it as LINE=QUANTITY.")
        found.append((line, int(quantity)))
    return tuple(found)


def actor_of(agent: str | None) -> str:
    """Who signs: a member of staff by name, or the command line."""
    return f"agent {agent}" if agent else ACTOR


def override_of(reason: str | None, agent: str | None) -> Override | None:
    """The override that `--override` asks for; only a member of staff by name may."""
    if reason is None:
        return None
    if not agent:
        raise CommandError("--override needs --agent: who sets the rules aside?")
    return Override(reason)


def key_of(key: str | None) -> str:
    """The key under which a second call finds what the first made; a call without one is a new one."""
    return f"cli-{key or uuid4().hex}"
