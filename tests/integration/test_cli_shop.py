"""Rules of import, export and order at the command line."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from returnsdesk.db.session import Database
from tests.integration.conftest import Command
from tests.integration.small_shop import SmallShop, line, order, paid, parcel

UNCHANGED = {"created": 0, "updated": 0, "rejected": 0}


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    return SmallShop(tmp_path / "shop")


def test_import_says_what_went_in(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    answer = returnsdesk("import", str(shop.write()))

    assert answer.status == 0
    assert "orders.jsonl" in answer.out
    assert answer.err == ""


def test_import_reports_left_out_lines_and_ends_with_a_status_of_its_own(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    shop.orders.append("{")
    shop.orders.append(order("#300", customer_id="C9"))

    answer = returnsdesk("import", str(shop.write()), "--json")

    assert answer.status == 3
    assert answer.data["files"]["orders.jsonl"] == {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 2,
    }
    assert [(each["file"], each["line"]) for each in answer.data["rejected"]] == [
        ("orders.jsonl", 2),
        ("orders.jsonl", 3),
    ]
    shown = returnsdesk("import", str(shop.folder))
    assert shown.status == 3
    assert "orders.jsonl:3: customer C9 is not known" in shown.err


def test_import_of_the_same_folder_changes_nothing(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    returnsdesk("import", str(shop.write()))

    again = returnsdesk("import", str(shop.folder), "--json").data

    assert all(file.items() >= UNCHANGED.items() for file in again["files"].values())


def test_import_moves_the_data_to_today(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    # Nine days before the reference date of the small shop.
    returnsdesk("import", str(shop.write()), "--shift-to", "today")

    placed = datetime.fromisoformat(
        returnsdesk("order", "100", "--json").data["placed_at"].replace("Z", "+00:00")
    )

    assert (datetime.now(timezone.utc).date() - placed.date()).days in (9, 10)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shift-to", "tomorrow"], "--shift-to takes `today` or a day such as 2026-01-31"),
        ([], "has no orders.jsonl"),
    ],
)
def test_import_that_cannot_begin_is_one_sentence(
    returnsdesk: Command,
    desk_database: Database,
    shop: SmallShop,
    arguments: list[str],
    sentence: str,
) -> None:
    (shop.write() / "orders.jsonl").unlink()

    answer = returnsdesk("import", str(shop.folder), *arguments)

    assert answer.status == 1
    assert sentence in answer.err
    assert answer.err.count("\n") == 1


def test_unknown_field_is_named_but_no_failure(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    shop.products[0]["finalsale"] = True

    answer = returnsdesk("import", str(shop.write()))

    assert answer.status == 0
    assert "no field finalsale" in answer.err


def test_brackets_in_a_file_are_not_taken_for_colours(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    shop.orders = [order(lines=[line(sku="[red]cap")])]

    assert "[red]cap" in returnsdesk("import", str(shop.write())).err


def test_export_writes_what_can_be_imported(
    returnsdesk: Command, desk_database: Database, shop: SmallShop, tmp_path: Path
) -> None:
    returnsdesk("import", str(shop.write()))
    folder = tmp_path / "exported"

    assert returnsdesk("export", str(folder), "--json").data["files"]["orders.jsonl"] == 1

    again = returnsdesk("import", str(folder), "--json")
    assert again.status == 0
    assert again.data["files"]["orders.jsonl"]["unchanged"] == 1


def test_export_into_a_folder_in_use_is_refused(
    returnsdesk: Command, desk_database: Database, shop: SmallShop
) -> None:
    folder = str(shop.write())

    answer = returnsdesk("export", folder)

    assert answer.status == 1
    assert "already holds manifest.json" in answer.err
    assert returnsdesk("export", folder, "--overwrite").status == 0


@pytest.fixture
def with_order(returnsdesk: Command, desk_database: Database, shop: SmallShop) -> Command:
    shop.orders = [
        order(
            "#LL-100",
            lines=[line("L1"), line("L2", sku="belt-85", quantity=1, final_sale=True)],
            discount="3.01",
            shipping_paid="4.95",
            payments=[paid("31.94")],
            shipments=[parcel("T1", "L1")],
        )
    ]
    assert returnsdesk("import", str(shop.write())).status == 0
    return returnsdesk


@pytest.mark.parametrize("number", ["#LL-100", "ll-100", " LL-100 "])
def test_order_is_found_however_its_number_is_written(with_order: Command, number: str) -> None:
    assert with_order("order", number, "--json").data["order_number"] == "#LL-100"


def test_order_shows_shares_that_add_up_to_what_was_paid(with_order: Command) -> None:
    data = with_order("order", "LL-100", "--json").data

    shares = [share for each in data["lines"] for share in each["unit_shares_minor"]]
    assert sum(shares) + data["shipping_paid_minor"] == 3194
    assert data["payments"][0]["captured_minor"] == 3194
    assert data["shipments"][0]["line_ids"] == ["L1"]


def test_order_is_shown_in_words(with_order: Command) -> None:
    shown = with_order("order", "LL-100").out

    for words in ("delivered", "noor.visser@mail.example", "final sale", "31.94 EUR", "T1"):
        assert words in shown


def test_unknown_order_is_one_sentence(with_order: Command) -> None:
    answer = with_order("order", "LL-999", "--json")

    assert (answer.status, answer.out) == (1, "")
    assert answer.err == "There is no order LL-999.\n"
