"""Transcripts: all that was said, in the shopper's zone, for whoever holds the session and nobody else."""

from __future__ import annotations

import re

import httpx
import pytest

from returnsdesk.db.session import Database
from returnsdesk.services import feedback
from tests.desk.serving import Served
from tests.desk.shopper import Shopper
from tests.desk.test_ratings import NOW


def test_it_holds_everything_that_was_said_and_no_rating(
    shopper: Shopper, database: Database
) -> None:
    shopper.say("keep this\nplease")
    shopper.wait_for_answers(1)
    feedback.rate(database, shopper.conversation_id, score=1, comment="secret", now=NOW)

    answer = shopper.client.get("/api/transcript?zone=Europe/Dublin")

    assert re.fullmatch(
        r"\[.+\] You: keep this\nplease\n\n\[.+\] Assistant: You said: keep this\nplease\n",
        answer.text,
    )
    assert answer.headers["content-disposition"] == 'attachment; filename="chat.txt"'
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("zone", ["", "Nowhere/Else", "../../etc/passwd", "x" * 500, "\0"])
def test_a_zone_that_does_not_exist_is_utc(shopper: Shopper, zone: str) -> None:
    shopper.say("hello")

    answer = shopper.client.get("/api/transcript", params={"zone": zone})
    utc = shopper.client.get("/api/transcript", params={"zone": "UTC"})

    assert answer.status_code == 200
    assert answer.text.splitlines()[0] == utc.text.splitlines()[0]


def test_nobody_reads_it_without_the_session(desk: Served) -> None:
    answer = httpx.get(f"{desk.url}/api/transcript", trust_env=False)

    assert answer.status_code == 401
