"""Whether the desk lives and whether it can answer: for supervisors, load balancers and start-up."""

from __future__ import annotations

import asyncio

from anyio.to_thread import run_sync
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from returnsdesk.db.session import Database
from returnsdesk.desk.context import desk_of


async def healthz(_request: Request) -> Response:
    """GET /healthz: 200 as long as the process serves."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """GET /readyz: 200 when a message would be answered now, otherwise 503 that names what is missing."""
    desk = desk_of(request)
    has_database, has_rasa = await asyncio.gather(
        run_sync(_is_reachable, desk.database), desk.rasa.is_ready()
    )
    is_ready = has_database and has_rasa
    body = {
        "status": "ready" if is_ready else "not ready",
        "database": "ready" if has_database else "not reachable",
        "rasa": "ready" if has_rasa else "not ready",
    }
    return JSONResponse(body, 200 if is_ready else 503, {"Cache-Control": "no-store"})


routes = [
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
]


def _is_reachable(database: Database) -> bool:
    try:
        with database.read() as session:
            session.execute(text("SELECT 1 FROM conversations LIMIT 1"))
    except SQLAlchemyError:
        return False
    return True
