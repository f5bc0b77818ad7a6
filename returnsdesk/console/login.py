"""Logging in and out."""

from __future__ import annotations

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import COOKIE, Page, form_of, session_token
from returnsdesk.console.rendering import back_to, page
from returnsdesk.desk.context import desk_of
from returnsdesk.services import staff, staff_sessions

_HOME = "/console/conversations"


async def login_page(request: Request) -> Response:
    """GET /console/login: the form."""
    return page(request, "login.html", {"next": _next(request.query_params.get("next", ""))})


async def log_in(request: Request) -> Response:
    """POST /console/login: begin a session, or say that address and password do not fit."""
    desk, form = desk_of(request), await form_of(request)
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    target = _next(str(form.get("next", "")))
    check = partial(staff.check_password, desk.database, email, password)
    account_id = await run_sync(check)
    if account_id is None:
        shown = {"next": target, "email": email, "is_refused": True}
        return page(request, "login.html", shown, status=401)
    begin = partial(staff_sessions.begin, desk.database, account_id, now=desk.clock())
    answer = back_to(target)
    answer.set_cookie(
        COOKIE,
        await run_sync(begin),
        path="/console",
        httponly=True,
        secure=desk.settings.public_url.startswith("https:"),
        samesite="lax",
    )
    return answer


async def log_out(request: Request) -> Response:
    """POST /console/logout: end the session."""
    await run_sync(staff_sessions.end, desk_of(request).database, session_token(request))
    answer = back_to("/console/login")
    answer.delete_cookie(COOKIE, path="/console")
    return answer


def _next(wanted: str) -> str:
    """Where to go after the log-in: a page of the console, never another site."""
    return wanted if wanted.startswith("/console/") and "\\" not in wanted else _HOME


routes = [
    Page("/login", login_page, role=None),
    Page("/login", log_in, role=None, methods=("POST",), name="log_in"),
    Page("/logout", log_out, methods=("POST",)),
]
