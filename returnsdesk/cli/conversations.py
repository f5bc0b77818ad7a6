"""`returnsdesk conversation`: read along, take a conversation over from the assistant, write, hand it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from returnsdesk.cli.console import AsJson, moment, out, table, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.services import conversations, takeover

app = typer.Typer(no_args_is_help=True, add_completion=False)

ConversationId = Annotated[str, typer.Argument(metavar="ID", help="The conversation's id.")]
Agent = Annotated[str, typer.Option("--as", help="E-mail address of a member of staff.")]


@app.command("list")
def show_list(as_json: AsJson = False) -> None:
    """List the open conversations, the latest first."""
    with open_database() as database, database.read() as session:
        found = conversations.latest(session, limit=50)
    if as_json:
        write_json([asdict(each) for each in found])
        return
    listed = table("Conversations", "id", "last message (UTC)", "channel", "language", "with")
    for each in found:
        who = escape(each.agent) if each.agent else "the assistant"
        listed.add_row(each.id, moment(each.last_message_at), each.channel, each.language, who)
    out.print(listed)


@app.command("show")
def show(conversation_id: ConversationId, as_json: AsJson = False) -> None:
    """Show everything that was said."""
    with open_database() as database, database.read() as session:
        if conversations.find(session, conversation_id) is None:
            raise CommandError(f"There is no conversation {conversation_id}.")
        said = conversations.transcript(session, conversation_id)
    if as_json:
        rows = [{"at": each.at, "author": each.author, "text": each.text} for each in said]
        write_json(rows)
        return
    for each in said:
        out.print(f"[dim]{moment(each.at)}[/] [bold]{each.author:<9}[/] {escape(each.text)}")


@app.command("join")
def join(conversation_id: ConversationId, agent: Agent) -> None:
    """Take a conversation over: the assistant is silent until you leave."""
    with open_database() as database:
        name = takeover.join(database, conversation_id, agent, now=now())
    out.print(f"The shopper reads that {escape(name)} has joined.")


@app.command("say")
def say(
    conversation_id: ConversationId,
    text: Annotated[str, typer.Argument(help="What the shopper reads.")],
    agent: Agent,
) -> None:
    """Write to the shopper of a conversation that you have joined."""
    with open_database() as database:
        takeover.say(database, conversation_id, agent, text, now=now())
    out.print("Sent.")


@app.command("leave")
def leave(
    conversation_id: ConversationId,
    agent: Agent,
    is_solved: Annotated[
        bool, typer.Option("--solved", help="Close the cases that it waited for.")
    ] = False,
) -> None:
    """Hand a conversation back to the assistant."""
    with open_database() as database:
        takeover.leave(database, conversation_id, agent, now=now(), is_solved=is_solved)
    out.print("The assistant answers again.")
