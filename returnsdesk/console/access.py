"""Who may open which page: every route of the console says so, and a request that says nothing gets nothing."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import staff_sessions, waiting
from returnsdesk.services.staff_sessions import StaffMember

COOKIE: Final = "returnsdesk_console"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"

LARGEST_FORM: Final = 128 * 1024
"""Bytes that a form may have where its page does not say otherwise."""

Endpoint = Callable[[Request], Awaitable[Response]]


class Page(Route):
    """A route of the console for members of staff of a role or above; `role` None is open to everybody (log-in).

    `largest` is how many bytes a request may carry, for pages that take files. Only pages with `for_given_password` are
    there for an account whose password was given by somebody else, until its owner has chosen another.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        role: str | None = "agent",
        methods: tuple[str, ...] = ("GET",),
        name: str | None = None,
        largest: int = LARGEST_FORM,
        for_given_password: bool = False,
    ) -> None:
        self.role = role
        guarded = endpoint if role is None else _guarded(endpoint, role, for_given_password)
        guarded = _bounded(guarded, largest)
        super().__init__(path, guarded, methods=list(methods), name=name or endpoint.__name__)


def staff_of(request: Request) -> StaffMember:
    """Who made the request; only for pages with a role."""
    member: StaffMember = request.state.staff
    return member


def csrf_token(desk: Desk, session_token: str) -> str:
    """What every form of a session carries, so that no other page can send it."""
    key = desk.settings.derived_secret("console-csrf").encode()
    return hmac.new(key, session_token.encode(), "sha256").hexdigest()


async def form_of(request: Request) -> FormData:
    """The request's form; read once."""
    form: FormData = await request.form()
    return form


def session_token(request: Request) -> str:
    """The session's token as the cookie has it; empty without one."""
    return request.cookies.get(COOKIE, "")


def _guarded(endpoint: Endpoint, role: str, for_given_password: bool) -> Endpoint:
    async def guarded(request: Request) -> Response:
        desk, token = desk_of(request), session_token(request)
        member = await run_sync(_find, desk, token) if token else None
        if member is None:
            return _to_log_in(request)
        if not member.may(role):
            # Like a page that is not there: what exists is none of their business either.
            raise HTTPException(404)
        if request.method not in ("GET", "HEAD"):
            await _require_own_form(request, csrf_token(desk, token))
        request.state.staff = member
        if "text/html" in request.headers.get("accept", ""):
            request.state.waiting_count = await run_sync(_count_waiting, desk)
        if member.must_change_password and not for_given_password:
            return RedirectResponse("/console/account", 303)
        return await endpoint(request)

    guarded.__name__ = endpoint.__name__
    guarded.__doc__ = endpoint.__doc__
    return guarded


def _bounded(endpoint: Endpoint, largest: int) -> Endpoint:
    """Refuse what is too large before any of it is read."""

    async def bounded(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            length = request.headers.get("content-length", "")
            if "transfer-encoding" in request.headers or (length and not length.isdigit()):
                raise HTTPException(411)
            if int(length or 0) > largest:
                raise HTTPException(413)
        return await endpoint(request)

    bounded.__name__ = endpoint.__name__
    bounded.__doc__ = endpoint.__doc__
    return bounded


async def _require_own_form(request: Request, expected: str) -> None:
    given = request.headers.get(CSRF_HEADER) or (await form_of(request)).get(CSRF_FIELD) or ""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403)


def _to_log_in(request: Request) -> Response:
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(401)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/console/login?next={quote(wanted, safe='')}", 303)


def _count_waiting(desk: Desk) -> int:
    with desk.database.read() as session:
        return waiting.count(session)


def _find(desk: Desk, token: str) -> StaffMember | None:
    now = desk.clock()
    with desk.database.read() as session:
        member = staff_sessions.find(session, token, now=now)
        is_due = member is not None and staff_sessions.is_sign_of_life_due(session, token, now=now)
    if is_due:
        staff_sessions.keep_alive(desk.database, token, now=now)
    return member
