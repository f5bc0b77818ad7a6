"""Logging in: sessions that end when they should, guesses that get slower, nobody locked out for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from threading import Thread

import pytest
from sqlalchemy import func, select
from starlette.applications import Starlette

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import LoginAttempt, StaffAccount, StaffSession
from returnsdesk.db.session import Database
from returnsdesk.services import login_attempts, staff, staff_sessions
from returnsdesk.services.errors import Conflict
from returnsdesk.settings import load_settings
from tests.console.conftest import ADMIN, AGENT, LEAD, PASSWORD, Staff
from tests.desk.conftest import Clock
from tests.desk.serving import Served

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
WRONG = "wrong password"
HERE = "192.0.2.7"


@pytest.fixture
def open_browser(console: Served) -> Iterator[Callable[[], Staff]]:
    """One more browser at the console."""
    opened: list[Staff] = []

    def another() -> Staff:
        opened.append(Staff(console.url))
        return opened[-1]

    yield another
    for member in opened:
        member.client.close()


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    mapper_registry.metadata.create_all(database.engine)
    yield database
    database.dispose()


def is_logged_in(member: Staff) -> bool:
    return member.get("/console/account").status_code == 200


def test_the_log_in_leads_to_the_page_that_was_wanted(visitor: Staff) -> None:
    asked = visitor.get("/console/audit", action="reveal")
    address = asked.headers["location"]
    assert 'name="next" value="/console/audit?action=reveal"' in visitor.client.get(address).text
    form = {"email": LEAD, "password": PASSWORD, "next": "/console/audit?action=reveal"}
    answer = visitor.client.post("/console/login", data=form)
    assert answer.headers["location"] == "/console/audit?action=reveal"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console/\\evil",
        "javascript:1",
    ],
)
def test_the_log_in_never_leads_elsewhere(visitor: Staff, elsewhere: str) -> None:
    form = {"email": AGENT, "password": PASSWORD, "next": elsewhere}
    answer = visitor.client.post("/console/login", data=form)
    assert answer.headers["location"] == "/console/conversations"


def test_the_cookie_is_for_the_console_alone(visitor: Staff) -> None:
    answer = visitor.log_in(AGENT)
    cookies = [value.lower() for value in answer.headers.get_list("set-cookie")]
    session = next(value for value in cookies if value.startswith("returnsdesk_console="))
    assert "httponly" in session and "samesite=lax" in session and "path=/console" in session
    assert "secure" not in session
    other = next(value for value in cookies if value.startswith("returnsdesk_browser="))
    assert "httponly" in other and "samesite=strict" in other and "path=/console/login" in other


def test_behind_tls_the_cookie_is_secure(monkeypatch: pytest.MonkeyPatch, console: Served) -> None:
    app = console.app
    assert isinstance(app, Starlette)
    settings = app.state.desk.settings
    secure = load_settings(**{**settings.dict(), "public_url": "https://desk.example"})
    monkeypatch.setattr(app.state.desk, "settings", secure)
    member = Staff(console.url)
    cookies = member.log_in(AGENT).headers.get_list("set-cookie")
    assert len(cookies) == 2 and all("secure" in value.lower() for value in cookies)
    member.client.close()


def test_a_log_in_makes_a_new_session_and_ends_the_one_before(
    agent: Staff, database: Database
) -> None:
    before = agent.client.cookies["returnsdesk_console"]
    assert agent.log_in(AGENT).status_code == 303
    after = agent.client.cookies["returnsdesk_console"]
    assert after != before
    old = {"Cookie": f"returnsdesk_console={before}"}
    agent.client.cookies.clear()
    assert agent.client.get("/console/account", headers=old).status_code == 303


def test_a_session_given_by_somebody_else_is_not_taken_over(visitor: Staff) -> None:
    planted = "planted-by-an-attacker-0123456789abcdefghijk"
    visitor.client.cookies.set("returnsdesk_console", planted, path="/console")
    answer = visitor.log_in(AGENT)
    assert planted not in "".join(answer.headers.get_list("set-cookie"))


def test_logging_out_ends_the_session(agent: Staff) -> None:
    token = agent.client.cookies["returnsdesk_console"]
    assert agent.post("/console/logout").status_code == 303
    assert not is_logged_in(agent)
    cookie = {"Cookie": f"returnsdesk_console={token}"}
    assert agent.client.get("/console/account", headers=cookie).status_code == 303


def test_logging_out_everywhere_ends_all_sessions_of_that_account_only(
    agent: Staff, lead: Staff, open_browser: Callable[[], Staff]
) -> None:
    elsewhere = open_browser()
    elsewhere.log_in(AGENT)
    assert "in 2 browsers" in agent.get("/console/account").text
    assert agent.post("/console/account/sessions").status_code == 303
    assert not is_logged_in(agent) and not is_logged_in(elsewhere)
    assert is_logged_in(lead)


def test_a_disabled_account_is_out_at_once(agent: Staff, database: Database, clock: Clock) -> None:
    staff.set_active(database, AGENT, False, actor=ADMIN, now=clock())
    assert not is_logged_in(agent)
    assert agent.log_in(AGENT).status_code == 401
    # Enabled again, it does not get its old sessions back.
    staff.set_active(database, AGENT, True, actor=ADMIN, now=clock())
    assert not is_logged_in(agent)
    assert agent.log_in(AGENT).status_code == 303


def test_another_password_ends_all_sessions(
    agent: Staff, open_browser: Callable[[], Staff]
) -> None:
    elsewhere = open_browser()
    elsewhere.log_in(AGENT)
    new = "correct horse battery"
    changed = agent.post("/console/account/password", old=PASSWORD, new=new, again=new)
    assert changed.headers["location"] == "/console/login?said=password-changed"
    assert not is_logged_in(agent) and not is_logged_in(elsewhere)
    assert agent.log_in(AGENT).status_code == 401
    assert agent.log_in(AGENT, new).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "sentence"),
    [
        (WRONG, "correct horse battery", "correct horse battery", "present password is another"),
        (PASSWORD, "correct horse battery", "correct horse", "not the same twice"),
        (PASSWORD, PASSWORD, PASSWORD, "is the present one"),
        (PASSWORD, "short", "short", "10 to 200 characters"),
    ],
)
def test_a_password_that_cannot_be_taken_changes_nothing(
    agent: Staff, old: str, new: str, again: str, sentence: str
) -> None:
    answer = agent.post("/console/account/password", old=old, new=new, again=again)
    assert answer.status_code in (403, 422)
    assert sentence in answer.text
    assert is_logged_in(agent)


def test_the_present_password_cannot_be_guessed_on_the_account_page(agent: Staff) -> None:
    new = "correct horse battery"
    statuses = [
        agent.post("/console/account/password", old=WRONG, new=new, again=new).status_code
        for _ in range(login_attempts.FREE_OF_ACCOUNT + 1)
    ]
    assert statuses[-2:] == [403, 429]


def test_a_session_ends_with_its_time(agent: Staff, clock: Clock) -> None:
    for _ in range(11):
        clock.ahead += timedelta(hours=1)
        assert is_logged_in(agent)
    clock.ahead += timedelta(hours=1)
    assert not is_logged_in(agent)


def test_a_session_that_is_not_used_ends(agent: Staff, clock: Clock) -> None:
    clock.ahead += staff_sessions.LONGEST_IDLE
    assert not is_logged_in(agent)


@pytest.mark.parametrize("email", [AGENT, "nobody@lundlinde.example"])
def test_guesses_get_slower_whether_or_not_there_is_such_an_account(
    open_browser: Callable[[], Staff], clock: Clock, email: str
) -> None:
    for _ in range(login_attempts.FREE_OF_ACCOUNT):
        refused = open_browser().log_in(email, WRONG)
        assert refused.status_code == 401 and "do not fit together" in refused.text
    for password in (WRONG, PASSWORD):
        held = open_browser().log_in(email.upper(), password)
        assert held.status_code == 429
        assert "Please wait 30 seconds" in held.text or "Please wait 29 seconds" in held.text
        assert 25 <= int(held.headers["retry-after"]) <= 31
    clock.ahead += timedelta(seconds=31)
    status = open_browser().log_in(email).status_code
    assert status == (303 if email == AGENT else 401)


def test_the_owner_gets_in_where_they_were_before_while_others_guess(
    agent: Staff, open_browser: Callable[[], Staff]
) -> None:
    for _ in range(login_attempts.FREE_OF_ACCOUNT + 1):
        guess = open_browser().log_in(AGENT, WRONG)
    assert guess.status_code == 429
    agent.post("/console/logout")
    assert agent.log_in(AGENT).status_code == 303


def test_a_known_browser_is_known_for_its_own_account_only(
    agent: Staff, open_browser: Callable[[], Staff]
) -> None:
    for _ in range(login_attempts.FREE_OF_ACCOUNT):
        open_browser().log_in(LEAD, WRONG)
    assert agent.log_in(LEAD).status_code == 429


def test_a_right_password_forgets_the_wrong_ones(visitor: Staff, database: Database) -> None:
    for _ in range(login_attempts.FREE_OF_ACCOUNT - 1):
        visitor.log_in(AGENT, WRONG)
    assert visitor.log_in(AGENT).status_code == 303
    with database.read() as session:
        left = session.scalars(select(LoginAttempt.subject)).all()
    # What came from this address still counts for the address.
    assert {subject.partition(":")[0] for subject in left} == {"address"}
    assert len(left) == login_attempts.FREE_OF_ACCOUNT - 1


def test_no_pause_is_longer_than_five_minutes(empty: Database) -> None:
    at = NOW
    for _ in range(40):
        tried = login_attempts.begin(empty, AGENT, HERE, now=at)
        if tried.wait is not None:
            assert tried.wait <= timedelta(minutes=5)
            at += tried.wait
            assert login_attempts.begin(empty, AGENT, HERE, now=at).wait is None
    # Time alone forgives.
    later = at + login_attempts.COUNTED
    assert login_attempts.begin(empty, AGENT, HERE, now=later).wait is None


def test_one_address_cannot_try_many_accounts(empty: Database) -> None:
    waits = [
        login_attempts.begin(empty, f"{number}@shop.example", HERE, now=NOW).wait
        for number in range(login_attempts.FREE_OF_ADDRESS + 1)
    ]
    assert waits[:-1] == [None] * login_attempts.FREE_OF_ADDRESS
    assert waits[-1] == timedelta(seconds=30)
    assert login_attempts.begin(empty, AGENT, "192.0.2.8", now=NOW).wait is None


def test_addresses_of_one_household_are_one(empty: Database) -> None:
    for number in range(login_attempts.FREE_OF_ADDRESS):
        login_attempts.begin(empty, f"{number}@shop.example", f"2001:db8:1:2::{number}", now=NOW)
    wait = login_attempts.begin(empty, AGENT, "2001:db8:1:2:ffff::1", now=NOW).wait
    assert wait == timedelta(seconds=30)
    assert login_attempts.begin(empty, AGENT, "2001:db8:1:3::1", now=NOW).wait is None


def test_guesses_at_the_same_moment_are_counted_together(empty: Database) -> None:
    admitted: list[bool] = []

    def guess() -> None:
        admitted.append(login_attempts.begin(empty, AGENT, HERE, now=NOW).wait is None)

    threads = [Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == login_attempts.FREE_OF_ACCOUNT


def test_what_was_typed_as_an_address_is_not_kept(empty: Database) -> None:
    login_attempts.begin(empty, "my secret password", HERE, now=NOW)
    with empty.read() as session:
        kept = " ".join(session.scalars(select(LoginAttempt.subject)))
    assert "secret" not in kept


def test_there_is_always_an_admin(empty: Database) -> None:
    for email, role in ((ADMIN, "admin"), (LEAD, "lead")):
        staff.add(empty, email, name="A", role=role, password=PASSWORD, actor="cli", now=NOW)
    with pytest.raises(Conflict):
        staff.set_active(empty, ADMIN, False, actor="cli", now=NOW)
    with pytest.raises(Conflict):
        staff.set_role(empty, ADMIN, "lead", actor="cli", now=NOW)
    staff.set_role(empty, LEAD, "admin", actor="cli", now=NOW)
    assert not staff.set_active(empty, ADMIN, False, actor="cli", now=NOW).is_active


def test_only_the_hash_of_a_session_is_kept(agent: Staff, database: Database) -> None:
    token = agent.client.cookies["returnsdesk_console"]
    with database.read() as session:
        assert token not in session.scalars(select(StaffSession.token_hash)).all()
        password_hash = session.scalar(
            select(StaffAccount.password_hash).where(StaffAccount.email == AGENT)
        )
        assert session.scalar(select(func.count()).select_from(StaffSession)) == 1
    assert password_hash.startswith("$argon2id$")
