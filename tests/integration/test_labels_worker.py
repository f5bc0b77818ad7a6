"""Labels from approval to the shopper's hands: worker, Sendcloud and link together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from returnsdesk.clients.mail import mailer_for
from returnsdesk.clients.sendcloud import Sendcloud
from returnsdesk.db.models import Order
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import cases, links, outbox, return_moves
from returnsdesk.services.label_requests import ISSUE_LABEL, VOID_LABEL
from returnsdesk.settings import Settings, load_settings
from returnsdesk.worker import handlers_for, timers_for
from tests.servers.sendcloud import KEYS, LABEL, FakeSendcloud
from tests.services.sending import approved, notices, parcels_of, view_of
from tests.services.shop import NOW, database, shop

__all__ = ["database", "shop"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def settings(shop: Database, tmp_path: Path) -> Settings:
    return load_settings(database_url=shop.url, var_dir=tmp_path / "var")


@pytest.fixture
def sendcloud() -> Iterator[FakeSendcloud]:
    fake = FakeSendcloud()
    fake.address = fake.start()
    yield fake
    fake.stop()


def context(settings: Settings, shop: Database, server: FakeSendcloud) -> JobContext:
    carrier = Sendcloud(server.address, *KEYS, seconds_between_looks=0.01, first_wait_seconds=0.01)
    return JobContext(settings, shop, mailer_for(settings), None, carrier)


def work(context: JobContext, now: datetime) -> None:
    """Do the jobs about labels that are due; the notices wait."""
    handlers = {
        kind: handler
        for kind, handler in handlers_for(context).items()
        if kind in (ISSUE_LABEL, VOID_LABEL)
    }
    outbox.run_due(context.database, handlers, now=now)


async def test_a_label_bought_at_sendcloud_reaches_the_shopper(settings, shop, sendcloud):
    set_addresses(shop)
    rma = approved(shop)

    work(context(settings, shop, sendcloud), NOW)

    view = view_of(shop, rma)
    assert (view.status, view.parcels[0].carrier) == ("label_issued", "postnl")
    app = create_app(settings, clock=lambda: NOW)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://desk"
    ) as client:
        answer = await client.get(links.label_url(settings, rma, now=NOW))
        picture = await client.get(links.tracking_url(settings, rma, now=NOW) + "/label.png")
    app.state.desk.database.dispose()
    assert answer.content == LABEL
    assert picture.status_code == 404


def test_an_outage_of_sendcloud_delays_the_label_and_buys_one(settings, shop, sendcloud):
    set_addresses(shop)
    rma = approved(shop)
    worker = context(settings, shop, sendcloud)
    sendcloud.failures["POST /returns"] = ["drop", (503, {}), (500, {})]

    work(worker, NOW)
    assert view_of(shop, rma).status == "approved"
    for timer in timers_for(worker):
        timer(NOW + timedelta(minutes=31))
    assert notices(shop).count("label_delayed") == 1
    work(worker, NOW + timedelta(hours=1))

    assert view_of(shop, rma).status == "label_issued"
    assert len(sendcloud.returns) == 1


def test_what_sendcloud_refuses_is_in_the_case_in_its_own_words(settings, shop, sendcloud):
    set_addresses(shop, postcode="")
    rma = approved(shop)

    work(context(settings, shop, sendcloud), NOW)

    assert view_of(shop, rma).status == "approved"
    with shop.read() as session:
        [case] = [each for each in cases.open_cases(session) if each.reason == "label_failed"]
    assert "an address lacks" in case.summary
    assert sendcloud.returns == {}


def test_a_cancelled_return_cancels_its_label_at_sendcloud(settings, shop, sendcloud):
    set_addresses(shop)
    rma = approved(shop)
    worker = context(settings, shop, sendcloud)
    work(worker, NOW)
    sendcloud.failures["PATCH /returns/1751075/cancel"] = [(500, {})] * 3

    return_moves.cancel(shop, rma, actor="shopper", now=NOW)
    work(worker, NOW)
    work(worker, NOW + timedelta(minutes=1))

    assert [status for _number, status in parcels_of(shop)] == ["voided"]
    assert len(sendcloud.of("PATCH", "/returns")) == 4


def test_where_sendcloud_sends_no_webhook_the_worker_asks(settings, shop, sendcloud):
    set_addresses(shop)
    rma = approved(shop)
    worker = context(settings, shop, sendcloud)
    work(worker, NOW)
    sendcloud.returns[1751075]["status_history"] = [
        {
            "carrier_update_timestamp": "2026-06-10T18:00:00Z",
            "parcel_status_history_id": "1",
            "parent_status": "Driver en route",
        }
    ]

    for timer in timers_for(worker):
        timer(NOW + timedelta(hours=7))

    assert view_of(shop, rma).status == "in_transit"


def set_addresses(shop: Database, **changes: str) -> None:
    address = {"line1": "Dam 1", "postcode": "1012 JS", "city": "Amsterdam", "country": "NL"}
    with shop.write() as session:
        for order in session.scalars(select(Order)):
            order.shipping_address = {**address, **changes}
