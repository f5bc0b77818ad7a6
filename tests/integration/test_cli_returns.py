"""Rules of `returnsdesk return`: it shows the record, and moves returns along."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from returnsdesk.db.session import Database
from returnsdesk.services import refunds, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.integration.conftest import Command, shown

NOW = datetime.now(timezone.utc)
RMA = "RMA-1001"


@pytest.fixture
def desk(returnsdesk: Command, desk_database: Database, delivered_order: None) -> Command:
    """Two of three shirts and a belt of an order delivered days ago, in one return: refund and exchange."""
    request = ReturnRequest(
        "100",
        (
            RequestedLine("L1", 2, "too_small", "refund"),
            RequestedLine("L2", 1, "too_small", "exchange", new_sku="belt-95"),
        ),
        "original",
        "key",
    )
    view = returns.create(
        desk_database, request, actor="shopper", channel="web", now=NOW - timedelta(hours=1)
    )
    assert view.rma_number == RMA
    return returnsdesk


def commands_of(data: Any) -> list[tuple[str, str]]:
    return [(event["document"], event["command"]) for event in data["timeline"]]


def test_return_is_moved_from_label_to_its_end(desk: Command) -> None:
    assert shown(desk, "return", "label", RMA)["status"] == "label_issued"
    assert shown(desk, "return", "scan", RMA)["status"] == "in_transit"
    assert shown(desk, "return", "arrive", RMA)["status"] == "arrived"
    inspected = shown(desk, "return", "inspect", RMA)
    assert inspected["status"] == "inspected"
    assert [each["accepted"] for each in inspected["lines"]] == [2, 1]
    refunded = shown(desk, "return", "refund", RMA)
    assert refunded["refunds"][0]["amount_minor"] == 2000 - refunded["fee_minor"]
    sent = shown(desk, "return", "ship", RMA)
    assert sent["exchange"]["status"] == "shipped"
    assert sent["exchange"]["tracking_number"] == f"DEMO-{sent['exchange']['number']}"
    assert commands_of(sent)[-3:] == [
        ("refund", "start_refund"),
        ("return", "start_refund"),
        ("exchange", "ship"),
    ]


def test_the_label_command_makes_a_label_and_says_where_it_is(desk: Command) -> None:
    answer = desk("return", "label", RMA)

    assert answer.status == 0, answer.err
    assert "/track/" in answer.out and "/label.pdf" in answer.out
    [parcel] = shown(desk, "return", "show", RMA)["parcels"]
    assert parcel["label_ready"] is True
    assert parcel["tracking_number"] in desk("return", "show", RMA).out


def test_a_shop_without_carrier_has_no_label_command(
    desk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARRIER", "none")

    answer = desk("return", "label", RMA)

    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert "CARRIER is none" in answer.err
    assert shown(desk, "return", "show", RMA)["status"] == "approved"


def test_the_way_of_sending_is_changed_and_what_is_not_possible_is_said(desk: Command) -> None:
    assert shown(desk, "return", "method", RMA, "own_carrier")["method"] == "own_carrier"

    for arguments, sentence in (
        (("pigeon",), "Pigeon is not offered; there is drop_off, own_carrier."),
        (("pick_up", "--on", "2026-12-01"), "Pick_up is not offered;"),
        (("drop_off", "--on", "tomorrow"), None),
    ):
        answer = desk("return", "method", RMA, *arguments)
        assert answer.status != 0
        assert sentence is None or answer.err.startswith(sentence)
    assert shown(desk, "return", "show", RMA)["method"] == "own_carrier"


def test_every_move_is_signed_by_the_command_line(desk: Command) -> None:
    timeline = shown(desk, "return", "scan", RMA)["timeline"]

    assert timeline[-1]["actor"] == "cli"
    assert timeline[-1]["after"] == {"status": "in_transit"}


def test_pieces_can_be_decided_one_by_one(desk: Command) -> None:
    desk("return", "arrive", RMA)

    first = shown(desk, "return", "inspect", RMA, "--line", "L1", "--quantity", "1", "--grade", "b")
    assert (first["status"], first["lines"][0]["accepted"]) == ("arrived", 1)
    rest = shown(desk, "return", "inspect", RMA, "--grade", "C", "--reason", "worn")

    assert rest["status"] == "inspected"
    assert [(each["accepted"], each["rejected"]) for each in rest["lines"]] == [(1, 1), (0, 1)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["inspect", RMA, "--quantity", "1"], "--quantity needs --line"),
        (["inspect", RMA, "--line", "L9"], f"{RMA} has no line L9; it has L1, L2."),
        (["inspect", RMA, "--grade", "C"], "Units that are not accepted need a reason."),
        (["inspect", RMA, "--grade", "D"], "A grade is A, B or C."),
        (["inspect", RMA, "--line", "L1", "--quantity", "3"], "2 units are still to be inspected."),
        (["refund", RMA], f"{RMA} is arrived: start_refund is not possible."),
        (["cancel", RMA], f"{RMA} is arrived: cancel is not possible."),
        (["show", "RMA-9"], "There is no return RMA-9."),
        (["scan", "RMA-9"], "There is no return RMA-9."),
        (["inspect", "RMA-9"], "There is no return RMA-9."),
    ],
)
def test_move_that_is_not_possible_is_one_sentence_and_changes_nothing(
    desk: Command, arguments: list[str], sentence: str
) -> None:
    desk("return", "arrive", RMA)
    before = shown(desk, "return", "show", RMA)

    answer = desk("return", *arguments)

    assert answer.status == 1
    assert answer.err.startswith(sentence)
    assert answer.err.count("\n") == 1
    assert shown(desk, "return", "show", RMA) == before


def test_nothing_is_left_to_inspect_after_the_last_piece(desk: Command) -> None:
    desk("return", "arrive", RMA)
    desk("return", "inspect", RMA)

    assert desk("return", "inspect", RMA).err == f"{RMA} has nothing left to inspect.\n"


def test_cancelled_return_frees_what_it_held(desk: Command) -> None:
    cancelled = shown(desk, "return", "cancel", RMA)

    assert cancelled["status"] == "cancelled"
    assert cancelled["exchange"]["status"] == "released"


def test_outside_the_demo_a_replacement_needs_its_tracking_number(
    desk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(desk, "return", "show", RMA)
    monkeypatch.setenv("DEMO_MODE", "false")

    answer = desk("return", "ship", RMA)

    assert answer.status == 1
    assert answer.err == "Give the parcel's tracking number with --tracking.\n"
    assert shown(desk, "return", "show", RMA) == before


def test_a_refused_part_is_listed_and_goes_another_way(
    desk: Command, desk_database: Database
) -> None:
    for move in ("label", "scan", "arrive", "inspect"):
        shown(desk, "return", move, RMA)
    part = shown(desk, "return", "refund", RMA)["refunds"][0]["parts"][0]
    refunds.fail_part(desk_database, part["id"], "card closed", now=NOW)

    (listed,) = desk("refund", "failed", "--json").data
    assert (listed["number"], listed["order_number"]) == (part["id"], "#100")
    assert (listed["amount_minor"], listed["last_error"]) == (part["amount_minor"], "card closed")

    assert desk("refund", "as-credit", str(part["id"])).status == 0
    again = desk("refund", "retry", str(part["id"]))
    assert (again.status, again.err.count("\n")) == (1, 1)
    assert desk("refund", "failed", "--json").data == []


def test_return_is_shown_in_words(desk: Command) -> None:
    written = desk("return", "show", RMA.lower()).out

    for words in (RMA, "approved", "#100", "20.00 EUR", "exchange for", "submit"):
        assert words in written


def test_returns_are_listed_by_status(desk: Command) -> None:
    assert [row["rma_number"] for row in shown(desk, "return", "list")] == [RMA]
    assert shown(desk, "return", "list", "--status", "closed") == []
    assert RMA in desk("return", "list").out


def test_order_lists_its_returns(desk: Command) -> None:
    assert desk("order", "100", "--json").data["returns"][0]["rma_number"] == RMA
    assert RMA in desk("order", "100").out
