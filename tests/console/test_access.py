"""Every route of the console says who may open it, and holds to it; other origins get nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.client import HTTPConnection

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from returnsdesk.console.access import COOKIE, Page
from returnsdesk.console.app import routes
from tests.console.conftest import SHOP_ORIGIN, Staff
from tests.desk.serving import Served

OPEN = {("GET", "/login"), ("POST", "/login"), ("GET", "/brand.css")}
"""All that is there for somebody who is not logged in, beside style sheets and scripts."""

ROLES = ("agent", "lead", "admin")
NO_PATH_PARAMETER = re.compile(r"\{[^}]*\}")


def pages() -> list[tuple[str, str, str | None]]:
    """(method, path, role) of every page; a route of another kind is not a page and fails."""
    found: list[tuple[str, str, str | None]] = []
    for route in routes():
        if isinstance(route, Mount) and route.name == "console-static":
            continue
        assert isinstance(route, Page), f"{route!r} is not a Page: nothing guards it"
        path = NO_PATH_PARAMETER.sub("1", route.path)
        methods = sorted((route.methods or set()) - {"HEAD"})
        found.extend((method, path, route.role) for method in methods)
    return found


PAGES = pages()
GUARDED = [(method, path, role) for method, path, role in PAGES if role is not None]


def ask(member: Staff, method: str, path: str, **options: object) -> httpx.Response:
    return member.client.request(method, f"/console{path}", **options)  # type: ignore[arg-type]


def test_the_running_console_has_the_routes_that_are_looked_at(console: Served) -> None:
    app = console.app
    assert isinstance(app, Starlette)
    mounted = next(
        route for route in app.routes if isinstance(route, Mount) and route.path == "/console"
    )

    def paths(of: list[BaseRoute]) -> list[str]:
        return [str(getattr(route, "path", route)) for route in of]

    assert paths(list(mounted.routes)) == paths(routes())


def test_only_the_log_in_is_open() -> None:
    assert {(method, path) for method, path, role in PAGES if role is None} == OPEN
    assert {role for _, _, role in GUARDED} <= set(ROLES)


def test_without_a_session_every_page_leads_to_the_log_in(visitor: Staff) -> None:
    for method, path, _role in GUARDED:
        answer = ask(visitor, method, path)
        if method == "GET":
            assert answer.status_code == 303, (method, path, answer.status_code)
            assert answer.headers["location"].startswith("/console/login?next=%2Fconsole"), path
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
        script = ask(visitor, method, path, headers={"Accept": "application/json"})
        assert script.status_code == 401, (method, path)


def test_a_forged_session_is_none(visitor: Staff) -> None:
    visitor.client.cookies.set("returnsdesk_console", "x" * 43, path="/console")
    assert visitor.get("/console/account").status_code == 303


@pytest.mark.parametrize("role", ["agent", "lead"])
def test_pages_of_a_higher_role_are_not_there(role: str, request: pytest.FixtureRequest) -> None:
    member: Staff = request.getfixturevalue(role)
    above = ROLES[ROLES.index(role) + 1 :]
    unknown = member.get("/console/there-is-no-such-page")
    seen = 0
    for method, path, needed in GUARDED:
        if needed not in above:
            continue
        seen += 1
        # The token of a form does not open them either.
        answer = ask(member, method, path, headers={"X-CSRF-Token": member.csrf})
        assert answer.status_code == 404, (method, path)
        assert answer.text == unknown.text, (method, path)
    assert seen > 0


def test_nothing_is_changed_without_the_token_of_an_own_form(admin: Staff, lead: Staff) -> None:
    for method, path, _role in GUARDED:
        if method == "GET":
            continue
        assert ask(admin, method, path).status_code == 403, (method, path)
        of_another = {"X-CSRF-Token": lead.csrf}
        assert ask(admin, method, path, headers=of_another).status_code == 403, (method, path)


def test_forms_that_are_too_large_are_refused_unread(visitor: Staff, admin: Staff) -> None:
    large = {"email": "x" * 200_000}
    assert visitor.client.post("/console/login", data=large).status_code == 413
    token, cookies = admin.csrf, admin.client.cookies
    for method, path, _role in GUARDED:
        if method == "GET":
            continue
        # Only announced: whoever waits for such a body to come hangs here.
        connection = HTTPConnection(admin.url.removeprefix("http://"), timeout=20)
        connection.putrequest(method, f"/console{path}")
        connection.putheader("Content-Length", str(10**9))
        connection.putheader("X-CSRF-Token", token)
        connection.putheader("Cookie", f"{COOKIE}={cookies[COOKIE]}")
        connection.endheaders()
        assert connection.getresponse().status == 413, path
        connection.close()


def test_a_form_without_a_length_is_refused(visitor: Staff) -> None:
    def endless() -> Iterator[bytes]:
        yield b"email=a"

    answer = visitor.client.post("/console/login", content=endless())
    assert answer.status_code == 411


@pytest.mark.parametrize("origin", [SHOP_ORIGIN, "https://evil.example", "null"])
def test_pages_of_other_origins_are_refused(agent: Staff, origin: str) -> None:
    headers = {"Origin": origin, "X-CSRF-Token": agent.csrf}
    for method, path in (("GET", "/account"), ("POST", "/account/sessions"), ("POST", "/login")):
        answer = ask(agent, method, path, headers=headers)
        assert answer.status_code == 403, (method, path)
        assert not any(name.startswith("access-control-") for name in answer.headers)
    preflight = ask(
        agent, "OPTIONS", "/logout", headers={**headers, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 403
    assert not any(name.startswith("access-control-") for name in preflight.headers)
    assert agent.get("/console/account").status_code == 200


def test_the_chat_stays_open_to_the_shop(console: Served) -> None:
    answer = httpx.post(
        f"{console.url}/api/session", json={}, headers={"Origin": SHOP_ORIGIN}, trust_env=False
    )
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == SHOP_ORIGIN


def test_a_form_from_elsewhere_without_an_origin_is_refused(agent: Staff) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": agent.csrf}
    assert ask(agent, "POST", "/account/sessions", headers=headers).status_code == 403
    # A link on another page may lead to the console.
    link = ask(agent, "GET", "/account", headers={"Sec-Fetch-Site": "cross-site"})
    assert link.status_code == 200


def test_a_form_of_the_desk_itself_is_taken(agent: Staff, console: Served) -> None:
    headers = {"Origin": console.url, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": agent.csrf}
    assert ask(agent, "POST", "/account/sessions", headers=headers).status_code == 303


def test_pages_are_kept_nowhere_and_framed_by_nobody(agent: Staff, visitor: Staff) -> None:
    for answer in (agent.get("/console/account"), visitor.get("/console/login")):
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy
