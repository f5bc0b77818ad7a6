"""`returnsdesk up`: everything that a start needs, in order, then all processes until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import typer
from rich.panel import Panel

from returnsdesk import model, selftest, supervisor
from returnsdesk.cli import checks
from returnsdesk.cli.console import err, progress_bars
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.train import train_with_progress
from returnsdesk.db import migrate
from returnsdesk.db.session import Database
from returnsdesk.services import sample_shop
from returnsdesk.settings import Settings, load_settings

app = typer.Typer(add_completion=False)

# Rasa alone takes up to 40 seconds to load on a small machine.
READY_SECONDS = 180.0
ANSWER_SECONDS = 60.0

DEMO_SHOPPERS = (
    ("aoife.byrne@mail.example", "sneakers too small: exchange them"),
    ("priya.nair@mail.example", "where is my refund?"),
    ("guest: order LL-10236, postcode 50672", "prove whose order it is"),
)


@app.command()
def up() -> None:
    """Start the product: database, sample shop, model, and desk, Rasa, actions and worker under one supervisor."""
    settings = load_settings()
    _require_free_ports(settings)
    database = Database(settings.resolved_database_url)
    with err.status("Bringing the database up to date ..."):
        migrate.upgrade(database)
    if settings.demo_mode and sample_shop.is_wanted(database):
        _load_sample_shop(database)
    model_path = model.model_path(settings)
    if not model_path.is_file():
        train_with_progress(settings, model_path)
    err.print("Starting desk, Rasa, actions and worker; Ctrl-C stops them all.", style="bold")
    outcome: list[str] = []

    def when_started() -> None:
        try:
            selftest.wait_until_ready(settings, seconds=READY_SECONDS)
            selftest.ask(
                settings,
                selftest.choose_probe(database),
                seconds=ANSWER_SECONDS,
                database=database,
            )
        except Exception as error:
            # Whatever it is, the shop must not believe that it is served.
            outcome.append(str(error) or type(error).__name__)
            supervisor.stop()
            return
        err.print(_where_to_look(settings))

    supervisor.run(model_path, when_started)
    database.dispose()
    if outcome:
        raise CommandError(outcome[0])


def _require_free_ports(settings: Settings) -> None:
    for found in checks.ports(settings):
        if not found.is_fine:
            raise CommandError(f"{found.subject}: {found.found}. {found.remedy}")


def _load_sample_shop(database: Database) -> None:
    with progress_bars() as progress:
        sample_shop.seed(database, now=datetime.now(timezone.utc), progress=progress)


def _where_to_look(settings: Settings) -> Panel:
    lines = [f"[bold green]Returns Desk is ready:[/] {settings.public_url}"]
    lines += _demo_lines(settings) if settings.demo_mode else []
    lines.append(f"Console       {settings.public_url}/console/")
    if settings.demo_mode:
        for login in sample_shop.DEMO_LOGINS:
            lines.append(
                f"              [bold]{login.email}[/]  {login.role}, password {login.password}"
            )
    lines.append("Terminal      .venv/bin/returnsdesk chat --as EMAIL")
    lines.append("Stop          Ctrl-C")
    return Panel("\n".join(lines), expand=False, border_style="green")


def _demo_lines(settings: Settings) -> Iterator[str]:
    yield f"Chat          {settings.public_url}/   choose whom to play, for example"
    for shopper, story in DEMO_SHOPPERS:
        yield f"              [bold]{shopper}[/]  {story}"
    yield "              docs/sample-shop.md tells all stories"
    yield f"Demo mailbox  {settings.public_url}/demo/mail"
