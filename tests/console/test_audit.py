"""The audit log: who may see which entries, filters, pages and the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from returnsdesk.console.csv_files import cell
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import AuditEntry
from returnsdesk.db.session import Database
from returnsdesk.services import audit, audit_log
from returnsdesk.services.audit_log import AuditFilter
from returnsdesk.services.staff_sessions import StaffMember
from tests.console.conftest import ADMIN, AGENT, LEAD, Staff

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
READER = StaffMember(1, ADMIN, "Astrid", "admin")


def add(database: Database, number: int = 1, **fields: object) -> None:
    entry = {"actor": AGENT, "action": "read", "subject": "customer", "subject_id": "7"} | fields
    with database.write() as session:
        for offset in range(number):
            at = fields.get("at") or NOW + timedelta(minutes=offset)
            session.add(AuditEntry(**{**entry, "at": at, "detail": {"number": offset}}))


@pytest.fixture
def quiet(database: Database) -> Database:
    """No entries of the seeding."""
    with database.write() as session:
        session.execute(delete(AuditEntry))
    return database


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    mapper_registry.metadata.create_all(database.engine)
    yield database
    database.dispose()


def test_a_page_that_is_kept_open_is_one_reading(empty: Database) -> None:
    read: dict[str, Any] = {
        "actor": AGENT, "action": audit.READ, "subject": "conversation", "subject_id": "c",
    }  # fmt: skip
    for at in (NOW, NOW + timedelta(minutes=9), NOW + timedelta(minutes=10)):
        audit.record(empty, **read, now=at)
    audit.record(empty, **{**read, "actor": LEAD}, now=NOW)
    audit.record(empty, **{**read, "subject_id": "d"}, now=NOW)
    audit.record(empty, **{**read, "action": audit.EXPORT}, now=NOW + timedelta(minutes=1))

    with empty.read() as session:
        kept = [(each.actor, each.action, each.subject_id) for each in session.query(AuditEntry)]
    assert sorted(kept) == sorted(
        [(AGENT, "read", "c"), (AGENT, "read", "c"), (LEAD, "read", "c"), (AGENT, "read", "d"), (AGENT, "export", "c")]
    )  # fmt: skip


def rows(page: str) -> list[str]:
    return re.findall(r'data-label="Who">([^<]*)<', page)


def test_the_team_and_log_ins_are_in_the_log(admin: Staff, agent: Staff) -> None:
    agent.post("/console/logout")
    page = admin.get("/console/audit", actor=AGENT).text
    assert "logged out" in page and "logged in" in page


def test_a_lead_sees_agents_and_themself(quiet: Database, lead: Staff, admin: Staff) -> None:
    for actor in (AGENT, LEAD, ADMIN, "gone@shop.example"):
        add(quiet, actor=actor, action="reveal")
    seen = rows(lead.get("/console/audit", action="reveal").text)
    assert set(seen) == {AGENT, LEAD}
    assert rows(lead.get("/console/audit", actor=ADMIN).text) == []
    everything = rows(admin.get("/console/audit", action="reveal").text)
    assert set(everything) == {AGENT, LEAD, ADMIN, "gone@shop.example"}
    taken = lead.get("/console/audit.csv", action="reveal").text
    assert ADMIN not in taken and AGENT in taken


def test_an_agent_has_no_log(agent: Staff) -> None:
    assert agent.get("/console/audit").status_code == 404
    assert agent.get("/console/audit.csv").status_code == 404


def test_filters_narrow_the_list(quiet: Database, admin: Staff) -> None:
    add(quiet, subject_id="7")
    add(quiet, subject_id="8", action="reveal")
    add(quiet, subject="return", subject_id="RMA-1001", at=NOW + timedelta(days=3))
    for filters, number in (
        ({"subject": "customer"}, 2),
        ({"subject_id": "8"}, 1),
        ({"action": "reveal", "actor": AGENT}, 1),
        ({"from": "2026-06-02", "subject": "return"}, 1),
        ({"to": "2026-06-01", "actor": AGENT}, 2),
        ({"from": "2026-06-04", "to": "2026-06-04"}, 1),
        ({"from": "no day", "before": "x", "actor": AGENT}, 3),
        ({"before": "99999999999999999999", "actor": AGENT}, 3),
    ):
        page = admin.get("/console/audit", **filters).text
        assert len(rows(page)) == number, filters
    assert 'href="/console/returns/RMA-1001"' in admin.get("/console/audit").text


def test_pages_show_each_entry_once_though_new_ones_come(quiet: Database, admin: Staff) -> None:
    add(quiet, number=2 * audit_log.PER_PAGE + 3)
    path, seen = f"/console/audit?actor={AGENT}", []
    while path:
        page = admin.client.get(path).text
        seen += re.findall(r"number: (\d+)", page)
        add(quiet, actor=AGENT, action="late", subject_id="late")
        link = re.search(r'rel="next" href="([^"]+)"', page)
        path = link.group(1).replace("&amp;", "&") if link else ""
    assert [int(number) for number in seen] == list(reversed(range(2 * audit_log.PER_PAGE + 3)))


def test_the_file_has_all_pages_and_is_an_entry_itself(quiet: Database, admin: Staff) -> None:
    add(quiet, number=1100)
    answer = admin.get("/console/audit.csv", actor=AGENT)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert table[0] == ["at", "actor", "action", "subject", "subject_id", "detail"]
    assert [row[5] for row in table[1:]] == [f"number: {n}" for n in reversed(range(1100))]
    with quiet.read() as session:
        exported = session.execute(
            select(AuditEntry.actor, AuditEntry.subject).where(AuditEntry.action == "export")
        ).all()
    assert [tuple(entry) for entry in exported] == [(ADMIN, "audit")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-1+2", "'-1+2"),
        ("\t=1", "'\t=1"),
        ("-12.50", "-12.50"),
        (-3, "-3"),
        (None, ""),
        (NOW, "2026-06-01T12:00:00Z"),
    ],
)
def test_a_spreadsheet_runs_nothing(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_old_entries_go_and_newer_ones_stay(empty: Database) -> None:
    add(empty, number=30)
    assert audit_log.forget_old(empty, before=NOW + timedelta(minutes=10)) == 10
    with empty.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == 20
        assert session.scalar(select(func.min(AuditEntry.at))) == NOW + timedelta(minutes=10)


def test_an_entry_is_part_of_the_transaction_that_it_tells_of(empty: Database) -> None:
    def change_that_fails() -> None:
        with empty.write() as session:
            audit.recorded(session, actor=AGENT, action="change", subject="case", now=NOW)
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  any would do
        change_that_fails()
    with empty.read() as session:
        assert audit_log.page_of(session, READER, AuditFilter()).entries == ()
