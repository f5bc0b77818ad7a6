"""Cases in the console: queues, who has which, notes, closing with a reason."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Case
from returnsdesk.db.session import Database
from returnsdesk.services import cases, conversations, return_moves, work_queues
from tests.console.conftest import AGENT, LEAD, Staff
from tests.console.paper import act, actions_of, fields_of, now, return_in, send


@pytest.fixture
def case_number(database: Database) -> int:
    """A case of somebody who asks for a person."""
    talk = conversations.start(database, channel="web", language="en", now=now())
    return cases.open_case(database, talk.id, "asked_for_person", "My name is Aoife", now=now())


def address(number: int) -> str:
    return f"/console/cases/{number}"


def test_each_kind_of_work_has_its_queue(agent: Staff, database: Database) -> None:
    lost = return_in(database, "in_transit")
    return_moves.report_lost(database, lost, actor="system", now=now())
    page = agent.get("/console/cases").text
    for name in ("Returns to approve", "Parcels to inspect", "Refunds to release", "Parcels lost"):
        assert name in page
    queue = agent.get("/console/cases", queue="parcels").text
    assert lost in queue
    assert return_in(database, "requested") not in queue
    assert return_in(database, "requested") in agent.get("/console/cases", queue="approve").text


def test_urgent_comes_first_then_the_oldest(database: Database, case_number: int) -> None:
    late = return_in(database, "arrived")
    with database.write() as session:
        session.get(Case, case_number).priority = "high"
    with database.read() as session:
        items = work_queues.waiting(session, None, now=now()).items
    assert items[0].is_urgent
    calm = [item for item in items if not item.is_urgent]
    assert [item.since for item in calm] == sorted(item.since for item in calm)
    found = next(item for item in items if item.about and item.about.number == late)
    assert found.due_on is not None


def test_the_list_goes_on_page_after_page_and_misses_nothing(
    database: Database, case_number: int
) -> None:
    seen: list[work_queues.WorkItem] = []
    cursor = None
    with database.read() as session:
        whole = work_queues.waiting(session, None, now=now()).items
        while True:
            page = work_queues.waiting(session, None, now=now(), cursor=cursor, limit=2)
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    assert [item.position for item in seen] == [item.position for item in whole]
    assert sum(work_queues_counts(database).values()) == len(whole)


def work_queues_counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return work_queues.counts(session)


def test_a_case_is_taken_given_and_put_back(
    agent: Staff, database: Database, case_number: int
) -> None:
    page = act(agent, address(case_number), "take")
    assert "The case is yours." in page.text
    assert f"Case {case_number}" in agent.get("/console/cases", whose="mine").text
    assert f"Case {case_number}" not in agent.get("/console/cases", whose="nobody").text

    act(agent, address(case_number), "give", assigned_to=LEAD)
    assert assignee(database, case_number) == LEAD
    nobody = send(
        agent,
        agent.get(address(case_number)),
        f"{address(case_number)}/give",
        assigned_to="stranger@mail.example",
    )
    assert nobody.status_code == 422
    act(agent, address(case_number), "take")
    act(agent, address(case_number), "release")
    assert assignee(database, case_number) is None


def test_two_colleagues_cannot_take_the_same_case(
    agent: Staff, lead: Staff, database: Database, case_number: int
) -> None:
    stale = lead.get(address(case_number))
    act(agent, address(case_number), "take")
    answer = send(lead, stale, f"{address(case_number)}/take")
    assert answer.status_code == 409
    assert "Mila Okafor gave the case to" in answer.text
    assert assignee(database, case_number) == AGENT


def test_what_the_shopper_wrote_is_masked(agent: Staff, case_number: int) -> None:
    assert "Aoife" not in agent.get(address(case_number)).text
    assert "Aoife" not in agent.get("/console/cases").text


def test_notes_are_kept_with_their_author(
    agent: Staff, database: Database, case_number: int
) -> None:
    page = act(agent, address(case_number), "notes", text="Called back <b>twice</b>")
    assert "Called back &lt;b&gt;twice&lt;/b&gt;" in page.text and "Mila Okafor" in page.text
    empty = send(agent, agent.get(address(case_number)), f"{address(case_number)}/notes", text="  ")
    assert empty.status_code == 422 and "Please write the note." in empty.text
    long = send(
        agent, agent.get(address(case_number)), f"{address(case_number)}/notes", text="x" * 4001
    )
    assert long.status_code == 422
    assert len(fields_of(long, f"{address(case_number)}/notes")["text"]) == 4001


def test_a_case_is_closed_with_a_reason(agent: Staff, database: Database, case_number: int) -> None:
    missing = send(agent, agent.get(address(case_number)), f"{address(case_number)}/close")
    assert missing.status_code == 422
    assert "Please say why it is closed." in missing.text
    page = act(agent, address(case_number), "close", reason="answered", note="By telephone")
    assert "Answered the shopper" in page.text and "By telephone" in page.text
    assert not {"take", "close", "give"} & actions_of(page)
    assert f"Case {case_number}" not in agent.get("/console/cases").text


def test_a_case_that_a_colleague_closed_is_not_closed_again(
    agent: Staff, lead: Staff, case_number: int
) -> None:
    stale = lead.get(address(case_number))
    act(agent, address(case_number), "close", reason="solved")
    answer = send(
        lead, stale, f"{address(case_number)}/close", reason="no_answer", note="Nobody came"
    )
    assert answer.status_code == 409
    assert "Mila Okafor closed the case" in answer.text
    assert not re.search(r'class="asis">Nobody came', answer.text)


def test_unknown_cases_are_missing_pages(agent: Staff) -> None:
    for number in ("0", "99999", "x", "99999999999999999999", "-1"):
        assert agent.get(f"/console/cases/{number}").status_code == 404


def assignee(database: Database, number: int) -> str | None:
    with database.read() as session:
        found: str | None = session.scalar(select(Case.assigned_to).where(Case.id == number))
        return found
