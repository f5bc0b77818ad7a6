"""The waiting list: who waits longest comes first, urgent ones before, with what the record says and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from playwright.async_api import Page, expect

from returnsdesk.console.waiting import waited
from returnsdesk.db.models import Case, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services import cases, conversations, takeover, waiting
from tests.browser.chat import accessibility_problems
from tests.console.conftest import AGENT, LEAD, Staff
from tests.console.talks import address, ask_for_person, let_nobody_wait, now
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def nobody_waits_at_first(database: Database) -> None:
    let_nobody_wait(database)


def talk(
    database: Database, minutes_ago: int, *, priority: str = "normal", text: str = "Help"
) -> str:
    """A conversation that waits for a person since some minutes."""
    at = NOW - timedelta(minutes=minutes_ago)
    started = conversations.start(database, channel="web", language="nl", now=at)
    cases.open_case(database, started.id, "asked_for_person", text, now=at, priority=priority)
    return str(started.id)


def listed(database: Database) -> list[waiting.WaitingConversation]:
    with database.read() as session:
        return waiting.listed(session, now=NOW)


def count(database: Database) -> int:
    with database.read() as session:
        return waiting.count(session)


def test_urgent_ones_come_first_then_the_longest_wait(database: Database) -> None:
    new, old = talk(database, 5), talk(database, 50)
    urgent = talk(database, 1, priority="high")
    assert [each.conversation_id for each in listed(database)] == [urgent, old, new]
    assert count(database) == 3


def test_who_was_handed_back_unsolved_stands_apart_and_is_not_counted(database: Database) -> None:
    free, kept = talk(database, 1), talk(database, 90, priority="high")
    takeover.join(database, kept, AGENT, now=NOW)
    assert [each.conversation_id for each in listed(database)] == [free]
    takeover.leave(database, kept, AGENT, now=NOW)
    assert [(each.conversation_id, bool(each.kept_by)) for each in listed(database)] == [
        (free, False),
        (kept, True),
    ]
    assert count(database) == 1


def test_an_ended_conversation_and_a_case_about_a_document_do_not_wait(database: Database) -> None:
    ended = talk(database, 5)
    conversations.end(database, ended, now=NOW)
    other = conversations.start(database, channel="web", language="en", now=NOW)
    with database.write() as session:
        session.add(
            Case(
                conversation_id=other.id,
                reason="claim_review",
                status="open",
                document="claim",
                document_id=1,
                created_at=NOW,
            )
        )
    assert (listed(database), count(database)) == ([], 0)


def test_who_asks_for_a_person_while_a_document_is_decided_waits_all_the_same(
    database: Database,
) -> None:
    own = conversations.start(database, channel="web", language="en", now=NOW)
    with database.write() as session:
        session.add(
            Case(
                conversation_id=own.id,
                reason="claim_review",
                status="open",
                document="claim",
                document_id=1,
                created_at=NOW,
            )
        )
    cases.open_case(database, own.id, "asked_for_person", "A person", now=NOW)
    assert [each.conversation_id for each in listed(database)] == [own.id]


def test_the_entry_says_what_was_asked_understood_and_answered(
    shopper: Shopper, rasa: FakeRasa, database: Database, agent: Staff
) -> None:
    rasa.trace = {"intent": "refunds_status", "confidence": 0.9, "slots": {}}
    shopper.say("Where is my <b>money</b>?")
    shopper.wait_for_answers(1)
    ask_for_person(database, shopper, "A human, please", priority="high")

    page = agent.get("/console/waiting").text

    for words in (
        "Asked for a person",
        "urgent",
        "A human, please",
        "Where is my &lt;b&gt;money&lt;/b&gt;?",
        "asks where their own money is",
        "You said: Where is my &lt;b&gt;money&lt;/b&gt;?",
    ):
        assert words in page, words
    assert f'action="{address(shopper, "join")}"' in page


def test_the_count_stands_in_the_navigation_of_every_page(
    agent: Staff, shopper: Shopper, database: Database
) -> None:
    counted = re.compile(r'href="/console/waiting"[^>]*>Waiting <span class="count">1</span>')
    assert not counted.search(agent.get("/console/account").text)
    ask_for_person(database, shopper)
    for path in ("/console/account", "/console/waiting", "/console/conversations"):
        assert counted.search(agent.get(path).text), path


def test_colleagues_see_who_is_looking_as_long_as_they_do(database: Database) -> None:
    own = talk(database, 5)
    with database.read() as session:
        account = session.query(StaffAccount).filter_by(email=LEAD).one()
        account_id, name = account.id, account.name
    waiting.look_at(database, own, account_id, now=NOW)
    assert listed(database)[0].looking == (name,)
    with database.read() as session:
        assert waiting.viewers(session, [own], now=NOW + waiting.LOOKING) == {}
    waiting.look_away(database, own, account_id)
    assert listed(database)[0].looking == ()
    waiting.look_at(database, "no-such-id", account_id, now=NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (90061, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_a_wait_is_told_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert waited(NOW - timedelta(seconds=seconds), NOW) == words


async def test_the_page_counts_on_in_the_same_words_and_axe_finds_nothing(
    console_page: Page, visit: Callable[..., Shopper], desk: Served, database: Database
) -> None:
    for priority in ("high", "normal"):
        own = visit(desk)
        cases.open_case(
            database,
            own.conversation_id,
            "complaint",
            "Hello?",
            now=now() - timedelta(hours=1, minutes=1, seconds=30),
            priority=priority,
        )
    await console_page.goto("/console/waiting")
    await expect(console_page.locator("[data-since]").first).to_have_text("(1 h 1 min)")
    await expect(console_page.locator("nav.wide .count, nav.narrow .count").first).to_have_text("2")
    await expect(console_page).to_have_title(re.compile(r"^\(2\) Waiting"))
    assert await accessibility_problems(console_page) == []
