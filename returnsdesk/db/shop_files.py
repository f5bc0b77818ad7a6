"""Reading a folder in the shop import format: its manifest and the numbered lines of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from returnsdesk.db.shop_records import Manifest, explain

MANIFEST_FILE: Final = "manifest.json"
PRODUCTS_FILE: Final = "products.jsonl"
CUSTOMERS_FILE: Final = "customers.jsonl"
ORDERS_FILE: Final = "orders.jsonl"
# Orders need customers and products, so this is also the order of loading.
RECORD_FILES: Final = (PRODUCTS_FILE, CUSTOMERS_FILE, ORDERS_FILE)


class ShopFolderError(Exception):
    """The folder cannot be read as a shop at all; the text is one sentence for the operator."""


class LineRejected(Exception):
    """One line cannot be loaded; the text is the reason."""


@dataclass(frozen=True)
class NumberedLine:
    """A line of a file as it stands there, counted from 1."""

    number: int
    raw: bytes


def check_folder(folder: Path) -> None:
    """Raise `ShopFolderError` unless the folder has all files of the format."""
    if not folder.is_dir():
        raise ShopFolderError(f"{folder} is not a folder.")
    missing = [name for name in (MANIFEST_FILE, *RECORD_FILES) if not (folder / name).is_file()]
    if missing:
        raise ShopFolderError(f"{folder} has no {' and no '.join(missing)}.")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; raises `ShopFolderError` that says what is wrong with it."""
    path = folder / MANIFEST_FILE
    try:
        return Manifest.parse_obj(json.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        raise ShopFolderError(f"{path}: {explain(error)}.") from error
    except OSError as error:
        raise ShopFolderError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ShopFolderError(f"{path} is not JSON in UTF-8: {error}.") from error


def read_lines(path: Path) -> Iterator[NumberedLine]:
    """The lines of a file that are not blank; raises `ShopFolderError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    yield NumberedLine(number, raw)
    except OSError as error:
        raise ShopFolderError(f"{path} cannot be read: {error.strerror}.") from error


def count_lines(path: Path) -> int:
    """How many lines of a file are not blank."""
    return sum(1 for _ in read_lines(path))


def parse_line(line: NumberedLine) -> dict[str, Any]:
    """The object that a line holds; raises `LineRejected`."""
    try:
        value = json.loads(line.raw.decode("utf-8-sig"))
        as_text = json.dumps(value, ensure_ascii=False)
        as_text.encode("utf-8")
    except json.JSONDecodeError as error:
        raise LineRejected(f"is not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeError as error:
        raise LineRejected("is not UTF-8 text") from error
    except RecursionError as error:
        raise LineRejected("is nested too deeply") from error
    if not isinstance(value, dict):
        raise LineRejected("is not a JSON object")
    if "\\u0000" in as_text:
        raise LineRejected("contains a NUL character, which no database keeps as text")
    return value
