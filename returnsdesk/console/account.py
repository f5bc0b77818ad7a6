"""One's own account: name and role, where one is logged in, another password."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.login import begin_try, logged_out
from returnsdesk.console.rendering import page
from returnsdesk.desk.context import desk_of
from returnsdesk.services import login_attempts, staff, staff_sessions
from returnsdesk.services.errors import ServiceError

_SENTENCES = {
    "PASSWORD_WRONG": "The present password is another one; nothing was changed.",
    "PASSWORD_SAME": "The new password is the present one; please choose another.",
    "PASSWORD_LENGTH": (
        f"A password has {staff.SHORTEST_PASSWORD} to {staff.LONGEST_PASSWORD} characters."
    ),
}


async def account_page(request: Request) -> Response:
    """GET /console/account."""
    return await _shown(request)


async def change_password(request: Request) -> Response:
    """POST /console/account/password: another password; all sessions end, this one too."""
    desk, member, form = desk_of(request), staff_of(request), await form_of(request)
    old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
    if new != again:
        return await _shown(request, "The new password was not the same twice.", 422)
    tried = await run_sync(begin_try, request, member.email)
    if tried.wait is not None:
        return await _shown(request, "That was tried too often. Please wait a little.", 429)
    now = desk.clock()
    change = partial(staff.change_own_password, desk.database, member.email, old, new, now=now)
    try:
        await run_sync(change)
    except ServiceError as error:
        status = 403 if error.code == "PASSWORD_WRONG" else 422
        return await _shown(request, _SENTENCES.get(error.code, str(error)), status)
    await run_sync(partial(login_attempts.succeeded, desk.database, tried))
    return logged_out(desk, "password-changed")


async def log_out_everywhere(request: Request) -> Response:
    """POST /console/account/sessions: end all sessions of the account, this one too."""
    desk, member = desk_of(request), staff_of(request)
    end_all = partial(staff_sessions.end_all, desk.database, member.id, now=desk.clock())
    await run_sync(end_all)
    return logged_out(desk, "logged-out-everywhere")


async def _shown(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk, member = desk_of(request), staff_of(request)

    def facts() -> dict[str, Any]:
        with desk.database.read() as session:
            open_ones = staff_sessions.number_open(session, member.id, now=desk.clock())
        return {"sessions": open_ones, "wrong": wrong, "shortest": staff.SHORTEST_PASSWORD}

    return page(request, "account.html", await run_sync(facts), status=status)


routes = [
    Page("/account", account_page, for_given_password=True),
    Page("/account/password", change_password, methods=("POST",), for_given_password=True),
    Page("/account/sessions", log_out_everywhere, methods=("POST",), for_given_password=True),
]
