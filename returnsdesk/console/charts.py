"""Pictures of figures: drawn by matplotlib as SVG, for light and dark screens, wide and narrow ones.

Only matplotlib's own objects are used, never pyplot, whose state all threads share. Drawing is one at a time: fonts and
settings of matplotlib are shared, and two drawings at once would only take the processor from shoppers' turns.
"""

from __future__ import annotations

import io
import textwrap
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from returnsdesk.services.insight_figures import Figure, Kind, Shape

_POINTS_PER_INCH: Final = 72
_WIDE, _NARROW = 600, 340
_LONGEST_TICK: Final = {False: 30, True: 20}
_drawing = threading.Lock()


@dataclass(frozen=True)
class Look:
    """Colours on a background, and the width of the screen."""

    ink: str
    faint: str
    earlier: str
    series: tuple[str, ...]
    is_narrow: bool = False

    @property
    def width(self) -> int:
        """Width in pixels as drawn."""
        return _NARROW if self.is_narrow else _WIDE


_LIGHT_SERIES = ("#1f6f5f", "#d97f1e", "#4a78b8", "#b3425c", "#8a63b0", "#7d7a2b", "#6c7a78")
_DARK_SERIES = ("#4fb8a0", "#f0a850", "#7fa8e0", "#e0788f", "#b794dc", "#c2be5a", "#9aaaa7")
_SETTINGS: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    # Letters as outlines: what is seen does not depend on the reader's fonts.
    "svg.fonttype": "path",
    "svg.hashsalt": "returnsdesk",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}


def draw(kind: Kind, figure: Figure, *, is_dark: bool, is_narrow: bool) -> bytes:
    """The picture as SVG. Call it in a thread of its own: it takes some tens of milliseconds."""
    # Half a second when it is first asked for, and nobody else needs it.
    import matplotlib  # type: ignore[import-untyped]
    from matplotlib.figure import Figure as Canvas  # type: ignore[import-untyped]

    look = _look(is_dark, is_narrow)
    with _drawing, matplotlib.rc_context({**_SETTINGS, **_colours(look)}):
        canvas = Canvas(constrained_layout=True)
        canvas.set_constrained_layout_pads(w_pad=0.08, h_pad=0.06)
        height = _SHAPES[kind.shape](canvas, kind, figure, look)
        canvas.set_size_inches(look.width / _POINTS_PER_INCH, height / _POINTS_PER_INCH)
        written = io.BytesIO()
        canvas.savefig(
            written, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
        return written.getvalue()


def _look(is_dark: bool, is_narrow: bool) -> Look:
    if is_dark:
        return Look("#e4ebe9", "#3a4644", "#66756f", _DARK_SERIES, is_narrow)
    return Look("#1d2624", "#dde4e2", "#b4c0bc", _LIGHT_SERIES, is_narrow)


def _colours(look: Look) -> dict[str, str]:
    names = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return dict.fromkeys(names, look.ink) | {
        "axes.edgecolor": look.earlier,
        "grid.color": look.faint,
    }


# --- shapes: each fills the canvas and says how high it is, in pixels ---------------------------------------------


def _days(canvas: Any, _kind: Kind, figure: Figure, look: Look) -> int:
    axes = canvas.add_subplot()
    days = [date.fromisoformat(str(row[0])) for row in figure.rows]
    places = list(range(len(days)))
    below = [0.0] * len(days)
    for column, name in enumerate(figure.columns[1:], start=1):
        values = [_number(row[column]) for row in figure.rows]
        colour = look.series[(column - 1) % len(look.series)]
        axes.bar(places, values, 0.85, bottom=below, color=colour, label=_plain(name))
        below = [low + value for low, value in zip(below, values, strict=True)]
    _label_days(axes, days, look)
    axes.grid(axis="y")
    _whole_numbers(axes.yaxis)
    _legend(axes, look, len(figure.columns) - 1)
    return 280


def _line(canvas: Any, kind: Kind, figure: Figure, look: Look) -> int:
    axes = canvas.add_subplot()
    days = [date.fromisoformat(str(row[0])) for row in figure.rows]
    places = list(range(len(days)))
    for column, name, colour, style in (
        (2, figure.columns[2], look.earlier, "--"),
        (1, figure.columns[1], look.series[0], "-"),
    ):
        values = [_number(row[column], float("nan")) for row in figure.rows]
        axes.plot(
            places, values, style, color=colour, label=_plain(name), linewidth=2,
            marker="o" if style == "-" else "", markersize=4,
        )  # fmt: skip
    _label_days(axes, days, look)
    axes.grid(axis="y")
    axes.set_ylim(0, 104)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    _legend(axes, look, 2)
    return 260


def _bars(canvas: Any, kind: Kind, figure: Figure, look: Look) -> int:
    axes = canvas.add_subplot()
    has_before = len(figure.columns) > 2 and any(
        isinstance(row[2], int | float) for row in figure.rows
    )
    thickness = 0.38 if has_before else 0.62
    places = list(range(len(figure.rows)))
    unit = " %" if kind.measure == "percent" else ""
    series = [(1, -thickness / 2 if has_before else 0.0, look.series[0])]
    if has_before:
        series.append((2, thickness / 2, look.earlier))
    for column, shift, colour in series:
        values = [_number(row[column]) for row in figure.rows]
        shown = [_shown(row[column], unit) for row in figure.rows]
        bars = axes.barh(
            [place + shift for place in places], values, thickness, color=colour,
            label=_plain(figure.columns[column]),
        )  # fmt: skip
        axes.bar_label(bars, shown, padding=3, fontsize=10)
    _label_rows(axes, [str(row[0]) for row in figure.rows], look)
    _room_for_labels(axes, look)
    if has_before:
        _legend(axes, look, 2)
    return _height(len(figure.rows), 38 if has_before else 30, has_before)


def _stacked(canvas: Any, _kind: Kind, figure: Figure, look: Look) -> int:
    axes = canvas.add_subplot()
    places = list(range(len(figure.rows)))
    left = [0.0] * len(places)
    for column, name in enumerate(figure.columns[1:], start=1):
        values = [_number(row[column]) for row in figure.rows]
        colour = look.series[(column - 1) % len(look.series)]
        axes.barh(places, values, 0.66, left=left, color=colour, label=_plain(name))
        left = [low + value for low, value in zip(left, values, strict=True)]
    _label_rows(axes, [str(row[0]) for row in figure.rows], look)
    axes.grid(axis="x")
    _whole_numbers(axes.xaxis)
    names = len(figure.columns) - 1
    _legend(axes, look, names)
    return _height(len(figure.rows), 34, True) + 18 * (names // _legend_columns(look, names))


def _money(canvas: Any, _kind: Kind, figure: Figure, look: Look) -> int:
    """A scale for each currency: amounts of different ones have nothing in common."""
    currencies = list(dict.fromkeys(str(row[0]) for row in figure.rows))
    for place, currency in enumerate(currencies):
        axes = canvas.add_subplot(len(currencies), 1, place + 1)
        rows = [row for row in figure.rows if row[0] == currency]
        for column, shift, colour in ((2, -0.19, look.series[0]), (3, 0.19, look.earlier)):
            bars = axes.barh(
                [spot + shift for spot in range(len(rows))],
                [_number(row[column]) for row in rows], 0.38, color=colour,
                label=_plain(figure.columns[column]),
            )  # fmt: skip
            axes.bar_label(
                bars, [f"{_number(row[column]):,.2f}" for row in rows], padding=3, fontsize=10
            )
        _label_rows(axes, [str(row[1]) for row in rows], look)
        _room_for_labels(axes, look, 1.45 if look.is_narrow else 1.25)
        axes.set_title(_plain(currency), loc="left", fontsize=11, fontweight="bold")
        if place == 0:
            axes.legend(
                loc="lower right", bbox_to_anchor=(1, 1.0), ncol=2, frameon=False, fontsize=10
            )
    return 30 + 112 * max(1, len(currencies))


def _stages(canvas: Any, _kind: Kind, figure: Figure, look: Look) -> int:
    axes = canvas.add_subplot()
    rows = [row for row in figure.rows if row[1]]
    places = list(range(len(rows)))
    labels = [f"{row[0]}\n(promised: {row[5]})" if row[5] else str(row[0]) for row in rows]
    most = axes.barh(
        places, [_number(row[3]) for row in rows], 0.5, color=look.earlier, label="9 of 10 within"
    )
    axes.barh(
        places, [_number(row[2]) for row in rows], 0.5, color=look.series[0], label="Half within"
    )
    late = ["" if row[6] is None else f"{_number(row[6]):.0f} % late" for row in rows]
    axes.bar_label(most, late, padding=4, fontsize=10)
    axes.set_yticks(places, [_plain(label) for label in labels])
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set_xlabel("days")
    _room_for_labels(axes, look, 1.35 if look.is_narrow else 1.18, is_bare=False)
    _legend(axes, look, 2)
    return _height(len(rows), 46, True) + 20


_SHAPES: Final[dict[Shape, Callable[[Any, Kind, Figure, Look], int]]] = {
    "days": _days,
    "line": _line,
    "bars": _bars,
    "stacked": _stacked,
    "money": _money,
    "stages": _stages,
}


# --- parts of pictures ----------------------------------------------------------------------------------------------


def _label_days(axes: Any, days: Sequence[date], look: Look) -> None:
    most = 4 if look.is_narrow else 7
    every = max(1, -(-len(days) // most))
    shown = list(range(0, len(days), every))
    axes.set_xticks(shown, [f"{days[place].day} {days[place]:%b}" for place in shown])
    axes.set_xlim(-0.7, len(days) - 0.3)


def _label_rows(axes: Any, labels: Sequence[str], look: Look) -> None:
    width = _LONGEST_TICK[look.is_narrow]
    wrapped = [
        "\n".join(textwrap.wrap(label, width, max_lines=2, placeholder="…")) for label in labels
    ]
    axes.set_yticks(list(range(len(labels))), [_plain(label) for label in wrapped])
    axes.invert_yaxis()


def _room_for_labels(
    axes: Any, look: Look, factor: float | None = None, *, is_bare: bool = True
) -> None:
    """Numbers stand right of the bars; where they do, a scale would only say it twice."""
    highest = max([patch.get_width() for patch in axes.patches], default=0)
    axes.set_xlim(0, (highest or 1) * (factor or (1.3 if look.is_narrow else 1.15)))
    if is_bare:
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)


def _legend_columns(look: Look, names: int) -> int:
    return min(names, 2 if look.is_narrow else 4) or 1


def _legend(axes: Any, look: Look, names: int) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncol=_legend_columns(look, names), frameon=False,
        fontsize=10, borderaxespad=0.2, handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip


def _whole_numbers(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator  # type: ignore[import-untyped]

    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _height(rows: int, each: int, has_legend: bool) -> int:
    return 40 + each * max(1, rows) + (26 if has_legend else 0)


def _number(value: Any, otherwise: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _shown(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    return f"{value:,}{unit}" if isinstance(value, int) else f"{value:,.1f}{unit}"


def _plain(text: str) -> str:
    """A label as it can be drawn: no signs that the font lacks, and no dollar that would begin a formula."""
    from matplotlib.font_manager import findfont, get_font  # type: ignore[import-untyped]

    font = get_font(findfont("DejaVu Sans"))
    kept = "".join(sign for sign in text if sign == "\n" or font.get_char_index(ord(sign)))
    return kept.replace("$", r"\$")
