"""`returnsdesk outbox`: side effects that wait, those that are not tried any more, and trying them again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import dead_letters
from returnsdesk.services.dead_letters import JobView

app = typer.Typer(no_args_is_help=True, add_completion=False)

_ACTOR = "cli"

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The job's number.")]


@app.command("list")
def show_list(
    is_dead: Annotated[
        bool, typer.Option("--dead", help="Only those that are not tried any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the jobs that are not done, longest waiting first."""
    with open_database() as database, database.read() as session:
        found = dead_letters.jobs(session, is_dead=is_dead)
    if as_json:
        write_json([asdict(job) for job in found])
        return
    title = "Jobs that are not tried any more" if is_dead else "Jobs of the outbox"
    listed = table(title, "job", "kind", "state", "tries", "due (UTC)", "last error")
    for job in found:
        listed.add_row(
            str(job.id),
            job.kind.replace("_", " "),
            "[red]dead[/]" if job.state == "dead" else job.state,
            str(job.attempts),
            moment(job.due_at),
            escape((job.last_error or "")[:80]),
        )
    out.print(listed)


@app.command("show")
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a job with what it carries and why it failed."""
    with open_database() as database, database.read() as session:
        job = dead_letters.job(session, number)
    if as_json:
        write_json(asdict(job))
        return
    out.print(f"[bold]Job {job.id}[/]: {job.kind.replace('_', ' ')}, {job.state}")
    out.print(f"tries {job.attempts}, due {moment(job.due_at)} UTC, key {escape(job.key)}")
    out.print(escape(json.dumps(dict(job.payload), ensure_ascii=False)))
    if job.last_error:
        out.print(f"[red]{escape(job.last_error)}[/]")


@app.command("retry")
def retry(
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="The job's number.")
    ] = None,
    all_dead: Annotated[
        bool, typer.Option("--all-dead", help="All that are not tried any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Try a job again at once, with all its tries before it."""
    if (number is None) != all_dead:
        raise CommandError("Name one job, or write --all-dead for all that are dead.")
    with open_database() as database:
        if number is None:
            count = dead_letters.retry_all_dead(database, actor=_ACTOR, now=now())
            answer: dict[str, int] | JobView = {"retried": count}
        else:
            count = 1
            answer = dead_letters.retry(database, number, actor=_ACTOR, now=now())
    if as_json:
        write_json(asdict(answer) if isinstance(answer, JobView) else answer)
    else:
        out.print(f"{count} {'job is' if count == 1 else 'jobs are'} tried again by the worker.")
