"""`returnsdesk chat`: a conversation in the terminal, as a given shopper or as a guest."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import or_, select

from returnsdesk.cli.console import AsJson, err, out, write_json
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.session import now, open_database
from returnsdesk.db.models import Customer
from returnsdesk.desk_client import ChatClient, DeskCallFailed, Message
from returnsdesk.services import identity
from returnsdesk.settings import LANGUAGES, Settings, load_settings

app = typer.Typer(add_completion=False)

QUIT_WORDS = ("quit", "exit", ":q")


@app.command()
def chat(
    shopper: Annotated[
        str | None,
        typer.Option(
            "--as", help="E-mail address or id of a customer who is logged in; a guest without."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="en, nl, de, nb or pl; otherwise the customer's own.")
    ] = None,
    say: Annotated[
        list[str] | None,
        typer.Option(
            "--say", help="Say this and end; repeat it for more. A number presses a button."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option("--timeout", help="Longest wait for an answer.")] = 120,
    as_json: AsJson = False,
) -> None:
    """Talk to the assistant in the terminal, as a given shopper."""
    if as_json and not say:
        raise CommandError("--json needs --say: what should be said?")
    if language is not None and language not in LANGUAGES:
        raise CommandError(f"The assistant speaks {', '.join(LANGUAGES)}, not {language}.")
    settings = load_settings()
    login_token, own_language = _log_in(settings, shopper) if shopper else (None, None)
    with closing(ChatClient(settings)) as client:
        client.open(language or own_language or settings.default_language, login_token)
        if say:
            turns = _Talk(client, seconds, is_quiet=as_json).say_all(say)
            if as_json:
                write_json(turns)
        else:
            _converse(_Talk(client, seconds), settings, shopper)


class _Talk:
    """A conversation and the buttons that are open in it."""

    def __init__(self, client: ChatClient, seconds: float, *, is_quiet: bool = False) -> None:
        self.client = client
        self._seconds = seconds
        self._is_quiet = is_quiet
        self._buttons: list[dict[str, str]] = []

    def say_all(self, sentences: list[str]) -> list[dict[str, Any]]:
        """Say one after the other, each once the one before is answered."""
        turns = []
        for sentence in sentences:
            if not self._is_quiet:
                out.print(f"[bold]you[/]  {escape(sentence)}")
            turns.append({"say": sentence, "replies": self.take_turn(sentence)})
        return turns

    def take_turn(self, typed: str) -> list[Message]:
        """Send what was typed, or the button whose number it is; show the answers."""
        button = self._button(typed)
        if button is not None:
            self.client.press(button["token"])
        else:
            self.client.say(typed)
        self._buttons = []
        replies = []
        for message in self.client.answers(self._seconds):
            replies.append(message)
            self._buttons += message.get("buttons", [])
            if not self._is_quiet:
                self._show(message)
        return replies

    def _button(self, typed: str) -> dict[str, str] | None:
        number = typed.strip()
        if number.isdecimal() and 1 <= int(number) <= len(self._buttons):
            return self._buttons[int(number) - 1]
        return None

    def _show(self, message: Message) -> None:
        style = "yellow" if message["author"] == "system" else "green"
        who = message.get("custom", {}).get("name", "desk")
        out.print(f"[bold {style}]{escape(who)}[/] {escape(message['text'])}", highlight=False)
        for address in _addresses(message):
            out.print(f"      {escape(address)}", highlight=False, soft_wrap=True)
        shown_before = len(self._buttons) - len(message.get("buttons", []))
        for number, button in enumerate(message.get("buttons", []), start=shown_before + 1):
            out.print(f"      [bold cyan]{number}[/]  {escape(button['title'])}", highlight=False)


def _addresses(message: Message) -> list[str]:
    """What the widget shows as links: a label, and the links of a card."""
    label = message.get("label") or {}
    links = message.get("custom", {}).get("links") or []
    return [each["url"] for each in (label, *links) if each.get("url")]


def _converse(talk: _Talk, settings: Settings, shopper: str | None) -> None:
    who = f"as {shopper}" if shopper else "as a guest"
    out.print(f"You talk {escape(who)}. A number presses a button; Ctrl-D or `quit` ends.")
    mailbox = _Mailbox(talk.client, settings)
    while True:
        mailbox.show_new()
        try:
            typed = out.input("[bold]you[/]  ")
        except (EOFError, KeyboardInterrupt):
            out.print()
            return
        if typed.strip().lower() in QUIT_WORDS:
            return
        if not typed.strip():
            continue
        try:
            with out.status("waiting for the answer"):
                talk.take_turn(typed)
        except KeyboardInterrupt:
            out.print("[yellow]Not waiting any longer; the answer shows with the next one.[/]")
        except DeskCallFailed as error:
            err.print(f"[red]{escape(str(error))}[/]")


class _Mailbox:
    """Tells of mail that came since the last look, for the codes in it."""

    def __init__(self, client: ChatClient, settings: Settings) -> None:
        self._client = client
        self._is_readable = settings.demo_mode and not settings.smtp_url
        self._known = {mail["name"] for mail in client.mails()} if self._is_readable else set()
        if self._is_readable:
            out.print(
                f"[dim]Codes by mail are in the demo mailbox, {client.base_url}/demo/mail;"
                " press Enter to look for one.[/]"
            )

    def show_new(self) -> None:
        """Show the subjects of new mail."""
        for mail in reversed(self._client.mails() if self._is_readable else []):
            if mail["name"] not in self._known:
                self._known.add(mail["name"])
                out.print(f"[dim]mail to {escape(mail['to'])}:[/] {escape(mail['subject'])}")


def _log_in(settings: Settings, shopper: str) -> tuple[str, str | None]:
    """What the shop's backend would sign for the customer, and the customer's language."""
    wanted = shopper.strip()
    with open_database(settings) as database, database.read() as session:
        customer = session.scalars(
            select(Customer)
            .where(or_(Customer.external_id == wanted, Customer.email_norm == wanted.casefold()))
            .order_by(Customer.id)
            .limit(1)
        ).one_or_none()
        if customer is None:
            raise CommandError(f"There is no customer {wanted}.")
        key = settings.shop_login_key
        token = identity.shop_login_token(customer.external_id, key=key, now=now())
        return token, customer.language if customer.language in LANGUAGES else None
