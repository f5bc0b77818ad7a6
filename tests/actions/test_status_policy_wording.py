"""Answers to questions, from the record and the policy alone."""

import pytest
from sqlalchemy import select

from actions.conversation import ActionGreet, ActionNotUnderstood, ActionOutOfScope
from actions.policy import ActionPolicyCost, ActionPolicyRefundTime, ActionPolicyWindow
from actions.status import (
    ActionExchangesStatus,
    ActionOrdersStatus,
    ActionRefundsAmount,
    ActionRefundsStatus,
    ActionReturnsStatus,
)  # fmt: skip
from returnsdesk.db.models import Product
from returnsdesk.db.session import Database
from returnsdesk.services import inspections, return_moves, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.actions.conftest import Talk
from tests.services.shop import NOW


def registered(shop: Database, line: RequestedLine, order: str = "LL-10001") -> str:
    settlement = "original" if line.outcome == "refund" else None
    request = ReturnRequest(order, (line,), settlement, f"key-{order}")
    return returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number


REFUND = RequestedLine("LL-1-1", 1, "too_small", "refund")
EXCHANGE = RequestedLine("LL-1-1", 1, "too_small", "exchange", new_sku="sneakers-43")


@pytest.mark.parametrize(
    "action",
    [
        ActionRefundsStatus(),
        ActionReturnsStatus(),
        ActionExchangesStatus(),
        ActionOrdersStatus(),
        ActionRefundsAmount(),
    ],
)
def test_no_status_without_proof_of_identity(talk: Talk, action: ActionRefundsStatus) -> None:
    talk.says("where is it?", "refunds_status")
    answer = talk.runs(action)
    assert answer.next_action == "identity_form"
    assert answer.slots["resume_task"] == action.name()
    assert not answer.texts


@pytest.mark.parametrize(
    "action", [ActionRefundsStatus(), ActionReturnsStatus(), ActionExchangesStatus()]
)
def test_nothing_is_made_up_where_there_is_no_return(
    anna: Talk, action: ActionRefundsStatus
) -> None:
    anna.says("where is my refund?", "refunds_status")
    answer = anna.runs(action)
    assert answer.texts
    assert "RMA-" not in answer.text
    assert list(answer.choices) == ["Return something"]


def test_registered_return_is_reported_with_its_number(anna: Talk, shop: Database) -> None:
    rma_number = registered(shop, REFUND)
    anna.says("where is my return?", "returns_status")
    assert rma_number in anna.runs(ActionReturnsStatus()).text


def test_exchange_is_reported_with_both_legs(anna: Talk, shop: Database) -> None:
    rma_number = registered(shop, EXCHANGE)
    anna.says("where is my exchange?", "exchanges_status")
    answer = anna.runs(ActionExchangesStatus()).text
    assert rma_number in answer
    assert "EX-" in answer
    assert "43" in answer


def test_exchange_owes_no_money(anna: Talk, shop: Database) -> None:
    registered(shop, EXCHANGE)
    anna.says("where is my refund?", "refunds_status")
    assert "RMA-" not in anna.runs(ActionRefundsStatus()).text


def test_return_named_by_number_is_the_one_reported(anna: Talk, shop: Database) -> None:
    first = registered(shop, REFUND)
    second = registered(shop, RequestedLine("LL-2-1", 1, "style", "refund"), "LL-10002")
    anna.says(f"what about {second}?", "returns_status")
    answer = anna.runs(ActionReturnsStatus()).text
    assert second in answer
    assert first not in answer


def test_refund_is_told_with_its_amount_and_ways(anna: Talk, shop: Database) -> None:
    rma_number = registered(shop, REFUND)
    return_moves.record_scan(shop, rma_number, actor="carrier", now=NOW)
    return_moves.record_arrival(shop, rma_number, actor="carrier", now=NOW)
    view = inspections.inspect_line(
        shop, rma_number, "LL-1-1", quantity=1, grade="A", actor="staff", now=NOW
    )
    assert view.status in ("inspected", "refund_pending")
    anna.says("where is my refund?", "refunds_status")
    assert "checked" in anna.runs(ActionRefundsStatus()).text.lower()


def test_orders_are_told_with_parcel_and_day(anna: Talk) -> None:
    anna.says("where is LL-10001?", "orders_status")
    answer = anna.runs(ActionOrdersStatus()).text
    assert "LL-10001" in answer
    assert "T-LL-1" in answer
    assert "5 June" in answer
    assert "LL-10002" not in answer


def test_window_names_the_last_day_of_the_shoppers_own_item(anna: Talk) -> None:
    anna.says("until when can I return the sneakers?", "policy_window")
    answer = anna.runs(ActionPolicyWindow()).text
    assert "LL-10001" in answer
    # Thirty days after the delivery on 5 June is a Sunday.
    assert "6 July" in answer


def test_window_is_told_to_strangers_without_an_order(talk: Talk) -> None:
    talk.says("how long can I return?", "policy_window")
    answer = talk.runs(ActionPolicyWindow()).text
    assert "30" in answer
    assert "LL-" not in answer


@pytest.mark.parametrize("action", [ActionPolicyCost(), ActionPolicyRefundTime()])
def test_policy_needs_no_identity(talk: Talk, action: ActionPolicyCost) -> None:
    talk.says("?", "policy_cost")
    answer = talk.runs(action)
    assert answer.texts
    assert answer.next_action is None


@pytest.mark.parametrize("action", [ActionGreet(), ActionOutOfScope()])
def test_topics_are_offered_as_buttons_but_not_in_a_form(talk: Talk, action: ActionGreet) -> None:
    talk.says("hello", "greet")
    assert "Return something" in talk.runs(action).choices
    talk.slots["requested_slot"] = "returns_answer"
    answer = talk.runs(action)
    assert answer.texts
    assert not answer.buttons


def test_likeliest_meanings_are_offered_with_a_person(talk: Talk) -> None:
    ranking = ("nlu_fallback", "refunds_status", "bye", "orders_status")
    talk.says("money order thing", "nlu_fallback", ranking=ranking)
    answer = talk.runs(ActionNotUnderstood())
    assert list(answer.choices)[-1] == "Talk to a person"
    assert len(answer.choices) == 3
    assert answer.next_action is None


@pytest.mark.parametrize("language", ["nl", "de", "nb", "pl"])
def test_answers_are_in_the_shoppers_language(talk: Talk, language: str) -> None:
    talk.says("hi", "greet")
    in_english = talk.runs(ActionGreet()).text
    talk.language = language
    assert talk.runs(ActionGreet()).text != in_english


@pytest.mark.parametrize("number", ["LL-10002", "ll10002", "LL 10002"])
def test_order_number_is_known_however_it_is_written(
    anna: Talk, shop: Database, number: str
) -> None:
    registered(shop, REFUND)
    second = registered(shop, RequestedLine("LL-2-1", 1, "style", "refund"), "LL-10002")
    anna.says(f"what about the return of {number}?", "returns_status")
    answer = anna.runs(ActionReturnsStatus()).text
    assert second in answer
    assert "LL-10001" not in answer


def test_status_names_items_in_the_shoppers_language(anna: Talk, shop: Database) -> None:
    with shop.write() as session:
        product = session.scalars(select(Product).where(Product.external_id == "sneakers")).one()
        product.names = {"en": "Sneakers", "nl": "Sportschoenen"}
    registered(shop, REFUND)
    anna.language = "nl"
    anna.says("waar is mijn retour?", "returns_status")
    assert "Sportschoenen" in anna.runs(ActionReturnsStatus()).text
    anna.says("waar is mijn bestelling?", "orders_status")
    assert "Sportschoenen" in anna.runs(ActionOrdersStatus()).text


@pytest.mark.parametrize("text", ["where is my return of the sneakers?", "and order LL-10001?"])
def test_status_is_of_what_was_named(anna: Talk, shop: Database, text: str) -> None:
    first = registered(shop, REFUND)
    second = registered(shop, RequestedLine("LL-2-1", 1, "style", "refund"), "LL-10002")
    anna.says(text, "returns_status")
    answer = anna.runs(ActionReturnsStatus())
    assert first in answer.text
    assert second not in answer.text


def test_order_status_is_of_the_item_that_was_named(anna: Talk) -> None:
    anna.says("where are my shirts?", "orders_status")
    answer = anna.runs(ActionOrdersStatus())
    assert "LL-10002" in answer.text
    assert "LL-10001" not in answer.text


@pytest.mark.parametrize("number", ["order LL-99999", "RMA-9999"])
def test_number_of_somebody_else_is_not_answered_with_the_shoppers_own(
    anna: Talk, shop: Database, number: str
) -> None:
    own = registered(shop, REFUND)
    anna.says(f"where is my refund for {number}?", "refunds_status")
    answer = anna.runs(ActionRefundsStatus())
    assert number.rpartition(" ")[2] in answer.text
    assert own not in answer.text
