"""Rules of `returnsdesk staff`: accounts with hashed passwords, each change signed."""

from __future__ import annotations

import io
import sys

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select

from returnsdesk.db.models import Event, StaffAccount
from returnsdesk.db.session import Database
from tests.integration.conftest import Answer, Command

PASSWORD = "correct horse"


@pytest.fixture
def staff(
    returnsdesk: Command, desk_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """`returnsdesk staff`, with a password waiting on stdin."""

    def call(*arguments: str, password: str = PASSWORD) -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        return returnsdesk("staff", *arguments)

    return call


def add(staff: Command, email: str = "Mila@shop.example", **options: str) -> Answer:
    return staff("add", email, "--name", "Mila", "--password-stdin", "--json", **options)


def stored_hash(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(StaffAccount.password_hash)).one()


def test_account_is_kept_with_a_hash_and_never_shows_it(
    staff: Command, desk_database: Database
) -> None:
    answer = add(staff)

    assert answer.status == 0
    assert answer.data["email"] == "mila@shop.example"
    assert (answer.data["role"], answer.data["is_active"]) == ("agent", True)
    assert stored_hash(desk_database).startswith("$argon2id$")
    PasswordHasher().verify(stored_hash(desk_database), PASSWORD)
    assert "argon2" not in staff("list", "--json").out


def test_new_password_replaces_the_old_one(staff: Command, desk_database: Database) -> None:
    add(staff)

    staff("password", "mila@shop.example", "--password-stdin", password="another horse")

    kept = stored_hash(desk_database)
    PasswordHasher().verify(kept, "another horse")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(kept, PASSWORD)


def test_disabled_account_stays_listed_until_enabled_again(staff: Command) -> None:
    add(staff)

    assert staff("disable", "MILA@shop.example", "--json").data["is_active"] is False
    assert [each["is_active"] for each in staff("list", "--json").data] == [False]
    assert staff("enable", "mila@shop.example", "--json").data["is_active"] is True


def test_every_change_is_in_the_log(staff: Command, desk_database: Database) -> None:
    add(staff)
    staff("disable", "mila@shop.example")
    staff("disable", "mila@shop.example")
    staff("password", "mila@shop.example", "--password-stdin")

    with desk_database.read() as session:
        logged = session.execute(select(Event.command, Event.actor).order_by(Event.id)).all()
    assert [tuple(row) for row in logged] == [
        ("add_staff", "cli"),
        ("disable_staff", "cli"),
        ("set_staff_password", "cli"),
    ]


def test_list_is_readable(staff: Command) -> None:
    add(staff)

    written = staff("list").out

    assert "mila@shop.example" in written
    assert "agent" in written


@pytest.mark.parametrize(
    ("arguments", "password", "sentence"),
    [
        (["add", "mila@shop.example", "--name", "M"], PASSWORD, "There is an account for mila"),
        (["add", "eva@shop.example", "--name", "E"], "short", "A password has 10 to 200"),
        (["add", "eva@shop.example", "--name", " "], PASSWORD, "An account needs a name."),
        (["add", "eva", "--name", "E"], PASSWORD, "'eva' is not an e-mail address."),
        (
            ["add", "eva@shop.example", "--name", "E", "--role", "boss"],
            PASSWORD,
            "A role is one of agent, lead, admin, not 'boss'.",
        ),
        (["password", "eva@shop.example"], PASSWORD, "There is no account for eva@shop.example."),
        (["password", "mila@shop.example"], "", "A password has 10 to 200"),
    ],
)
def test_what_cannot_be_an_account_is_one_sentence(
    staff: Command, arguments: list[str], password: str, sentence: str
) -> None:
    add(staff)

    answer = staff(*arguments, "--password-stdin", password=password)

    assert answer.status == 1
    assert answer.err.startswith(sentence)
    assert len(staff("list", "--json").data) == 1


def test_unknown_account_cannot_be_disabled(staff: Command) -> None:
    assert staff("disable", "eva@shop.example").err == "There is no account for eva@shop.example.\n"


def test_password_is_not_waited_for_where_nobody_can_type(staff: Command) -> None:
    answer = staff("add", "eva@shop.example", "--name", "Eva")

    assert answer.status == 1
    assert "--password-stdin" in answer.err
