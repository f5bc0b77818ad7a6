"""What the tests of documents share: asking for returns and claims, moving time and parcels, counting what is held."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from returnsdesk.db.models import (
    Case,
    Event,
    Message,
    Notification,
    Order,
    Return,
    Shipment,
    StockItem,
    UnitClaim,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.services import (
    claims,
    conversations,
    identity,
    inspections,
    return_moves,
    returns,
)
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ClaimView, ReturnView
from tests.services.shop import NOW

SHOES, SHIRTS = "LL-1-1", "LL-2-1"
PHOTO = "0" * 31 + "1"
AGENT = "agent mila@shop.example"


def return_request(
    quantity: int = 2, reason: str = "too_large", key: str = "key-1", **more: Any
) -> ReturnRequest:
    """So many of the three shirts, for their money."""
    line = RequestedLine(SHIRTS, quantity, reason, "refund")
    return ReturnRequest("LL-2", (line,), "original", key, **more)


def exchange_request(size: str = "43", key: str = "key-x") -> ReturnRequest:
    """The pair of shoes, for another size."""
    line = RequestedLine(SHOES, 1, "too_small", "exchange", new_sku=f"sneakers-{size}")
    return ReturnRequest("LL-1", (line,), None, key)


def create(shop: Database, request: ReturnRequest | None = None, **more: Any) -> ReturnView:
    """Register a return as a shopper would."""
    more = {"actor": "shopper", "channel": "web", "now": NOW, **more}
    return returns.create(shop, request or return_request(), **more)


def claim_request(
    quantity: int = 1, claim_type: str = "damaged", key: str = "claim-1", **more: Any
) -> ClaimRequest:
    """A claim for so many of the three shirts, with the photo that it needs."""
    more = {"wanted": "refund", "photo_ids": (PHOTO,), "order_number": "LL-2", **more}
    lines = more.pop("lines", ((SHIRTS, quantity),))
    return ClaimRequest(lines=lines, type=claim_type, idempotency_key=key, **more)


def open_claim(shop: Database, request: ClaimRequest | None = None, **more: Any) -> ClaimView:
    """Open a claim as a shopper would whose conversation is not known."""
    more = {"actor": "shopper", "channel": "web", "now": NOW, **more}
    return claims.open_claim(shop, request or claim_request(), **more)


def arrived(shop: Database, request: ReturnRequest | None = None) -> ReturnView:
    """A return whose parcel is at the warehouse."""
    view = create(shop, request)
    return return_moves.record_arrival(shop, view.rma_number, actor="carrier", now=NOW)


def inspected(shop: Database, rma_number: str, line: str, *grades: tuple[int, str]) -> ReturnView:
    """A return whose units were decided on, parcel and all."""
    return_moves.record_arrival(shop, rma_number, actor="carrier", now=NOW)
    for quantity, grade in grades:
        view = inspections.inspect_line(
            shop, rma_number, line, quantity, grade, actor=AGENT, now=NOW, reason="worn"
        )
    return view


def in_transit(shop: Database, order_number: str, *, shipped_at: datetime) -> None:
    """Let the parcel of an order be on its way, not reported delivered."""
    with shop.write() as session:
        shipment = session.scalars(
            select(Shipment).join(Order).where(Order.number == order_number)
        ).one()
        shipment.shipped_at, shipment.delivered_at = shipped_at, None


def not_sent(shop: Database, order_number: str) -> None:
    """Let nothing of an order have left."""
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == order_number)).one()
        for line in order.lines:
            for unit in line.units:
                unit.shipment = None


def find_return(shop: Database, rma_number: str) -> ReturnView:
    """A return as it stands in the record; it has to be there."""
    with shop.read() as session:
        view = returns.find(session, rma_number)
    assert view is not None
    return view


def conversation(shop: Database, order_number: str | None = None) -> str:
    """A conversation of the web widget in which one photo was sent, proven to be about an order."""
    talk_id = conversations.start(shop, channel="web", language="nl", now=NOW).id
    with shop.write() as session:
        talk = conversations.locked(session, talk_id)
        photo = conversations.new_message(
            talk, author="shopper", text="photo.jpg", state="answered", now=NOW
        )
        photo.content = {"image": f"/api/photos/{PHOTO}"}
        session.add(photo)
    if order_number is not None:
        assert identity.check_order_and_postcode(shop, talk_id, order_number, "1071KV", now=NOW)
    return talk_id


def order_id(shop: Database, order_number: str) -> int:
    """The id of an order."""
    with shop.read() as session:
        return int(session.scalar(select(Order.id).where(Order.number == order_number)))


def units(shop: Database) -> dict[str, int]:
    """How many rows of the ledger are in each state."""
    with shop.read() as session:
        rows = session.execute(select(UnitClaim.state, func.count()).group_by(UnitClaim.state))
        return dict(rows.all())


def live_units(shop: Database) -> int:
    """How many units any document holds or has consumed."""
    found = units(shop)
    return found.get("held", 0) + found.get("consumed", 0)


def stock_of(shop: Database, sku: str) -> tuple[int, int]:
    """On hand and reserved."""
    with shop.read() as session:
        item = session.scalars(select(StockItem).join(Variant).where(Variant.sku == sku)).one()
        return item.on_hand, item.reserved


def count(shop: Database, *conditions: Any, of: Any = Return) -> int:
    """How many rows there are."""
    with shop.read() as session:
        return int(session.scalar(select(func.count()).select_from(of).where(*conditions)))


def commands(shop: Database, document: str) -> list[tuple[str, str]]:
    """The commands on a kind of document with who gave them, oldest first."""
    with shop.read() as session:
        rows = session.scalars(select(Event).where(Event.document == document).order_by(Event.id))
        return [(row.command, row.actor) for row in rows]


def notices(shop: Database, document: str) -> list[str]:
    """The events of a kind of document that the shopper hears of by mail, oldest first."""
    with shop.read() as session:
        rows = session.scalars(
            select(Notification)
            .where(Notification.document == document, Notification.channel == "email")
            .order_by(Notification.id)
        )
        return [row.event for row in rows]


def open_cases(shop: Database) -> list[str]:
    """Reasons of the cases that wait."""
    with shop.read() as session:
        rows = session.scalars(select(Case).where(Case.status == "open").order_by(Case.id))
        return [row.reason for row in rows]


def everything(shop: Database) -> tuple[int, ...]:
    """A count of everything that a command could leave behind: the same before and after one that was refused."""
    return tuple(
        count(shop, of=model) for model in (Return, UnitClaim, Event, Case, Notification, Message)
    )


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """The outcomes of doing something many times at the same time; refusals are outcomes."""

    def attempt(index: int) -> Any:
        try:
            return work(index)
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))
