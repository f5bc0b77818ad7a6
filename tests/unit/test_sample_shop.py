"""Rules of the sample shop's data: money adds up, dates and stock fit the stories, and the guide tells the truth."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "returnsdesk" / "db" / "sample_shop"
GUIDE = ROOT / "docs" / "sample-shop.md"

LANGUAGES = {"en", "nl", "de", "nb", "pl"}
COUNTRY_OF_CURRENCY = {"EUR": {"NL", "DE", "IE"}, "NOK": {"NO"}, "PLN": {"PL"}}
POSTCODES = {
    "NL": r"\d{4} [A-Z]{2}",
    "DE": r"\d{5}",
    "NO": r"\d{4}",
    "PL": r"\d{2}-\d{3}",
    "IE": r"[A-Z]\d{2} [AC-FHKNPRTV-Y0-9]{4}",
}
REASONS = {
    "too_small",
    "too_large",
    "changed_mind",
    "style",
    "not_as_described",
    "defective",
    "other",
}
FAULTS = {"defective", "not_as_described"}
RETURN_DAYS = 30
EXCHANGE_DAYS = 45
# A last day on a weekend or public holiday moves by this many days at most (Easter in Norway).
LATEST_SHIFT = 5
# The steps that lie behind a return at each stage, in their order.
STEPS = {
    "requested": ["requested"],
    "approved": ["requested"],
    "label_issued": ["requested"],
    "cancelled": ["requested", "cancelled"],
    "expired": ["requested", "expired"],
    "in_transit": ["requested", "shipped"],
    "arrived": ["requested", "shipped", "arrived"],
    "inspected": ["requested", "shipped", "arrived", "inspected"],
    "refund_pending": ["requested", "shipped", "arrived", "inspected"],
    "refunded": ["requested", "shipped", "arrived", "inspected", "refunded"],
    "exchange_shipped": ["requested", "shipped", "arrived", "inspected", "exchange_shipped"],
}

Record = dict[str, Any]


def records(name: str) -> list[Record]:
    return [json.loads(line) for line in (SHOP / name).read_text(encoding="utf-8").splitlines()]


MANIFEST: Record = json.loads((SHOP / "manifest.json").read_text(encoding="utf-8"))
PRODUCTS = records("products.jsonl")
CUSTOMERS = {customer["customer_id"]: customer for customer in records("customers.jsonl")}
ORDERS = {order["order_number"]: order for order in records("orders.jsonl")}
RETURNS: list[Record] = yaml.safe_load((SHOP / "returns.yml").read_text(encoding="utf-8"))
PRODUCT_OF_SKU = {
    variant["sku"]: product for product in PRODUCTS for variant in product["variants"]
}
VARIANTS = {variant["sku"]: variant for product in PRODUCTS for variant in product["variants"]}
LINES = {line["line_id"]: line for order in ORDERS.values() for line in order["lines"]}

every_order = pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
every_product = pytest.mark.parametrize(
    "product", PRODUCTS, ids=[product["product_id"] for product in PRODUCTS]
)
every_return = pytest.mark.parametrize(
    "entry", RETURNS, ids=[f"{entry['order']}-{entry['stage']}" for entry in RETURNS]
)


def minor(amount: str) -> int:
    """Hundredths; EUR, NOK and PLN all have two digits."""
    assert re.fullmatch(r"\d+\.\d{2}", amount), f"{amount!r} is not written with two digits"
    return int(Decimal(amount) * 100)


def instant(text: str) -> datetime:
    assert text.endswith("Z"), f"{text!r} is not in UTC"
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


REFERENCE = instant(MANIFEST["reference_date"])


def days_ago(text: str) -> int:
    """Calendar days from an instant to the reference date."""
    return (REFERENCE.date() - instant(text).date()).days


def delivered_days_ago(order: Record) -> int:
    """Days since the order's last parcel came; every parcel must have come."""
    return min(days_ago(parcel["delivered_at"]) for parcel in order["shipments"])


def working_days_since(day: date) -> int:
    following = (day + timedelta(days=n) for n in range(1, (REFERENCE.date() - day).days + 1))
    return sum(d.weekday() < 5 for d in following)


def moments(order: Record) -> Iterator[str]:
    yield order["placed_at"]
    for parcel in order["shipments"]:
        yield parcel["shipped_at"]
        if "delivered_at" in parcel:
            yield parcel["delivered_at"]


# Manifest, products and pictures


def test_manifest_counts_what_the_files_hold() -> None:
    assert MANIFEST["counts"] == {
        "products": len(PRODUCTS),
        "customers": len(CUSTOMERS),
        "orders": len(ORDERS),
    }
    assert MANIFEST["reference_date"] == "2026-06-15T12:00:00Z"


def test_natural_keys_are_unique() -> None:
    for name, key in (
        ("products", "product_id"),
        ("customers", "customer_id"),
        ("orders", "order_number"),
    ):
        keys = [record[key] for record in records(f"{name}.jsonl")]
        assert len(keys) == len(set(keys))
    for nested in ("variants", "lines"):
        source = PRODUCTS if nested == "variants" else list(ORDERS.values())
        keys = [
            item["sku" if nested == "variants" else "line_id"]
            for record in source
            for item in record[nested]
        ]
        assert len(keys) == len(set(keys))
    tracking = [
        parcel["tracking_number"] for order in ORDERS.values() for parcel in order["shipments"]
    ]
    assert len(tracking) == len(set(tracking))


@every_product
def test_product_has_its_name_in_every_language(product: Record) -> None:
    assert set(product["name"]) == LANGUAGES
    assert all(name.strip() for name in product["name"].values())


@every_product
def test_variants_differ_and_are_described_by_the_same_options(product: Record) -> None:
    options = [variant["options"] for variant in product["variants"]]
    assert len({frozenset(o) for o in options}) == 1
    assert len({tuple(sorted(o.items())) for o in options}) == len(options)
    for variant in product["variants"]:
        assert minor(variant["price"]) > 0
        assert variant["currency"] == MANIFEST["currency"]
        assert isinstance(variant["stock"], int)
        assert variant["stock"] >= 0
        assert all(isinstance(value, str) for value in variant["options"].values())


@every_product
def test_size_chart_covers_every_size_sold_in_every_language(product: Record) -> None:
    wearable = product["category"] in {"shoes", "clothing", "kids", "underwear"}
    assert ("size_chart" in product) or not wearable
    chart = product.get("size_chart")
    if chart is None:
        return
    sold = {variant["options"][chart["option"]] for variant in product["variants"]}
    assert {row["size"] for row in chart["rows"]} == sold
    keys = [column["key"] for column in chart["columns"]]
    for row in chart["rows"]:
        assert set(row) == {"size", *keys}
    assert set(chart["note"]) == LANGUAGES
    assert all(set(column["label"]) == LANGUAGES for column in chart["columns"])


@every_product
def test_picture_is_a_small_drawing_that_loads_nothing(product: Record) -> None:
    assert product["image_url"] == f"/static/shop/{product['product_id']}.svg"
    picture = SHOP / "pictures" / f"{product['product_id']}.svg"
    assert picture.stat().st_size < 2048
    root = ElementTree.parse(picture).getroot()
    assert root.attrib["viewBox"] == "0 0 240 240"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "path", "rect", "circle", "ellipse"}
    assert not any(
        re.search(r"href|^on|style", name) for element in root.iter() for name in element.attrib
    )


def test_no_picture_is_left_over() -> None:
    names = {picture.stem for picture in (SHOP / "pictures").iterdir()}
    assert names == {product["product_id"] for product in PRODUCTS}


# Customers and orders


@pytest.mark.parametrize(
    "customer", CUSTOMERS.values(), ids=lambda customer: customer["first_name"]
)
def test_customer_can_be_reached_only_inside_the_demo(customer: Record) -> None:
    assert re.fullmatch(r"[a-z.]+@[a-z]+\.example", customer["email"])
    assert customer["language"] in LANGUAGES
    assert customer["tier"] in {"none", "silver", "gold"}
    assert instant(customer["member_since"]) < REFERENCE
    address = customer["address"]
    assert re.fullmatch(POSTCODES[address["country"]], address["postcode"])
    for method in customer["payment_methods"]:
        assert ("last_four" in method) == (method["type"] == "credit_card")
        assert method["id"].startswith(method["type"] + "_")


def test_customers_cover_languages_countries_and_tiers() -> None:
    people = CUSTOMERS.values()
    assert {person["language"] for person in people} == LANGUAGES
    assert {person["address"]["country"] for person in people} == set(POSTCODES)
    assert {person["tier"] for person in people} == {"none", "silver", "gold"}
    assert len({person["email"] for person in people}) == len(people)


@every_order
def test_payments_add_up_to_what_the_order_cost(order: Record) -> None:
    goods = sum(minor(line["unit_price"]) * line["quantity"] for line in order["lines"])
    total = goods - minor(order.get("discount", "0.00")) + minor(order.get("shipping_paid", "0.00"))
    paid = sum(
        minor(payment["amount"]) for payment in order["payments"] if payment["type"] == "payment"
    )
    back = sum(
        minor(payment["amount"]) for payment in order["payments"] if payment["type"] == "refund"
    )
    assert paid == total
    assert back == (total if order["status"] == "cancelled" else 0)


@every_order
def test_order_belongs_to_a_customer_or_has_an_address_of_its_own(order: Record) -> None:
    if "customer_id" not in order:
        assert re.fullmatch(r"[a-z.]+@[a-z]+\.example", order["email"])
        return
    methods = {method["id"] for method in CUSTOMERS[order["customer_id"]]["payment_methods"]}
    assert {payment["method_id"] for payment in order["payments"]} <= methods


@every_order
def test_order_is_in_the_currency_of_its_country(order: Record) -> None:
    country = order["shipping_address"]["country"]
    assert country in COUNTRY_OF_CURRENCY[order["currency"]]
    assert re.fullmatch(POSTCODES[country], order["shipping_address"]["postcode"])


@every_order
def test_lines_agree_with_the_catalogue(order: Record) -> None:
    assert order["lines"]
    for line in order["lines"]:
        product, variant = PRODUCT_OF_SKU[line["sku"]], VARIANTS[line["sku"]]
        assert line["options"] == variant["options"]
        assert line["name"] == product["name"]["en"]
        assert line["quantity"] >= 1
        assert line.get("final_sale", False) == product.get("final_sale", False)
        assert ("personalisation" in line) == product.get("personalised", False)
        if order["currency"] == variant["currency"]:
            assert line["unit_price"] == variant["price"]


def test_a_variant_costs_the_same_in_every_order_of_a_currency() -> None:
    prices: dict[tuple[str, str], set[str]] = {}
    for order in ORDERS.values():
        for line in order["lines"]:
            prices.setdefault((line["sku"], order["currency"]), set()).add(line["unit_price"])
    assert {key: found for key, found in prices.items() if len(found) > 1} == {}


@every_order
def test_every_line_is_in_at_most_one_parcel_and_all_lines_once_shipped(order: Record) -> None:
    packed = [line_id for parcel in order["shipments"] for line_id in parcel["line_ids"]]
    assert len(packed) == len(set(packed))
    if order["status"] in {"shipped", "delivered"}:
        assert set(packed) == {line["line_id"] for line in order["lines"]}
    else:
        assert packed == []


@every_order
def test_dates_run_in_order_and_end_the_day_before_the_reference(order: Record) -> None:
    for parcel in order["shipments"]:
        assert instant(order["placed_at"]) < instant(parcel["shipped_at"])
        assert parcel["shipped_at"] < parcel.get("delivered_at", "9")
    # Shifted to today, a date of the reference day itself could lie hours ahead.
    assert all(days_ago(moment) >= 1 for moment in moments(order))


def test_delivered_orders_say_when_except_the_one_whose_scan_was_lost() -> None:
    without = [
        number
        for number, order in ORDERS.items()
        if order["status"] == "delivered"
        and not all("delivered_at" in parcel for parcel in order["shipments"])
    ]
    assert without == ["LL-10224"]
    for order in ORDERS.values():
        if order["status"] == "shipped":
            assert any("delivered_at" not in parcel for parcel in order["shipments"])


def test_order_numbers_rise_with_time() -> None:
    numbers = sorted(ORDERS)
    assert all(re.fullmatch(r"LL-\d{5}", number) for number in numbers)
    assert sorted(ORDERS, key=lambda number: ORDERS[number]["placed_at"]) == numbers


# Stories that the orders hold


def test_orders_stand_at_every_stage() -> None:
    statuses = Counter(order["status"] for order in ORDERS.values())
    assert set(statuses) == {"pending", "processing", "shipped", "delivered", "cancelled"}
    ages = {
        delivered_days_ago(order)
        for order in ORDERS.values()
        if order["status"] == "delivered" and order["order_number"] != "LL-10224"
    }
    assert {1, 14, 29} <= ages
    assert max(ages) > EXCHANGE_DAYS + LATEST_SHIFT
    tenders = {
        payment["method_id"].rpartition("_")[0]
        for order in ORDERS.values()
        for payment in order["payments"]
    }
    assert tenders == {"credit_card", "paypal", "gift_card", "invoice", "store_credit"}


def test_one_order_never_arrived() -> None:
    order = ORDERS["LL-10231"]
    assert order["status"] == "shipped"
    assert [days_ago(parcel["shipped_at"]) for parcel in order["shipments"]] == [12]


def test_one_order_came_in_two_parcels_of_which_one_is_on_its_way() -> None:
    parcels = ORDERS["LL-10255"]["shipments"]
    assert ["delivered_at" in parcel for parcel in parcels] == [True, False]


def test_same_sneakers_in_two_orders_one_in_time_and_one_just_over() -> None:
    older, newer = ORDERS["LL-10171"], ORDERS["LL-10234"]
    assert older["customer_id"] == newer["customer_id"]
    assert CUSTOMERS[older["customer_id"]]["tier"] == "none"
    assert older["lines"][0]["sku"] == newer["lines"][0]["sku"] == "SNK-BLK-42"
    assert delivered_days_ago(newer) < 14
    just_over = delivered_days_ago(older) - (EXCHANGE_DAYS + LATEST_SHIFT)
    assert 0 < just_over <= 2


def test_one_order_is_too_old_for_money_back_and_not_for_an_exchange() -> None:
    order = ORDERS["LL-10175"]
    assert CUSTOMERS[order["customer_id"]]["tier"] == "none"
    assert RETURN_DAYS + LATEST_SHIFT < delivered_days_ago(order) < EXCHANGE_DAYS


def test_discount_does_not_divide_evenly_over_the_shirts() -> None:
    order = ORDERS["LL-10229"]
    (line,) = order["lines"]
    assert line["quantity"] == 3
    assert (minor(line["unit_price"]) * 3 - minor(order["discount"])) % 3 != 0


def test_one_order_holds_everything_that_may_not_come_back_and_one_item_that_may() -> None:
    products = [PRODUCT_OF_SKU[line["sku"]] for line in ORDERS["LL-10250"]["lines"]]
    assert any(product.get("final_sale") for product in products)
    assert any(product.get("hygiene") for product in products)
    assert any(product.get("personalised") for product in products)
    assert any(product["category"] == "gift_card" for product in products)
    assert any(
        not (
            p.get("final_sale")
            or p.get("hygiene")
            or p.get("personalised")
            or p["category"] == "gift_card"
        )
        for p in products
    )


def test_gift_and_guest_orders() -> None:
    gift = ORDERS["LL-10243"]
    assert gift["gift"] is True
    assert gift["gift_code"]
    assert (
        gift["shipping_address"]["postcode"]
        != CUSTOMERS[gift["customer_id"]]["address"]["postcode"]
    )
    guests = [order for order in ORDERS.values() if "customer_id" not in order]
    assert [order["order_number"] for order in guests] == ["LL-10236"]
    assert guests[0]["email"] not in {customer["email"] for customer in CUSTOMERS.values()}


# Returns


@every_return
def test_return_names_lines_of_its_order(entry: Record) -> None:
    assert entry["story"].strip()
    assert entry.get("settlement", "none") in {"original", "store_credit", "none"}
    assert ("settlement" in entry) == any(line["outcome"] == "refund" for line in entry["lines"])
    of_order = {line["line_id"] for line in ORDERS[entry["order"]]["lines"]}
    for line in entry["lines"]:
        assert line["line_id"] in of_order
        assert line["reason"] in REASONS
        assert ("new_sku" in line) == (line["outcome"] == "exchange")
        inspected = sum(finding["quantity"] for finding in line.get("inspection", []))
        assert inspected in {0, line["quantity"]}
        assert all(f["grade"] in {"A", "B", "C"} for f in line.get("inspection", []))


@every_return
def test_return_has_the_dates_of_its_stage_in_order(entry: Record) -> None:
    steps = STEPS[entry["stage"]]
    assert list(entry["days_ago"]) == steps
    days = list(entry["days_ago"].values())
    assert days == sorted(days, reverse=True)
    assert min(days) >= 1


@every_return
def test_return_was_allowed_when_it_was_asked_for(entry: Record) -> None:
    order = ORDERS[entry["order"]]
    assert order["status"] == "delivered"
    delivered, requested = delivered_days_ago(order), entry["days_ago"]["requested"]
    assert 1 <= delivered - requested <= RETURN_DAYS
    for line in entry["lines"]:
        product = PRODUCT_OF_SKU[LINES[line["line_id"]]["sku"]]
        excluded = any(product.get(flag) for flag in ("final_sale", "hygiene", "personalised"))
        assert not excluded or line["reason"] in FAULTS


@every_return
def test_goods_were_posted_within_the_label_s_fourteen_days(entry: Record) -> None:
    waited = entry["days_ago"]["requested"] - entry["days_ago"].get(
        "shipped", entry["days_ago"]["requested"]
    )
    assert waited < 14
    if entry["stage"] == "expired":
        assert entry["days_ago"]["requested"] - entry["days_ago"]["expired"] > 14


def test_no_unit_is_in_two_returns() -> None:
    taken: Counter[str] = Counter()
    for entry in RETURNS:
        if entry["stage"] not in {"cancelled", "expired"}:
            for line in entry["lines"]:
                taken[line["line_id"]] += line["quantity"]
    assert all(taken[line_id] <= LINES[line_id]["quantity"] for line_id in taken)


def test_returns_stand_at_every_stage() -> None:
    assert {entry["stage"] for entry in RETURNS} == set(STEPS)
    assert {entry.get("settlement") for entry in RETURNS} == {"original", "store_credit", None}


def test_exactly_one_parcel_lies_unopened_beyond_the_promise() -> None:
    waiting = [
        working_days_since(REFERENCE.date() - timedelta(days=entry["days_ago"]["arrived"]))
        for entry in RETURNS
        if entry["stage"] == "arrived"
    ]
    assert sorted(days >= 5 for days in waiting) == [False, True]


def test_exactly_one_return_was_accepted_in_part() -> None:
    grades = [
        {finding["grade"] for line in entry["lines"] for finding in line.get("inspection", [])}
        for entry in RETURNS
    ]
    assert [found for found in grades if found] == [{"A", "C"}]


def stock_after_seeding() -> dict[str, int]:
    """Available units once the seeded exchanges hold or took theirs; nothing put back yet."""
    left = {sku: variant["stock"] for sku, variant in VARIANTS.items()}
    for entry in RETURNS:
        for line in entry["lines"]:
            if line["outcome"] == "exchange":
                left[line["new_sku"]] -= line["quantity"]
    return left


def test_exchanges_go_to_another_variant_of_the_same_product_in_stock() -> None:
    for entry in RETURNS:
        for line in entry["lines"]:
            if line["outcome"] == "exchange":
                old_sku = LINES[line["line_id"]]["sku"]
                assert line["new_sku"] != old_sku
                assert PRODUCT_OF_SKU[line["new_sku"]] is PRODUCT_OF_SKU[old_sku]
    assert min(stock_after_seeding().values()) >= 0


@pytest.mark.parametrize(
    ("sold_out", "in_stock"),
    [
        ("SNK-BLK-43", ["SNK-BLK-42.5", "SNK-BLK-44", "SNK-NVY-43"]),
        ("HEI-BLK-38.5", ["HEI-BLK-39", "HEI-COG-38.5"]),
        ("LIN-NVY-L", ["LIN-NVY-XL"]),
    ],
)
def test_sold_out_size_has_neighbours_in_stock_and_is_not_refilled(
    sold_out: str, in_stock: list[str]
) -> None:
    left = stock_after_seeding()
    assert left[sold_out] == 0
    assert all(left[sku] >= 2 for sku in in_stock)
    returned = {
        LINES[line["line_id"]]["sku"]
        for entry in RETURNS
        for line in entry["lines"]
        if "arrived" in entry["days_ago"]
    }
    assert sold_out not in returned


# The guide


def guide_rows() -> list[list[str]]:
    """Cells of the table between the markers of the guide, without its head."""
    text = GUIDE.read_text(encoding="utf-8")
    table = text.split("<!-- stories:begin -->")[1].split("<!-- stories:end -->")[0]
    rows = [line.strip().strip("|").split("|") for line in table.strip().splitlines()]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def order_numbers(text: str) -> list[str]:
    return re.findall(r"LL-\d{5}", text)


def test_guide_s_people_and_orders_are_those_of_the_data() -> None:
    by_email = {customer["email"]: customer for customer in CUSTOMERS.values()}
    rows = guide_rows()
    assert len(rows) >= 30
    for _story, name, language, email, postcode, numbers, _say, _then in rows:
        for number in order_numbers(numbers):
            order = ORDERS[number]
            assert order["shipping_address"]["postcode"] == postcode, number
            assert order.get("email", email) == email
            if email in by_email:
                assert order["customer_id"] == by_email[email]["customer_id"], number
        assert order_numbers(numbers), name
        if email in by_email:
            customer = by_email[email]
            assert name == f"{customer['first_name']} {customer['last_name']}"
            assert language == customer["language"]
        else:
            assert email in {order.get("email") for order in ORDERS.values()}


def test_guide_names_no_order_that_does_not_exist_and_leaves_none_out() -> None:
    named = set(order_numbers(GUIDE.read_text(encoding="utf-8")))
    assert named == set(ORDERS)


def test_guide_counts_the_shop() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert f"{len(PRODUCTS)} products" in text
    assert f"{len(ORDERS)} orders" in text


def test_guide_leaves_no_customer_out() -> None:
    emails = {row[3] for row in guide_rows()}
    assert {customer["email"] for customer in CUSTOMERS.values()} <= emails


def test_guide_s_gift_code_is_the_order_s() -> None:
    codes = set(re.findall(r"GIFT-[A-Z0-9-]+", GUIDE.read_text(encoding="utf-8")))
    assert codes == {order["gift_code"] for order in ORDERS.values() if "gift_code" in order}


def test_conversations_name_intents_that_the_assistant_has() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    known = {*domain["intents"], "nlu_fallback"}
    talks = yaml.safe_load((SHOP / "conversations.yml").read_text(encoding="utf-8"))
    turns = [turn for talk in talks for turn in talk["talk"]]
    named = {turn["intent"] for turn in turns if "intent" in turn}
    named |= {also for turn in turns for also in turn.get("also", {})}
    assert named and named <= known
