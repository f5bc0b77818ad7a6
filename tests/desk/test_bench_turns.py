"""`returnsdesk bench turns`: every measured turn is one that was truly answered, and limits are never hidden."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from returnsdesk import selftest
from returnsdesk.cli import bench_turns
from returnsdesk.cli.errors import CommandError
from returnsdesk.db import migrate
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.desk.context import Rates
from returnsdesk.desk.rates import Rate
from returnsdesk.selftest import Probe
from returnsdesk.settings import Settings
from tests.desk.conftest import NO_LIMITS
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served

Bench = Callable[..., Result]


@pytest.fixture
def bench(desk_settings: Settings, rasa: FakeRasa, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Call the command; the customer C-aoife has the return R-1."""
    for name in ("database_url", "var_dir", "desk_port", "rasa_port"):
        monkeypatch.setenv(name.upper(), str(getattr(desk_settings, name)))
    monkeypatch.setattr(migrate, "current", lambda _database: migrate.head())
    monkeypatch.setattr(selftest, "choose_probe", lambda _database: Probe("C-aoife", "R-1"))
    rasa.answer = lambda turn: [{"text": f"You said: {turn['text']} It is about R-1."}]
    return lambda *arguments: CliRunner().invoke(bench_turns.app, arguments)


def test_every_turn_is_measured_once_and_the_first_ones_not_at_all(
    desk: Served, rasa: FakeRasa, bench: Bench
) -> None:
    done = bench("--conversations", "1,3", "--turns", "6", "--json")

    assert done.exception is None
    result = json.loads(done.output)
    counted = {(row["conversations"], row["kind"]): row["turns"] for row in result["turns"]}
    assert counted == {
        **{(1, kind): 2 for kind in bench_turns.SCRIPT},
        **{(3, kind): 6 for kind in bench_turns.SCRIPT},
        (1, "all"): 6,
        (3, "all"): 18,
    }
    assert len(rasa.turns) == (1 + 3) * (3 + 6)
    assert set(rasa.texts) == set(bench_turns.SCRIPT.values())
    for row in result["turns"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    # This desk is a thread of the tests, so there is no process to look at.
    assert (result["memory_mib"], result["turns"][-1]["cpu_ms_per_turn"]) == ({}, {})
    assert result["held_back"] == 0


def test_what_was_measured_is_shown(desk: Served, bench: Bench) -> None:
    done = bench("--conversations", "2", "--turns", "6")

    assert done.exception is None
    assert "refund status" in done.output
    assert "held no message back" in done.output


def test_messages_that_the_limits_hold_back_are_sent_later_and_said(
    start_desk: Callable[..., Served], rasa: FakeRasa, bench: Bench
) -> None:
    # So slow a refill that a busy machine cannot write nine messages without meeting the limit.
    start_desk(
        rates=Rates(Rate(8, 0.2), NO_LIMITS.messages_of_address, NO_LIMITS.sessions_of_address)
    )

    done = bench("--conversations", "1", "--turns", "6")

    assert "held messages back 1 times" in done.output
    assert len(rasa.turns) == 9


def test_an_answer_that_is_not_true_ends_the_measurement(
    desk: Served, rasa: FakeRasa, bench: Bench
) -> None:
    rasa.answer = lambda turn: [{"text": "I do not know."}]

    done = bench("--conversations", "1,2", "--turns", "6")

    assert isinstance(done.exception, CommandError)
    assert "I do not know." in str(done.exception)


def test_without_a_refund_to_ask_for_nothing_is_measured(
    desk: Served, rasa: FakeRasa, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "choose_probe", lambda _database: Probe(None, None))

    assert isinstance(bench().exception, CommandError)
    assert rasa.turns == []


@pytest.mark.parametrize("levels", ["", "0", "1,,4", "many", "1,9999"])
def test_a_wrong_number_of_conversations_is_refused(bench: Bench, levels: str) -> None:
    assert isinstance(bench("--conversations", levels).exception, CommandError)


def test_lifted_limits_hold_for_messages_and_sessions(
    desk_settings: Settings, database: Database
) -> None:
    lifted = create_app(desk_settings.copy(update={"lift_rate_limits": True})).state.desk.rates
    usual = create_app(desk_settings).state.desk.rates

    assert (lifted, usual) == (Rates.lifted(), Rates())
    assert lifted.messages_of_session.burst > 1000 * usual.messages_of_session.burst
