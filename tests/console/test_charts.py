"""Pictures of every figure: whole, readable, the same for the same numbers, and harmless whatever labels say."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.async_api import Browser

from returnsdesk.console import charts
from returnsdesk.console.figure_words import change, duration, headline
from returnsdesk.services.insight_catalogue import KINDS
from returnsdesk.services.insight_figures import PAIR_COLUMNS, Figure

LONG = "Kyst towel set of three very large towels in Egyptian cotton, with embroidery"
HOSTILE = "<script>alert(1)</script> ]]> --> $\\frac{1}{0}$ $5 \x00\x07 🎉 \u202eabc"


def sample(key: str, label: str = LONG) -> Figure:
    """Numbers of the shape of a figure, with one label as long or as hostile as can be."""
    days = [f"2026-06-{day:02}" for day in range(1, 31)]
    pair = ("Name", *PAIR_COLUMNS)
    figures = {
        "days": Figure(("Day", "telegram", "web"), tuple((day, 1, 11111) for day in days), 99),
        "line": Figure((*pair, "Cases"), tuple((day, 99.9, None, 3) for day in days), 99),
        "bars": Figure(pair, ((label, 1234567, 2), ("b", 3, None), ("c", 0, 0)), 99),
        "stacked": Figure(
            ("Product", "Too small", "Too large", "Changed mind", "Style", "Not as described", "Defective", "Other"),
            tuple((name, 9, 8, 7, 6, 5, 4, 3) for name in (label, "b", "others")), 99,
        ),
        "money": Figure(
            ("Currency", "Way", *PAIR_COLUMNS),
            tuple(
                (currency, way, 12345678.9, 0.0)
                for currency in ("EUR", "NOK", "PLN")
                for way in ("as it was paid", "store credit")
            ), 99,
        ),
        "stages": Figure(
            ("Stage",),
            (
                ("refund decided", 9, 3.5, 25.0, 1.0, "14 working days", 100.0),
                ("journey", 9, 1, 2, None, "", None),
            ), 99,
        ),
    }  # fmt: skip
    return figures[KINDS[key].shape]


ONE_OF_EACH_SHAPE = list({kind.shape: key for key, kind in KINDS.items()}.values())


@pytest.mark.parametrize("key", ["missed", "reasons_by_product"])
def test_hostile_labels_are_drawn_as_what_they_are(key: str) -> None:
    for is_dark in (False, True):
        drawn = charts.draw(KINDS[key], sample(key, HOSTILE), is_dark=is_dark, is_narrow=False)
        parsed = ElementTree.fromstring(drawn)
        assert [
            each.tag
            for each in parsed.iter()
            if str(each.tag).endswith(("script", "foreignObject"))
        ] == []
        assert b"http://" not in drawn.replace(b"http://www.w3.org", b"").replace(b"http://purl.org", b"").replace(
            b"http://creativecommons.org", b""
        )  # fmt: skip


def test_the_same_numbers_give_the_same_picture_and_others_another() -> None:
    kind = KINDS["reasons"]
    figure = Figure(("Reason", *PAIR_COLUMNS), (("style", 3, 4),), 9)
    other = Figure(("Reason", *PAIR_COLUMNS), (("style", 4, 4),), 9)
    first, again, changed = (
        charts.draw(kind, each, is_dark=False, is_narrow=False) for each in (figure, figure, other)
    )
    assert first == again != changed


@pytest.mark.parametrize("key", ONE_OF_EACH_SHAPE)
async def test_nothing_is_cut_at_the_edges_on_either_screen(browser: Browser, key: str) -> None:
    page = await browser.new_page(viewport={"width": 900, "height": 1200})
    for is_narrow in (False, True):
        drawn = charts.draw(KINDS[key], sample(key), is_dark=False, is_narrow=is_narrow).decode()
        await page.set_content(f"<body style='margin:0'>{drawn[drawn.index('<svg') :]}</body>")
        shot = await page.locator("svg").screenshot()
        picture = Image.open(io.BytesIO(shot)).convert("L")
        ink = picture.point(lambda light: 255 if light < 250 else 0).getbbox()
        assert ink is not None
        left, top, right, bottom = ink
        assert left > 0 and top > 0, (is_narrow, ink)
        assert right < picture.width and bottom < picture.height, (is_narrow, ink, picture.size)
        # Wide enough to be read without zooming on its screen.
        assert (right - left) > picture.width * 0.8
    await page.close()


def test_numbers_are_told_in_words() -> None:
    assert [duration(each) for each in (20, 60 * 4, 7800, 3600, 86400 * 3.1)] == [
        "20 s", "4 min", "2 h 10 min", "1 h", "3.1 days",
    ]  # fmt: skip
    count, percent = KINDS["volumes"], KINDS["containment"]
    assert headline(count, 12345) == "12,345"
    assert headline(percent, 80.0) == "80 %"
    assert change(count, Figure((), (), 1, 150, 100)) == "+50 %, from 100"
    assert change(count, Figure((), (), 1, 150, 0)) == "none in the period before"
    assert change(percent, Figure((), (), 1, 60.0, 62.5)) == "-2.5 points, from 62.5 %"
    assert change(percent, Figure((), (), 1, 60.0, None)) == ""
