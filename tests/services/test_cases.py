"""Cases: opened once per conversation, listed by urgency, closed once."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import Event
from returnsdesk.services import cases
from returnsdesk.services.errors import NotFound
from tests.services.shop import NOW


def test_a_conversation_has_one_open_case_which_can_become_urgent(database):
    first = cases.open_case(database, "c1", "asked_for_person", "help", now=NOW)
    again = cases.open_case(database, "c1", "complaint", "again!", now=NOW, priority="high")
    assert again == first
    with database.read() as session:
        assert [(each.number, each.priority) for each in cases.open_cases(session)] == [
            (first, "high")
        ]


def test_urgent_cases_stand_first_and_then_the_oldest(database):
    later = NOW + timedelta(hours=1)
    old = cases.open_case(database, "c1", "asked_for_person", "", now=NOW)
    new = cases.open_case(database, "c2", "asked_for_person", "", now=later)
    urgent = cases.open_case(database, "c3", "complaint", "", now=later, priority="high")
    with database.read() as session:
        assert [each.number for each in cases.open_cases(session)] == [urgent, old, new]


def test_a_case_is_closed_once_and_makes_room_for_another(database):
    number = cases.open_case(database, "c1", "asked_for_person", "", now=NOW)
    for _ in range(2):
        assert cases.close_case(database, number, actor="cli", now=NOW).status == "closed"
    with database.read() as session:
        closings = select(func.count(Event.id)).where(Event.command == "close_case")
        assert session.scalar(closings) == 1
    assert cases.open_case(database, "c1", "asked_for_person", "", now=NOW) != number


def test_an_unknown_case_is_refused(database):
    with pytest.raises(NotFound):
        cases.close_case(database, 404, actor="cli", now=NOW)
