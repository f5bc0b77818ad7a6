"""The paper of a label: what stands on it is what the request says, and scanners read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from io import BytesIO

import pypdf
import pypdfium2
import zxingcpp
from PIL import Image

from returnsdesk.clients.carrier import EmbeddedCarrier, LabelRequest
from returnsdesk.clients.labels_pdf import qr_png
from returnsdesk.domain.addresses import Address, from_line

REQUEST = LabelRequest(
    key="label-RMA-1004-1",
    rma_number="RMA-1004",
    order_number="LL-10231",
    sender=Address("Łucja Świątek-Żółć", "Øvre Slottsgate 3, oppg. Å", "00-950", "Łódź", "PL"),
    receiver=from_line("Lund & Linde Returns, Antwoordnummer 4120, 3080 VB Rotterdam, Netherlands"),
    method="drop_off",
    requested_at=datetime(2026, 6, 10, tzinfo=timezone.utc),
)


def text_of(pdf: bytes) -> str:
    [page] = pypdf.PdfReader(BytesIO(pdf)).pages
    return page.extract_text()


def codes_on(pdf: bytes) -> set[tuple[str, str]]:
    picture = pypdfium2.PdfDocument(pdf)[0].render(scale=3).to_pil()
    return {(code.format.name, code.text) for code in zxingcpp.read_barcodes(picture)}


def test_the_label_says_from_whom_to_whom_and_for_which_return_in_every_language() -> None:
    made = EmbeddedCarrier().make_label(REQUEST)

    lines = text_of(made.pdf).splitlines()

    for line in (*REQUEST.sender.lines, *REQUEST.receiver.lines):
        assert line in lines
    assert {"RMA-1004", "Order LL-10231", made.tracking_number} <= set(lines)
    assert "Sample label - no postage paid" in lines


def test_the_label_is_an_a6_page() -> None:
    [page] = pypdf.PdfReader(BytesIO(EmbeddedCarrier().make_label(REQUEST).pdf)).pages

    millimetres = [round(float(side) / 72 * 25.4) for side in page.mediabox[2:]]
    assert millimetres == [105, 148]


def test_scanners_read_the_tracking_number_from_bars_and_from_the_code() -> None:
    made = EmbeddedCarrier().make_label(REQUEST)

    assert codes_on(made.pdf) == {
        ("Code128", made.tracking_number),
        ("QRCode", made.tracking_number),
    }


def test_the_picture_of_the_code_is_read_as_what_was_put_in() -> None:
    text = "https://parcel.example/?q=łąka-Ø"

    [code] = zxingcpp.read_barcodes(Image.open(BytesIO(qr_png(text))))

    assert code.text == text


def test_the_same_key_is_the_same_label_to_the_byte_and_another_is_another() -> None:
    first, second = EmbeddedCarrier().make_label(REQUEST), EmbeddedCarrier().make_label(REQUEST)
    other = EmbeddedCarrier().make_label(replace(REQUEST, key="label-RMA-1004-2"))

    assert first == second
    assert other.tracking_number != first.tracking_number


def test_names_longer_than_the_paper_are_cut_and_the_codes_stay_whole() -> None:
    long = replace(REQUEST.sender, name="Wolfeschlegelsteinhausen " * 20, line2="x" * 500)

    made = EmbeddedCarrier().make_label(replace(REQUEST, sender=long))

    assert "…" in text_of(made.pdf)
    assert len(codes_on(made.pdf)) == 2


def test_a_pick_up_says_its_day() -> None:
    made = EmbeddedCarrier().make_label(
        replace(REQUEST, method="pick_up", pick_up_on=date(2026, 6, 12))
    )

    assert "Pick-up 2026-06-12" in text_of(made.pdf)
    assert made.qr_text is None


def test_outside_the_demo_it_is_an_address_label_and_no_sample() -> None:
    text = text_of(EmbeddedCarrier(is_sample=False).make_label(REQUEST).pdf)

    assert "Address label - no postage paid" in text
    assert "Sample" not in text
