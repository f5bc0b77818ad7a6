"""Labels by link: whoever holds a good link gets the paper and the code, and nobody else learns anything."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from returnsdesk.db.models import InboundParcel
from returnsdesk.db.session import Database
from returnsdesk.services import labels, links, return_moves
from returnsdesk.settings import Settings, load_settings
from returnsdesk.texts import render
from tests.integration.desk_app import client, database_url
from tests.services.sending import approved, change_policy, labelled
from tests.services.shop import NOW, database, shop

__all__ = ["client", "database", "database_url", "shop"]


@pytest.fixture
def settings(shop: Database, tmp_path: Path) -> Settings:
    return load_settings(database_url=shop.url, var_dir=tmp_path / "var", secret_key="x" * 32)


def link(settings: Settings, rma_number: str, kind: str = "pdf", now=NOW) -> str:
    return f"/track/{links.token_for(settings, rma_number, now=now)}/label.{kind}"


def change_parcel(shop: Database, **facts: object) -> None:
    with shop.write() as session:
        assert session.query(InboundParcel).update(facts) == 1


async def test_the_link_in_a_mail_gives_the_label_as_a_file(client, settings, shop):
    view = labelled(shop)

    answer = await client.get(links.label_url(settings, view.rma_number, now=NOW))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f'attachment; filename="{view.rma_number}.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.startswith(b"%PDF")


async def test_the_code_for_the_parcel_shop_is_a_picture(client, settings, shop):
    view = labelled(shop)

    answer = await client.get(link(settings, view.rma_number, "png"))

    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    picture = Image.open(BytesIO(answer.content))
    assert picture.width == picture.height >= 200


async def test_every_bad_link_is_refused_alike(client, settings, shop):
    waits = labelled(shop).rma_number
    token = links.token_for(settings, waits, now=NOW)
    others = load_settings(database_url=shop.url, secret_key="y" * 32)
    bad = [
        link(settings, waits, now=NOW - timedelta(days=settings.tracking_link_days)),
        link(others, waits),
        f"/track/{token}x/label.pdf",
        f"/track/{waits}/label.pdf",
        "/track/x/label.pdf",
        "/track/x/label.png",
    ]

    answers = [await client.get(path) for path in bad]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert render("tracking_gone_title", "en") in answers[0].text
    assert waits not in answers[0].text


async def says_kindly_that_there_is_no_label(client, settings, rma_number):
    for kind in ("pdf", "png"):
        path = link(settings, rma_number, kind)
        answer = await client.get(path, headers={"Accept-Language": "de"})
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"
        assert render("tracking_no_label_title", "de") in answer.text
        assert f'href="{path.rpartition("/")[0]}?lang=de"' in answer.text


async def test_a_label_that_is_not_made_yet_is_told_kindly(client, settings, shop):
    await says_kindly_that_there_is_no_label(client, settings, approved(shop))


async def test_a_label_that_was_taken_back_is_not_handed_out(client, settings, shop):
    view = labelled(shop)
    return_moves.cancel(shop, view.rma_number, actor="shopper", now=NOW)

    await says_kindly_that_there_is_no_label(client, settings, view.rma_number)


async def test_a_label_that_has_run_out_is_not_handed_out(client, settings, shop):
    view = labelled(shop)
    change_parcel(shop, label_expires_at=NOW)

    await says_kindly_that_there_is_no_label(client, settings, view.rma_number)


async def test_a_label_whose_parcel_was_scanned_stays_as_proof(client, settings, shop):
    view = labelled(shop)
    change_parcel(shop, label_expires_at=NOW - timedelta(days=1), status="in_transit")

    answer = await client.get(link(settings, view.rma_number))

    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")


async def test_a_parcel_that_is_fetched_has_no_code_for_the_shop(client, settings, shop):
    change_policy(shop, methods=["drop_off", "pick_up"])
    rma = approved(shop)
    labels.choose_method(
        shop, rma, "pick_up", (NOW + timedelta(days=1)).date(), actor="shopper", now=NOW
    )
    labels.issue_label(shop, rma, actor="agent x", now=NOW)

    assert (await client.get(link(settings, rma, "png"))).status_code == 404
    assert (await client.get(link(settings, rma))).status_code == 200
