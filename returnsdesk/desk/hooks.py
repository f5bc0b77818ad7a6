"""What carriers report to the desk: signed messages about parcels, taken in at once."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.clients.carrier import CarrierReport
from returnsdesk.clients.carrier_webhooks import NotUnderstood, webhook_of
from returnsdesk.db.session import Database
from returnsdesk.desk.context import desk_of
from returnsdesk.services import parcels

BYTES_LIMIT: Final = 256 * 1024

logger = logging.getLogger(__name__)


async def carrier_reports(request: Request) -> Response:
    """POST /hooks/carrier/{name}: 200 once what the carrier says is stored, also when it is known or about no parcel.

    401 for a signature that is wrong, 404 for a carrier that is not set up, 413 for too much and 422 for what is not
    of its form; nothing is stored then. The answers are for machines and always in English.
    """
    desk = desk_of(request)
    webhook = webhook_of(desk.settings, request.path_params["name"])
    if webhook is None:
        return _answer(404, "carrier_unknown", "no carrier of that name is set up")
    body = await _read(request)
    if body is None:
        return _answer(413, "too_large", f"a report has at most {BYTES_LIMIT} bytes")
    if not webhook.is_signed(body, request.headers.get(webhook.signature_header, "")):
        logger.warning("a carrier report to %s is not signed with its key", request.url.path)
        return _answer(401, "signature_wrong", f"{webhook.signature_header} does not fit the body")
    try:
        reports = webhook.reports_in(body)
    except NotUnderstood as error:
        return _answer(422, "not_understood", str(error)[:200])
    results = await run_sync(_apply, desk.database, reports, desk.clock())
    return JSONResponse({"results": results}, headers={"Cache-Control": "no-store"})


routes = [Route("/hooks/carrier/{name}", carrier_reports, methods=["POST"])]


def _apply(database: Database, reports: list[CarrierReport], now: datetime) -> list[str]:
    return [parcels.apply_event(database, report, now=now) for report in reports]


async def _read(request: Request) -> bytes | None:
    """The body as it was sent; None as soon as it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BYTES_LIMIT:
            return None
    return bytes(body)


def _answer(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": code, "message": message}, status, {"Cache-Control": "no-store"})
