"""Rules of the commands on claims, withdrawals and the team's decisions on returns: what the services do, in words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from returnsdesk.db.session import Database
from returnsdesk.services import return_moves
from tests.integration.conftest import Command, shown

NOW = datetime.now(timezone.utc)
PHOTO = "a" * 32
RMA, CLAIM, WITHDRAWAL = "RMA-1001", "CLM-1001", "WD-1001"
AGENT = ("--agent", "mila@shop.example")


@pytest.fixture
def desk(returnsdesk: Command, delivered_order: None) -> Command:
    """An order of three shirts and a belt, delivered days ago."""
    return returnsdesk


def claim(desk: Command, *more: str, kind: str = "damaged") -> Any:
    return shown(desk, "claim", "create", "100", kind, "--item", "L1=1", *more)


def declared(desk: Command, *more: str, number: str = "100") -> Any:
    words = ("--words", "I withdraw.", "--contact", "anna@mail.example")
    return shown(desk, "withdrawal", "declare", number, *words, *more)


def test_a_return_is_created_for_a_shopper_and_found_again_by_its_key(desk: Command) -> None:
    call = ("return", "create", "100", "--item", "L1=2", "--key", "mail-7", *AGENT)
    made = shown(desk, *call)
    assert (made["rma_number"], made["status"]) == (RMA, "approved")
    assert made["timeline"][0]["actor"] == "agent mila@shop.example"
    assert shown(desk, *call)["rma_number"] == RMA
    other = shown(desk, "return", "create", "100", "--item", "L2=1", "--exchange-for", "belt-95")
    assert other["lines"][0]["new_sku"] == "belt-95"


def test_a_rule_is_set_aside_by_a_named_agent_with_a_reason(
    desk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = NOW + timedelta(days=300)
    monkeypatch.setattr("returnsdesk.cli.return_decisions.now", lambda: late)
    call = ("return", "create", "100", "--item", "L1=1")
    assert desk(*call).err == "Not eligible: WINDOW_EXPIRED.\n"
    assert desk(*call, "--override", "Promised").err.startswith("--override needs --agent")
    made = shown(desk, *call, "--override", "Promised by telephone", *AGENT)
    override = next(each for each in made["timeline"] if each["command"] == "override")
    assert override["after"] == {"codes": ["WINDOW_EXPIRED"], "reason": "Promised by telephone"}


def test_the_team_decides_on_a_return(desk: Command) -> None:
    shown(desk, "return", "create", "100", "--item", "L1=1", "--reason", "defective")
    declined = shown(desk, "return", "decline", RMA, "--text", "It was worn.")
    assert (declined["status"], declined["decision_text"]) == ("declined", "It was worn.")

    second = shown(desk, "return", "create", "100", "--item", "L1=2")["rma_number"]
    shown(desk, "return", "scan", second)
    assert shown(desk, "return", "lost", second)["status"] == "lost"
    assert shown(desk, "return", "arrive", second)["status"] == "arrived"
    held = shown(desk, "return", "hold", second, "--text", "A teapot.", "--photo", PHOTO)
    assert (held["status"], held["decision_code"]) == ("on_hold", "wrong_item")
    assert shown(desk, "return", "resume", second)["status"] == "arrived"
    shown(desk, "return", "inspect", second, "--line", "L1", "--quantity", "1", "--photo", PHOTO)
    short = shown(desk, "return", "close-short", second)
    assert (short["status"], short["lines"][0]["accepted"]) == ("inspected", 1)


def test_a_lost_parcel_is_accepted(desk: Command) -> None:
    shown(desk, "return", "create", "100", "--item", "L1=2")
    shown(desk, "return", "scan", RMA)
    shown(desk, "return", "lost", RMA)
    assert shown(desk, "return", "accept-lost", RMA)["status"] == "inspected"


def test_an_expired_return_is_reopened(desk: Command, desk_database: Database) -> None:
    shown(desk, "return", "create", "100", "--item", "L1=2")
    return_moves.expire(desk_database, RMA, now=NOW)
    assert shown(desk, "return", "reopen", RMA)["status"] == "approved"


@pytest.mark.parametrize(
    "move",
    [
        ("decline", "--text", "No."),
        ("hold", "--text", "No."),
        ("resume",),
        ("lost",),
        ("accept-lost",),
        ("close-short",),
        ("reopen",),
    ],
    ids=lambda move: move[0],
)
def test_a_decision_in_the_wrong_state_is_one_sentence(
    desk: Command, move: tuple[str, ...]
) -> None:
    shown(desk, "return", "create", "100", "--item", "L1=2")
    before = shown(desk, "return", "show", RMA)
    answer = desk("return", move[0], RMA, *move[1:])
    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert answer.err.startswith(f"{RMA} is approved: ")
    assert shown(desk, "return", "show", RMA) == before


def test_a_claim_is_opened_gets_its_photo_and_is_approved(desk: Command) -> None:
    made = claim(desk, "--note", "A hole in it")
    assert (made["number"], made["status"], made["paid_minor"]) == (CLAIM, "need_evidence", 1000)
    assert shown(desk, "claim", "evidence", CLAIM, PHOTO)["status"] == "open"
    approved = shown(desk, "claim", "approve", CLAIM, "refund")
    assert (approved["status"], approved["rma_number"]) == ("approved", RMA)
    assert [each["command"] for each in approved["timeline"]][-1] == "open_for_claim"
    assert [each["number"] for each in shown(desk, "order", "100")["claims"]] == [CLAIM]
    written = desk("claim", "show", CLAIM.lower()).out
    for words in (CLAIM, "approved", "damaged", "A hole in it", "10.00 EUR", RMA, PHOTO):
        assert words in written


def test_part_of_a_claim_is_paid_and_the_goods_stay(desk: Command) -> None:
    claim(desk, "--photo", PHOTO)
    kept = shown(desk, "claim", "approve", CLAIM, "partial_refund_keep", "--amount", "2.50")
    assert [refund["amount_minor"] for refund in kept["refunds"]] == [250]


def test_a_claimed_item_is_replaced(desk: Command) -> None:
    shown(desk, "claim", "create", "100", "wrong_item", "--item", "L2=1", "--photo", PHOTO)
    call = ("claim", "approve", CLAIM, "replacement", "--keep", "--replace", "L2=belt-95")
    assert shown(desk, *call)["exchange"]["status"] == "accepted"
    sent = shown(desk, "claim", "ship", CLAIM)
    assert (sent["status"], sent["exchange"]["status"]) == ("resolved", "shipped")
    assert sent["exchange"]["tracking_number"] == f"DEMO-{sent['exchange']['number']}"


def test_a_denied_claim_is_listed_as_such(desk: Command) -> None:
    claim(desk)
    denied = shown(desk, "claim", "deny", CLAIM, "--text", "It was worn.")
    assert (denied["status"], denied["decision_text"]) == ("denied", "It was worn.")
    assert [row["number"] for row in shown(desk, "claim", "list", "--status", "denied")] == [CLAIM]
    assert shown(desk, "claim", "list", "--status", "open") == []
    assert CLAIM in desk("claim", "list").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "CLM-9"), "There is no claim CLM-9."),
        (("approve", "CLM-9", "refund"), "There is no claim CLM-9."),
        (("deny", "CLM-9", "--text", "No."), "There is no claim CLM-9."),
        (("approve", CLAIM, "gift"), "A claim is resolved by refund, replacement, both"),
        (("approve", CLAIM, "refund", "--keep", "--amount", "ten"), "--amount: 'ten' is not an amount."),
        (("approve", CLAIM, "refund", "--keep", "--amount", "10.01"), f"{CLAIM} can pay back"),
        (("approve", CLAIM, "replacement", "--replace", "L1"), "--replace L1 is not understood"),
        (("ship", CLAIM), f"{CLAIM} has no replacement."),
        (("evidence", CLAIM, "../x"), "There is no such photo in the conversation."),
        (("create", "100", "ugly", "--item", "L1=1"), "A claim is one of damaged"),
        (("create", "100", "damaged", "--item", "L1"), "--item L1 is not understood"),
        (("create", "9", "damaged", "--item", "L1=1"), "There is no order 9."),
        (("create", "100", "damaged", "--item", "L1=3"), "Not eligible: QTY_EXCEEDS."),
    ],
)  # fmt: skip
def test_what_cannot_be_done_with_a_claim_is_one_sentence(
    desk: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    claim(desk, "--photo", PHOTO)
    before = shown(desk, "claim", "show", CLAIM)
    answer = desk("claim", *arguments)
    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert answer.err.startswith(sentence)
    assert shown(desk, "claim", "show", CLAIM) == before


def test_a_declaration_is_stored_and_its_return_opened(desk: Command) -> None:
    made = declared(desk, "--name", "Anna", "--language", "nl")
    assert (made["number"], made["status"], made["order_number"]) == (
        WITHDRAWAL,
        "declared",
        "#100",
    )
    assert made["receipt_sent_at"] and made["refund_due_at"]
    opened = shown(desk, "withdrawal", "open-return", WITHDRAWAL)
    assert (opened["status"], opened["rma_number"]) == ("return_opened", RMA)
    assert [row["number"] for row in shown(desk, "withdrawal", "list")] == [WITHDRAWAL]
    assert [each["number"] for each in shown(desk, "order", "100")["withdrawals"]] == [WITHDRAWAL]
    for written in (desk("withdrawal", "show", WITHDRAWAL).out, desk("withdrawal", "list").out):
        assert WITHDRAWAL in written
    assert WITHDRAWAL in desk("order", "100").out


def test_a_declaration_from_an_unknown_order_is_stored_and_named_later(desk: Command) -> None:
    assert declared(desk, number="the blue one")["order_number"] is None
    assert shown(desk, "withdrawal", "open-return", WITHDRAWAL)["rma_number"] is None
    assert "order not known" in desk("withdrawal", "show", WITHDRAWAL).out
    opened = shown(desk, "withdrawal", "open-return", WITHDRAWAL, "--order", "#100")
    assert opened["rma_number"] == RMA


def test_a_withdrawal_is_refused_in_words(desk: Command) -> None:
    declared(desk, "--item", "L1=1")
    refused = shown(desk, "withdrawal", "refuse", WITHDRAWAL, "--text", "Too late.")
    assert (refused["status"], refused["decision_text"]) == ("refused", "Too late.")
    answer = desk("withdrawal", "open-return", WITHDRAWAL)
    assert answer.err == f"{WITHDRAWAL} is refused: open_return is not possible.\n"


@pytest.mark.parametrize("command", [("show",), ("open-return",), ("refuse", "--text", "No.")])
def test_an_unknown_withdrawal_is_one_sentence(desk: Command, command: tuple[str, ...]) -> None:
    answer = desk("withdrawal", command[0], "WD-9", *command[1:])
    assert (answer.status, answer.err) == (1, "There is no withdrawal WD-9.\n")
