"""`returnsdesk return`, as far as the support team decides: declining, holding, lost parcels, reopening, creating."""

from __future__ import annotations

from typing import Annotated

import typer

from returnsdesk.cli.console import AsJson
from returnsdesk.cli.moving import (
    ACTOR,
    CHANNEL,
    Agent,
    Items,
    Key,
    OrderNumber,
    OverrideReason,
    Rma,
    Words,
    actor_of,
    items_of,
    key_of,
    move_return,
    override_of,
    show_moved,
)
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import reopening, return_moves, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest

app = typer.Typer(add_completion=False)

Code = Annotated[str, typer.Option("--code", help="Short name of the reason, for lists.")]


@app.command("decline")
def decline(rma_number: Rma, text: Words, code: Code = "other", as_json: AsJson = False) -> None:
    """Refuse a return that waits for a colleague."""
    move_return(
        lambda database: return_moves.decline(
            database, rma_number, code, text, actor=ACTOR, now=now()
        ),
        as_json,
    )


@app.command("hold")
def hold(
    rma_number: Rma,
    text: Words,
    code: Code = "wrong_item",
    photos: Annotated[
        list[str] | None, typer.Option("--photo", help="Id of a photo of what arrived.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stop a return that arrived: a wrong item, a missing part, a dispute."""
    move_return(
        lambda database: return_moves.hold(
            database, rma_number, code, text, actor=ACTOR, now=now(), photo_ids=tuple(photos or ())
        ),
        as_json,
    )


@app.command("resume")
def resume(rma_number: Rma, as_json: AsJson = False) -> None:
    """Go on with a return that is on hold."""
    move_return(
        lambda database: return_moves.resume(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("lost")
def report_lost(rma_number: Rma, as_json: AsJson = False) -> None:
    """Nothing is heard of the parcel any more."""
    move_return(
        lambda database: return_moves.report_lost(database, rma_number, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("accept-lost")
def accept_lost(
    rma_number: Rma,
    has_proof: Annotated[
        bool, typer.Option("--proof-of-posting", help="The shopper has shown it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Treat a lost parcel as if all of it had come back well."""
    move_return(
        lambda database: return_moves.accept_lost(
            database, rma_number, actor=ACTOR, now=now(), has_proof_of_posting=has_proof
        ),
        as_json,
    )


@app.command("close-short")
def close_short(rma_number: Rma, as_json: AsJson = False) -> None:
    """End the inspection without the pieces that did not arrive."""
    move_return(
        lambda database: return_moves.close_short(database, rma_number, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("reopen")
def reopen(rma_number: Rma, as_json: AsJson = False) -> None:
    """Take up a return that was not posted in time."""
    move_return(
        lambda database: reopening.reopen(database, rma_number, actor=ACTOR, now=now()), as_json
    )


@app.command("create")
def create(
    order_number: OrderNumber,
    items: Items,
    reason: Annotated[
        str, typer.Option(help="Why it goes back, as the policy names it.")
    ] = "other",
    new_sku: Annotated[
        str | None, typer.Option("--exchange-for", metavar="SKU", help="Exchange it for this.")
    ] = None,
    as_credit: Annotated[bool, typer.Option("--credit", help="Pay back as store credit.")] = False,
    agent: Agent = None,
    override: OverrideReason = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Register a return for a shopper."""
    outcome = "exchange" if new_sku else "refund"
    request = ReturnRequest(
        order_number,
        tuple(
            RequestedLine(line, quantity, reason, outcome, new_sku)
            for line, quantity in items_of(items)
        ),
        "store_credit" if as_credit else "original",
        key_of(key),
    )
    set_aside = override_of(override, agent)
    with open_database() as database:
        view = returns.create(
            database,
            request,
            actor=actor_of(agent),
            channel=CHANNEL,
            now=now(),
            override=set_aside,
        )
        show_moved(database, view, as_json)
