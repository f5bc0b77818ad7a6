"""A shop of two products, one customer and one order, to change at will and write in the import format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]

ADDRESS = {"line1": "Lindelaan 1", "city": "Utrecht", "postcode": "3511 AB", "country": "NL"}


def product(product_id: str = "shirt", **changes: Any) -> Record:
    sizes = changes.pop("sizes", ("S", "M"))
    return {
        "product_id": product_id,
        "name": {"en": "Linen shirt", "nl": "Linnen overhemd"},
        "category": "clothing",
        "variants": [
            {
                "sku": f"{product_id}-{size}",
                "options": {"size": size},
                "price": "10.00",
                "currency": "EUR",
                "stock": 5,
            }
            for size in sizes
        ],
        **changes,
    }


def customer(customer_id: str = "C1", **changes: Any) -> Record:
    return {
        "customer_id": customer_id,
        "first_name": "Noor",
        "last_name": "Visser",
        "email": "Noor.Visser@mail.example",
        "language": "nl",
        "address": ADDRESS,
        "payment_methods": [
            {
                "id": f"credit_card_{customer_id}",
                "type": "credit_card",
                "brand": "visa",
                "last_four": "4242",
            }
        ],
        **changes,
    }


def line(line_id: str = "L1", **changes: Any) -> Record:
    return {
        "line_id": line_id,
        "sku": "shirt-M",
        "name": "Linen shirt",
        "options": {"size": "M"},
        "quantity": 2,
        "unit_price": "10.00",
        **changes,
    }


def paid(amount: str, method_id: str = "credit_card_C1", **changes: Any) -> Record:
    return {"method_id": method_id, "type": "payment", "amount": amount, **changes}


def parcel(tracking_number: str = "T1", *line_ids: str, **changes: Any) -> Record:
    return {
        "tracking_number": tracking_number,
        "line_ids": list(line_ids or ("L1",)),
        "shipped_at": "2026-03-02T10:00:00Z",
        "delivered_at": "2026-03-04T10:00:00Z",
        **changes,
    }


def order(order_number: str = "#100", **changes: Any) -> Record:
    return {
        "order_number": order_number,
        "customer_id": "C1",
        "status": "delivered",
        "placed_at": "2026-03-01T10:00:00Z",
        "currency": "EUR",
        "lines": [line()],
        "payments": [paid("20.00")],
        "shipments": [parcel()],
        **changes,
    }


class SmallShop:
    """A folder in the import format; change the lists, then `write` again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Record = {
            "reference_date": "2026-03-10T12:00:00Z",
            "currency": "EUR",
            "country": "NL",
        }
        self.products: list[Any] = [product(), product("belt", sizes=("85", "95"))]
        self.customers: list[Any] = [customer()]
        self.orders: list[Any] = [order()]

    def write(self) -> Path:
        """Write all files; an entry that is text already is written as it is."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "manifest.json").write_text(json.dumps(self.manifest), encoding="utf-8")
        for name in ("products", "customers", "orders"):
            lines = [
                entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)
                for entry in getattr(self, name)
            ]
            text = "".join(f"{each}\n" for each in lines)
            (self.folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return self.folder
