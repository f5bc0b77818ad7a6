"""Drawing a parcel label: an A6 page with addresses, bar code and QR code, and the QR code as a picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.code128 import Code128
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A6
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

# The fonts of the PDF format itself end at Latin-1: a Polish name would print as boxes.
REGULAR: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"

_MARGIN: Final = 6 * mm
_WIDTH: Final = A6[0] - 2 * _MARGIN
_QR_SIDE: Final = 26 * mm
_BAR_HEIGHT: Final = 20 * mm
# A scanner wants ten modules of white on each side of the bars, and modules of a quarter of a millimetre.
_BAR_WIDTH: Final = 0.33 * mm
_PIXELS_PER_MODULE: Final = 10
_QUIET_MODULES: Final = 4


def label_pdf(
    *,
    carrier: str,
    remark: str,
    sender: Sequence[str],
    receiver: Sequence[str],
    rma_number: str,
    order_number: str,
    tracking_number: str,
    pick_up_on: date | None = None,
) -> bytes:
    """A label as PDF; the same facts give the same bytes."""
    _register_fonts()
    file = BytesIO()
    canvas = Canvas(file, pagesize=A6, invariant=1)
    canvas.setTitle(f"{rma_number} {tracking_number}")
    top = A6[1] - _MARGIN
    top = _line(canvas, top, carrier, BOLD, 11)
    top = _line(canvas, top, remark, REGULAR, 8)
    top = _rule(canvas, top)
    top = _address(canvas, top, "From", sender, 7.5)
    top = _address(canvas, top - 1.5 * mm, "To", receiver, 10)
    top = _rule(canvas, top)
    _qr(canvas, tracking_number, A6[0] - _MARGIN - _QR_SIDE, top - _QR_SIDE)
    top = _line(canvas, top - 1 * mm, rma_number, BOLD, 16)
    top = _line(canvas, top, f"Order {order_number}", REGULAR, 8)
    if pick_up_on is not None:
        _line(canvas, top, f"Pick-up {pick_up_on.isoformat()}", BOLD, 8)
    _bars(canvas, tracking_number)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def qr_png(text: str) -> bytes:
    """A QR code as a PNG picture, large enough to be scanned from a phone's screen."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    rows: Sequence[Sequence[bool]] = code.modules
    side = len(rows) + 2 * _QUIET_MODULES
    picture = Image.new("1", (side, side), 1)
    for top, row in enumerate(rows, start=_QUIET_MODULES):
        for left, is_dark in enumerate(row, start=_QUIET_MODULES):
            if is_dark:
                picture.putpixel((left, top), 0)
    size = side * _PIXELS_PER_MODULE
    file = BytesIO()
    picture.resize((size, size), Image.Resampling.NEAREST).save(file, "PNG", optimize=True)
    return file.getvalue()


@lru_cache(maxsize=1)
def _register_fonts() -> None:
    # DejaVu comes with matplotlib, which Rasa brings along; looking for it must not import all of that.
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise RuntimeError("the fonts of labels are missing: matplotlib is not installed")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))


def _line(canvas: Canvas, top: float, text: str, font: str, size: float) -> float:
    """One line, cut where the paper ends; gives where the next begins."""
    canvas.setFont(font, size)
    canvas.drawString(_MARGIN, top - size, _fitting(text, font, size))
    return top - size * 1.3


def _fitting(text: str, font: str, size: float) -> str:
    while text and pdfmetrics.stringWidth(text, font, size) > _WIDTH:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text


def _rule(canvas: Canvas, top: float) -> float:
    canvas.setLineWidth(0.8)
    canvas.line(_MARGIN, top - 1.5 * mm, A6[0] - _MARGIN, top - 1.5 * mm)
    return top - 3 * mm


def _address(canvas: Canvas, top: float, title: str, lines: Sequence[str], size: float) -> float:
    top = _line(canvas, top, title, REGULAR, 6.5)
    for number, line in enumerate(lines):
        top = _line(canvas, top, line, BOLD if number == 0 else REGULAR, size)
    return top


def _qr(canvas: Canvas, text: str, left: float, bottom: float) -> None:
    drawing = Drawing(_QR_SIDE, _QR_SIDE)
    drawing.add(
        QrCodeWidget(text, barWidth=_QR_SIDE, barHeight=_QR_SIDE, barBorder=2, barLevel="M")
    )
    renderPDF.draw(drawing, canvas, left, bottom)


def _bars(canvas: Canvas, text: str) -> None:
    bars = Code128(
        text, barWidth=_BAR_WIDTH, barHeight=_BAR_HEIGHT, quiet=True, humanReadable=False
    )
    bars.drawOn(canvas, (A6[0] - bars.width) / 2, _MARGIN + 5 * mm)
    canvas.setFont(REGULAR, 10)
    canvas.drawCentredString(A6[0] / 2, _MARGIN, text)
