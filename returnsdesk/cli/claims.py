"""`returnsdesk claim`: showing and opening claims, adding photos to them, and deciding on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.cli.console import AsJson, moment, money, options, out, status, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.lists import Limit, StatusName, latest
from returnsdesk.cli.moving import (
    ACTOR,
    CHANNEL,
    Agent,
    Items,
    Key,
    OrderNumber,
    OverrideReason,
    Photos,
    TrackingNumber,
    Words,
    actor_of,
    items_of,
    key_of,
    override_of,
    tracking_number_of,
)
from returnsdesk.cli.session import now, open_database
from returnsdesk.cli.timelines import events_of, show_timeline
from returnsdesk.db.models import Claim
from returnsdesk.db.session import Database
from returnsdesk.domain.money import to_minor
from returnsdesk.services import claim_decisions, claims, exchanges, timelines
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.views import ClaimView

app = typer.Typer(no_args_is_help=True, add_completion=False)

Number = Annotated[str, typer.Argument(metavar="CLAIM", help="The claim's number.")]


@app.command("list")
def show_list(
    status_name: StatusName = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List claims, latest first."""
    with open_database() as database, database.read() as session:
        views = [claims.view_of(claim) for claim in latest(session, Claim, status_name, limit)]
    if as_json:
        write_json([asdict(view) for view in views])
        return
    listed = table("Claims", "claim", "order", "type", "wanted", "status", "since (UTC)")
    for view in views:
        listed.add_row(
            view.number,
            escape(view.order_number),
            view.type.replace("_", " "),
            view.wanted,
            status(view.status),
            moment(view.created_at),
        )
    out.print(listed)


@app.command("show")
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a claim: items, photos, what was decided and what happened when."""
    with open_database() as database:
        _show(database, number, as_json)


@app.command("create")
def create(
    order_number: OrderNumber,
    claim_type: Annotated[
        str, typer.Argument(metavar="TYPE", help="damaged, missing, wrong_item or never_arrived.")
    ],
    items: Items,
    wanted: Annotated[str, typer.Option(help="refund or replacement.")] = "refund",
    note: Annotated[str, typer.Option(help="What the shopper says.")] = "",
    photos: Photos = None,
    agent: Agent = None,
    override: OverrideReason = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Open a claim for a shopper."""
    request = ClaimRequest(
        order_number,
        items_of(items),
        claim_type,
        wanted,
        key_of(key),
        note=note,
        photo_ids=tuple(photos or ()),
    )
    set_aside = override_of(override, agent)
    _change(
        lambda database: claims.open_claim(
            database,
            request,
            actor=actor_of(agent),
            channel=CHANNEL,
            now=now(),
            override=set_aside,
        ),
        as_json,
    )


@app.command("evidence")
def add_evidence(
    number: Number,
    photo_id: Annotated[str, typer.Argument(metavar="PHOTO", help="Id of the photo.")],
    as_json: AsJson = False,
) -> None:
    """Add a photo to a claim that is not decided."""
    _change(
        lambda database: claims.add_evidence(database, number, photo_id, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("approve")
def approve(
    number: Number,
    resolution: Annotated[
        str,
        typer.Argument(metavar="REMEDY", help="refund, replacement, both or partial_refund_keep."),
    ],
    keep_item: Annotated[
        bool, typer.Option("--keep", help="The goods need not come back.")
    ] = False,
    amount: Annotated[
        str | None, typer.Option(help="What is paid back, such as 12.50; otherwise all that was.")
    ] = None,
    replacements: Annotated[
        list[str] | None,
        typer.Option(
            "--replace", metavar="LINE=SKU", help="What a line is replaced by; otherwise the same."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a claim and start its remedy."""

    def decide(database: Database) -> ClaimView:
        view = _found(database, number)
        return claim_decisions.approve(
            database,
            number,
            resolution,
            actor=ACTOR,
            now=now(),
            keep_item=keep_item,
            amount_minor=_minor(amount, view.currency) if amount else None,
            skus=_skus(replacements),
        )

    _change(decide, as_json)


@app.command("deny")
def deny(number: Number, text: Words, as_json: AsJson = False) -> None:
    """Deny a claim."""
    _change(
        lambda database: claim_decisions.deny(database, number, text, actor=ACTOR, now=now()),
        as_json,
    )


@app.command("ship")
def ship_replacement(
    number: Number,
    tracking_number: TrackingNumber = None,
    as_json: AsJson = False,
) -> None:
    """Send the replacement of an approved claim."""
    with open_database() as database:
        view = _found(database, number)
        if view.exchange is None:
            raise CommandError(f"{view.number} has no replacement.")
        tracking = tracking_number_of(tracking_number, view.exchange.number)
        exchanges.ship_for_claim(database, view.exchange.number, tracking, actor=ACTOR, now=now())
        _show(database, view.number, as_json)


def _change(command: Callable[[Database], ClaimView], as_json: bool) -> None:
    with open_database() as database:
        view = command(database)
        _show(database, view.number, as_json)


def _found(database: Database, number: str) -> ClaimView:
    with database.read() as session:
        view = claims.find(session, number)
    if view is None:
        raise CommandError(f"There is no claim {number}.")
    return view


def _minor(amount: str, currency: str) -> int:
    try:
        return to_minor(amount, currency)
    except ValueError as error:
        raise CommandError(f"--amount: {error}.") from None


def _skus(replacements: list[str] | None) -> dict[str, str] | None:
    if not replacements:
        return None
    pairs = [text.partition("=") for text in replacements]
    wrong = [line + mark + sku for line, mark, sku in pairs if not line or not sku]
    if wrong:
        raise CommandError(f"--replace {wrong[0]} is not understood; write it as LINE=SKU.")
    return {line: sku for line, _, sku in pairs}


def _show(database: Database, number: str, as_json: bool) -> None:
    view = _found(database, number)
    with database.read() as session:
        timeline = _timeline_of(session, view.number)
    if as_json:
        write_json({**asdict(view), "paid_minor": view.paid_minor, "timeline": timeline})
        return
    out.print(f"[bold]Claim {view.number}[/]  {status(view.status)}")
    out.print(
        f"of order {escape(view.order_number)}: {view.type.replace('_', ' ')}, {view.wanted} wanted"
    )
    if view.note:
        out.print(escape(view.note))
    _show_items(view)
    _show_decision(view)
    show_timeline(timeline)


def _show_items(view: ClaimView) -> None:
    numbers = ("qty", "paid")
    items = table("Items", "line", "item", *numbers, numbers=numbers)
    for line in view.lines:
        name = f"{line.name} ({options(line.options)})" if line.options else line.name
        items.add_row(
            escape(line.line_external_id),
            escape(name),
            str(line.quantity),
            money(line.paid_minor, view.currency),
        )
    out.print(items)
    for photo_id in view.photo_ids:
        out.print(f"photo {photo_id}")
    if view.keep_suggested:
        out.print("The goods are worth so little that the policy lets the shopper keep them.")


def _show_decision(view: ClaimView) -> None:
    if view.resolution:
        keeps = ", the goods stay where they are" if view.keep_item else ""
        out.print(f"decided: {view.resolution.replace('_', ' ')}{keeps}")
    if view.decision_text:
        out.print(escape(view.decision_text))
    if view.rma_number:
        out.print(f"The goods come back by {view.rma_number}.")
    if view.exchange is not None:
        out.print(f"Exchange {view.exchange.number}  {status(view.exchange.status)}")
    for refund in view.refunds:
        out.print(f"Refund {money(refund.amount_minor, refund.currency)}  {status(refund.status)}")


def _timeline_of(session: Session, number: str) -> list[dict[str, Any]]:
    claim = session.scalars(select(Claim).where(Claim.number == number)).one()
    return events_of(session, timelines.of_claim(claim))
