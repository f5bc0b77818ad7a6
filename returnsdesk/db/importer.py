"""Importing a shop from a folder: in chunks, each one transaction, with a report of every line left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from returnsdesk.db.import_catalogue import ProductImport
from returnsdesk.db.import_context import Effect, ImportContext
from returnsdesk.db.import_customers import CustomerImport
from returnsdesk.db.import_orders import OrderImport
from returnsdesk.db.session import Database
from returnsdesk.db.shop_files import (
    CUSTOMERS_FILE,
    MANIFEST_FILE,
    ORDERS_FILE,
    PRODUCTS_FILE,
    RECORD_FILES,
    LineRejected,
    NumberedLine,
    check_folder,
    count_lines,
    parse_line,
    read_lines,
    read_manifest,
)
from returnsdesk.db.shop_records import (
    CustomerRecord,
    Manifest,
    OrderRecord,
    ProductRecord,
    Record,
    explain,
)
from returnsdesk.domain.mentions import normalise_order_number

# Records that one transaction loads.
CHUNK: Final = 200

Progress = Callable[[str, int, int], None]


@dataclass
class FileCounts:
    """What became of the lines of one file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, effect: Effect) -> None:
        """Count one loaded record."""
        setattr(self, effect.value, getattr(self, effect.value) + 1)


@dataclass(frozen=True)
class Rejection:
    """A line that was left out whole, and why. Line 0 stands for the file as a whole."""

    file: str
    line: int
    reason: str


@dataclass
class ImportReport:
    """What an import did."""

    counts: dict[str, FileCounts] = field(
        default_factory=lambda: {name: FileCounts() for name in RECORD_FILES}
    )
    rejections: list[Rejection] = field(default_factory=list)
    # Fields that the format does not have, with the number of records that carry them.
    ignored_fields: dict[str, dict[str, int]] = field(
        default_factory=lambda: {name: {} for name in RECORD_FILES}
    )

    @property
    def is_complete(self) -> bool:
        """Whether every line went in."""
        return not self.rejections


class _Kind(NamedTuple):
    """How the lines of one file are read and loaded."""

    record: type[Record]
    loader: Callable[[Session, ImportContext, Any], Any]
    key: Callable[[Any], str]


_KINDS: Final = {
    PRODUCTS_FILE: _Kind(ProductRecord, ProductImport, lambda record: record.product_id),
    CUSTOMERS_FILE: _Kind(CustomerRecord, CustomerImport, lambda record: record.customer_id),
    ORDERS_FILE: _Kind(
        OrderRecord, OrderImport, lambda record: normalise_order_number(record.order_number)
    ),
}


class _Parsed(NamedTuple):
    line: int
    record: Any


def import_shop(
    database: Database,
    folder: Path,
    *,
    policy_version_id: int | None,
    shift_to: date | None = None,
    language: str = "en",
    progress: Progress | None = None,
) -> ImportReport:
    """Load a folder, updating what is there already by its natural keys.

    New orders fall under `policy_version_id`; orders that are there keep theirs. With `shift_to` every date moves by
    the days between the manifest's reference date and that day (UTC). `language` is the one of names that are plain
    text. `progress` is told file, lines done and lines in all.
    Raises `ShopFolderError` when the folder is no shop; a line that cannot be loaded is only reported.
    """
    check_folder(folder)
    manifest = read_manifest(folder)
    context = ImportContext(
        country=manifest.country,
        language=language,
        shift=_shift(manifest, shift_to),
        policy_version_id=policy_version_id,
    )
    report = ImportReport()
    for name in RECORD_FILES:
        total = count_lines(folder / name)
        _check_count(manifest, name, total, report)
        file = _FileImport(database, name, context, report)
        file.run(read_lines(folder / name), total, progress)
    return report


def _shift(manifest: Manifest, shift_to: date | None) -> timedelta:
    if shift_to is None:
        return timedelta()
    return shift_to - manifest.reference_date.date()


def _check_count(manifest: Manifest, name: str, total: int, report: ImportReport) -> None:
    """A file with fewer lines than the manifest says was cut short on its way here."""
    announced = manifest.counts.get(Path(name).stem)
    if announced is not None and announced != total:
        reason = f"{MANIFEST_FILE} announces {announced} lines, the file has {total}"
        report.rejections.append(Rejection(name, 0, reason))


class _FileImport:
    """Loads one file."""

    def __init__(
        self, database: Database, name: str, context: ImportContext, report: ImportReport
    ) -> None:
        self._database = database
        self._name = name
        self._kind = _KINDS[name]
        self._context = context
        self._report = report
        self._first_line_of_key: dict[str, int] = {}

    def run(self, lines: Iterable[NumberedLine], total: int, progress: Progress | None) -> None:
        """Load all lines, chunk by chunk."""
        done = 0
        for chunk in _chunks(lines):
            parsed = [each for line in chunk if (each := self._parse(line)) is not None]
            self._load(parsed)
            done += len(chunk)
            if progress is not None:
                progress(self._name, done, total)

    def _parse(self, line: NumberedLine) -> _Parsed | None:
        try:
            record = self._kind.record.parse_obj(parse_line(line))
            key = self._kind.key(record)
            first = self._first_line_of_key.setdefault(key, line.number)
            if first != line.number:
                raise LineRejected(f"{key} stands on line {first} already")
        except ValidationError as error:
            self._reject(line.number, explain(error))
            return None
        except LineRejected as error:
            self._reject(line.number, str(error))
            return None
        ignored = self._report.ignored_fields[self._name]
        for name in set(record.unknown_fields()):
            ignored[name] = ignored.get(name, 0) + 1
        return _Parsed(line.number, record)

    def _load(self, chunk: list[_Parsed]) -> None:
        """Load a chunk in one transaction; when the database refuses it, each record in its own."""
        if not chunk:
            return
        outcomes: list[Effect | Rejection] = []
        try:
            with self._database.write() as session:
                loader = self._kind.loader(session, self._context, [each.record for each in chunk])
                outcomes = [self._load_one(loader, each) for each in chunk]
        except DBAPIError as error:
            if _is_unreachable(error):
                raise
            if len(chunk) == 1:
                self._reject(chunk[0].line, f"the database refused it: {error.orig}")
                return
            for each in chunk:
                self._load([each])
            return
        for outcome in outcomes:
            if isinstance(outcome, Rejection):
                self._reject(outcome.line, outcome.reason)
            else:
                self._report.counts[self._name].add(outcome)

    def _load_one(self, loader: Any, parsed: _Parsed) -> Effect | Rejection:
        try:
            effect: Effect = loader.load(parsed.record)
        except LineRejected as error:
            return Rejection(self._name, parsed.line, str(error))
        return effect

    def _reject(self, line: int, reason: str) -> None:
        self._report.counts[self._name].rejected += 1
        self._report.rejections.append(Rejection(self._name, line, reason))


def _is_unreachable(error: DBAPIError) -> bool:
    # Locked, full, gone or without our tables: no single record is to blame.
    return type(error).__name__ in ("OperationalError", "ProgrammingError", "InterfaceError")


def _chunks(lines: Iterable[NumberedLine]) -> Iterator[list[NumberedLine]]:
    remaining = iter(lines)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
