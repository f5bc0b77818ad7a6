"""Claims and withdrawals in the console: evidence, remedies, the words that the shopper reads."""

from __future__ import annotations

import pytest

from returnsdesk.db.session import Database
from returnsdesk.services import claims, withdrawals
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.views import ClaimView
from returnsdesk.services.withdrawals import Declaration
from tests.console.conftest import Staff
from tests.console.paper import act, actions_of, events, now, order_id, send
from tests.desk.pictures import picture

ORDER, LINE = "LL-10240", "LL-10240-2"


@pytest.fixture
def claim(database: Database) -> str:
    """A claim of the sample shop for an item that arrived broken, without its photo."""
    request = ClaimRequest(ORDER, ((LINE, 1),), "damaged", "refund", "c-1", note="Torn, Łukasz")
    view = claims.open_claim(database, request, actor="shopper", channel="web", now=now())
    return view.number


@pytest.fixture
def withdrawal(database: Database) -> str:
    """A withdrawal that names an order which nobody knows."""
    declaration = Declaration(
        "my last one", None, "Eva Berg", "eva@mail.example", "I withdraw", "en", "w-1"
    )
    view = withdrawals.declare(database, declaration, actor="shopper", channel="web", now=now())
    return view.number


def view_of(database: Database, number: str) -> ClaimView:
    with database.read() as session:
        view = claims.find(session, number)
    assert view is not None
    return view


def test_a_claim_waits_in_its_queue_and_its_note_is_masked(agent: Staff, claim: str) -> None:
    assert claim in agent.get("/console/cases", queue="claims").text
    assert claim in agent.get("/console/claims").text
    page = agent.get(f"/console/claims/{claim}")
    assert "Łukasz" not in page.text
    assert {"approve", "preview", "evidence"} <= actions_of(page)


def test_a_photo_that_came_by_mail_is_added(agent: Staff, database: Database, claim: str) -> None:
    address = f"/console/claims/{claim}"
    assert view_of(database, claim).status == "need_evidence"
    files = [("photos", ("torn.png", picture("PNG"), "image/png"))]
    answer = send(agent, agent.get(address), f"{address}/evidence", files)
    assert answer.status_code == 303
    assert view_of(database, claim).status == "open"
    assert "Photo of the claim 1" in agent.get(address).text
    none = send(agent, agent.get(address), f"{address}/evidence")
    assert none.status_code == 422 and "Please choose a photo." in none.text


def test_approving_brings_the_goods_back(agent: Staff, database: Database, claim: str) -> None:
    page = act(agent, f"/console/claims/{claim}", "approve", resolution="refund", goods="back")
    view = view_of(database, claim)
    assert (view.status, view.resolution, view.keep_item) == ("approved", "refund", False)
    assert view.rma_number is not None and view.rma_number in page.text
    assert claim not in agent.get("/console/cases", queue="claims").text


def test_a_part_is_paid_back_and_the_shopper_keeps_it(
    agent: Staff, database: Database, claim: str
) -> None:
    address = f"/console/claims/{claim}"
    for amount, status in (("", 422), ("-5", 422), ("12.345", 422), ("many", 422), ("90000", 409)):
        answer = send(
            agent,
            agent.get(address),
            f"{address}/approve",
            resolution="partial_refund_keep",
            amount=amount,
        )
        assert answer.status_code == status, amount
    assert view_of(database, claim).status == "need_evidence"
    act(agent, address, "approve", resolution="partial_refund_keep", amount="12,50")
    view = view_of(database, claim)
    assert [refund.amount_minor for refund in view.refunds] == [1250]
    assert view.keep_item


def test_a_replacement_is_sent_with_its_tracking_number(
    agent: Staff, database: Database, claim: str
) -> None:
    address = f"/console/claims/{claim}"
    # The very same is sold out: nothing else is sent unless somebody chooses it.
    unchosen = send(agent, agent.get(address), f"{address}/approve", resolution="replacement")
    assert unchosen.status_code == 409 and "is not in stock" in unchosen.text
    chosen: dict[str, str] = {f"sku-{LINE}": "LIN-WHT-L"}
    page = act(agent, address, "approve", resolution="replacement", goods="keep", **chosen)
    assert "more on the shelf" in page.text
    act(agent, address, "ship", tracking="3SCLAIM")
    exchange = view_of(database, claim).exchange
    assert exchange is not None and exchange.tracking_number == "3SCLAIM"


def test_declining_shows_first_what_the_shopper_reads(
    agent: Staff, database: Database, claim: str
) -> None:
    address, before = f"/console/claims/{claim}", events(database)
    empty = send(agent, agent.get(address), f"{address}/deny/preview", text="")
    assert empty.status_code == 422
    preview = send(
        agent, agent.get(address), f"{address}/deny/preview", text="The photo shows another item."
    )
    assert preview.status_code == 200 and "The photo shows another item." in preview.text
    assert events(database) == before
    assert send(agent, preview, f"{address}/deny").status_code == 303
    view = view_of(database, claim)
    assert (view.status, view.decision_text) == ("denied", "The photo shows another item.")


def test_a_decided_claim_is_not_decided_again(
    agent: Staff, lead: Staff, database: Database, claim: str
) -> None:
    address = f"/console/claims/{claim}"
    stale = lead.get(address)
    act(agent, address, "approve", resolution="refund")
    answer = send(lead, stale, f"{address}/approve", resolution="replacement")
    assert answer.status_code == 409
    assert "Meanwhile Mila Okafor approved the claim" in answer.text
    assert view_of(database, claim).resolution == "refund"


def test_a_withdrawal_gets_its_order_and_its_return(
    agent: Staff, database: Database, withdrawal: str
) -> None:
    address = f"/console/withdrawals/{withdrawal}"
    assert withdrawal in agent.get("/console/cases", queue="withdrawals").text
    page = agent.get(address)
    assert "eva@mail.example" not in page.text and "Eva Berg" not in page.text
    unknown = send(agent, page, f"{address}/open-return", order_number="LL-99999")
    assert unknown.status_code == 422 and "There is no such order." in unknown.text

    opened = act(agent, address, "open-return", order_number=ORDER)
    with database.read() as session:
        view = withdrawals.find(session, withdrawal)
    assert view is not None and view.order_number == ORDER
    assert view.rma_number is None or view.rma_number in opened.text


def test_a_withdrawal_is_refused_with_words(
    agent: Staff, database: Database, withdrawal: str
) -> None:
    address = f"/console/withdrawals/{withdrawal}"
    preview = send(
        agent, agent.get(address), f"{address}/refuse/preview", text="It came after the last day."
    )
    assert "It came after the last day." in preview.text
    assert send(agent, preview, f"{address}/refuse").status_code == 303
    page = agent.get(address)
    assert "refused" in page.text and "refuse" not in actions_of(page)


def test_unknown_numbers_are_missing_pages(agent: Staff, database: Database) -> None:
    assert order_id(database, ORDER)
    for path in ("claims/CLM-9999", "withdrawals/WD-9999", "orders/LL-99999", "customers/9999999"):
        assert agent.get(f"/console/{path}").status_code == 404
