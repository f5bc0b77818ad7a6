"""`returnsdesk withdrawal`: statutory withdrawals, from the declaration to the return or the refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.cli.console import AsJson, moment, out, status, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.lists import Limit, StatusName, latest
from returnsdesk.cli.moving import (
    ACTOR,
    CHANNEL,
    Agent,
    Key,
    Words,
    actor_of,
    items_of,
    key_of,
)
from returnsdesk.cli.session import now, open_database
from returnsdesk.cli.timelines import events_of, show_timeline
from returnsdesk.db.models import Order, Withdrawal
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import timelines, withdrawal_returns, withdrawals
from returnsdesk.services.views import WithdrawalView, withdrawal_view
from returnsdesk.services.withdrawals import Declaration

app = typer.Typer(no_args_is_help=True, add_completion=False)

Number = Annotated[str, typer.Argument(metavar="WITHDRAWAL", help="The withdrawal's number.")]


@app.command("list")
def show_list(
    status_name: StatusName = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List withdrawals, latest first."""
    with open_database() as database, database.read() as session:
        found = latest(session, Withdrawal, status_name, limit)
        views = [withdrawal_view(withdrawal) for withdrawal in found]
    if as_json:
        write_json([asdict(view) for view in views])
        return
    listed = table(
        "Withdrawals", "withdrawal", "order", "status", "declared (UTC)", "money by (UTC)"
    )
    for view in views:
        listed.add_row(
            view.number,
            escape(view.order_number or f"? {view.order_number_given}"),
            status(view.status),
            moment(view.declared_at),
            moment(view.refund_due_at),
        )
    out.print(listed)


@app.command("show")
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a withdrawal: the words, the deadlines and what happened when."""
    with open_database() as database:
        _show(database, number, as_json)


@app.command("declare")
def declare(
    order_number: Annotated[str, typer.Argument(metavar="ORDER", help="Order as it was named.")],
    words: Annotated[str, typer.Option("--words", help="The shopper's own words.")],
    contact: Annotated[str, typer.Option("--contact", help="Mail address for the receipt.")],
    name: Annotated[str, typer.Option("--name", help="The shopper's name.")] = "",
    language: Annotated[str, typer.Option(help="Language of the receipt.")] = "en",
    items: Annotated[
        list[str] | None,
        typer.Option("--item", metavar="LINE=QUANTITY", help="Only these; otherwise all of it."),
    ] = None,
    agent: Agent = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Store a declaration that came by letter, mail or telephone; the receipt goes out at once."""
    lines = items_of(items or [])

    def store(database: Database) -> WithdrawalView:
        with database.read() as session:
            order_id = session.scalar(
                select(Order.id).where(Order.number_norm == normalise_order_number(order_number))
            )
        declaration = Declaration(
            order_number, order_id, name, contact, words, language, key_of(key), lines
        )
        return withdrawals.declare(
            database, declaration, actor=actor_of(agent), channel=CHANNEL, now=now()
        )

    _change(store, as_json)


@app.command("open-return")
def open_return(
    number: Number,
    order_number: Annotated[
        str | None, typer.Option("--order", help="Which order it is, where nobody knew.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open the return of a withdrawal; what cannot come back yet waits as a case."""
    _change(
        lambda database: withdrawal_returns.open_return(
            database, number, actor=ACTOR, now=now(), order_number=order_number
        ),
        as_json,
    )


@app.command("refuse")
def refuse(number: Number, text: Words, as_json: AsJson = False) -> None:
    """Refuse a withdrawal that came too late or that the law excepts."""
    _change(
        lambda database: withdrawals.refuse(database, number, text, actor=ACTOR, now=now()),
        as_json,
    )


def _change(command: Callable[[Database], WithdrawalView], as_json: bool) -> None:
    with open_database() as database:
        view = command(database)
        _show(database, view.number, as_json)


def _show(database: Database, number: str, as_json: bool) -> None:
    with database.read() as session:
        view = withdrawals.find(session, number)
        if view is None:
            raise CommandError(f"There is no withdrawal {number}.")
        timeline = _timeline_of(session, view.number)
    if as_json:
        write_json({**asdict(view), "timeline": timeline})
        return
    out.print(f"[bold]Withdrawal {view.number}[/]  {status(view.status)}")
    if view.order_number:
        out.print(f"from order {escape(view.order_number)}")
    else:
        out.print(f"[red]order not known[/], named as {escape(view.order_number_given)}")
    out.print(
        f"declared {moment(view.declared_at)} UTC by {escape(view.name)} <{escape(view.contact)}>"
    )
    out.print(escape(view.words))
    items = ", ".join(f"{line.quantity} {line.name}" for line in view.lines)
    out.print(escape(items) or "all of the order")
    out.print(f"goods by {moment(view.goods_by)} UTC, money by {moment(view.refund_due_at)} UTC")
    if view.rma_number:
        out.print(f"The goods come back by {view.rma_number}.")
    if view.decision_text:
        out.print(escape(view.decision_text))
    show_timeline(timeline)


def _timeline_of(session: Session, number: str) -> list[dict[str, Any]]:
    withdrawal = session.scalars(select(Withdrawal).where(Withdrawal.number == number)).one()
    return events_of(session, timelines.of_withdrawal(withdrawal))
