"""How pages of the console are made: templates, what every page shows, messages that are shown once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from babel.dates import format_datetime
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from returnsdesk.console.access import csrf_token, session_token
from returnsdesk.console.masking import masked
from returnsdesk.desk.context import desk_of
from returnsdesk.desk.guards import PAGE_POLICY

_HERE = Path(__file__).resolve().parent

templates = Jinja2Templates(directory=_HERE / "templates")
"""Jinja2 with autoescape on for .html: what shoppers wrote is shown as text, never as markup."""

_HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": PAGE_POLICY}

NAVIGATION: list[tuple[str, str, str]] = [
    ("/console/conversations", "Conversations", "agent"),
    ("/console/waiting", "Waiting", "agent"),
    ("/console/cases", "Cases", "agent"),
    ("/console/returns", "Returns", "agent"),
    ("/console/improve", "Improve", "lead"),
    ("/console/insight", "Insight", "lead"),
    ("/console/audit", "Audit", "lead"),
    ("/console/privacy", "Privacy", "admin"),
    ("/console/team", "Team", "admin"),
]
"""Address, label, and the role from which it is shown."""


def page(
    request: Request, template: str, facts: Mapping[str, Any] | None = None, *, status: int = 200
) -> Response:
    """A page from a template that extends `base.html`."""
    desk = desk_of(request)
    member = getattr(request.state, "staff", None)
    shown = {
        "shop_name": desk.settings.shop_name,
        "staff": member,
        "csrf": csrf_token(desk, session_token(request)) if member else "",
        "navigation": [
            (address, label) for address, label, role in NAVIGATION if member and member.may(role)
        ],
        "path": request.url.path,
        "waiting_count": getattr(request.state, "waiting_count", 0),
        # Set by `back_to`; a key of a text in the page's own words, never the text itself.
        "flash": request.query_params.get("said", ""),
        **(facts or {}),
    }
    return templates.TemplateResponse(request, template, shown, status, _HEADERS)


def back_to(address: str, said: str = "") -> Response:
    """Go on to an address of the console after a form was taken; `said` is a key of `FLASHES`."""
    separator = "&" if urlsplit(address).query else "?"
    target = f"{address}{separator}{urlencode({'said': said})}" if said else address
    return RedirectResponse(target, 303)


def moment(value: datetime | None) -> str:
    """An instant as the team reads it, in UTC; the browser's script puts it into its own zone."""
    return format_datetime(value, "d MMM y, HH:mm", locale="en_GB") if value else ""


FLASHES: dict[str, str] = {}
"""Sentences shown once after a form was taken, by key; each module of pages adds its own."""

templates.env.filters["moment"] = moment
templates.env.filters["masked"] = masked
templates.env.globals["flashes"] = FLASHES
