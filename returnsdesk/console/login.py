"""Logging in and out."""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import cache, partial
from typing import Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import COOKIE, Page, form_of, session_token, staff_of
from returnsdesk.console.rendering import FLASHES, back_to, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.domain.mentions import normalise_email
from returnsdesk.services import audit, login_attempts, staff, staff_sessions
from returnsdesk.services.login_attempts import Try
from returnsdesk.services.staff_sessions import StaffMember

BROWSER_COOKIE: Final = "returnsdesk_browser"
"""Says that the account's owner has logged in here before; opens nothing, see `login_attempts`."""

_HOME: Final = "/console/conversations"
_BROWSER_DAYS: Final = 180
# Each check takes 64 MB and a processor for a moment: the desk has other things to do as well.
_CHECKS_AT_ONCE: Final = 2

FLASHES["logged-out"] = "You are logged out."
FLASHES["logged-out-everywhere"] = "You are logged out wherever you were logged in."
FLASHES["password-changed"] = "Your password is changed. Please log in with the new one."


async def login_page(request: Request) -> Response:
    """GET /console/login: the form."""
    return page(request, "login.html", {"next": _next(request.query_params.get("next", ""))})


async def log_in(request: Request) -> Response:
    """POST /console/login: begin a session, or say that address and password do not fit."""
    desk, form = desk_of(request), await form_of(request)
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    target = _next(str(form.get("next", "")))
    tried = await run_sync(begin_try, request, email)
    shown = {"next": target, "email": email[:254]}
    if tried.wait is not None:
        said = {**shown, "wait": in_words(tried.wait)}
        answer = page(request, "login.html", said, status=429)
        answer.headers["Retry-After"] = str(int(tried.wait.total_seconds()) + 1)
        return answer
    check = partial(staff.check_password, desk.database, email, password)
    account_id = await run_sync(check, limiter=_checks())
    if account_id is None:
        return page(request, "login.html", {**shown, "is_refused": True}, status=401)
    begin = partial(_begin_session, desk, account_id, tried, session_token(request))
    token, member = await run_sync(begin)
    answer = back_to("/console/account" if member.must_change_password else target)
    set_session(answer, desk, token)
    _remember_browser(answer, desk, member.email)
    return answer


async def log_out(request: Request) -> Response:
    """POST /console/logout: end the session."""
    desk, member = desk_of(request), staff_of(request)
    await run_sync(staff_sessions.end, desk.database, session_token(request))
    await run_sync(_record, desk, member, audit.LOG_OUT)
    return logged_out(desk, "logged-out")


def logged_out(desk: Desk, said: str) -> Response:
    """The log-in page, and no session any more."""
    answer = back_to("/console/login", said)
    answer.delete_cookie(COOKIE, path="/console", secure=_is_secure(desk), httponly=True)
    return answer


def set_session(answer: Response, desk: Desk, token: str) -> None:
    """Give the browser the session's cookie; it lasts until the browser is closed, the session at most."""
    answer.set_cookie(
        COOKIE, token, path="/console", httponly=True, secure=_is_secure(desk), samesite="lax"
    )


def in_words(wait: timedelta) -> str:
    """How long to wait, rounded up, for a sentence."""
    seconds = int(wait.total_seconds()) + 1
    if seconds <= 90:
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"


def begin_try(request: Request, email: str) -> Try:
    """Count a try to give the password of an account, from wherever the request comes."""
    desk = desk_of(request)
    address = request.client.host if request.client else "unknown"
    browser = _known_browser(request, email)
    return login_attempts.begin(desk.database, email, address, browser=browser, now=desk.clock())


def _begin_session(
    desk: Desk, account_id: int, tried: Try, old_token: str
) -> tuple[str, StaffMember]:
    now = desk.clock()
    login_attempts.succeeded(desk.database, tried)
    token, member = staff_sessions.begin(desk.database, account_id, instead_of=old_token, now=now)
    _record(desk, member, audit.LOG_IN)
    return token, member


def _record(desk: Desk, member: StaffMember, action: str) -> None:
    audit.record(
        desk.database,
        actor=member.email,
        action=action,
        subject="staff",
        subject_id=member.email,
        now=desk.clock(),
    )


def _known_browser(request: Request, email: str) -> str:
    """The name of this browser, if the owner of the account has logged in with it; otherwise empty."""
    given = request.cookies.get(BROWSER_COOKIE, "")
    try:
        signer = _browser_signer(desk_of(request), email)
        return signer.unsign(given, _BROWSER_DAYS * 86_400).decode()
    except BadSignature:
        return ""


def _remember_browser(answer: Response, desk: Desk, email: str) -> None:
    name = _browser_signer(desk, email).sign(secrets.token_hex(16)).decode()
    answer.set_cookie(
        BROWSER_COOKIE,
        name,
        max_age=_BROWSER_DAYS * 86_400,
        path="/console/login",
        httponly=True,
        secure=_is_secure(desk),
        samesite="strict",
    )


def _browser_signer(desk: Desk, email: str) -> TimestampSigner:
    key = desk.settings.derived_secret("console-browser")
    return TimestampSigner(key, salt=normalise_email(email))


def _is_secure(desk: Desk) -> bool:
    return desk.settings.public_url.startswith("https:")


@cache
def _checks() -> CapacityLimiter:
    return CapacityLimiter(_CHECKS_AT_ONCE)


def _next(wanted: str) -> str:
    """Where to go after the log-in: a page of the console, never another site."""
    return wanted if wanted.startswith("/console/") and "\\" not in wanted else _HOME


routes = [
    Page("/login", login_page, role=None),
    Page("/login", log_in, role=None, methods=("POST",), name="log_in"),
    Page("/logout", log_out, methods=("POST",), for_given_password=True),
]
