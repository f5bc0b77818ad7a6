"""The list of all commands, and how the command line starts and fails."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
import typer.main

from returnsdesk.cli.errors import exit_with
from returnsdesk.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "up": Entry(
        "returnsdesk.cli.up",
        "Start the product: database, sample shop, model, and desk, Rasa, actions and worker under one supervisor.",
    ),
    "doctor": Entry(
        "returnsdesk.cli.doctor", "Check the set-up and say what to do about each problem."
    ),
    "chat": Entry(
        "returnsdesk.cli.chat", "Talk to the assistant in the terminal, as a given shopper."
    ),
    "order": Entry(
        "returnsdesk.cli.orders", "Show an order with its items, payments, parcels and returns."
    ),
    "return": Entry("returnsdesk.cli.returns", "Show returns, register them, and move them along."),
    "claim": Entry("returnsdesk.cli.claims", "Show claims and decide on them."),
    "withdrawal": Entry(
        "returnsdesk.cli.withdrawals", "Show, store and handle statutory withdrawals."
    ),
    "import": Entry(
        "returnsdesk.cli.shop_import", "Load a shop from a folder in the import format."
    ),
    "export": Entry(
        "returnsdesk.cli.shop_export", "Write the shop to a folder in the import format."
    ),
    "seed": Entry("returnsdesk.cli.seed", "Load the sample shop with a return at every stage."),
    "migrate": Entry("returnsdesk.cli.schema", "Bring the database's schema up to date."),
    "case": Entry("returnsdesk.cli.cases", "Show and close what waits for a person."),
    "outbox": Entry(
        "returnsdesk.cli.outbox", "Show side effects that wait or failed, and try them again."
    ),
    "refund": Entry(
        "returnsdesk.cli.refunds", "Show refused parts of refunds, and find another way for them."
    ),
    "credits": Entry(
        "returnsdesk.cli.credits",
        "List store credit and coupons for the shop's checkout, and give coupons.",
    ),
    "conversation": Entry(
        "returnsdesk.cli.conversations",
        "Read along, take a chat over from the assistant, hand it back.",
    ),
    "telegram": Entry(
        "returnsdesk.cli.telegram", "Show the Telegram bot, and set or remove its webhook."
    ),
    "insight": Entry(
        "returnsdesk.cli.insight", "Write the figures of the insight page for other programs."
    ),
    "nlu": Entry(
        "returnsdesk.cli.nlu", "Export judged messages as examples, and conversations as scenarios."
    ),
    "photos": Entry("returnsdesk.cli.photos", "Delete old photos of shoppers."),
    "privacy": Entry(
        "returnsdesk.cli.privacy",
        "Show, hand out or erase what is stored about a shopper; delete what is too old.",
    ),
    "staff": Entry("returnsdesk.cli.staff", "Manage the support team's accounts."),
    "policy": Entry(
        "returnsdesk.cli.policy", "Check the returns policy, and ask why it says what it says."
    ),
    "train": Entry(
        "returnsdesk.cli.train",
        "Train the model into MODELS_DIR, unless there is one for the present data and configuration.",
    ),
    "check-data": Entry(
        "returnsdesk.cli.check_data",
        "Check texts in all languages, the policy file, and Rasa's data with warnings as errors.",
    ),
    "serve": Entry("returnsdesk.cli.serve", "Run one of the processes in the foreground."),
    "bench": Entry("returnsdesk.cli.bench", "Measure how fast the parts are on this machine."),
}


class RootCommands(LazyGroup):
    """All commands."""

    entries = COMMANDS


app = typer.Typer(
    cls=RootCommands,
    help="Returns Desk: the returns assistant for web shops.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"returnsdesk {version('returnsdesk')}")
        raise typer.Exit


@app.callback()
def _options(
    shows_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def run() -> None:
    """Run the command of `sys.argv`; an expected error is one sentence on stderr and a status of 1."""
    command = typer.main.get_command(app)
    try:
        command.main(prog_name="returnsdesk")
    except Exception as error:
        sys.exit(exit_with(error))
