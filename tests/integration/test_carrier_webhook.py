"""What carriers report to the desk: taken only when signed, once, and answered in a way that they understand."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import CarrierEvent
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.desk.hooks import BYTES_LIMIT
from returnsdesk.settings import PROJECT_ROOT, Settings, load_settings
from tests.desk.serving import Served
from tests.integration.desk_app import client, database_url
from tests.servers.processes import free_port
from tests.services.sending import labelled, view_of
from tests.services.shop import NOW, database, shop

__all__ = ["client", "database", "database_url", "shop"]

SECRET = "the-carrier-webhook-secret"
SENDCLOUD_SECRET = "secretkey"
Post = Callable[..., Any]


@pytest.fixture
def settings(shop: Database, tmp_path: Path) -> Settings:
    return load_settings(
        database_url=shop.url,
        var_dir=tmp_path / "var",
        carrier_webhook_secret=SECRET,
        sendcloud_secret_key=SENDCLOUD_SECRET,
    )


def signature_of(body: bytes, key: str) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def generic(number: str, status: str = "in_transit", **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"{number}-{status}",
        "tracking_number": number,
        "status": status,
        "at": "2026-06-10T11:00:00Z",
        **changes,
    }


async def report(client: httpx.AsyncClient, content: Any, key: str = SECRET) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"X-Signature": signature_of(body, key)}
    return await client.post("/hooks/carrier/generic", content=body, headers=headers)


def sendcloud_webhook(number: str, status: int, timestamp: int = 1_781_000_000) -> dict[str, Any]:
    """As in the documentation, with what matters changed."""
    return {
        "action": "parcel_status_changed",
        "timestamp": timestamp,
        "carrier_status_change_timestamp": timestamp,
        "parcel": {
            "id": 67880,
            "name": "Mr Bob",
            "tracking_number": number,
            "status": {"id": status, "message": "as Sendcloud calls it"},
            "carrier": {"code": "postnl"},
            "order_number": "LL-2 label-RMA-1001-1",
        },
    }


async def from_sendcloud(
    client: httpx.AsyncClient, content: Any, key: str = SENDCLOUD_SECRET
) -> httpx.Response:
    body = json.dumps(content).encode()
    headers = {"Sendcloud-Signature": signature_of(body, key)}
    return await client.post("/hooks/carrier/sendcloud", content=body, headers=headers)


def events_of(shop: Database) -> int:
    with shop.read() as session:
        return session.scalar(select(func.count()).select_from(CarrierEvent))


async def test_a_signed_report_moves_the_return_once(client, shop):
    view = labelled(shop)
    number = view.parcels[0].tracking_number

    first = await report(client, generic(number))
    again = await report(client, generic(number))

    assert (first.status_code, first.json()) == (200, {"results": ["applied"]})
    assert (again.status_code, again.json()) == (200, {"results": ["duplicate"]})
    assert view_of(shop, view.rma_number).status == "in_transit"
    assert events_of(shop) == 1


async def test_a_report_of_an_unknown_parcel_is_taken_so_that_it_is_not_sent_for_ever(client, shop):
    answer = await report(client, generic("3S-SOMEBODY-ELSES"))

    assert (answer.status_code, answer.json()) == (200, {"results": ["unknown_parcel"]})


@pytest.mark.parametrize("signature", ["", "0" * 64, "ż", "right for another body"])
async def test_a_report_that_is_not_signed_changes_nothing(client, shop, signature):
    view = labelled(shop)
    body = json.dumps(generic(view.parcels[0].tracking_number)).encode()
    if signature.startswith("right"):
        signature = signature_of(body + b" ", SECRET)

    answer = await client.post(
        "/hooks/carrier/generic", content=body, headers={"X-Signature": signature.encode()}
    )

    assert answer.status_code == 401
    assert answer.json()["error"] == "signature_wrong"
    assert view_of(shop, view.rma_number).status == "label_issued"
    assert events_of(shop) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 200_000,
        [],
        {"event_id": "1"},
        generic("RD1", at="2026-06-10T11:00:00"),
        generic("RD1", at="yesterday"),
        generic("RD1", status=""),
        generic("R" * 81),
        generic("RD1", event_id=None),
    ],
)
async def test_what_is_not_of_the_form_is_refused_and_not_kept(client, shop, content):
    answer = await report(client, content)

    assert answer.status_code == 422
    assert answer.json()["error"] == "not_understood"
    assert events_of(shop) == 0


async def test_too_much_is_refused_unread(client, shop):
    answer = await report(client, b"x" * (BYTES_LIMIT + 1))

    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["nobody", "Generic", "%2e%2e"])
async def test_a_carrier_that_is_not_set_up_has_no_hook(client, name):
    assert (await client.post(f"/hooks/carrier/{name}", content=b"{}")).status_code == 404


async def test_sendcloud_has_no_hook_without_its_key(shop, tmp_path):
    app = create_app(load_settings(database_url=shop.url, var_dir=tmp_path))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://desk"
    ) as client:
        answer = await from_sendcloud(client, sendcloud_webhook("3S1", 11), key="")
    app.state.desk.database.dispose()

    assert answer.status_code == 404


def test_the_signature_is_that_of_sendclouds_own_example():
    body = json.dumps({"key": "value"}).encode()

    assert signature_of(body, SENDCLOUD_SECRET) == (
        "1eed4b3d41f4653ac64fd56f1bf1cbfd349e4482cbc11dff7134bd93e5da4b0a"
    )


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        ([1], "label_issued"),
        ([62993], "label_issued"),
        ([22], "in_transit"),
        ([91, 3], "in_transit"),
        ([11], "arrived"),
        ([93, 92], "arrived"),
    ],
)
async def test_sendclouds_statuses_move_the_return(client, shop, numbers, status):
    view = labelled(shop)

    for position, number in enumerate(numbers):
        webhook = sendcloud_webhook(
            view.parcels[0].tracking_number, number, timestamp=1_781_000_000 - position
        )
        answer = await from_sendcloud(client, webhook)
        assert (answer.status_code, answer.json()) == (200, {"results": ["applied"]})

    assert view_of(shop, view.rma_number).status == status


async def test_the_same_webhook_of_sendcloud_twice_counts_once(client, shop):
    webhook = sendcloud_webhook(labelled(shop).parcels[0].tracking_number, 22)
    await from_sendcloud(client, webhook)

    assert (await from_sendcloud(client, webhook)).json() == {"results": ["duplicate"]}


@pytest.mark.parametrize(
    "webhook",
    [
        {"action": "integration_connected", "timestamp": 1525271885993, "integration": {"id": 1}},
        {"action": "return_created", "timestamp": 1, "data": {"id": 42}},
        {**sendcloud_webhook("", 1)},
    ],
)
async def test_other_news_of_sendcloud_is_taken_and_changes_nothing(client, shop, webhook):
    answer = await from_sendcloud(client, webhook)

    assert (answer.status_code, answer.json()) == (200, {"results": []})
    assert events_of(shop) == 0


@pytest.mark.parametrize(
    "webhook",
    [
        {},
        {"action": 1},
        {"action": "parcel_status_changed"},
        {"action": "parcel_status_changed", "timestamp": 1, "parcel": []},
        {**sendcloud_webhook("3S1", 11), "timestamp": "soon", "carrier_status_change_timestamp": None},
        {**sendcloud_webhook("3S1", 11), "carrier_status_change_timestamp": 10**40},
    ],
)  # fmt: skip
async def test_a_webhook_of_sendcloud_of_another_form_is_refused(client, webhook):
    assert (await from_sendcloud(client, webhook)).status_code == 422


async def test_sendclouds_key_does_not_sign_for_others(client, shop):
    number = labelled(shop).parcels[0].tracking_number

    assert (await report(client, generic(number), key=SENDCLOUD_SECRET)).status_code == 401
    assert (
        await from_sendcloud(client, sendcloud_webhook(number, 11), key=SECRET)
    ).status_code == 401


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    server = Served(create_app(settings, clock=lambda: NOW), free_port())
    server.start()
    yield server
    server.stop()


def test_the_example_in_the_guide_works_as_it_stands(served: Served) -> None:
    guide = (PROJECT_ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```bash\n(DESK=.*?)```", guide, re.DOTALL)

    done = subprocess.run(
        ["bash", "-euc", example.replace("http://127.0.0.1:8080", served.url)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == {"results": ["unknown_parcel"]}
