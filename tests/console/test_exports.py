"""Transcripts as files: everything that was said, for whom it is, harmless to spreadsheets, recorded."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timezone
from io import StringIO
from typing import Any

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import AuditEntry, Message
from returnsdesk.db.session import Database
from returnsdesk.services import conversations, transcript_export
from returnsdesk.services.sample_conversations import id_of
from returnsdesk.services.transcript_export import harmless
from returnsdesk.services.transcript_filters import Filters
from tests.console.conftest import AGENT, LEAD, Staff

LIST = "/console/conversations"
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


def csv_rows(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


def json_rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def exports(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    with database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "export"))
        return [(row.actor, row.subject_id, row.detail) for row in rows]


def test_one_conversation_as_csv_and_json_lines_says_the_same(
    agent: Staff, database: Database
) -> None:
    own = id_of("lamp-flickers")

    as_csv = csv_rows(agent.get(f"{LIST}/{own}/export.csv"))
    as_json = json_rows(agent.get(f"{LIST}/{own}/export.jsonl"))

    assert [row["text"] for row in as_csv] == [row["text"] for row in as_json]
    assert as_csv[0]["intent"] == "returns_start"
    assert as_csv[0]["order"] == "LL-10208"
    assert as_json[-1]["rating"] == 4
    assert as_json[1]["buttons"]
    kinds = [detail["kind"] for _, _, detail in exports(database)]
    assert kinds == ["csv", "jsonl"]
    assert exports(database)[0][:2] == (AGENT, own)


def test_printing_is_recorded_as_an_export(agent: Staff, database: Database) -> None:
    answer = agent.get(f"{LIST}/{id_of('lamp-flickers')}/print")

    assert "meine Tischlampe" in answer.text
    assert exports(database) == [(AGENT, id_of("lamp-flickers"), {"kind": "print"})]


def test_the_list_is_for_leads(agent: Staff, lead: Staff, database: Database) -> None:
    assert agent.get(f"{LIST}/export.csv").status_code == 404
    assert "export.csv" not in agent.get(LIST).text
    assert exports(database) == []

    rows = csv_rows(lead.get(f"{LIST}/export.csv", q="flackert", language="de"))

    assert {row["conversation"] for row in rows} == {id_of("lamp-flickers")}
    # What was looked for may name a person; only the kinds of filters are kept.
    assert exports(database) == [(LEAD, "", {"kind": "csv", "filters": ["language", "q"]})]


def test_every_message_of_every_conversation_is_in_the_list_once(
    lead: Staff, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_export, "_AT_ONCE", 5)
    with database.read() as session:
        number = session.scalar(select(func.count(Message.id)))

    rows = json_rows(lead.get(f"{LIST}/export.jsonl"))

    assert len(rows) == number
    assert len({(row["conversation"], row["message"]) for row in rows}) == number


def test_a_list_is_written_part_by_part(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_export, "_AT_ONCE", 1)
    asked: list[int] = []
    read = transcript_export._rows

    def counted(*arguments: Any) -> list[dict[str, Any]]:
        asked.append(1)
        return read(*arguments)

    monkeypatch.setattr(transcript_export, "_rows", counted)
    rows = transcript_export.rows_of_list(database, Filters(), reader_id=0)

    next(rows)

    assert len(asked) == 1


@pytest.mark.parametrize(
    "said",
    ["=1+1", "+49 30", "-2", "@SUM(A1)", "\t=1", " =1", "\r=1", "=cmd|' /C calc'!A0", "\uff1d1"],
)
def test_what_a_spreadsheet_would_run_is_made_text(
    agent: Staff, database: Database, said: str
) -> None:
    with database.write() as session:
        row = conversations.locked(session, id_of("gift-wrap"))
        message = conversations.new_message(
            row, author="shopper", text=said, state="answered", now=NOW
        )
        session.add(message)

    rows = csv_rows(agent.get(f"{LIST}/{row.id}/export.csv"))

    assert rows[-1]["text"].startswith("'")
    assert json_rows(agent.get(f"{LIST}/{row.id}/export.jsonl"))[-1]["text"] == said


def test_what_is_no_formula_stays_as_it_is() -> None:
    assert [harmless(each) for each in ("a=1", "", None, 5, "Größe")] == [
        "a=1",
        "",
        "",
        "5",
        "Größe",
    ]


def test_an_unknown_kind_of_file_is_not_there(lead: Staff) -> None:
    assert lead.get(f"{LIST}/{id_of('gift-wrap')}/export.exe").status_code == 404
    assert lead.get(f"{LIST}/export.exe").status_code == 404
