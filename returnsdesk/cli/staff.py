"""`returnsdesk staff`: the support team's accounts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import staff
from returnsdesk.services.staff import StaffView

app = typer.Typer(no_args_is_help=True, add_completion=False)

ACTOR = "cli"

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking.")
]


@app.command("add")
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="Name as colleagues and shoppers read it.")],
    role: Annotated[str, typer.Option(help="agent, lead or admin.")] = "agent",
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make an account."""
    with open_database() as database:
        account = staff.add(
            database,
            email,
            name=name,
            role=role,
            password=_password(password_stdin),
            actor=ACTOR,
            now=now(),
        )
    _say(account, "has an account now", as_json)


@app.command("list")
def show_list(as_json: AsJson = False) -> None:
    """List all accounts."""
    with open_database() as database, database.read() as session:
        accounts = staff.list_all(session)
    if as_json:
        write_json([asdict(account) for account in accounts])
        return
    listed = table("Staff", "e-mail", "name", "role", "may log in", "since (UTC)")
    for account in accounts:
        active = "[green]yes[/]" if account.is_active else "[red]no[/]"
        listed.add_row(
            escape(account.email),
            escape(account.name),
            account.role,
            active,
            moment(account.created_at),
        )
    out.print(listed)


@app.command("disable")
def disable(email: Email, as_json: AsJson = False) -> None:
    """Keep an account from logging in."""
    with open_database() as database:
        account = staff.set_active(database, email, False, actor=ACTOR, now=now())
    _say(account, "can no longer log in", as_json)


@app.command("enable")
def enable(email: Email, as_json: AsJson = False) -> None:
    """Let a disabled account log in again."""
    with open_database() as database:
        account = staff.set_active(database, email, True, actor=ACTOR, now=now())
    _say(account, "can log in again", as_json)


@app.command("password")
def password(email: Email, password_stdin: FromStdin = False, as_json: AsJson = False) -> None:
    """Give an account another password."""
    with open_database() as database:
        account = staff.set_password(
            database, email, _password(password_stdin), actor=ACTOR, now=now()
        )
    _say(account, "has a new password", as_json)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("There is nobody to ask for a password; use --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _say(account: StaffView, what: str, as_json: bool) -> None:
    if as_json:
        write_json(asdict(account))
    else:
        out.print(f"{escape(account.name)} <{escape(account.email)}> {what}.")
