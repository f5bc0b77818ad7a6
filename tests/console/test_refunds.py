"""Refunds in the console: released by an agent, refused parts seen to by a lead."""

from __future__ import annotations

from typing import Any

from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import refunds
from tests.console.conftest import Staff
from tests.console.paper import act, actions_of, address_of, now, return_in, send, view_of


def failed_part(database: Database) -> tuple[str, int]:
    """A return with a part of its refund that the payment service refused, and the part."""
    rma_number = return_in(database, "refund_pending")
    part = view_of(database, rma_number).refunds[0].parts[0]
    refunds.fail_part(
        database, part.id, "card closed, ask anna@mail.example or +31 6 1234 5678", now=now()
    )
    return rma_number, part.id


def test_what_goes_back_is_shown_before_it_is_released(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "inspected")
    assert rma_number in agent.get("/console/refunds").text
    page = agent.get(address_of(rma_number))
    assert "To be released now" in page.text and "Items as they were paid" in page.text
    after = act(agent, address_of(rma_number), "release")
    view = view_of(database, rma_number)
    assert view.status == states.REFUND_PENDING
    assert sum(part.amount_minor for part in view.refunds[0].parts) == view.refunds[0].amount_minor
    assert "Mila Okafor released the refund" in after.text
    for refund in view.refunds:
        for part in refund.parts:
            refunds.settle_part(database, part.id, "ref-1", now=now())
    assert view_of(database, rma_number).status == states.CLOSED
    assert "completed the refund" in agent.get(address_of(rma_number)).text


def test_a_refused_part_is_told_without_personal_data(lead: Staff, database: Database) -> None:
    rma_number, _ = failed_part(database)
    for path in ("/console/refunds", address_of(rma_number)):
        page = lead.get(path).text
        assert "card closed" in page
        assert "anna@mail.example" not in page and "1234 5678" not in page
    assert rma_number in lead.get("/console/cases", queue="refunds").text


def test_only_a_lead_tries_a_refused_part_again(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number, part = failed_part(database)
    assert "retry" not in actions_of(agent.get(address_of(rma_number)))
    form: dict[str, Any] = {"form_key": "k" * 20, "version": "99999999", "form": "retry"}
    assert agent.post(f"/console/refunds/{part}/retry", **form).status_code == 404

    page = lead.get(address_of(rma_number))
    answer = send(lead, page, f"/console/refunds/{part}/retry")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(address_of(rma_number))
    assert view_of(database, rma_number).refunds[0].parts[0].status == states.REFUND_SENDING
    again = send(lead, page, f"/console/refunds/{part}/credit")
    assert again.status_code == 409
    assert "Meanwhile Henrik Sand asked for a refused part" in again.text


def test_a_refused_part_goes_back_as_credit(lead: Staff, database: Database) -> None:
    rma_number, part = failed_part(database)
    answer = send(lead, lead.get("/console/refunds"), f"/console/refunds/{part}/credit")
    assert answer.status_code == 303
    refunds.settle_part(database, part, None, now=now())
    paid = view_of(database, rma_number).refunds[0].parts[0]
    assert (paid.kind, paid.status) == ("store_credit", states.REFUND_SETTLED)


def test_unknown_parts_are_missing_pages(lead: Staff) -> None:
    form: dict[str, Any] = {"form_key": "k" * 20, "version": "1", "form": "retry"}
    for number in ("99999", "x", "0"):
        assert lead.post(f"/console/refunds/{number}/retry", **form).status_code == 404


def test_a_coupon_is_given_by_a_lead_once(agent: Staff, lead: Staff, database: Database) -> None:
    order = "/console/orders/LL-10240"
    form: dict[str, Any] = {"form_key": "k" * 20, "version": "99999999", "form": "coupon"}
    assert agent.post(f"{order}/coupon", **form, amount="5", reason="Late").status_code == 404
    page = lead.get(order)
    for amount in ("0", "-3", "1.234", "ten", ""):
        wrong = send(lead, page, f"{order}/coupon", amount=amount, reason="Late")
        assert wrong.status_code == 422, amount
    first = send(lead, page, f"{order}/coupon", amount="10,00", reason="Late delivery")
    second = send(lead, page, f"{order}/coupon", amount="10,00", reason="Late delivery")
    assert first.status_code == second.status_code == 303
    assert lead.get(order).text.count("coupon of") == 1
