"""Items and variants for the tests of recognising them: a small wardrobe, the sample shop, and the retail data set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from returnsdesk.domain.matching import Item
from returnsdesk.domain.variants import VariantOption

ROOT = Path(__file__).parents[3]
SAMPLE_SHOP = ROOT / "returnsdesk" / "db" / "sample_shop"
RETAIL = ROOT.parent / "shared" / "data" / "retail"

needs_retail = pytest.mark.skipif(
    not RETAIL.is_dir(), reason=f"the shared retail data set is not at {RETAIL}"
)

# One name in each language: en, nl, de, nb, pl.
_NAMES = {
    "sneakers": (
        "Fjord sneakers",
        "Fjord sneakers",
        "Fjord Sneaker",
        "Fjord joggesko",
        "Sneakersy Fjord",
    ),
    "socks": (
        "Varm wool socks, pack of 2",
        "Varm wollen sokken, set van 2",
        "Varm Wollsocken, 2er-Pack",
        "Varm ullsokker, 2-pakning",
        "Skarpety wełniane Varm, 2 pary",
    ),
    "t-shirt": (
        "Linden T-shirt",
        "Linden T-shirt",
        "Linden T-Shirt",
        "Linden T-skjorte",
        "T-shirt Linden",
    ),
    "sweater": (
        "Vinter wool sweater",
        "Vinter wollen trui",
        "Vinter Wollpullover",
        "Vinter ullgenser",
        "Sweter wełniany Vinter",
    ),
    "throw": (
        "Sky wool throw",
        "Sky wollen plaid",
        "Sky Wolldecke",
        "Sky ullpledd",
        "Pled wełniany Sky",
    ),
    "bottle": (
        "Kilde water bottle",
        "Kilde drinkfles",
        "Kilde Trinkflasche",
        "Kilde drikkeflaske",
        "Butelka na wodę Kilde",
    ),
    "lamp": (
        "Glimt table lamp",
        "Glimt tafellamp",
        "Glimt Tischlampe",
        "Glimt bordlampe",
        "Lampa stołowa Glimt",
    ),
    "jacket": (
        "Regn rain jacket",
        "Regn regenjas",
        "Regn Regenjacke",
        "Regn regnjakke",
        "Kurtka przeciwdeszczowa Regn",
    ),
}


def item(
    key: int,
    product: str,
    order_number: str = "LL-10234",
    ordered_on: str = "2026-06-01",
    quantity: int = 1,
    price: int = 0,
    **options: str,
) -> Item:
    """An ordered item of the small wardrobe."""
    name, *others = _NAMES[product]
    day = date.fromisoformat(ordered_on)
    return Item(key, name, tuple(others), options, order_number, day, quantity, price)


BLACK_SNEAKERS, SOCKS, WHITE_SNEAKERS, SHIRTS, SWEATER, THROW, BOTTLE, LAMP, JACKET = range(1, 10)

WARDROBE = (
    item(BLACK_SNEAKERS, "sneakers", price=8995, size="42", colour="black"),
    item(SOCKS, "socks", price=1495, size="39-42", colour="oatmeal"),
    item(
        WHITE_SNEAKERS,
        "sneakers",
        "LL-10193",
        "2026-05-16",
        price=8995,
        size="42",
        colour="white",
    ),
    item(SHIRTS, "t-shirt", "LL-10221", "2026-05-26", 3, 1995, size="L", colour="white"),
    item(SWEATER, "sweater", "LL-10214", "2026-05-25", price=9900, size="M", colour="burgundy"),
    item(THROW, "throw", "LL-10214", "2026-05-25", price=7900, colour="grey"),
    item(BOTTLE, "bottle", "LL-10224", "2026-05-27", price=2400, capacity="750 ml", colour="steel"),
    item(LAMP, "lamp", "LL-10208", "2026-05-21", price=6900, colour="brass"),
    item(JACKET, "jacket", "LL-10211", "2026-05-24", price=12900, size="M", colour="navy"),
)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


@cache
def products(folder: Path) -> dict[str, dict[str, Any]]:
    """The products of a catalogue by their English name."""
    found = {}
    for product in _lines(folder / "products.jsonl"):
        name = product["name"]
        found[name if isinstance(name, str) else name["en"]] = product
    return found


@cache
def items_of_catalogue(folder: Path) -> tuple[Item, ...]:
    """One item of each product, the keys counted from 0."""
    found = []
    for key, (english, product) in enumerate(products(folder).items()):
        names = product["name"] if isinstance(product["name"], dict) else {"en": product["name"]}
        others = tuple(name for language, name in names.items() if language != "en")
        options = product["variants"][0]["options"]
        day = date(2026, 5, 1)
        found.append(Item(key, english, others, options, f"LL-{key}", day, 1))
    return tuple(found)


def retail_customers() -> Iterator[list[Item]]:
    """The ordered items of each customer of the retail data set."""
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in _lines(RETAIL / "orders.jsonl"):
        by_customer[order["customer_id"]].append(order)
    for orders in by_customer.values():
        lines = [(order, line) for order in orders for line in order["lines"]]
        yield [
            Item(
                key,
                line["name"],
                (),
                line["options"],
                order["order_number"],
                date.fromisoformat(order["placed_at"][:10]),
                line["quantity"],
            )
            for key, (order, line) in enumerate(lines)
        ]


def variants_of(folder: Path, name: str) -> list[VariantOption]:
    """The variants of a product of a catalogue, the keys counted from 0."""
    return [
        VariantOption(key, variant["sku"], variant["options"], variant["stock"], 0)
        for key, variant in enumerate(products(folder)[name]["variants"])
    ]
