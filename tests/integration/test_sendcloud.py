"""Sendcloud, as far as its documentation goes: labels, cancelling, history, and every way in which it may fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

import pytest

from returnsdesk.clients.carrier import LabelItem, LabelRequest
from returnsdesk.clients.carriers import carrier_for
from returnsdesk.clients.http import FAILURES_TO_OPEN, ProviderRefused, ProviderUnavailable
from returnsdesk.clients.sendcloud import Sendcloud
from returnsdesk.domain.addresses import Address, from_line
from returnsdesk.settings import SettingsError, load_settings
from tests.servers.sendcloud import KEYS, LABEL, FakeSendcloud

REQUEST = LabelRequest(
    key="label-RMA-1004-1",
    rma_number="RMA-1004",
    order_number="LL-10231",
    sender=Address("Łucja Żak", "ul. Długa 4", "00-950", "Warszawa", "PL", email="l@mail.example"),
    receiver=from_line("Lund & Linde, Antwoordnummer 4120, 3080 VB Rotterdam, Netherlands"),
    method="drop_off",
    requested_at=datetime(2026, 6, 10, 12, tzinfo=timezone.utc),
    items=(LabelItem("shirt-M", "Shirt", 2, 6667, "EUR"),),
)
CREATE = "POST /returns"
OVERLOADED = (429, {"errors": [{"status": "429", "detail": "Too many requests"}]})


@pytest.fixture
def server() -> Iterator[FakeSendcloud]:
    fake = FakeSendcloud()
    fake.address = fake.start()
    yield fake
    fake.stop()


def client(server: FakeSendcloud, keys: tuple[str, str] = KEYS, **changes: Any) -> Sendcloud:
    quick = {"seconds_between_looks": 0.01, "first_wait_seconds": 0.01, **changes}
    return Sendcloud(server.address, *keys, **quick)


def test_a_label_is_bought_with_what_the_documentation_asks_for(server):
    made = client(server).make_label(REQUEST)

    assert (made.tracking_number, made.carrier, made.reference) == (
        "3SABC67880", "postnl", "1751075",
    )  # fmt: skip
    assert made.pdf == LABEL
    assert made.tracking_url == "https://tracking.example/3S"
    [call] = server.of("POST", "/returns")
    assert call.body == {
        "from_address": {
            "name": "Łucja Żak",
            "address_line_1": "ul. Długa 4",
            "postal_code": "00-950",
            "city": "Warszawa",
            "country_code": "PL",
            "email": "l@mail.example",
        },
        "to_address": {
            "name": "Lund & Linde",
            "address_line_1": "Antwoordnummer 4120",
            "postal_code": "3080 VB",
            "city": "Rotterdam",
            "country_code": "NL",
        },
        "ship_with": {
            "type": "shipping_option_code",
            "shipping_option_code": "postnl:standard/return",
        },
        "weight": {"value": 1.0, "unit": "kg"},
        "parcel_items": [
            {
                "description": "Shirt",
                "quantity": 2,
                "sku": "shirt-M",
                "price": {"value": 33.34, "currency": "EUR"},
            }
        ],
        "send_tracking_emails": False,
        "order_number": "LL-10231 label-RMA-1004-1",
        "external_reference": "label-RMA-1004-1",
        "delivery_option": "drop_off_point",
    }


def test_a_pick_up_is_asked_for_as_such(server):
    client(server).make_label(replace(REQUEST, method="pick_up", pick_up_on=date(2026, 6, 12)))

    [options] = server.of("POST", "/shipping-options")
    assert options.body["functionalities"] == {"returns": True, "first_mile": "pickup"}
    assert server.of("POST", "/returns")[0].body["delivery_option"] == "pickup"


def test_a_weight_that_is_known_is_used(server):
    client(server).make_label(replace(REQUEST, weight_grams=450))

    assert server.of("POST", "/returns")[0].body["weight"] == {"value": 0.45, "unit": "kg"}


def test_an_answer_that_gets_lost_buys_no_second_label(server):
    server.failures[CREATE] = ["drop"]

    made = client(server).make_label(REQUEST)

    assert len(server.returns) == 1
    assert made.reference == "1751075"


def test_the_same_key_again_finds_the_label_bought_before_among_many(server):
    for number in range(5):
        client(server).make_label(replace(REQUEST, key=f"label-RMA-{number}-1"))

    again = client(server).make_label(replace(REQUEST, key="label-RMA-3-1"))

    assert len(server.returns) == 5
    assert again.reference == str(1751075 + 3)
    looks = server.of("GET", "/returns")
    assert looks[-1].path == "/returns/1751078"
    assert {"from_date", "to_date"} <= server.of("GET", "/returns")[-2].query.keys()


def test_a_label_that_is_not_ready_yet_is_waited_for_and_then_asked_for_again_later(server):
    server.looks_until_announced = 2
    assert client(server).make_label(REQUEST).pdf == LABEL

    server.looks_until_announced = 1_000
    slow = replace(REQUEST, key="label-RMA-1005-1")
    with pytest.raises(ProviderUnavailable, match="not ready yet"):
        client(server).make_label(slow)

    server.looks_until_announced = 0
    assert client(server).make_label(slow).reference == "1751076"
    assert len(server.returns) == 2


def test_what_the_carrier_itself_turns_down_is_refused_with_its_words(server):
    server.announcement_error = "The postal code does not exist."

    with pytest.raises(ProviderRefused, match="The postal code does not exist"):
        client(server).make_label(REQUEST)


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"errors": [{"field": "weight", "code": "required", "message": "Too heavy"}]}),
        (412, {"error": {"code": 412, "message": "Too heavy"}}),
        (422, {"detail": [{"loc": ["body"], "msg": "Too heavy", "type": "value_error"}]}),
        (404, {"errors": [{"status": "404", "code": "not_found", "detail": "Too heavy"}]}),
        (301, {"moved": "Too heavy"}),
    ],
)
def test_what_sendcloud_does_not_accept_is_refused_at_once_with_its_words(server, answer):
    server.failures[CREATE] = [answer]

    with pytest.raises(ProviderRefused, match="Too heavy") as refused:
        client(server).make_label(REQUEST)

    assert refused.value.status == answer[0]
    assert len(server.of("POST", "/returns")) == 1


def test_an_account_without_a_return_option_is_told_so(server):
    server.options = []

    with pytest.raises(ProviderRefused, match="no return option from PL to NL"):
        client(server).make_label(REQUEST)

    assert server.returns == {}


def test_an_address_that_is_not_complete_is_refused_before_anything_is_sent(server):
    with pytest.raises(ProviderRefused, match="address"):
        client(server).make_label(replace(REQUEST, receiver=from_line("Somewhere")))

    assert server.calls == []


def test_keys_that_are_not_accepted_are_worth_trying_again_once_they_are_mended(server):
    with pytest.raises(ProviderUnavailable, match="does not accept the keys"):
        client(server, keys=("public", "wrong")).make_label(REQUEST)

    assert len(server.calls) == 1


@pytest.mark.parametrize("failure", [OVERLOADED, (500, {"error": "x"}), (503, None), "drop"])
def test_a_failure_that_passes_is_got_over(server, failure):
    server.failures[CREATE] = [failure, failure]

    assert client(server).make_label(REQUEST).pdf == LABEL
    assert len(server.returns) == 1


def test_as_long_as_sendcloud_asks_is_waited(server, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    server.failures[CREATE] = [(*OVERLOADED, {"Retry-After": "3"})]

    client(server).make_label(REQUEST)

    assert waits == [3.0]


@pytest.mark.parametrize("failure", [OVERLOADED, (500, {}), (502, None)])
def test_a_failure_that_does_not_pass_is_worth_trying_again_later(server, failure):
    server.failures[CREATE] = [failure] * 3

    with pytest.raises(ProviderUnavailable):
        client(server).make_label(REQUEST)

    assert len(server.of("POST", "/returns")) == 3
    assert client(server).make_label(REQUEST).pdf == LABEL


@pytest.mark.parametrize("answer", [b"<html>maintenance</html>", [], {"id": 1}])
def test_an_answer_of_another_form_is_worth_trying_again_later(server, answer):
    server.failures[CREATE] = [(200, answer)]

    with pytest.raises(ProviderUnavailable):
        client(server).make_label(REQUEST)


def test_a_server_that_does_not_answer_is_not_waited_for(server):
    server.failures[CREATE] = ["hang"] * 3

    with pytest.raises(ProviderUnavailable, match="Timeout"):
        client(server, read_seconds=0.1).make_label(REQUEST)


def test_a_server_that_keeps_failing_is_left_alone_for_a_while(server):
    broken = client(server)
    server.failures["POST /shipping-options"] = [(500, {})] * 100
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(ProviderUnavailable):
            broken.make_label(REQUEST)
    before = len(server.calls)

    with pytest.raises(ProviderUnavailable, match="not asked again yet"):
        broken.make_label(REQUEST)

    assert len(server.calls) == before


def test_nothing_but_a_pdf_is_taken_for_a_label(server):
    server.failures["GET /parcels/67880/documents/label"] = [(200, b"^XA zpl")]

    with pytest.raises(ProviderUnavailable, match="no PDF"):
        client(server).make_label(REQUEST)


def test_a_label_is_cancelled_and_one_that_cannot_be_is_no_fault(server):
    reference = client(server).make_label(REQUEST).reference

    client(server).void_label(reference)
    server.is_cancellable = False
    client(server).void_label(reference)
    client(server).void_label("99")

    assert [call.path for call in server.of("PATCH", "/returns")] == [
        "/returns/1751075/cancel", "/returns/1751075/cancel", "/returns/99/cancel",
    ]  # fmt: skip


def test_the_history_of_a_return_is_read_in_our_words_oldest_first(server):
    made = client(server).make_label(REQUEST)
    server.returns[1751075]["status_history"] = [
        entry("3", "2026-06-13T09:00:00+02:00", "delivered"),
        entry("1", "2026-06-11T09:00:00+02:00", "Ready to Ship"),
        entry("2", "2026-06-12T09:00:00Z", "En route to sorting center"),
        {"parent_status": "sorting"},
    ]

    reports = client(server).track(made.tracking_number, made.reference)

    assert [(each.event_id, each.status) for each in reports] == [
        ("history-1", "ready-to-ship"),
        ("history-2", "in_transit"),
        ("history-3", "delivered"),
    ]
    assert reports[2].at == datetime(2026, 6, 13, 7, tzinfo=timezone.utc)
    assert {each.tracking_number for each in reports} == {made.tracking_number}


def entry(number: str, at: str, status: str) -> dict[str, str]:
    return {
        "carrier_update_timestamp": at,
        "parcel_status_history_id": number,
        "parent_status": status,
        "carrier_code": "x",
        "carrier_message": "x",
    }


@pytest.mark.parametrize("reference", [None, "label-RMA-1-1", "4711"])
def test_of_a_parcel_that_sendcloud_does_not_know_there_is_nothing_to_say(server, reference):
    assert client(server).track("3S1", reference) == []


def test_sendcloud_without_keys_is_said_at_the_start():
    with pytest.raises(SettingsError, match="SENDCLOUD_PUBLIC_KEY"):
        carrier_for(load_settings(carrier="sendcloud"))


def test_the_settings_choose_the_carrier():
    chosen = load_settings(carrier="sendcloud", sendcloud_public_key="a", sendcloud_secret_key="b")

    assert isinstance(carrier_for(chosen), Sendcloud)
    assert carrier_for(load_settings(carrier="none")) is None
