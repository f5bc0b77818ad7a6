"""Conversations as rows, on both databases: numbers without gaps, one answer to a message, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import ButtonToken, Message
from returnsdesk.db.session import Database
from returnsdesk.services import answers, conversations
from returnsdesk.services.answers import Reply
from returnsdesk.services.buttons import Button
from returnsdesk.services.errors import Conflict, NotFound

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)
SOON = NOW + timedelta(seconds=1)
LATER = NOW + answers.LEASE + timedelta(seconds=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    mapper_registry.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def conversation(database: Database) -> str:
    return conversations.start(database, channel="web", language="en", now=NOW).id


def accept(database: Database, conversation: str, text: str, now: datetime = NOW) -> int:
    accepted = conversations.accept(database, conversation, message_id=text, text=text, now=now)
    assert accepted.is_new
    return accepted.seq


def transcript(database: Database, conversation: str) -> list[tuple[int, str, str]]:
    with database.read() as session:
        news = conversations.news(session, conversation, after=0)
        return [(message.seq, message.author, message.text) for message in news.messages]


def test_messages_are_numbered_without_gaps_however_they_come_in(
    database: Database, conversation: str
) -> None:
    with ThreadPoolExecutor(8) as threads:
        seqs = list(
            threads.map(lambda number: accept(database, conversation, f"m{number}"), range(24))
        )

    assert sorted(seqs) == list(range(1, 25))


def test_the_same_message_sent_many_times_at_once_is_one_row(
    database: Database, conversation: str
) -> None:
    def send(_number: int) -> conversations.Accepted:
        return conversations.accept(database, conversation, message_id="1", text="hi", now=NOW)

    with ThreadPoolExecutor(8) as threads:
        accepted = list(threads.map(send, range(16)))

    assert {each.seq for each in accepted} == {1}
    assert [each.is_new for each in accepted].count(True) == 1


def test_one_process_at_a_time_answers_a_conversation(
    database: Database, conversation: str
) -> None:
    accept(database, conversation, "one")

    def claim(number: int) -> answers.WaitingMessage | None:
        return answers.claim(database, conversation, owner=f"process {number}", now=NOW)

    with ThreadPoolExecutor(8) as threads:
        claimed = [each for each in threads.map(claim, range(8)) if each]

    assert [message.text for message in claimed] == ["one"]


def test_a_lease_that_is_renewed_holds_and_one_that_is_not_runs_out(
    database: Database, conversation: str
) -> None:
    accept(database, conversation, "one")
    assert answers.claim(database, conversation, owner="a", now=NOW)
    assert answers.renew(database, conversation, owner="a", now=SOON)

    assert answers.claim(database, conversation, owner="b", now=NOW + answers.LEASE) is None
    assert answers.claim(database, conversation, owner="b", now=LATER)
    assert answers.renew(database, conversation, owner="a", now=LATER) is False


def test_the_sweep_finds_what_nobody_answers(database: Database, conversation: str) -> None:
    other = conversations.start(database, channel="web", language="en", now=NOW).id

    def found(owner: str, now: datetime) -> list[str]:
        with database.read() as session:
            return answers.to_answer(session, owner=owner, now=now)

    assert found("a", NOW) == []
    accept(database, other, "first")
    accept(database, conversation, "second")
    accept(database, other, "third")
    assert found("a", NOW) == [other, conversation]

    answers.claim(database, other, owner="a", now=NOW)
    assert found("a", NOW) == [other, conversation]
    assert found("b", NOW) == [conversation]
    assert found("b", LATER) == [other, conversation]

    answers.release_all(database, owner="a")
    assert found("b", NOW) == [other, conversation]


def test_two_processes_that_answered_the_same_message_leave_one_answer(
    database: Database, conversation: str
) -> None:
    accept(database, conversation, "one")
    accept(database, conversation, "two")
    first = answers.claim(database, conversation, owner="slow", now=NOW)
    taken_over = answers.claim(database, conversation, owner="quick", now=LATER)
    assert first is not None and taken_over is not None and first.id == taken_over.id

    following = answers.store_answer(
        database, first.id, [Reply("the answer")], {"intent": "x"}, owner="quick", now=LATER
    )
    nothing = answers.store_answer(
        database, first.id, [Reply("once more")], {"intent": "y"}, owner="slow", now=LATER
    )

    assert following is not None and following.text == "two"
    assert nothing is None
    assert transcript(database, conversation) == [
        (1, "shopper", "one"),
        (2, "shopper", "two"),
        (3, "assistant", "the answer"),
    ]


def test_replies_trace_and_tokens_are_kept_together_or_not_at_all(
    database: Database, conversation: str
) -> None:
    accept(database, conversation, "one")
    message = answers.claim(database, conversation, owner="a", now=NOW)
    assert message is not None
    button = Button("x", {"intent": "y", "entities": {}})
    broken = Reply(text="second", custom={"not": object()})

    with pytest.raises(Exception, match="not JSON serializable"):
        answers.store_answer(
            database, message.id, [Reply("first", (button,)), broken], {}, owner="a", now=NOW
        )

    assert transcript(database, conversation) == [(1, "shopper", "one")]
    with database.read() as session:
        assert session.scalars(select(ButtonToken)).all() == []
        assert session.scalars(select(Message.state)).all() == ["waiting"]


def test_tokens_are_all_different_and_hard_to_guess(database: Database, conversation: str) -> None:
    accept(database, conversation, "one")
    message = answers.claim(database, conversation, owner="a", now=NOW)
    assert message is not None
    buttons = tuple(Button(f"b{number}", {"intent": "y", "entities": {}}) for number in range(20))
    answers.store_answer(database, message.id, [Reply("x", buttons)], {}, owner="a", now=NOW)

    with database.read() as session:
        tokens = session.scalars(select(ButtonToken.token)).all()

    assert len(set(tokens)) == 20
    assert all(len(token) >= 22 for token in tokens)


def test_an_ended_conversation_takes_no_more_messages(
    database: Database, conversation: str
) -> None:
    conversations.end(database, conversation, now=NOW)

    with pytest.raises(NotFound, match="was ended"):
        accept(database, conversation, "one")
    assert transcript(database, conversation) == []


def test_commands_on_what_is_not_there_change_nothing(database: Database) -> None:
    with pytest.raises(NotFound):
        accept(database, "nothing", "one")
    with pytest.raises(NotFound):
        answers.claim(database, "nothing", owner="a", now=NOW)
    with pytest.raises(NotFound):
        answers.tell_of_delay(database, 1, "late", now=NOW)


def test_a_button_of_another_conversation_is_a_conflict(
    database: Database, conversation: str
) -> None:
    accept(database, conversation, "one")
    message = answers.claim(database, conversation, owner="a", now=NOW)
    assert message is not None
    button = Button("x", {"intent": "y", "entities": {}})
    answers.store_answer(database, message.id, [Reply("x", (button,))], {}, owner="a", now=NOW)
    with database.read() as session:
        token = session.scalars(select(ButtonToken.token)).one()
    other = conversations.start(database, channel="web", language="en", now=NOW).id

    with pytest.raises(Conflict) as refused:
        conversations.accept(database, other, message_id="1", button=token, now=NOW)

    assert refused.value.code == "BUTTON_UNKNOWN"
    own = conversations.accept(database, conversation, message_id="1", button=token, now=NOW)
    assert own.is_new


def test_a_delay_is_told_once_until_an_answer_comes(database: Database, conversation: str) -> None:
    accept(database, conversation, "one")
    first = answers.claim(database, conversation, owner="a", now=NOW)
    assert first is not None
    accept(database, conversation, "two")

    assert answers.tell_of_delay(database, first.id, "late", now=SOON)
    assert not answers.tell_of_delay(database, first.id, "late", now=SOON)
    second = answers.store_answer(database, first.id, [Reply("a")], {}, owner="a", now=SOON)
    assert second is not None
    assert not answers.tell_of_delay(database, first.id, "late", now=SOON)
    assert answers.tell_of_delay(database, second.id, "late", now=SOON)
