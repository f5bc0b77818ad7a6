"""`returnsdesk outbox`: the list of jobs, one of them, and trying again."""

from __future__ import annotations

from typing import Any

import pytest

from returnsdesk.services import outbox
from tests.integration.conftest import Command, desk_database, returnsdesk
from tests.services.shop import NOW

__all__ = ["desk_database", "returnsdesk"]

HOSTILE = "[bold]no markup[/] " + "x" * 200


@pytest.fixture
def dead_job(desk_database: Any) -> Any:
    def give_up(*_arguments: Any) -> None:
        raise outbox.GiveUp(HOSTILE)

    with desk_database.write() as session:
        for key in ("one", "two"):
            outbox.add(session, key, {"code": "123456", "to": "a"}, dedupe_key=key, now=NOW)
    outbox.run_due(desk_database, {"one": give_up}, now=NOW)
    return desk_database


def test_the_list_shows_what_waits_and_what_is_dead(returnsdesk: Command, dead_job: Any) -> None:
    everything = returnsdesk("outbox", "list", "--json").data
    dead = returnsdesk("outbox", "list", "--dead", "--json").data

    assert {job["kind"]: job["state"] for job in everything} == {"one": "dead", "two": "waiting"}
    assert [job["kind"] for job in dead] == ["one"]
    assert "no markup" in returnsdesk("outbox", "list").out


def test_one_job_is_shown_without_its_secrets(returnsdesk: Command, dead_job: Any) -> None:
    shown = returnsdesk("outbox", "show", "1")

    assert shown.status == 0
    assert "[bold]no markup[/]" in shown.out
    assert "123456" not in shown.out
    assert returnsdesk("outbox", "show", "1", "--json").data["payload"]["code"] == "***"


def test_a_job_is_tried_again(returnsdesk: Command, dead_job: Any) -> None:
    assert returnsdesk("outbox", "retry", "1", "--json").data["state"] == "waiting"
    assert returnsdesk("outbox", "retry", "--all-dead", "--json").data == {"retried": 0}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "Name one job"),
        (("1", "--all-dead"), "Name one job"),
        (("999",), "There is no job 999"),
    ],
)
def test_what_cannot_be_tried_again_is_said(
    returnsdesk: Command, dead_job: Any, arguments: tuple[str, ...], expected: str
) -> None:
    answer = returnsdesk("outbox", "retry", *arguments)

    assert answer.status == 1
    assert answer.err.startswith(expected)
