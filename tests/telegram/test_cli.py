"""`returnsdesk telegram` and what `returnsdesk doctor` says of the bot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from returnsdesk.cli import checks
from returnsdesk.cli.checks import Diagnosis
from returnsdesk.cli.errors import CommandError
from returnsdesk.cli.telegram import app
from returnsdesk.settings import load_settings
from tests.servers.telegram import FakeTelegram, Fault

Run = Callable[[str], str]


@pytest.fixture
def run(telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("TELEGRAM_TOKEN", telegram.token)
    monkeypatch.setenv("TELEGRAM_API_URL", telegram.url)
    monkeypatch.setenv("PUBLIC_URL", "https://desk.shop.example")

    def call(command: str) -> str:
        result = CliRunner().invoke(app, [command])
        if isinstance(result.exception, CommandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    return call


def diagnosis() -> Diagnosis:
    (found,) = checks.telegram(load_settings())
    return found


def test_the_webhook_is_set_with_a_secret_and_removed(run: Run, telegram: FakeTelegram) -> None:
    said = run("set-webhook")
    assert "https://desk.shop.example/hooks/telegram" in said
    assert "TELEGRAM_MODE=webhook" in said
    assert telegram.books.webhook.url == "https://desk.shop.example/hooks/telegram"
    assert len(telegram.books.webhook.secret_token) == 64
    assert "hooks/telegram" in run("status")
    run("unset")
    assert telegram.books.webhook.url == ""


@pytest.mark.parametrize("url", ["http://desk.shop.example", "https://desk.shop.example:8080"])
def test_an_address_that_telegram_takes_no_webhook_at_is_refused_kindly(
    run: Run, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    with pytest.raises(CommandError, match="TELEGRAM_MODE=polling"):
        run("set-webhook")
    assert not telegram.calls_of("setWebhook")


def test_status_names_the_bot_and_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "@lundlinde_bot" in run("status")
    monkeypatch.setenv("TELEGRAM_MODE", "webhook")
    assert "run `returnsdesk telegram set-webhook`" in run("status")


@pytest.mark.parametrize("command", ["status", "set-webhook", "unset"])
def test_a_wrong_token_is_said_without_showing_it(
    run: Run, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "77:wrong-token")
    with pytest.raises(CommandError, match="BotFather") as failure:
        run(command)
    assert "wrong-token" not in str(failure.value)


def test_without_a_token_it_is_said_where_to_get_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", "")
    with pytest.raises(CommandError, match="BotFather"):
        run("status")
    assert diagnosis().is_fine


def test_the_doctor_looks_at_the_bot(
    run: Run, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert diagnosis().found == "@lundlinde_bot, polling"
    telegram.fails("getMe", Fault(401, description="Unauthorized"))
    assert not diagnosis().is_fine
    monkeypatch.setenv("TELEGRAM_MODE", "webhook")
    assert "set-webhook" in diagnosis().remedy
