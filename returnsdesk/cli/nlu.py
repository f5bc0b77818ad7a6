"""`returnsdesk nlu`: judged messages and conversations on their way into training examples and test scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import audit, example_export, scenario_export
from returnsdesk.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False)

TERMINAL = "terminal"
"""Who exports, where nobody is logged in."""

OnlyNew = Annotated[bool, typer.Option("--all/--new", help="Also those that were exported before.")]


@app.command("corrections")
def show_corrections(includes_exported: OnlyNew = False, as_json: AsJson = False) -> None:
    """List what people have said of messages, and what becomes of it in an export."""
    with open_database() as database, database.read() as session:
        found = example_export.examples(session, only_unexported=not includes_exported)
    if as_json:
        write_json(
            [
                {
                    "message": each.message_id, "language": each.language, "intent": each.intent,
                    "text": each.text, "standing": each.standing, "by": each.corrected_by,
                    "at": each.corrected_at,
                }
                for each in found
            ]
        )  # fmt: skip
        return
    listed = table("Judged messages", "intent", "language", "example", "standing", "by", "at (UTC)")
    for each in found:
        listed.add_row(
            each.intent, each.language, escape(each.text), each.standing, escape(each.corrected_by),
            moment(each.corrected_at),
        )  # fmt: skip
    out.print(listed)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; data/nlu is laid out in it.")],
    includes_exported: OnlyNew = False,
) -> None:
    """Write judged messages as training examples, for a person to look at and copy. Nothing is trained."""
    with open_database() as database:
        with database.read() as session:
            found = example_export.examples(session, only_unexported=not includes_exported)
        if not found:
            raise CommandError("There is nothing new to export; --all also writes what was before.")
        files = example_export.as_files(found)
        if present := [path for path in files if (folder / path).exists()]:
            raise CommandError(
                f"{folder / present[0]} is there already; choose a folder without one."
            )
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        ids = [each.message_id for each in found]
        example_export.note_exported(database, ids, actor=TERMINAL, now=now())
    count = sum(each.standing == example_export.NEW for each in found)
    out.print(f"{count} new examples in {len(files)} files in {escape(str(folder))}.")


@app.command("scenario")
def scenario(
    conversation_id: Annotated[str, typer.Argument(metavar="ID", help="The conversation's id.")],
) -> None:
    """Write a conversation as a test scenario for tests/dialogues."""
    keeps_texts = load_settings().demo_mode
    with open_database() as database:
        with database.read() as session:
            written = scenario_export.as_scenario(session, conversation_id, keeps_texts=keeps_texts)
        audit.record(
            database, actor=TERMINAL, action=audit.EXPORT, subject="conversation",
            subject_id=conversation_id, detail={"as": "scenario"}, now=now(),
        )  # fmt: skip
    typer.echo(written, nl=False)
