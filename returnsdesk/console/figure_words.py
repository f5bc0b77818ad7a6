"""Numbers of figures in words: the one big number, how it has changed, what the picture shows for who cannot see it."""

from __future__ import annotations

from typing import Any, Final

from returnsdesk.services.insight_figures import Figure, Kind

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_FILTERS: Final = {"channel": "channel", "language": "language"}


def headline(kind: Kind, value: float | None) -> str:
    """The number for the whole period; empty where there is none."""
    if value is None or kind.measure == "none":
        return ""
    if kind.measure == "percent":
        return f"{value:g} %"
    if kind.measure == "seconds":
        return duration(value)
    if kind.measure == "score":
        return f"{value:.2f}"
    return f"{value:,.0f}"


def change(kind: Kind, figure: Figure) -> str:
    """How the number compares with the period before; empty where there is nothing to compare."""
    now, before = figure.headline, figure.before
    if now is None or before is None or kind.measure == "none":
        return ""
    if kind.measure == "percent":
        return f"{now - before:+.1f} points, from {before:g} %"
    if kind.measure == "count":
        if not before:
            return "none in the period before"
        return f"{100 * (now - before) / before:+.0f} %, from {before:,.0f}"
    return f"before: {headline(kind, before)}"


def duration(seconds: float) -> str:
    """A span of time in the two units that matter: "4 min", "2 h 10 min", "3.1 days"."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{seconds / _DAY:.1f} days"


def note_of(kind: Kind, query: str) -> str:
    """Which of the choices in the address do not change this figure."""
    idle = [
        word for name, word in _FILTERS.items() if f"{name}=" in query and name not in kind.filters
    ]
    return f"Not narrowed by {' and '.join(idle)}." if idle else ""


def picture_text(kind: Kind, figure: Figure) -> str:
    """What stands for the picture where it is not seen; the numbers follow as a table."""
    parts = [f"Chart: {kind.title}."]
    if number := headline(kind, figure.headline):
        parts.append(f"Whole period: {number}.")
        if words := change(kind, figure):
            parts.append(f"Compared: {words}.")
    parts.append("The numbers stand in the table below.")
    return " ".join(parts)


def cell(value: Any) -> str:
    """A number of a table; a dash where there is none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)
