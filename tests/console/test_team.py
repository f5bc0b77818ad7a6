"""The admin's page of accounts: adding, roles, passwords shown once, disabling."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from returnsdesk.db.models import AuditEntry, Event, StaffAccount
from returnsdesk.db.session import Database
from tests.console.conftest import ADMIN, AGENT, PASSWORD, Staff

NEW = "jonas@lundlinde.example"


def shown_password(answer: httpx.Response) -> str:
    found = re.search(r'class="made-password">([^<]+)<', answer.text)
    assert found is not None, answer.text
    return found.group(1)


def changes(database: Database, email: str) -> list[str]:
    with database.read() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(
                AuditEntry.subject == "staff",
                AuditEntry.subject_id == email,
                AuditEntry.action == "change",
                AuditEntry.actor == ADMIN,
            )
            .order_by(AuditEntry.id)
        )
        return [row.detail["command"] for row in rows]


def test_a_new_colleague_chooses_a_password_of_their_own_first(
    admin: Staff, visitor: Staff, database: Database
) -> None:
    added = admin.post("/console/team", email=NEW.upper(), name="Jonas Vik", role="agent")
    password = shown_password(added)
    assert password not in admin.get("/console/team").text

    assert visitor.log_in(NEW, password).headers["location"] == "/console/account"
    assert visitor.get("/console/audit").status_code == 404
    assert visitor.get("/console/").headers["location"] == "/console/account"
    own = "a password of my own"
    visitor.post("/console/account/password", old=password, new=own, again=own)
    assert visitor.log_in(NEW, password).status_code == 401
    visitor.log_in(NEW, own)
    assert visitor.get("/console/").headers["location"] == "/console/conversations"
    assert changes(database, NEW) == ["add_staff"]
    with database.read() as session:
        everything = [
            *session.scalars(select(AuditEntry.detail)), *session.scalars(select(Event.after))
        ]  # fmt: skip
    assert password not in str(everything) and own not in str(everything)


def test_an_account_that_cannot_be_made_is_said_kindly(admin: Staff) -> None:
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"email": AGENT, "name": "M", "role": "agent"}, 409, "There is an account for"),
        ({"email": "nobody", "name": "M", "role": "agent"}, 422, "is not an e-mail address"),
        ({"email": NEW, "name": " ", "role": "agent"}, 422, "An account needs a name"),
        ({"email": NEW, "name": "M", "role": "owner"}, 422, "A role is one of"),
    ]
    for fields, status, sentence in refusals:
        answer = admin.post("/console/team", **fields)
        assert answer.status_code == status, fields
        assert sentence in answer.text
        assert "made-password" not in answer.text
    assert NEW not in admin.get("/console/team").text


def test_a_new_password_puts_out_whoever_had_the_old_one(
    admin: Staff, agent: Staff, database: Database
) -> None:
    password = shown_password(admin.post("/console/team/password", email=AGENT))
    assert agent.get("/console/account").status_code == 303
    assert agent.log_in(AGENT, PASSWORD).status_code == 401
    assert agent.log_in(AGENT, password).headers["location"] == "/console/account"
    assert changes(database, AGENT) == ["set_staff_password"]


def test_a_role_counts_at_once(admin: Staff, agent: Staff, database: Database) -> None:
    assert agent.get("/console/audit").status_code == 404
    admin.post("/console/team/role", email=AGENT, role="lead")
    assert agent.get("/console/audit").status_code == 200
    admin.post("/console/team/role", email=AGENT, role="agent")
    assert agent.get("/console/audit").status_code == 404
    assert changes(database, AGENT) == ["set_staff_role", "set_staff_role"]


def test_a_disabled_colleague_is_out(admin: Staff, agent: Staff, database: Database) -> None:
    admin.post("/console/team/disable", email=AGENT)
    # Sent twice, it is done once.
    assert admin.post("/console/team/disable", email=AGENT).status_code == 303
    assert agent.get("/console/account").status_code == 303
    assert agent.log_in(AGENT).status_code == 401
    admin.post("/console/team/enable", email=AGENT)
    assert agent.log_in(AGENT).status_code == 303
    assert changes(database, AGENT) == ["disable_staff", "enable_staff"]


def test_nobody_locks_themselves_out(admin: Staff, database: Database) -> None:
    forms: list[tuple[str, dict[str, Any]]] = [
        ("/console/team/disable", {"email": ADMIN}),
        ("/console/team/password", {"email": ADMIN}),
        ("/console/team/role", {"email": ADMIN, "role": "agent"}),
    ]
    for path, fields in forms:
        answer = admin.post(path, **fields)
        assert answer.status_code == 409, path
    assert admin.get("/console/team").status_code == 200
    with database.read() as session:
        own = session.scalars(select(StaffAccount).where(StaffAccount.email == ADMIN)).one()
        assert own.is_active and own.role == "admin"


@pytest.mark.parametrize("path", ["role", "password", "disable", "enable"])
def test_an_unknown_account_is_a_page_that_is_not_there(admin: Staff, path: str) -> None:
    answer = admin.post(f"/console/team/{path}", email="nobody@shop.example", role="agent")
    assert answer.status_code == 404
