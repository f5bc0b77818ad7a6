"""The team's accounts: list, add, role, disable and enable, a new password."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.rendering import FLASHES, back_to, page
from returnsdesk.desk.context import desk_of
from returnsdesk.services import staff
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.staff import StaffView

ROLE_WORDS = {
    "agent": "answers shoppers, decides on returns and claims",
    "lead": "the same, and overrides, figures, improving the assistant, the log of agents",
    "admin": "the same, and accounts, the whole log, erasing",
}

FLASHES["role-changed"] = "The role is changed; it counts at once."
FLASHES["account-disabled"] = "The account is disabled and logged out."
FLASHES["account-enabled"] = "The account can log in again."


async def team_page(request: Request) -> Response:
    """GET /console/team."""
    return await _shown(request)


async def add_member(request: Request) -> Response:
    """POST /console/team: a new account, with a password that is shown once."""
    form, password = await form_of(request), staff.made_password()
    given = {name: str(form.get(name, "")).strip() for name in ("email", "name", "role")}
    command = partial(
        staff.add,
        desk_of(request).database,
        given["email"],
        name=given["name"][:120],
        role=given["role"],
        password=password,
        is_temporary=True,
    )
    try:
        account = await _run(request, command)
    except ServiceError as error:
        return await _shown(request, status=_status(error), wrong=str(error), given=given)
    return await _shown(request, made=account, password=password)


async def reset_password(request: Request) -> Response:
    """POST /console/team/password: another password for a colleague, shown once; all their sessions end."""
    email, password = await _email(request), staff.made_password()
    if email == staff_of(request).email:
        wrong = "Change your own password on the page of your account."
        return await _shown(request, status=409, wrong=wrong)
    command = partial(
        staff.set_password, desk_of(request).database, email, password, is_temporary=True
    )
    account = await _run(request, command)
    return await _shown(request, made=account, password=password)


async def set_role(request: Request) -> Response:
    """POST /console/team/role."""
    email, role = await _email(request), str((await form_of(request)).get("role", ""))
    command = partial(staff.set_role, desk_of(request).database, email, role)
    return await _done(request, command, "role-changed")


async def disable(request: Request) -> Response:
    """POST /console/team/disable."""
    email = await _email(request)
    if email == staff_of(request).email:
        wrong = "You cannot disable your own account; another admin can."
        return await _shown(request, status=409, wrong=wrong)
    command = partial(staff.set_active, desk_of(request).database, email, False)
    return await _done(request, command, "account-disabled")


async def enable(request: Request) -> Response:
    """POST /console/team/enable."""
    command = partial(staff.set_active, desk_of(request).database, await _email(request), True)
    return await _done(request, command, "account-enabled")


async def _done(request: Request, command: Callable[..., StaffView], said: str) -> Response:
    try:
        await _run(request, command)
    except NotFound as error:
        raise HTTPException(404) from error
    except ServiceError as error:
        return await _shown(request, status=_status(error), wrong=str(error))
    return back_to("/console/team", said)


async def _run(request: Request, command: Callable[..., StaffView]) -> StaffView:
    """Do a command in the name of who asked; the service notes it in the event log and the audit log."""
    now = desk_of(request).clock()
    return await run_sync(partial(command, actor=staff_of(request).email, now=now))


async def _email(request: Request) -> str:
    """Whose account the form is about; one that there is not gets the page that says so."""
    email = str((await form_of(request)).get("email", ""))
    database = desk_of(request).database

    def known() -> bool:
        with database.read() as session:
            return any(account.email == email for account in staff.list_all(session))

    if not await run_sync(known):
        raise HTTPException(404)
    return email


async def _shown(request: Request, *, status: int = 200, **facts: Any) -> Response:
    desk = desk_of(request)

    def accounts() -> list[StaffView]:
        with desk.database.read() as session:
            return staff.list_all(session)

    shown = {"accounts": await run_sync(accounts), "roles": ROLE_WORDS, "given": {}, **facts}
    return page(request, "team.html", shown, status=status)


def _status(error: ServiceError) -> int:
    return 409 if error.code in ("STAFF_EXISTS", "LAST_ADMIN") else 422


routes = [
    Page("/team", team_page, role="admin"),
    Page("/team", add_member, role="admin", methods=("POST",)),
    Page("/team/password", reset_password, role="admin", methods=("POST",)),
    Page("/team/role", set_role, role="admin", methods=("POST",)),
    Page("/team/disable", disable, role="admin", methods=("POST",)),
    Page("/team/enable", enable, role="admin", methods=("POST",)),
]
