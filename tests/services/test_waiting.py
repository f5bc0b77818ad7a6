"""Waiting for a person and being taken over, on both databases: what lists read, and two agents who press at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from returnsdesk.db.models import StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.services import cases, conversations, live_marks, takeover, waiting
from returnsdesk.services.errors import Conflict
from tests.services.shop import NOW

ANNA, BEN = "anna@shop.example", "ben@shop.example"


@pytest.fixture
def talk(database: Database) -> str:
    """A conversation that waits for a person, and two agents."""
    with database.write() as session:
        for email, name in ((ANNA, "Anna"), (BEN, "Ben")):
            session.add(
                StaffAccount(
                    email=email,
                    name=name,
                    role="agent",
                    password_hash="-",
                    is_active=True,
                    created_at=NOW,
                )
            )
    started = conversations.start(database, channel="web", language="pl", now=NOW)
    conversations.accept(database, started.id, message_id="1", text="Pomocy", now=NOW)
    cases.open_case(database, started.id, "asked_for_person", "Pomocy", now=NOW)
    return str(started.id)


def marks(database: Database, talk: str) -> live_marks.Marks:
    with database.read() as session:
        return live_marks.read(session, [talk], now=NOW)


def test_the_list_says_what_the_record_says(database: Database, talk: str) -> None:
    with database.read() as session:
        account_id = session.query(StaffAccount).filter_by(email=BEN).one().id
    waiting.look_at(database, talk, account_id, now=NOW)
    with database.read() as session:
        (entry,) = waiting.listed(session, now=NOW)
        assert waiting.count(session) == 1
    assert (entry.conversation_id, entry.last_words, entry.looking) == (talk, "Pomocy", ("Ben",))


def test_marks_change_with_everything_that_a_page_shows(database: Database, talk: str) -> None:
    seen = [marks(database, talk)]

    def is_news() -> bool:
        seen.append(marks(database, talk))
        return seen[-1] != seen[-2]

    assert not is_news()
    takeover.join(database, talk, ANNA, now=NOW)
    assert is_news()
    takeover.show_typing(database, talk, ANNA, now=NOW)
    assert is_news()
    assert seen[-1].conversations[talk].typist == "Anna"
    takeover.say(database, talk, ANNA, "Hello", now=NOW)
    assert is_news()
    takeover.leave(database, talk, ANNA, now=NOW, is_solved=True)
    assert is_news()
    conversations.end(database, talk, now=NOW + timedelta(minutes=1))
    assert is_news()


def test_of_two_who_join_at_once_one_is_refused(database: Database, talk: str) -> None:
    def join(agent: str) -> str:
        try:
            return takeover.join(database, talk, agent, now=NOW)
        except Conflict as conflict:
            return str(conflict.facts["name"])

    with ThreadPoolExecutor(2) as pool:
        names = list(pool.map(join, (ANNA, BEN)))
    # Both are told of the same person.
    assert names[0] == names[1]


def test_of_a_message_that_is_sent_twice_at_once_one_is_said(database: Database, talk: str) -> None:
    takeover.join(database, talk, ANNA, now=NOW)
    with ThreadPoolExecutor(2) as pool:
        numbers = list(
            pool.map(
                lambda _: takeover.say(database, talk, ANNA, "Hello", now=NOW, key="k"), range(2)
            )
        )
    assert numbers[0] == numbers[1]
