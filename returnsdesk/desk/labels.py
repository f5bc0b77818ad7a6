"""Labels that shoppers fetch by a signed link: the paper as PDF, and the QR code as a picture."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from returnsdesk.clients.labels_pdf import qr_png
from returnsdesk.db.session import Database
from returnsdesk.desk.context import desk_of
from returnsdesk.desk.tracking import no_label_page, no_return_page
from returnsdesk.services import labels, links
from returnsdesk.services.labels import LabelFile

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Robots-Tag": "noindex",
}


async def label_paper(request: Request) -> Response:
    """GET /track/{token}/label.pdf: the label of the return that the link opens, to be kept as a file."""
    label = await _label(request)
    if isinstance(label, Response):
        return label
    name = f'attachment; filename="{label.rma_number}.pdf"'
    return Response(
        label.pdf, media_type="application/pdf", headers={**_HEADERS, "Content-Disposition": name}
    )


async def label_picture(request: Request) -> Response:
    """GET /track/{token}/label.png: the QR code that a parcel shop scans, where the carrier does so."""
    label = await _label(request)
    if isinstance(label, Response):
        return label
    if label.qr_text is None:
        return no_label_page(request)
    picture = await run_sync(qr_png, label.qr_text)
    return Response(picture, media_type="image/png", headers=_HEADERS)


routes = [
    Route("/track/{token}/label.pdf", label_paper, methods=["GET"]),
    Route("/track/{token}/label.png", label_picture, methods=["GET"]),
]


async def _label(request: Request) -> LabelFile | Response:
    """The label, or a page with status 404 on how to go on: without one, or for a link that opens nothing."""
    desk = desk_of(request)
    token = request.path_params["token"]
    rma_number = links.rma_number_in(desk.settings, token, now=desk.clock())
    if rma_number is None:
        return no_return_page(request)
    label = await run_sync(_find, desk.database, rma_number, desk.clock())
    return label or no_label_page(request)


def _find(database: Database, rma_number: str, now: datetime) -> LabelFile | None:
    with database.read() as session:
        return labels.label_of(session, rma_number, now=now)
