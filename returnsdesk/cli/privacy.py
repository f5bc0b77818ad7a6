"""`returnsdesk privacy`: what is stored about a shopper, handing it out, erasing it; deleting what is too old."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import erasure, person_export, retention
from returnsdesk.services.erasure import Preview
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)

ACTOR = "cli"

Who = Annotated[
    str, typer.Argument(metavar="SHOPPER", help="E-mail address, or the shop's customer id.")
]


@app.command("show")
def show(shopper: Who, as_json: AsJson = False) -> None:
    """Say how much is stored about a shopper, and what erasing would do; changes nothing."""
    settings = load_settings()
    with open_database(settings) as database:
        found = erasure.preview(database, settings, shopper)
    if as_json:
        write_json(
            {"deleted": found.deleted, "emptied": found.emptied, "under_way": found.under_way}
        )
    else:
        _print(found)


@app.command("erase")
def erase(
    shopper: Who,
    confirmed: Annotated[
        str, typer.Option("--confirm", help="The same once more, in place of being asked.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Erase a shopper from all stores. Orders, returns and refunds stay for the books, without the person."""
    settings = load_settings()
    with open_database(settings) as database:
        if not confirmed:
            _print(erasure.preview(database, settings, shopper))
            confirmed = str(
                typer.prompt("Type the address or customer id again to erase", err=True)
            )
        if confirmed.strip() != shopper.strip():
            raise CommandError("That was not the same; nothing was erased.")
        done = erasure.erase(database, settings, shopper, actor=ACTOR, now=now())
    if as_json:
        write_json(done)
    else:
        out.print("Erased: " + (", ".join(f"{n} {name}" for name, n in done.items()) or "names"))


@app.command("export")
def export(
    shopper: Who,
    file: Annotated[
        Path | None, typer.Option("--file", help="Write there instead of to stdout.")
    ] = None,
) -> None:
    """Write everything that is stored about a shopper as JSON."""
    settings = load_settings()
    with open_database(settings) as database:
        found = person_export.export(database, settings, shopper, actor=ACTOR, now=now())
    if file is None:
        write_json(found)
        return
    file.touch(mode=0o600)
    file.write_text(person_export.as_json(found), encoding="utf-8")
    out.print(f"{escape(str(file))} is written.")


@app.command("retention")
def delete_old(as_json: AsJson = False) -> None:
    """Delete what is older than KEEP_CONVERSATIONS_DAYS and KEEP_AUDIT_DAYS say; the worker does it every hour."""
    settings = load_settings()
    with open_database(settings) as database:
        done = retention.forget_old(database, settings, now=now())
    if as_json:
        write_json(done)
    else:
        out.print(
            ", ".join(f"{number} {name}" for name, number in done.items()) or "Nothing is too old."
        )


def _print(found: Preview) -> None:
    listed = table("What is stored", "what", "number", "when erased", numbers=("number",))
    for name, number in found.deleted.items():
        listed.add_row(name, str(number), "deleted")
    for name, number in found.emptied.items():
        listed.add_row(name, str(number), "kept for the books, without the person")
    out.print(listed)
    if found.under_way:
        out.print(f"Still under way: {', '.join(found.under_way)}.")
