"""The numbers of a figure leave as CSV in which nothing acts as a formula."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from returnsdesk.db.models import AuditEntry
from returnsdesk.db.session import Database
from tests.console.conftest import LEAD, Staff
from tests.console.small_figures import conversation, missed
from tests.integration.conftest import Command, desk_database, returnsdesk

__all__ = ["desk_database", "returnsdesk"]


def read_back(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("hostile", ["=1+1", "+49 30", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"])
def test_what_was_typed_never_begins_a_formula(
    lead: Staff, database: Database, hostile: str
) -> None:
    at = datetime.now(timezone.utc) - timedelta(hours=1)
    with database.write() as session:
        session.add(conversation("c", at))
        session.flush()
        session.add(missed("c", 1, hostile, at))
    rows = read_back(lead.get("/console/insight/missed.csv", days=7).text)
    assert rows[0] == ["Message", "Times", "Language"]
    assert [row[0][0] for row in rows[1:]] != [] and all(
        row[0][0] not in "=+-@\t\r" for row in rows[1:]
    )


def test_a_lead_takes_the_numbers_along_and_it_is_recorded(lead: Staff, database: Database) -> None:
    answer = lead.get("/console/insight/reasons.csv", days=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = read_back(answer.text)
    assert rows[0] == ["Reason", "This period", "Period before"] and len(rows) > 3
    with database.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.subject == "insight")).one()
        assert (entry.actor, entry.action, entry.subject_id) == (LEAD, "export", "reasons")


def test_the_terminal_writes_the_same_numbers(
    returnsdesk: Command,
    desk_database: Database,
) -> None:
    answer = returnsdesk("insight", "csv", "csat", "--days", "7")
    assert answer.status == 0, answer.err
    assert read_back(answer.out)[1] == ["5", "0", "0"]
    wrong = returnsdesk("insight", "csv", "csat", "--from", "2026-05-02", "--to", "2026-05-01")
    assert wrong.status == 1 and "period" in wrong.err
    unknown = returnsdesk("insight", "csv", "nothing")
    assert unknown.status == 1 and "nothing" in unknown.err
