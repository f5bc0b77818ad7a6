"""Text on a shop's colour is readable, whatever the colour is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.colours import text_colour_on


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@given(st.integers(0, 0xFFFFFF))
def test_it_stands_out_at_least_four_and_a_half_to_one(number: int) -> None:
    colour = f"#{number:06x}"
    darker, lighter = sorted([luminance(colour), luminance(text_colour_on(colour))])

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
