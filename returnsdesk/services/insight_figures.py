"""What a figure is: numbers in a table, how many cases stand behind them, one number for the whole period."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final, Literal

from returnsdesk.services.insight_scope import Look

Cell = str | int | float | None
Row = tuple[Cell, ...]

Shape = Literal["days", "line", "bars", "stacked", "money", "stages"]
Measure = Literal["count", "percent", "seconds", "days", "score", "none"]

NOW, BEFORE = "this period", "period before"


@dataclass(frozen=True)
class Figure:
    """The numbers of one picture.

    `rows` fit `columns`; shares are in percent. `cases` is what the picture rests on. `headline` is one number for the
    whole period, `before` the same of the period before, each None where there is nothing to tell it from.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    cases: int
    headline: float | None = None
    before: float | None = None


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for by its key.

    `needs` is how many cases make a picture honest, `case_name` what they are; `filters` says which choices change it.
    """

    key: str
    title: str
    definition: str
    shape: Shape
    measure: Measure
    case_name: str
    needs: int
    compute: Callable[[Look, Look], Figure]
    filters: tuple[str, ...] = ("channel", "language")

    def is_too_few(self, figure: Figure) -> bool:
        """Whether a picture of these numbers would mislead."""
        return figure.cases < self.needs


def share(part: float, whole: float) -> float | None:
    """`part` of `whole` in percent, to one decimal; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def median(values: Sequence[float]) -> float | None:
    """The value in the middle; None of nothing."""
    return _quantile(values, 2, 0)


def ninth_tenth(values: Sequence[float]) -> float | None:
    """The value that nine of ten do not exceed; None of nothing."""
    return _quantile(values, 10, 8)


def paired(
    now: dict[str, int], before: dict[str, int], order: Iterable[str] | None = None
) -> tuple[Row, ...]:
    """Rows of a name with its number in both periods: in the given order, or the biggest first."""
    names = (
        list(order)
        if order is not None
        else sorted({*now, *before}, key=lambda name: (-now.get(name, 0), name))
    )
    return tuple((name, now.get(name, 0), before.get(name, 0)) for name in names)


def _quantile(values: Sequence[float], parts: int, place: int) -> float | None:
    if not values:
        return None
    if len(values) == 1:
        return float(values[0])
    return float(quantiles(values, n=parts, method="inclusive")[place])


PAIR_COLUMNS: Final = (NOW.capitalize(), BEFORE.capitalize())
