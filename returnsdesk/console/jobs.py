"""Jobs of the outbox that are not tried any more: what they were to do, why they failed, trying again."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.cases import as_number
from returnsdesk.console.commands import NO_REFUSAL, Command, Order, Refusal, perform
from returnsdesk.console.forms import Fields
from returnsdesk.console.rendering import FLASHES, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, dead_letters, timelines
from returnsdesk.services.errors import NotFound
from returnsdesk.services.outbox import JOB
from returnsdesk.services.timelines import Subject

KIND: Final = "job"


async def jobs_list(request: Request) -> Response:
    """GET /console/jobs: jobs that are set aside, or all that are not done."""
    desk = desk_of(request)
    is_all = request.query_params.get("all") == "1"

    def look() -> list[dead_letters.JobView]:
        with desk.database.read() as session:
            return dead_letters.jobs(session, is_dead=not is_all)

    facts = {"jobs": await run_sync(look), "is_all": is_all}
    return page(request, "jobs.html", facts)


async def job_page(request: Request) -> Response:
    """GET /console/jobs/{number}: a job with what it carries and why it failed."""
    response = await show(request, NO_REFUSAL, 200)
    desk = desk_of(request)
    note = partial(
        audit.record,
        desk.database,
        actor=staff_of(request).email,
        action=audit.READ,
        subject=KIND,
        subject_id=request.path_params["number"],
        now=desk.clock(),
    )
    await run_sync(note)
    return response


async def show(request: Request, refusal: Refusal, status: int) -> Response:
    """The page of a job, with what was refused."""
    facts = await run_sync(_facts, desk_of(request), request.path_params["number"])
    return page(request, "job.html", {**facts, "refusal": refusal}, status=status)


def _facts(desk: Desk, number: str) -> dict[str, Any]:
    with desk.database.read() as session:
        try:
            job = dead_letters.job(session, as_number(number))
        except NotFound as error:
            raise HTTPException(404) from error
        return {
            "job": job,
            "version": timelines.last_event_id(session, [(JOB, job.id)]),
            "timeline": timelines.timeline(session, [(JOB, job.id)]),
        }


def _retry(order: Order, fields: Fields, number: str) -> None:
    """Try the job again, with all its tries before it."""
    dead_letters.retry(order.database, as_number(number), actor=order.actor, now=order.now)


def subjects(session: Session, number: str) -> list[Subject]:
    """What the forms of a job are about."""
    return [(JOB, dead_letters.job(session, as_number(number)).id)]


def address(number: str) -> str:
    """The page of a job."""
    return f"/console/jobs/{number}"


FLASHES["job-retry"] = "The worker tries the job again."
_COMMAND = Command("retry", "job-retry", _retry, subjects, show, address, KIND)


async def retry_job(request: Request) -> Response:
    """POST /console/jobs/{number}/retry: try it again."""
    return await perform(request, _COMMAND, request.path_params["number"])


routes: list[BaseRoute] = [
    Page("/jobs", jobs_list, role="lead"),
    Page("/jobs/{number}", job_page, role="lead"),
    Page("/jobs/{number}/retry", retry_job, role="lead", methods=("POST",)),
]
