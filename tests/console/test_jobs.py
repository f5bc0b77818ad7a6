"""Jobs that are set aside: for a lead, without personal data, tried again on request."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Case, OutboxJob
from returnsdesk.db.session import Database
from returnsdesk.services import outbox
from tests.console.conftest import Staff
from tests.console.paper import act, now, send


@pytest.fixture
def dead_job(database: Database) -> int:
    """A mail that the mail server refused for good."""

    def refuse(payload: dict[str, object], key: str, at: object) -> None:
        raise outbox.GiveUp("550 no mailbox jana.nowak@mail.example here")

    with database.write() as session:
        outbox.add(
            session, "send_test", {"code": "123456", "to": "jana.nowak@mail.example"},
            dedupe_key="test-job", now=now(),
        )  # fmt: skip
    outbox.run_due(database, {"send_test": refuse}, now=now())
    with database.read() as session:
        return int(session.scalar(select(OutboxJob.id).where(OutboxJob.kind == "send_test")))


def test_a_job_that_is_set_aside_is_listed_with_its_error(lead: Staff, dead_job: int) -> None:
    for path in ("/console/jobs", f"/console/jobs/{dead_job}"):
        page = lead.get(path).text
        assert "550 no mailbox" in page
        assert "jana.nowak" not in page and "123456" not in page
    assert "Jobs set aside" in lead.get("/console/cases").text


def test_jobs_are_for_leads(agent: Staff, dead_job: int) -> None:
    assert agent.get("/console/jobs").status_code == 404
    assert agent.get(f"/console/jobs/{dead_job}").status_code == 404
    form: dict[str, Any] = {"form_key": "k" * 20, "version": "1", "form": "retry"}
    assert agent.post(f"/console/jobs/{dead_job}/retry", **form).status_code == 404


def test_trying_again_closes_its_case(lead: Staff, database: Database, dead_job: int) -> None:
    page = act(lead, f"/console/jobs/{dead_job}", "retry")
    assert "The worker tries the job again." in page.text
    assert "Henrik Sand had the job tried again" in page.text
    with database.read() as session:
        assert session.get(OutboxJob, dead_job).state == outbox.WAITING
        assert session.scalar(select(Case.status).where(Case.reason == "job_dead")) == "closed"
    done: list[str] = []
    outbox.run_due(database, {"send_test": lambda payload, key, at: done.append(key)}, now=now())
    assert done == ["test-job"]


def test_a_job_that_is_done_meanwhile_is_not_tried_again(
    lead: Staff, database: Database, dead_job: int
) -> None:
    page = lead.get(f"/console/jobs/{dead_job}")
    with database.write() as session:
        session.get(OutboxJob, dead_job).state = outbox.DONE
    answer = send(lead, page, f"/console/jobs/{dead_job}/retry")
    assert answer.status_code == 409
    assert "is done" in answer.text and "Nothing was changed" in answer.text


def test_unknown_jobs_are_missing_pages(lead: Staff) -> None:
    for number in ("99999", "x", "99999999999999999999"):
        assert lead.get(f"/console/jobs/{number}").status_code == 404
