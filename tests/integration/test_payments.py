"""Paying back through a payment service that fails in every way: exactly one refund there, and the truth here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from returnsdesk.clients.http import ProviderRefused, ProviderUnavailable
from returnsdesk.clients.payment import (
    EmbeddedPayments,
    HttpPayments,
    RefundAnswer,
    embedded_payments,
    payments_for,
)
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.services import refunds
from returnsdesk.settings import load_settings
from tests.servers.payments import TOKEN, PaymentServer, serve_payments
from tests.services.money import (
    SHOES,
    Desk,
    accepted,
    arrive,
    create,
    exchange_of,
    find,
    free,
    inspect,
    reasons_of_cases,
    set_price,
    swap,
    use_policy,
)
from tests.services.shop import NOW, database, shop

__all__ = ["database", "shop"]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def server() -> Iterator[PaymentServer]:
    with serve_payments() as running:
        yield running


def client_of(server: PaymentServer, **options: Any) -> HttpPayments:
    return HttpPayments(server.url, TOKEN, **{"first_wait_seconds": 0.01, **options})


@pytest.fixture
def refund(shop: Database) -> Any:
    """A refund of one part, on its way."""
    use_policy(shop, refund={"order": "credit_last"})
    view = accepted(shop, free(2))
    return refunds.start(shop, view.rma_number, actor="agent x", now=NOW)


def assert_paid_once(shop: Database, server: PaymentServer, rma_number: str) -> None:
    assert server.paid_out == 1
    closed = find(shop, rma_number)
    assert (closed.status, closed.refunds[0].status) == ("closed", "settled")
    assert [entry["wanted"] for entry in server.refunds.values()] == [
        {"amount_minor": 6667, "currency": "EUR", "method": "LL-2-p0"}
    ]


def test_a_refund_is_asked_for_as_documented(
    shop: Database, server: PaymentServer, refund: Any
) -> None:
    Desk(shop, client_of(server)).run()
    assert_paid_once(shop, server, refund.rma_number)
    assert server.posts == [("/pay/refunds", f"{refund.rma_number}-1-1")]
    assert server.tokens == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "moods",
    [
        ["500"],
        ["429"],
        ["lost"],
        ["garbage"],
        ["401"],
        ["500", "lost", "429", "garbage"],
        ["lost", "lost", "lost", "lost"],
        ["500"] * 5,
    ],
    ids="+".join,
)
def test_however_the_service_fails_it_pays_once(
    shop: Database, server: PaymentServer, refund: Any, moods: list[str]
) -> None:
    server.moods.extend(moods)
    # A new client each time: the worker may have been started anew, and its circuit with it.
    for minutes in (0, 5, 20, 60):
        Desk(shop, client_of(server)).run(NOW + minutes * MINUTE)
    assert_paid_once(shop, server, refund.rma_number)
    assert {key for _path, key in server.posts} == {f"{refund.rma_number}-1-1"}


def test_a_time_out_after_the_money_went_is_found_and_not_paid_again(
    shop: Database, server: PaymentServer, refund: Any
) -> None:
    server.moods.append("slow")
    impatient = client_of(server, attempts=1, read_seconds=0.2)
    Desk(shop, impatient).run()
    waiting = find(shop, refund.rma_number)
    assert (waiting.status, waiting.refunds[0].parts[0].status) == ("refund_pending", "sending")
    server.released.set()
    Desk(shop, client_of(server)).run(NOW + MINUTE)
    assert_paid_once(shop, server, refund.rma_number)
    assert len(server.posts) == 1


def test_a_service_that_works_on_it_is_asked_until_it_is_done(
    shop: Database, server: PaymentServer, refund: Any
) -> None:
    server.status = "pending"
    desk = Desk(shop, client_of(server))
    desk.run()
    desk.run(NOW + 6 * MINUTE)
    assert find(shop, refund.rma_number).refunds[0].parts[0].status == "pending"
    server.refunds[f"{refund.rma_number}-1-1"]["status"] = "settled"
    desk.run(NOW + 30 * MINUTE)
    assert_paid_once(shop, server, refund.rma_number)
    assert len(server.posts) == 1


def test_a_refusal_is_final_and_a_person_is_asked(
    shop: Database, server: PaymentServer, refund: Any
) -> None:
    server.moods.append("refused")
    desk = Desk(shop, client_of(server))
    for minutes in (0, 10):
        desk.run(NOW + minutes * MINUTE)
    refused = find(shop, refund.rma_number)
    assert (refused.status, refused.refunds[0].status) == ("refund_pending", "failed")
    assert reasons_of_cases(shop) == ["refund_failed"]
    assert (server.paid_out, len(server.posts)) == (0, 1)


def test_a_wrong_token_is_no_refusal_the_money_waits_until_it_is_put_right(
    shop: Database, server: PaymentServer, refund: Any
) -> None:
    server.moods.extend(["401"] * 3)
    desk = Desk(shop, client_of(server))
    for minutes in (0, 5, 20):
        desk.run(NOW + minutes * MINUTE)
    assert find(shop, refund.rma_number).refunds[0].parts[0].status == "sending"
    assert reasons_of_cases(shop) == ["refund_unanswered"]
    desk.run(NOW + 60 * MINUTE)
    assert_paid_once(shop, server, refund.rma_number)


def test_two_workers_at_once_pay_once(shop: Database, server: PaymentServer, refund: Any) -> None:
    workers = [
        threading.Thread(target=Desk(shop, client_of(server)).run, args=(NOW,)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert_paid_once(shop, server, refund.rma_number)


def test_a_payment_link_is_made_and_watched(shop: Database, server: PaymentServer) -> None:
    use_policy(shop, exchange={"same_product_without_difference": False})
    set_price(shop, "sneakers-43", 9995)
    view = create(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    server.moods.extend(["500", "lost"])
    desk = Desk(shop, client_of(server))
    desk.run()
    assert exchange_of(shop, view.exchange.number).payment_url == "https://pay.example/pl_1"
    (link,) = server.links.values()
    assert link["wanted"]["amount_minor"] == 1000
    assert link["wanted"]["currency"] == "EUR"
    assert link["wanted"]["expires_at"] == "2026-06-12T12:00:00Z"
    assert "/track/" in link["wanted"]["return_url"]
    desk.look(NOW + MINUTE)
    assert exchange_of(shop, view.exchange.number).difference_status == "due"
    server.paid_links.add("pl_1")
    desk.look(NOW + 2 * MINUTE)
    assert exchange_of(shop, view.exchange.number).difference_status == "paid"
    # Not accepted: what the link took goes back to the link.
    arrive(shop, view.rma_number)
    inspect(shop, view.rma_number, SHOES, 1, "C")
    desk.run(NOW + 3 * MINUTE)
    assert [entry["wanted"] for entry in server.refunds.values()] == [
        {"amount_minor": 1000, "currency": "EUR", "method": "pl_1"}
    ]


def test_answers_that_are_not_as_documented_are_not_believed(server: PaymentServer) -> None:
    client = client_of(server)
    assert client.find("unknown") is None
    client.refund("k1", 100, "EUR", "m")
    for wrong in ({"status": "maybe"}, {"reference": None}, {"status": None}):
        server.refunds["k1"] = {"status": "settled", "reference": "r", **wrong}
        with pytest.raises(ProviderUnavailable):
            client.find("k1")
    server.links["k2"] = {"reference": "r", "url": "javascript:alert(1)", "wanted": {}}
    with pytest.raises(ProviderUnavailable):
        client.payment_link("k2", 100, "EUR", "x", "https://shop.example", expires_at=NOW)


def test_a_key_used_for_another_amount_is_refused_for_good(server: PaymentServer) -> None:
    client = client_of(server)
    client.refund("k1", 100, "EUR", "m")
    with pytest.raises(ProviderRefused):
        client.refund("k1", 200, "EUR", "m")
    assert server.paid_out == 1


def test_keys_and_references_are_safe_in_addresses(server: PaymentServer) -> None:
    client = client_of(server)
    client.refund("a/b?c", 100, "EUR", "m")
    assert client.find("a/b?c") == RefundAnswer("settled", "re_1")
    server.paid_links.add("x/y")
    assert client.is_paid("x/y")


def test_the_settings_choose_the_client(server: PaymentServer) -> None:
    assert isinstance(payments_for(load_settings(payment_url=server.url)), HttpPayments)
    assert isinstance(payments_for(load_settings()), EmbeddedPayments)
    # Outside the demo a stand-in's word would be a lie.
    assert payments_for(load_settings(demo_mode=False)) is None


def test_a_link_of_the_stand_in_is_paid_on_its_demo_page(tmp_path: Any) -> None:
    settings = load_settings(var_dir=tmp_path, public_url="http://desk.example")
    stand_in = embedded_payments(settings)
    link = stand_in.payment_link("k", 100, "EUR", "x", "http://desk.example", expires_at=NOW)
    assert link.url == f"http://desk.example/demo/pay/{link.reference}"
    assert not stand_in.is_paid(link.reference)
    stand_in.mark_paid(link.reference)
    assert embedded_payments(settings).is_paid(link.reference)


def test_the_demo_page_takes_the_payment_that_the_worker_then_finds(
    shop: Database, tmp_path: Any
) -> None:
    settings = load_settings(var_dir=tmp_path, database_url=shop.url)
    use_policy(shop, exchange={"same_product_without_difference": False})
    set_price(shop, "sneakers-43", 9995)
    view = create(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    desk = Desk(shop, embedded_payments(settings))
    desk.run()
    path = urlsplit(exchange_of(shop, view.exchange.number).payment_url).path

    with TestClient(create_app(settings), base_url=settings.public_url) as browser:
        page = browser.get(path)
        assert "€10.00" in page.text
        assert "<form" in page.text
        # A page without a referrer sends its forms without an origin, and those are refused.
        assert page.headers["Referrer-Policy"] == "same-origin"
        paid = browser.post(path, headers={"Origin": settings.public_url})
        assert "Paid." in paid.text
        assert "<form" not in paid.text
        for wrong in ("/demo/pay/unknown", "/demo/pay/..%2F..%2Fsecret_key"):
            assert browser.post(wrong).status_code == 404
    assert [each.name for each in (tmp_path / "demo-payments").iterdir()] == [path.split("/")[-1]]

    desk.look(NOW + MINUTE)
    assert exchange_of(shop, view.exchange.number).difference_status == "paid"
