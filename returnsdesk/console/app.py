"""The console as an application of its own below /console, mounted by the desk."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from returnsdesk.console import (
    account,
    audit_pages,
    branding,
    canned,
    cases,
    claims,
    conversations,
    events,
    improve,
    insight,
    jobs,
    login,
    masking,
    orders,
    photos,
    privacy,
    refunds,
    returns,
    staff_returns,
    takeover,
    team,
    waiting,
    withdrawals,
)
from returnsdesk.console.access import Page
from returnsdesk.console.origins import OwnPagesOnly
from returnsdesk.console.rendering import page
from returnsdesk.desk.context import Desk
from returnsdesk.desk.guards import own_origins

_STATIC = Path(__file__).resolve().parent / "static"


async def home(request: Request) -> Response:
    """GET /console/: the list of conversations is where work begins."""
    return RedirectResponse("/console/conversations", 303)


def routes() -> list[BaseRoute]:
    """Every route of the console: `Page`s, and the files that pages are made with."""
    return [
        Page("/", home),
        *conversations.routes,
        *improve.routes,
        *insight.routes,
        *login.routes,
        *account.routes,
        *branding.routes,
        *masking.routes,
        *team.routes,
        *audit_pages.routes,
        *privacy.routes,
        *waiting.routes,
        *takeover.routes,
        *canned.routes,
        *events.routes,
        *cases.routes,
        *returns.routes,
        *staff_returns.routes,
        *orders.routes,
        *claims.routes,
        *withdrawals.routes,
        *refunds.routes,
        *jobs.routes,
        *photos.routes,
        Mount("/static", StaticFiles(directory=_STATIC), name="console-static"),
    ]


def create_console(desk: Desk) -> Mount:
    """The console for a running desk."""
    app = Starlette(
        routes=routes(),
        middleware=[Middleware(OwnPagesOnly, own=own_origins(desk.settings))],
        exception_handlers={HTTPException: on_refusal, Exception: on_refusal},
    )
    app.state.desk = desk
    return Mount("/console", app=app)


async def on_refusal(request: Request, error: Exception) -> Response:
    """A page that says what is wrong; a script that asked gets the status and one line."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(_SENTENCES.get(status, _SENTENCES[500]), status)
    return page(
        request,
        "refusal.html",
        {"sentence": _SENTENCES.get(status, _SENTENCES[500]), "status": status},
        status=status,
    )


_SENTENCES = {
    401: "Please log in again.",
    403: "This form was not sent from a page of your session. Load the page again and repeat it.",
    404: "There is nothing here, or it is not for your role.",
    405: "There is nothing here, or it is not for your role.",
    411: "The length of what was sent is missing.",
    413: "That is more than a form may hold.",
    429: "That was tried too often. Please wait a little.",
    500: "Something went wrong here; nothing was changed. It is in the log.",
}
