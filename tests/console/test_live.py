"""Live pages: what changes is told at once, whichever process changed it, to whoever is still logged in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from returnsdesk.console import events as console_events
from returnsdesk.db.models import StaffAccount, StaffSession
from returnsdesk.db.session import Database
from returnsdesk.services import takeover, waiting
from tests.console.conftest import AGENT, LEAD, SECONDS, Staff
from tests.console.talks import ask_for_person, let_nobody_wait, now
from tests.desk.serving import Served
from tests.desk.shopper import Shopper, eventually
from tests.servers.processes import free_port

Events = Iterator[dict[str, Any]]


@pytest.fixture(autouse=True)
def nobody_waits_at_first(database: Database) -> None:
    let_nobody_wait(database)


@contextmanager
def listening(
    member: Staff, conversation: str = "", url: str = "", last_event_id: str = ""
) -> Iterator[Events]:
    """What an open page of a member of the team is told: kind, id and data of each event."""
    headers = {"Accept": "text/event-stream"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    with (
        httpx.Client(
            base_url=url or member.url,
            cookies=member.client.cookies,
            timeout=SECONDS,
            trust_env=False,
        ) as browser,
        browser.stream(
            "GET",
            "/console/events",
            params={"conversation": conversation} if conversation else {},
            headers=headers,
        ) as stream,
    ):
        assert stream.status_code == 200, stream.read()
        yield _events(stream.iter_lines())


def _events(lines: Iterator[str]) -> Events:
    event: dict[str, Any] = {}
    for line in lines:
        if not line:
            if "data" in event:
                yield {**event, "data": json.loads(event["data"])}
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def states(events: Events, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next state of which something holds."""
    for event in events:
        if event["event"] == "state" and holds(event["data"]):
            return event
    raise AssertionError("the stream has ended")


def names_of(database: Database, conversation_id: str) -> tuple[str, ...]:
    with database.read() as session:
        return waiting.viewers(session, [conversation_id], now=now()).get(conversation_id, ())


def name_of(database: Database, email: str) -> str:
    with database.read() as session:
        return str(session.query(StaffAccount).filter_by(email=email).one().name)


def test_only_for_who_is_logged_in(visitor: Staff) -> None:
    answer = visitor.client.get("/console/events", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


def test_the_count_follows_who_waits_and_who_joins(
    agent: Staff, shopper: Shopper, database: Database
) -> None:
    with listening(agent) as events:
        states(events, lambda state: state["waiting"] == 0)
        ask_for_person(database, shopper)
        states(events, lambda state: state["waiting"] == 1)
        takeover.join(database, shopper.conversation_id, LEAD, now=now())
        states(events, lambda state: state["waiting"] == 0)


def test_a_page_is_told_of_its_own_conversation_alone(
    agent: Staff, desk: Served, visit: Callable[..., Shopper], database: Database
) -> None:
    own, other = visit(desk), visit(desk)
    with listening(agent, own.conversation_id) as events:
        first = states(events, lambda state: True)["data"]
        # One's own looking is a change as well; wait until it has been told.
        eventually(lambda: names_of(database, own.conversation_id) != ())
        other.say("hello")
        other.wait_for_answers(1)
        state = states(events, lambda state: state["lists"] != first["lists"])["data"]
        own.say("hello")
        states(events, lambda later: later["conversation"] != state["conversation"])


def test_what_another_process_changes_is_seen(
    start_desk: Callable[..., Served],
    desk: Served,
    agent: Staff,
    shopper: Shopper,
    database: Database,
) -> None:
    second = start_desk(free_port())
    with listening(agent, shopper.conversation_id, url=second.url) as events:
        before = states(events, lambda state: bool(state["conversation"]))["data"]
        # Written by the first desk, and by a command without any desk.
        shopper.say("hello")
        states(events, lambda state: state["lists"] != before["lists"])
        takeover.join(database, shopper.conversation_id, LEAD, now=now())
        takeover.show_typing(database, shopper.conversation_id, LEAD, now=now())
        states(events, lambda state: state["typist"] == name_of(database, LEAD))


def test_who_comes_back_to_what_has_not_changed_is_told_nothing(agent: Staff) -> None:
    with listening(agent) as events:
        first = states(events, lambda state: True)
    with listening(agent, last_event_id=first["id"]) as events:
        assert next(events)["event"] == "alive"
    with listening(agent, last_event_id="0-before") as events:
        assert states(events, lambda state: True)["id"] == first["id"]


def test_who_has_a_conversation_on_the_screen_is_seen_until_the_page_is_left(
    agent: Staff, lead: Staff, shopper: Shopper, database: Database
) -> None:
    own = shopper.conversation_id
    with listening(lead) as colleagues:
        before = states(colleagues, lambda state: True)["data"]["lists"]
        with listening(agent, own) as events:
            states(events, lambda state: True)
            eventually(lambda: names_of(database, own) == (name_of(database, AGENT),))
            states(colleagues, lambda state: state["lists"] != before)
        eventually(lambda: names_of(database, own) == ())
        states(colleagues, lambda state: state["lists"] == before)


def test_a_stream_ends_with_the_session(agent: Staff, database: Database) -> None:
    with listening(agent) as events:
        states(events, lambda state: True)
        with database.write() as session:
            session.query(StaffSession).delete()
        kinds = [event["event"] for event in events]
    assert kinds[-1] == "ended"


def test_a_stream_ends_when_the_account_is_closed(agent: Staff, database: Database) -> None:
    with listening(agent) as events:
        states(events, lambda state: True)
        with database.write() as session:
            session.query(StaffAccount).filter_by(email=AGENT).one().is_active = False
        assert [event["event"] for event in events][-1] == "ended"


def test_an_open_page_keeps_no_session_alive(agent: Staff, database: Database) -> None:
    def seen() -> list[Any]:
        with database.read() as session:
            return [row.seen_at for row in session.query(StaffSession)]

    before = seen()
    with listening(agent) as events:
        states(events, lambda state: True)
    assert seen() == before


def test_one_session_has_not_more_streams_than_pages(
    agent: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_events, "MOST_STREAMS", 1)
    with listening(agent) as events:
        next(events)
        answer = agent.client.get("/console/events", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 429

    def is_free() -> bool:
        with (
            httpx.Client(
                base_url=agent.url, cookies=agent.client.cookies, trust_env=False, timeout=SECONDS
            ) as browser,
            browser.stream("GET", "/console/events") as stream,
        ):
            return stream.status_code == 200

    eventually(is_free)


def test_the_desk_stops_in_time_with_pages_open(desk: Served, agent: Staff) -> None:
    with listening(agent) as events:
        states(events, lambda state: True)
        desk.stop()
