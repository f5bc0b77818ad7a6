"""The brand's colour on the console's pages, with what is derived from it so that words on it can be read."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page
from returnsdesk.desk.context import desk_of

ENOUGH: Final = 4.5
"""Contrast that text needs against its ground (WCAG 2.2, 1.4.3)."""
_LIGHT: Final = (0xEE, 0xF0, 0xF2)
_DARK: Final = (0x26, 0x2C, 0x33)
_STEPS: Final = 50

Colour = tuple[int, int, int]


def contrast(one: Colour, other: Colour) -> float:
    """Contrast of two colours, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: Colour, ground: Colour) -> Colour:
    """The colour itself, or as little darker or lighter as makes it readable on a ground."""
    goal: Colour = (0, 0, 0) if _luminance(ground) > 0.2 else (255, 255, 255)
    for step in range(_STEPS + 1):
        mixed = _mixed(colour, goal, step / _STEPS)
        if contrast(mixed, ground) >= ENOUGH:
            return mixed
    return goal


def style_sheet(brand: str) -> str:
    """Custom properties for a brand colour such as #1f4f46."""
    colour = _parsed(brand)
    on_brand: Colour = (255, 255, 255)
    if contrast(colour, on_brand) < ENOUGH:
        on_brand = (17, 17, 17)
    facts = {
        "--brand": colour,
        "--on-brand": on_brand,
        "--brand-on-light": readable_on(colour, _LIGHT),
        "--brand-on-dark": readable_on(colour, _DARK),
    }
    return (
        ":root {" + " ".join(f"{name}: {_written(value)};" for name, value in facts.items()) + "}"
    )


async def brand_css(request: Request) -> Response:
    """GET /console/brand.css: the brand's colours; needs no log-in, for the log-in page has them too."""
    return Response(
        style_sheet(desk_of(request).settings.brand_colour),
        media_type="text/css",
        headers={"Cache-Control": "no-cache"},
    )


routes = [Page("/brand.css", brand_css, role=None)]


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _parsed(written: str) -> Colour:
    red, green, blue = (int(written[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue


def _written(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
