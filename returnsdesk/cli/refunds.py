"""`returnsdesk refund`: parts of refunds that the payment provider refused, and another way for them."""

from __future__ import annotations

from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson, money, out, table, write_json
from returnsdesk.cli.moving import ACTOR
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import refunds

app = typer.Typer(no_args_is_help=True, add_completion=False)

Part = Annotated[int, typer.Argument(metavar="PART", help="Number of the part, as listed.")]


@app.command("failed")
def show_failed(as_json: AsJson = False) -> None:
    """List the parts that were refused, oldest first."""
    with open_database() as database, database.read() as session:
        found = refunds.failed_parts(session)
    if as_json:
        write_json([part._asdict() for part in found])
        return
    listed = table(
        "Refused parts of refunds", "part", "order", "amount", "why", numbers=("part", "amount")
    )
    for part in found:
        amount = money(part.amount_minor, part.currency)
        listed.add_row(str(part.number), part.order_number, amount, part.last_error or "-")
    out.print(listed)


@app.command("retry")
def retry(part: Part) -> None:
    """Ask the payment provider for a refused part once more."""
    with open_database() as database:
        refunds.retry_part(database, part, actor=ACTOR, now=now())
    out.print(f"Part {part} is asked for again.")


@app.command("as-credit")
def pay_as_credit(part: Part) -> None:
    """Pay a refused part as store credit instead, when the shopper agreed to that."""
    with open_database() as database:
        refunds.replace_failed_part(
            database, part, settlement="store_credit", actor=ACTOR, now=now()
        )
    out.print(f"Part {part} goes back as store credit.")
