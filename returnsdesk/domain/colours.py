"""Colours of a shop: which text is readable on them."""

from __future__ import annotations

_BLACK, _WHITE = "#000000", "#ffffff"
# Where black and white stand out equally (WCAG 2.2, relative luminance and contrast ratio).
_MIDDLE = 0.179


def text_colour_on(colour: str) -> str:
    """Black or white, whichever stands out more from a colour "#rrggbb"; at least 4.5 to 1 on any."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return _BLACK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _MIDDLE else _WHITE


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
