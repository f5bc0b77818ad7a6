"""`returnsdesk credits`: store credit and coupons for the shop's checkout, and presents by the team."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import select

from returnsdesk.cli.console import AsJson, moment, money, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.db.models import Order
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.domain.money import to_minor
from returnsdesk.services import credits as store_credits

app = typer.Typer(no_args_is_help=True, add_completion=False)

ACTOR = "cli"


@app.command("list")
def show_list(
    order: Annotated[str | None, typer.Option("--order", help="Only those of this order.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the codes that the checkout should take, oldest first."""
    with open_database() as database, database.read() as session:
        found = store_credits.of_order(session, order) if order else store_credits.list_all(session)
    if as_json:
        write_json([asdict(credit) for credit in found])
        return
    columns = ("code", "kind", "order", "amount", "since (UTC)", "until (UTC)")
    listed = table("Store credit and coupons", *columns, numbers=("amount",))
    for credit in found:
        listed.add_row(
            credit.code,
            credit.kind,
            credit.order_number,
            money(credit.amount_minor, credit.currency),
            moment(credit.created_at),
            moment(credit.expires_at),
        )
    out.print(listed)


@app.command("give")
def give(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Order number of the buyer.")],
    amount: Annotated[str, typer.Argument(help="In the order's currency, for example 10.00.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the log.")],
    as_json: AsJson = False,
) -> None:
    """Give a buyer a coupon; it never counts as money paid back."""
    with open_database() as database:
        try:
            amount_minor = to_minor(amount, _currency_of(database, order))
        except ValueError as error:
            raise CommandError(f"The amount cannot be used: {error}.") from error
        given = store_credits.give_coupon(
            database, order, amount_minor, reason=reason, actor=ACTOR, now=now()
        )
    if as_json:
        write_json(asdict(given))
    else:
        worth = money(given.amount_minor, given.currency)
        out.print(f"Coupon {given.code} of {worth}, valid until {moment(given.expires_at)} UTC.")


def _currency_of(database: Database, number: str) -> str:
    with database.read() as session:
        currency = session.scalar(
            select(Order.currency).where(Order.number_norm == normalise_order_number(number))
        )
    if currency is None:
        raise CommandError(f"There is no order {number}.")
    return str(currency)
