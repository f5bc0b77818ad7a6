"""The stories of the sample shop, as the table in docs/sample-shop.md tells them: whom to play, and what to type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from returnsdesk.settings import PROJECT_ROOT

GUIDE = PROJECT_ROOT / "docs" / "sample-shop.md"

_TABLE = re.compile(r"<!-- stories:begin -->(.*?)<!-- stories:end -->", re.DOTALL)
_COLUMNS = 8


@dataclass(frozen=True)
class Story:
    """One row of the table."""

    title: str
    name: str
    language: str
    email: str
    postcode: str
    orders: str
    say: str
    outcome: str


def stories() -> tuple[Story, ...]:
    """All stories in the table's order; none if the guide is not there."""
    try:
        changed_at = GUIDE.stat().st_mtime_ns
    except OSError:
        return ()
    return _read(GUIDE, changed_at)


@lru_cache(maxsize=1)
def _read(guide: Path, _changed_at: int) -> tuple[Story, ...]:
    table = _TABLE.search(guide.read_text(encoding="utf-8"))
    rows = table.group(1).strip().splitlines()[2:] if table else []
    cells = ([cell.strip(" `") for cell in row.strip().strip("|").split("|")] for row in rows)
    return tuple(Story(*row) for row in cells if len(row) == _COLUMNS)
