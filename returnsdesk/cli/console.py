"""What the commands write with: results on stdout, everything else on stderr, JSON where a script reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from returnsdesk.domain.money import to_major

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a script.")]

STATUS_STYLES = {
    "requested": "yellow",
    "approved": "cyan",
    "label_issued": "cyan",
    "in_transit": "blue",
    "arrived": "blue",
    "inspected": "blue",
    "refund_pending": "magenta",
    "sending": "magenta",
    "held": "yellow",
    "accepted": "cyan",
    "open": "yellow",
    "need_evidence": "yellow",
    "declared": "yellow",
    "on_hold": "yellow",
    "return_opened": "blue",
    "resolved": "green",
    "refunded": "green",
    "lost": "red",
    "denied": "red",
    "refused": "red",
    "closed": "green",
    "settled": "green",
    "shipped": "green",
    "delivered": "green",
    "rejected": "red",
    "declined": "red",
    "failed": "red",
    "expired": "red",
    "cancelled": "bright_black",
    "released": "bright_black",
}


def write_json(value: Any) -> None:
    """Write a value as JSON; instants and days as ISO 8601."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text))


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """An empty table; the first column is never cut, those of `numbers` are aligned at the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for position, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column in numbers else "left"
        made.add_column(column, justify=justify, no_wrap=position == 0)
    return made


def status(name: str) -> str:
    """A status in its colour, in words."""
    style = STATUS_STYLES.get(name, "default")
    return f"[{style}]{name.replace('_', ' ')}[/]"


def money(amount_minor: int, currency: str) -> str:
    """An amount with its currency, from minor units."""
    return f"{to_major(amount_minor, currency)} {currency}"


def moment(value: datetime | None) -> str:
    """An instant in UTC to the minute; a dash for one that has not come."""
    return value.strftime("%Y-%m-%d %H:%M") if value else "-"


def options(values: Any) -> str:
    """Options of a variant as text."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Give a function for (name, done, total) that draws a bar for each name; draws nothing when not watched."""
    bars = Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    )
    tasks: dict[str, Any] = {}
    with bars:

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)

        yield show
