"""Rules of the import: upserts by natural keys, whole orders or none, documents left unharmed, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from returnsdesk.db import importer, migrate
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.exporter import FilesInTheWay, export_shop
from returnsdesk.db.importer import FileCounts, ImportReport, import_shop
from returnsdesk.db.models import Order, OrderLine, Payment, StockItem, Variant
from returnsdesk.db.session import Database
from returnsdesk.db.shop_files import ShopFolderError
from returnsdesk.db.shop_records import (
    AddressRecord,
    CustomerRecord,
    Manifest,
    OrderRecord,
    ProductRecord,
    Record,
)
from returnsdesk.services import policies, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.integration.small_shop import (
    SmallShop,
    customer,
    line,
    order,
    paid,
    parcel,
    product,
)

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_SHOP = ROOT / "returnsdesk" / "db" / "sample_shop"
RETAIL = ROOT.parent / "shared" / "data" / "retail"
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)
SHOP_TABLES = (
    "customers",
    "payment_methods",
    "products",
    "variants",
    "stock_items",
    "orders",
    "order_lines",
    "order_units",
    "payments",
    "shipments",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of each kind."""
    yield from migrated(database_url)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite database, for rules that no database has a say in."""
    yield from migrated(f"sqlite:///{tmp_path / 'import.db'}")


def migrated(url: str) -> Iterator[Database]:
    opened = Database(url)
    migrate.upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    return SmallShop(tmp_path / "shop")


def load(database: Database, shop: SmallShop | Path, **options: Any) -> ImportReport:
    folder = shop if isinstance(shop, Path) else shop.write()
    return import_shop(database, folder, **{"policy_version_id": None, **options})


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as session:
        wanted = mapper_registry.metadata.tables[table]
        return [dict(row) for row in session.execute(select(wanted).order_by("id")).mappings()]


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the shop's side; the policy version is this database's own."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with database.read() as session:
        for name in SHOP_TABLES:
            table = mapper_registry.metadata.tables[name]
            columns = [column for column in table.columns if column.name != "policy_version_id"]
            result = session.execute(select(*columns).order_by(*table.primary_key.columns))
            found[name] = [tuple(row) for row in result]
    return found


def only_order(database: Database) -> dict[str, Any]:
    (found,) = rows(database, "orders")
    return found


def reasons(report: ImportReport) -> list[tuple[str, int, str]]:
    return [(each.file, each.line, each.reason) for each in report.rejections]


# Loading and loading again


def test_sample_shop_goes_in_whole(database: Database) -> None:
    report = load(database, SAMPLE_SHOP)

    counts = json.loads((SAMPLE_SHOP / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert report.rejections == []
    assert report.counts == {
        f"{name}.jsonl": FileCounts(created=count) for name, count in counts.items()
    }
    assert not any(report.ignored_fields.values())


def test_second_import_changes_nothing(database: Database) -> None:
    load(database, SAMPLE_SHOP)
    before = everything(database)

    report = load(database, SAMPLE_SHOP)

    assert everything(database) == before
    assert all(
        (counts.created, counts.updated, counts.rejected) == (0, 0, 0)
        for counts in report.counts.values()
    )
    assert report.counts["orders.jsonl"].unchanged == len(before["orders"])


def test_thousand_orders_of_another_shop_go_in_whole_and_come_back_equal(
    database: Database, tmp_path: Path
) -> None:
    if not RETAIL.is_dir():
        pytest.skip(f"the retail shop is not at {RETAIL}")
    report = load(database, RETAIL, shift_to=date(2027, 1, 1))
    assert report.rejections == []
    assert report.counts["orders.jsonl"] == FileCounts(created=1000)

    assert load(database, RETAIL, shift_to=date(2027, 1, 1)).counts["orders.jsonl"] == FileCounts(
        unchanged=1000
    )
    export_shop(database, tmp_path / "exported", now=NOW)
    (second,) = migrated(f"sqlite:///{tmp_path / 'second.db'}")
    load(second, tmp_path / "exported")
    assert everything(second) == everything(database)


def test_a_changed_record_is_updated_and_the_others_are_not(
    database: Database, shop: SmallShop
) -> None:
    shop.customers.append(customer("C2", email="two@mail.example"))
    load(database, shop)
    shop.customers[0]["first_name"] = "Nora"
    shop.products[0]["variants"][0]["price"] = "12.00"

    report = load(database, shop)

    assert report.counts["customers.jsonl"] == FileCounts(updated=1, unchanged=1)
    assert report.counts["products.jsonl"] == FileCounts(updated=1, unchanged=1)
    assert report.counts["orders.jsonl"] == FileCounts(unchanged=1)
    assert [row["first_name"] for row in rows(database, "customers")] == ["Nora", "Noor"]
    assert rows(database, "variants")[0]["price_minor"] == 1200


def test_order_is_found_again_however_its_number_is_written(
    sqlite: Database, shop: SmallShop
) -> None:
    shop.orders = [order("#ll-100")]
    load(sqlite, shop)
    shop.orders = [order("LL-100", status="shipped")]

    assert load(sqlite, shop).counts["orders.jsonl"] == FileCounts(updated=1)
    assert (only_order(sqlite)["number"], only_order(sqlite)["status"]) == ("LL-100", "shipped")


def test_every_date_moves_by_the_same_number_of_days(sqlite: Database, shop: SmallShop) -> None:
    shop.customers[0]["member_since"] = "2025-01-31"

    load(sqlite, shop, shift_to=date(2026, 5, 10))

    moved = timedelta(days=61)
    (parcel_row,) = rows(sqlite, "shipments")
    assert only_order(sqlite)["placed_at"] == datetime(2026, 3, 1, 10, tzinfo=timezone.utc) + moved
    assert parcel_row["delivered_at"] == datetime(2026, 3, 4, 10, tzinfo=timezone.utc) + moved
    assert rows(sqlite, "customers")[0]["member_since"] == (
        datetime(2025, 1, 31, tzinfo=timezone.utc) + moved
    )


def test_more_records_than_a_chunk_holds_all_go_in(
    sqlite: Database, shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "CHUNK", 2)
    shop.orders = [order(f"#{number}") for number in range(100, 107)]
    shop.orders[3]["status"] = "lost"
    seen: list[tuple[str, int, int]] = []

    report = load(sqlite, shop, progress=lambda *step: seen.append(step))

    assert report.counts["orders.jsonl"] == FileCounts(created=6, rejected=1)
    assert seen[-4:] == [("orders.jsonl", done, 7) for done in (2, 4, 6, 7)]


# What an order becomes


def test_discount_is_shared_to_the_cent_over_lines_and_units(
    sqlite: Database, shop: SmallShop
) -> None:
    shop.orders = [
        order(
            lines=[
                line("L1", quantity=3, unit_price="24.95"),
                line("L2", sku="belt-85", quantity=1, unit_price="9.99"),
            ],
            discount="10.00",
            shipping_paid="4.95",
            payments=[paid("79.79")],
            shipments=[parcel("T1", "L1", "L2")],
        )
    ]

    assert load(sqlite, shop).rejections == []

    paid_by_line = [row["paid_minor"] for row in rows(sqlite, "order_lines")]
    shares = [row["paid_minor"] for row in rows(sqlite, "order_units")]
    assert paid_by_line == [6603, 881]
    assert shares == [2201, 2201, 2201, 881]
    assert sum(shares) == 7485 + 999 - 1000


def test_currency_without_cents_is_kept_in_its_own_units(sqlite: Database, shop: SmallShop) -> None:
    shop.orders = [order(currency="JPY", lines=[line(unit_price="1500")], payments=[paid("3000")])]

    load(sqlite, shop)

    assert rows(sqlite, "order_lines")[0]["paid_minor"] == 3000


def test_order_takes_address_and_mail_from_its_customer(sqlite: Database, shop: SmallShop) -> None:
    load(sqlite, shop)

    found = only_order(sqlite)
    assert found["email_norm"] == "noor.visser@mail.example"
    assert found["postcode_norm"] == "3511AB"
    assert found["shipping_address"]["city"] == "Utrecht"
    assert found["country"] == "NL"


def test_own_address_and_mail_of_an_order_come_first(sqlite: Database, shop: SmallShop) -> None:
    shop.orders = [
        order(
            email="work@mail.example",
            shipping_address={"line1": "Hauptstr. 2", "postcode": "10115", "country": "DE"},
        )
    ]

    load(sqlite, shop)

    found = only_order(sqlite)
    assert found["email_norm"] == "work@mail.example"
    assert (found["postcode_norm"], found["country"]) == ("10115", "DE")


def test_guest_order_stands_on_its_own(sqlite: Database, shop: SmallShop) -> None:
    guest = order(email="Guest@mail.example", payments=[paid("20.00", "paypal_9")])
    del guest["customer_id"]
    shop.orders = [guest]

    assert load(sqlite, shop).rejections == []

    assert only_order(sqlite)["customer_id"] is None
    assert only_order(sqlite)["email_norm"] == "guest@mail.example"
    assert only_order(sqlite)["country"] == "NL"
    assert rows(sqlite, "payments")[0]["kind"] == "paypal"


def test_payments_are_one_row_for_each_method(sqlite: Database, shop: SmallShop) -> None:
    shop.customers[0]["payment_methods"].append(
        {"id": "gift_card_1", "type": "gift_card", "balance": "5.00", "currency": "EUR"}
    )
    shop.orders = [
        order(
            status="cancelled",
            payments=[
                paid("5.00", "gift_card_1"),
                paid("15.00"),
                paid("15.00", type="refund"),
            ],
        )
    ]

    load(sqlite, shop)

    found = {row["kind"]: row for row in rows(sqlite, "payments")}
    gift_card, card = found["gift_card"], found["credit_card"]
    assert (gift_card["captured_minor"], gift_card["refunded_minor"]) == (500, 0)
    assert (card["captured_minor"], card["refunded_minor"]) == (1500, 1500)
    assert (card["brand"], card["last_four"]) == ("visa", "4242")


@pytest.mark.parametrize(
    ("parcels", "expected"),
    [
        pytest.param([parcel("A", "L1")], ["A", "A", "A"], id="one mention is the whole line"),
        pytest.param(
            [parcel("A", "L1", "L1"), parcel("B", "L1")],
            ["A", "A", "B"],
            id="several mentions are one piece each",
        ),
        pytest.param(
            [parcel("A", "L1"), parcel("B", "L1")],
            ["A", "B", None],
            id="a piece that no parcel mentions has not left",
        ),
        pytest.param(
            [parcel("A", "L1", cancelled=True), parcel("B", "L1")],
            ["B", "B", "B"],
            id="a cancelled parcel gives way to the one in its place",
        ),
        pytest.param([], [None, None, None], id="nothing has left"),
    ],
)
def test_parcels_carry_the_pieces_they_mention(
    sqlite: Database, shop: SmallShop, parcels: list[Any], expected: list[str | None]
) -> None:
    shop.orders = [order(lines=[line(quantity=3)], payments=[paid("30.00")], shipments=parcels)]

    assert load(sqlite, shop).rejections == []

    numbers = {row["id"]: row["tracking_number"] for row in rows(sqlite, "shipments")}
    units = rows(sqlite, "order_units")
    assert [numbers.get(unit["shipment_id"]) for unit in units] == expected


def test_line_keeps_the_flags_that_it_was_bought_with(sqlite: Database, shop: SmallShop) -> None:
    load(sqlite, shop)
    shop.products[0]["final_sale"] = True

    report = load(sqlite, shop)

    assert report.counts["orders.jsonl"] == FileCounts(unchanged=1)
    assert rows(sqlite, "order_lines")[0]["final_sale"] is False


def test_new_line_takes_its_flags_from_product_and_file(sqlite: Database, shop: SmallShop) -> None:
    shop.products[0]["final_sale"] = True
    shop.orders = [
        order(
            lines=[
                line("L1", quantity=1),
                line("L2", quantity=1, final_sale=False, personalisation="Noor"),
            ],
            payments=[paid("20.00")],
            gift=True,
            gift_code="GIFT-1",
        )
    ]

    load(sqlite, shop)

    first, second = rows(sqlite, "order_lines")
    assert (first["final_sale"], first["personalised"]) == (True, False)
    assert (second["final_sale"], second["personalised"]) == (False, True)
    assert second["personalisation"] == "Noor"
    assert (only_order(sqlite)["is_gift"], only_order(sqlite)["gift_code"]) == (True, "GIFT-1")


def test_order_stays_under_the_policy_that_it_was_loaded_under(
    sqlite: Database, shop: SmallShop
) -> None:
    with sqlite.write() as session:
        first = policies.current_version(session, NOW).id
        session.execute(
            text(
                "INSERT INTO policy_versions (id, digest, valid_from, content)"
                " VALUES (77, 'later', '2026-03-09', '{}')"
            )
        )
    load(sqlite, shop, policy_version_id=first)

    report = load(sqlite, shop, policy_version_id=77)

    assert report.counts["orders.jsonl"] == FileCounts(unchanged=1)
    assert only_order(sqlite)["policy_version_id"] == first


# What is left out


BAD_ORDERS: list[tuple[str, Any, str]] = [
    ("bad JSON", '{"order_number": ', "is not JSON"),
    ("not an object", "[1, 2]", "is not a JSON object"),
    ("NUL", order(email="a\u0000@b.example"), "NUL character"),
    ("half a surrogate pair", '{"order_number": "\\ud800"}', "is not UTF-8"),
    ("no number", {**order(), "order_number": ""}, "order_number may not be empty"),
    ("only marks", order(" # "), "no letter or digit"),
    ("number too long", order("9" * 61), "order_number may have at most 60 characters"),
    ("unknown status", order(status="lost"), "status must be one of pending"),
    ("unknown customer", order(customer_id="nobody"), "customer nobody is not known"),
    ("guest without mail", {**order(), "customer_id": None}, "needs an email"),
    ("no address", order(email="noor at home"), "is not an e-mail address"),
    ("unknown sku", order(lines=[line(sku="cap-1")]), "sku cap-1 of line L1"),
    ("no lines", order(lines=[]), "lines must have at least 1 entry"),
    ("line twice", order(lines=[line(), line()], payments=[paid("40.00")]), "line_id L1 stands"),
    ("no pieces", order(lines=[line(quantity=0)]), "lines[0].quantity may not be less than 1"),
    ("half a piece", order(lines=[line(quantity=1.5)]), "must be a whole number"),
    ("number as text", order(lines=[line(quantity="2")]), "must be a whole number"),
    ("negative", order(lines=[line(unit_price="-1.00")]), "may not be negative"),
    ("number for money", order(lines=[line(unit_price=10.0)]), "must be a decimal string"),
    ("exponent", order(lines=[line(unit_price="1e3")]), "must be a decimal string"),
    ("too precise", order(lines=[line(unit_price="10.001")]), "more precise than EUR allows"),
    ("too large", order(lines=[line(unit_price="99999999999")]), "is too large"),
    ("unknown currency", order(currency="EURO"), "not an ISO 4217 currency"),
    ("no zone", order(placed_at="2026-03-01T10:00:00"), "has no time zone"),
    ("no date", order(placed_at="yesterday"), "not an ISO 8601 date"),
    ("seconds since 1970", order(placed_at=1772359200), "must be ISO 8601 text"),
    ("discount too large", order(discount="20.01"), "more than the items cost"),
    ("paid too little", order(payments=[paid("19.99")]), "do not add up"),
    ("paid too much", order(payments=[paid("20.01")]), "do not add up"),
    (
        "refunded too much",
        order(payments=[paid("20.00"), paid("20.01", type="refund")]),
        "more is refunded",
    ),
    ("unknown method", order(payments=[paid("20.00", "bitcoin_1")]), "has no kind"),
    ("unknown line in a parcel", order(shipments=[parcel("T1", "L9")]), "an unknown line L9"),
    (
        "parcels for more pieces than bought",
        order(shipments=[parcel("T1", "L1", "L1", "L1")]),
        "in more parcels than it has pieces",
    ),
    ("parcel twice", order(shipments=[parcel(), parcel()]), "tracking_number T1 stands"),
    (
        "delivered before sent",
        order(shipments=[parcel(delivered_at="2026-03-01T10:00:00Z")]),
        "is before shipped_at",
    ),
    (
        "unknown country",
        order(shipping_address={"line1": "1 High St", "country": "UK"}),
        "not an ISO 3166-1",
    ),
]


@pytest.mark.parametrize(
    ("bad", "reason"), [pytest.param(*case[1:], id=case[0]) for case in BAD_ORDERS]
)
def test_bad_order_is_left_out_whole_with_its_line_and_reason(
    sqlite: Database, shop: SmallShop, bad: Any, reason: str
) -> None:
    shop.orders = [order("#1"), bad, order("#3")]

    report = load(sqlite, shop)

    assert report.counts["orders.jsonl"] == FileCounts(created=2, rejected=1)
    ((file, number, given),) = reasons(report)
    assert (file, number) == ("orders.jsonl", 2)
    assert reason in given
    assert not report.is_complete
    assert [row["number"] for row in rows(sqlite, "orders")] == ["#1", "#3"]
    assert len(rows(sqlite, "order_lines")) == len(rows(sqlite, "payments")) == 2


BAD_PRODUCTS: list[tuple[str, Any, str]] = [
    ("no variants", product("cap", variants=[]), "variants must have at least 1 entry"),
    ("sku twice", product("cap", sizes=("S", "S")), "sku cap-S stands there twice"),
    (
        "sku of another product",
        product("cap", variants=product("shirt")["variants"]),
        "sku shirt-S belongs to product shirt",
    ),
    ("product twice", product("shirt"), "shirt stands on line 1 already"),
    (
        "option that is no text",
        product("cap", variants=[{**product("cap")["variants"][0], "options": {"size": 4}}]),
        "variants[0].options.size must be text",
    ),
    (
        "negative stock",
        product("cap", variants=[{**product("cap")["variants"][0], "stock": -1}]),
        "variants[0].stock may not be less than 0",
    ),
    ("no name", product("cap", name={}), "name may not be empty"),
]


@pytest.mark.parametrize(
    ("bad", "reason"), [pytest.param(*case[1:], id=case[0]) for case in BAD_PRODUCTS]
)
def test_bad_product_is_left_out_whole(
    sqlite: Database, shop: SmallShop, bad: Any, reason: str
) -> None:
    shop.products.append(bad)

    report = load(sqlite, shop)

    ((file, number, given),) = reasons(report)
    assert (file, number) == ("products.jsonl", 3)
    assert reason in given
    assert [row["external_id"] for row in rows(sqlite, "products")] == ["shirt", "belt"]
    assert len(rows(sqlite, "variants")) == 4


BAD_CUSTOMERS: list[tuple[str, Any, str]] = [
    ("customer twice", customer(), "C1 stands on line 1 already"),
    ("no mail", customer("C2", email=""), "is not an e-mail address"),
    ("unknown tier", customer("C2", tier="platinum"), "tier must be one of none, silver, gold"),
    (
        "method of another customer",
        customer("C2", payment_methods=customer("C1")["payment_methods"]),
        "payment method credit_card_C1 belongs to customer C1",
    ),
    (
        "balance without currency",
        customer(
            "C2", payment_methods=[{"id": "gift_card_1", "type": "gift_card", "balance": "5.00"}]
        ),
        "the balance of gift_card_1 has no currency",
    ),
    (
        "whole card number",
        customer(
            "C2",
            payment_methods=[{"id": "c", "type": "credit_card", "last_four": "4242424242424242"}],
        ),
        "last_four has the wrong form",
    ),
]


@pytest.mark.parametrize(
    ("bad", "reason"), [pytest.param(*case[1:], id=case[0]) for case in BAD_CUSTOMERS]
)
def test_bad_customer_is_left_out_whole(
    sqlite: Database, shop: SmallShop, bad: Any, reason: str
) -> None:
    shop.customers.append(bad)

    report = load(sqlite, shop)

    ((file, number, given),) = reasons(report)
    assert (file, number) == ("customers.jsonl", 2)
    assert reason in given
    assert len(rows(sqlite, "customers")) == len(rows(sqlite, "payment_methods")) == 1


def test_a_bad_update_leaves_the_order_as_it_was(database: Database, shop: SmallShop) -> None:
    load(database, shop)
    before = everything(database)
    shop.orders = [order(status="cancelled", payments=[paid("1.00")])]

    assert load(database, shop).counts["orders.jsonl"] == FileCounts(rejected=1)
    assert everything(database) == before


def test_record_that_the_database_refuses_is_left_out_and_its_chunk_goes_in(
    sqlite: Database, shop: SmallShop
) -> None:
    with sqlite.write() as session:
        session.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON customers WHEN NEW.external_id = 'C2'"
                " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
        )
    shop.customers = [customer(each, email=f"{each}@mail.example") for each in ("C1", "C2", "C3")]

    report = load(sqlite, shop)

    assert [row["external_id"] for row in rows(sqlite, "customers")] == ["C1", "C3"]
    assert reasons(report) == [("customers.jsonl", 2, "the database refused it: not this one")]


def test_blank_lines_and_a_byte_order_mark_are_no_records(
    sqlite: Database, shop: SmallShop
) -> None:
    folder = shop.write()
    orders = folder / "orders.jsonl"
    orders.write_bytes(b"\xef\xbb\xbf" + orders.read_bytes().replace(b"\n", b"\r\n") + b"\r\n  \n")

    report = load(sqlite, folder)

    assert report.rejections == []
    assert report.counts["orders.jsonl"] == FileCounts(created=1)


def test_line_that_is_no_utf8_is_left_out(sqlite: Database, shop: SmallShop) -> None:
    folder = shop.write()
    customers = folder / "customers.jsonl"
    customers.write_bytes(customers.read_bytes().replace(b"Noor", b"No\xffr", 1))

    assert reasons(load(sqlite, folder))[0] == ("customers.jsonl", 1, "is not UTF-8 text")


def test_file_shorter_than_the_manifest_says_is_reported(sqlite: Database, shop: SmallShop) -> None:
    shop.manifest["counts"] = {"orders": 5, "customers": 1}

    report = load(sqlite, shop)

    assert reasons(report) == [
        ("orders.jsonl", 0, "manifest.json announces 5 lines, the file has 1")
    ]
    assert report.counts["orders.jsonl"] == FileCounts(created=1)


def test_fields_that_the_format_does_not_have_are_named(sqlite: Database, shop: SmallShop) -> None:
    shop.products[0]["finalsale"] = True
    shop.products[1]["variants"][0]["weight"] = "1 kg"

    report = load(sqlite, shop)

    assert report.rejections == []
    assert report.ignored_fields["products.jsonl"] == {"finalsale": 1, "variants.weight": 1}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "orders.jsonl").unlink(), "has no orders.jsonl"),
        (lambda folder: (folder / "manifest.json").unlink(), "has no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json"),
        (
            lambda folder: (folder / "manifest.json").write_text('{"currency": "EUR"}'),
            "reference_date is missing",
        ),
    ],
)
def test_folder_that_is_no_shop_is_refused_and_changes_nothing(
    sqlite: Database, shop: SmallShop, spoil: Callable[[Path], None], reason: str
) -> None:
    folder = shop.write()
    spoil(folder)

    with pytest.raises(ShopFolderError, match=reason):
        load(sqlite, folder)

    assert not any(everything(sqlite).values())


def test_file_in_place_of_a_folder_is_refused(sqlite: Database, tmp_path: Path) -> None:
    with pytest.raises(ShopFolderError, match="is not a folder"):
        load(sqlite, tmp_path / "import.db")


# Documents are left unharmed


@pytest.fixture
def returned(sqlite: Database, shop: SmallShop) -> Database:
    """The small shop, with one of the two shirts of its order in a return, and a belt in the order besides."""
    shop.orders = [
        order(
            lines=[line("L1"), line("L2", sku="belt-85", quantity=1)],
            payments=[paid("30.00")],
            shipments=[parcel("T1", "L1", "L2")],
        )
    ]
    with sqlite.write() as session:
        version = policies.current_version(session, NOW).id
    assert load(sqlite, shop, policy_version_id=version).rejections == []
    request = ReturnRequest(
        "#100", (RequestedLine("L1", 1, "too_small", "refund"),), "original", "k"
    )
    returns.create(sqlite, request, actor="shopper", channel="web", now=NOW)
    return sqlite


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {
                "lines": [line("L1", quantity=1), line("L2", sku="belt-85", quantity=1)],
                "payments": [paid("20.00")],
            },
            "line L1 has a return and cannot be changed or removed",
            id="fewer pieces",
        ),
        pytest.param(
            {
                "lines": [line("L1", unit_price="11.00"), line("L2", sku="belt-85", quantity=1)],
                "payments": [paid("32.00")],
            },
            "line L1 has a return",
            id="another price",
        ),
        pytest.param(
            {"discount": "3.00", "payments": [paid("27.00")]},
            "line L1 has a return",
            id="another share of the discount",
        ),
        pytest.param(
            {
                "lines": [line("L2", sku="belt-85", quantity=1)],
                "payments": [paid("10.00")],
                "shipments": [parcel("T1", "L2")],
            },
            "line L1 has a return",
            id="removed",
        ),
        pytest.param({"currency": "USD"}, "its currency cannot be changed", id="another currency"),
        pytest.param(
            {"customer_id": "C2"}, "its customer cannot be changed", id="another customer"
        ),
    ],
)
def test_order_that_would_contradict_a_return_is_left_as_it_is(
    returned: Database, shop: SmallShop, changed: dict[str, Any], reason: str
) -> None:
    shop.customers.append(customer("C2", email="two@mail.example"))
    before = everything(returned)
    shop.orders[0] |= changed

    report = load(returned, shop)

    assert reason in report.rejections[0].reason
    after = everything(returned)
    for table in ("orders", "order_lines", "order_units", "payments", "shipments"):
        assert after[table] == before[table]


def test_order_with_a_return_still_learns_what_does_not_touch_it(
    returned: Database, shop: SmallShop
) -> None:
    units = [row["id"] for row in rows(returned, "order_units")]
    shop.orders[0]["shipments"][0]["delivered_at"] = "2026-03-05T10:00:00Z"
    shop.orders[0]["lines"][1] |= {"quantity": 2}
    shop.orders[0]["payments"] = [paid("40.00")]

    report = load(returned, shop)

    assert report.rejections == []
    after = rows(returned, "order_units")
    assert [row["id"] for row in after][: len(units)] == units
    assert len(after) == 4
    with returned.read() as session:
        view = returns.find(session, "RMA-1001")
    assert view is not None
    assert view.lines[0].paid_minor == 1000


def test_what_the_desk_has_paid_back_since_is_not_forgotten(
    returned: Database, shop: SmallShop
) -> None:
    with returned.write() as session:
        session.execute(update(Payment).values(refunded_minor=700))

    report = load(returned, shop)

    assert report.counts["orders.jsonl"] == FileCounts(unchanged=1)
    assert rows(returned, "payments")[0]["refunded_minor"] == 700


def test_stock_of_the_file_counts_but_never_below_what_is_reserved(
    database: Database, shop: SmallShop
) -> None:
    load(database, shop)
    with database.write() as session:
        shirt = select(Variant.id).where(Variant.sku == "shirt-M").scalar_subquery()
        session.execute(
            update(StockItem)
            .where(StockItem.variant_id == shirt)
            .values(reserved=3)
            .execution_options(synchronize_session=False)
        )
    shop.products[0]["variants"][0]["stock"] = 9
    shop.products[0]["variants"][1]["stock"] = 1

    load(database, shop)

    with database.read() as session:
        stock = dict(
            session.execute(select(Variant.sku, StockItem.on_hand).join(Variant.stock)).all()
        )
    assert (stock["shirt-S"], stock["shirt-M"]) == (9, 3)


def test_variant_that_the_product_no_longer_lists_is_kept_without_stock(
    sqlite: Database, shop: SmallShop
) -> None:
    load(sqlite, shop)
    shop.products[0] = product("shirt", sizes=("M",))

    assert load(sqlite, shop).counts["products.jsonl"] == FileCounts(updated=1, unchanged=1)
    assert load(sqlite, shop).counts["products.jsonl"] == FileCounts(unchanged=2)
    with sqlite.read() as session:
        dropped = session.scalars(select(Variant).where(Variant.sku == "shirt-S")).one()
        assert dropped.stock.on_hand == 0


def test_line_that_nothing_holds_can_be_removed(sqlite: Database, shop: SmallShop) -> None:
    shop.orders = [order(lines=[line("L1"), line("L2")], payments=[paid("40.00")])]
    load(sqlite, shop)
    shop.orders = [order()]

    assert load(sqlite, shop).counts["orders.jsonl"] == FileCounts(updated=1)
    assert [row["external_id"] for row in rows(sqlite, "order_lines")] == ["L1"]
    assert len(rows(sqlite, "order_units")) == 2


def test_parcel_that_the_file_no_longer_has_is_kept_as_cancelled(
    sqlite: Database, shop: SmallShop
) -> None:
    load(sqlite, shop)
    shop.orders = [order(shipments=[parcel("T2")])]

    load(sqlite, shop)

    found = {row["tracking_number"]: row for row in rows(sqlite, "shipments")}
    assert found["T1"]["cancelled"] is True
    assert {unit["shipment_id"] for unit in rows(sqlite, "order_units")} == {found["T2"]["id"]}


# The way back


def test_export_of_an_import_gives_an_equal_shop(database: Database, tmp_path: Path) -> None:
    load(database, SAMPLE_SHOP, shift_to=date(2026, 8, 1))

    written = export_shop(database, tmp_path / "exported", now=NOW)
    (second,) = migrated(f"sqlite:///{tmp_path / 'second.db'}")
    report = load(second, tmp_path / "exported")

    assert report.rejections == []
    assert not any(report.ignored_fields.values())
    assert {name: counts.created for name, counts in report.counts.items()} == written
    assert everything(second) == everything(database)


def test_export_keeps_what_the_catalogue_no_longer_says(
    sqlite: Database, shop: SmallShop, tmp_path: Path
) -> None:
    shop.orders = [
        order(
            lines=[line(quantity=3, personalisation="Noor")],
            payments=[
                paid("30.00", "voucher_1", kind="gift_card"),
                paid("4.00", "voucher_1", kind="gift_card", type="refund"),
            ],
            shipments=[parcel("A", "L1", "L1"), parcel("B", "L1"), parcel("C", cancelled=True)],
            email="other@mail.example",
            gift_code="GIFT-1",
        )
    ]
    load(sqlite, shop)
    shop.products[0] |= {"final_sale": True, "personalised": True}
    shop.customers[0]["payment_methods"] = []
    load(sqlite, shop)

    export_shop(sqlite, tmp_path / "exported", now=NOW)
    (second,) = migrated(f"sqlite:///{tmp_path / 'second.db'}")

    assert load(second, tmp_path / "exported").rejections == []
    assert everything(second) == everything(sqlite)
    assert rows(second, "payments")[0]["refunded_minor"] == 400


def test_export_overwrites_only_when_told(
    sqlite: Database, shop: SmallShop, tmp_path: Path
) -> None:
    load(sqlite, shop)
    folder = tmp_path / "exported"
    export_shop(sqlite, folder, now=NOW)
    orders = (folder / "orders.jsonl").read_bytes()
    with sqlite.write() as session:
        session.execute(update(Order).values(status="shipped"))
        session.execute(update(OrderLine).values(name="Other"))

    with pytest.raises(FilesInTheWay, match=r"orders\.jsonl"):
        export_shop(sqlite, folder, now=NOW)
    assert (folder / "orders.jsonl").read_bytes() == orders

    export_shop(sqlite, folder, now=NOW, overwrite=True)
    assert b'"shipped"' in (folder / "orders.jsonl").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [
        "customers.jsonl",
        "manifest.json",
        "orders.jsonl",
        "products.jsonl",
    ]


def test_export_of_an_empty_shop_can_be_imported(sqlite: Database, tmp_path: Path) -> None:
    assert export_shop(sqlite, tmp_path / "exported", now=NOW) == {
        "products.jsonl": 0,
        "customers.jsonl": 0,
        "orders.jsonl": 0,
    }
    assert load(sqlite, tmp_path / "exported").rejections == []


# The guide


def fields_of(record: type[Record]) -> Iterator[str]:
    for name, field in record.__fields__.items():
        yield name
        if isinstance(field.type_, type) and issubclass(field.type_, Record):
            yield from fields_of(field.type_)


@pytest.mark.parametrize(
    ("section", "record"),
    [
        ("manifest.json", Manifest),
        ("products.jsonl", ProductRecord),
        ("customers.jsonl", CustomerRecord),
        ("orders.jsonl", OrderRecord),
    ],
)
def test_guide_names_every_field_of_the_format(section: str, record: type[Record]) -> None:
    guide = (ROOT / "docs" / "import-format.md").read_text(encoding="utf-8")
    _, _, after = guide.partition(f"## {section}\n")
    named = set(re.findall(r"`([a-z_0-9]+)`", after.partition("\n## ")[0]))

    wanted = set(fields_of(record))
    if record is OrderRecord:
        # The parts of an address stand with the customer's.
        wanted -= set(AddressRecord.__fields__)
    assert wanted - named == set()
