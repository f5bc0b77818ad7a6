"""Tasks: a return called off, changed or sent otherwise, claims and withdrawals, each after its questions."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from actions.cancelling import ActionReturnsCancel
from actions.changing import ActionReturnsChange
from actions.claims import ActionClaimsBegin
from actions.conversation import ActionNotUnderstood
from actions.returns import AskReturnsAnswer, ValidateReturnsForm
from actions.sending import ActionReturnsLabel
from actions.status import ActionRefundsStatus, ActionReturnsStatus
from actions.task_form import (
    ActionTasksFinish,
    ActionTasksResume,
    AskTasksAnswer,
    ValidateTasksForm,
)
from actions.turn import DeskAction
from actions.withdrawals import ActionWithdrawalsBegin
from returnsdesk.db.models import Claim, Order, RefundPart, Return, Withdrawal
from returnsdesk.db.session import Database
from returnsdesk.services import (
    exchange_setbacks,
    feedback,
    identity,
    inspections,
    refund_parts,
    refunds,
    replacements,
    return_moves,
    returns,
)
from returnsdesk.services.credits import of_order as credits_of_order
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.actions.conftest import Answer, Talk
from tests.services.shop import NOW

STARTS: dict[str, type[DeskAction]] = {
    "returns_cancel": ActionReturnsCancel,
    "returns_change": ActionReturnsChange,
    "returns_label": ActionReturnsLabel,
    "claims_start": ActionClaimsBegin,
    "withdrawals_start": ActionWithdrawalsBegin,
}
REFUND = RequestedLine("LL-1-1", 1, "too_small", "refund")
EXCHANGE = RequestedLine("LL-1-1", 1, "too_small", "exchange", new_sku="sneakers-43")
SHIRT = RequestedLine("LL-2-1", 1, "style", "refund")


def registered(shop: Database, line: RequestedLine, order: str = "LL-10001") -> str:
    settlement = "original" if line.outcome == "refund" else None
    request = ReturnRequest(order, (line,), settlement, f"key-{order}-{line.outcome}")
    return returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number


def status(shop: Database, rma_number: str) -> str:
    with shop.read() as session:
        view = returns.find(session, rma_number)
        assert view is not None
        return view.status


def says(talk: Talk, text: str, intent: str = "inform", choice: str | None = None) -> Answer:
    """A message and everything that Rasa's rules run for it."""
    talk.says(text, intent, choice=choice)
    said: list[Answer] = []
    if talk.slots.get("requested_slot") == "tasks_answer":
        said.append(talk.runs(ValidateTasksForm()))
        if said[-1].is_left_to_other_rules:
            return said[-1]
        _go_on(talk, said)
    elif intent in STARTS:
        said.append(talk.runs(STARTS[intent]()))
    while said[-1].next_action in ("tasks_form", "action_tasks_resume"):
        if said[-1].next_action == "action_tasks_resume":
            said.append(talk.runs(ActionTasksResume()))
            continue
        talk.slots["requested_slot"] = None
        said.append(talk.runs(ValidateTasksForm()))
        _go_on(talk, said)
    return Answer([text for each in said for text in each.texts], said[-1].buttons, said[-1].events)


def _go_on(talk: Talk, said: list[Answer]) -> None:
    is_open = talk.slots.get("requested_slot") == "tasks_answer"
    said.append(talk.runs(AskTasksAnswer() if is_open else ActionTasksFinish()))


def presses(talk: Talk, label: str, answer: Answer) -> Answer:
    button = next(each for each in answer.buttons if each["title"].startswith(label))
    return says(talk, button["title"], choice=answer.choices[button["title"]])


def test_only_return_is_cancelled_after_a_yes(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    question = says(anna, "please cancel my return", "returns_cancel")
    assert number in question.text
    assert status(shop, number) == "approved"
    answer = says(anna, "yes", "affirm")
    assert "cancelled" in answer.text
    assert status(shop, number) == "cancelled"
    assert anna.slots["task"] is None


def test_no_keeps_the_return(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    says(anna, "cancel my return", "returns_cancel")
    assert "stays" in says(anna, "no", "deny").text
    assert status(shop, number) == "approved"


def test_which_of_several_returns_is_asked_and_understood(anna: Talk, shop: Database) -> None:
    first, second = registered(shop, REFUND), registered(shop, SHIRT, "LL-10002")
    question = says(anna, "cancel my return", "returns_cancel")
    assert any(label.startswith(first) for label in question.choices)
    assert second in says(anna, "the shirt").text
    says(anna, "yes please", "affirm")
    assert (status(shop, first), status(shop, second)) == ("approved", "cancelled")


def test_return_on_its_way_is_not_cancelled(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    return_moves.record_scan(shop, number, actor="carrier", now=NOW)
    answer = says(anna, "cancel my return", "returns_cancel")
    assert "on its way" in answer.text
    assert answer.slots["offered_action"] == "action_handover_person"
    assert status(shop, number) == "in_transit"


def test_scan_between_question_and_yes_is_told(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    says(anna, "cancel my return", "returns_cancel")
    return_moves.record_scan(shop, number, actor="carrier", now=NOW)
    assert "on its way" in says(anna, "yes", "affirm").text
    assert status(shop, number) == "in_transit"


def test_nothing_to_cancel_is_said(anna: Talk) -> None:
    assert "nothing to cancel" in says(anna, "cancel my return", "returns_cancel").text


def test_guest_proves_identity_before_anything_is_cancelled(talk: Talk) -> None:
    assert says(talk, "cancel my return", "returns_cancel").next_action == "identity_form"


def test_stop_leaves_the_task(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    says(anna, "cancel my return", "returns_cancel")
    assert says(anna, "forget it", "stop").is_left_to_other_rules
    assert anna.slots["task"] is None
    assert status(shop, number) == "approved"


def test_other_question_is_answered_in_between(anna: Talk, shop: Database) -> None:
    registered(shop, REFUND)
    question = says(anna, "cancel my return", "returns_cancel")
    assert says(anna, "what does a return cost?", "policy_cost").is_left_to_other_rules
    anna.events.append({"event": "action_execution_rejected", "name": "tasks_form"})
    assert anna.runs(ValidateTasksForm()).slots == {"requested_slot": "tasks_answer"}
    assert anna.runs(AskTasksAnswer()).texts == question.texts


def test_label_that_is_being_made_is_said_so_with_the_page(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    answer = says(anna, "where is my label", "returns_label")
    assert f"label for {number}" in answer.text
    assert "/track/" in answer.text
    assert list(answer.choices) == ["Own carrier"]


def test_without_a_return_there_is_no_label(anna: Talk) -> None:
    assert "QR code" in says(anna, "I have no printer", "returns_label").text


def test_way_of_sending_is_changed_after_a_yes(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    answer = says(anna, "label please", "returns_label")
    button = answer.choices["Own carrier"]
    question = says(anna, "Own carrier", "returns_label", choice=button)
    assert "carrier of your choice" in question.text
    answer = says(anna, "yes", "affirm")
    assert f"write {number} on the parcel" in answer.text
    with shop.read() as session:
        assert session.scalars(select(Return.method)).one() == "own_carrier"


def test_changed_items_are_registered_anew(anna: Talk, shop: Database) -> None:
    number = registered(shop, EXCHANGE)
    question = says(anna, "I need another size than I said", "returns_change")
    question = presses(anna, "Another size", question)
    answer = presses(anna, "Yes", question)
    assert status(shop, number) == "cancelled"
    assert answer.next_action == "returns_form"
    anna.slots["requested_slot"] = None
    anna.runs(ValidateReturnsForm())
    assert "42.5" in anna.runs(AskReturnsAnswer()).choices


def test_replacement_that_is_gone_is_chosen_again(anna: Talk, shop: Database) -> None:
    number = registered(shop, EXCHANGE)
    with shop.write() as session:
        exchange = session.scalars(select(Return)).one().exchange
        assert exchange is not None
        replacements.release_all(session, exchange)
        exchange_setbacks.choice_lost(
            session, exchange, "release", "choose_again", actor="system", now=NOW
        )
    question = says(anna, "I want to change my return", "returns_change")
    assert "not there any more" in question.text
    answer = says(anna, "42.5 please")
    assert "42.5" in answer.text
    assert number in answer.text


def claims_made(shop: Database) -> list[Claim]:
    with shop.read() as session:
        rows = list(session.scalars(select(Claim)))
        for row in rows:
            session.refresh(row)
            assert row.lines
        session.expunge_all()
        return rows


def test_claim_is_opened_after_its_questions_and_the_yes(anna: Talk, shop: Database) -> None:
    question = says(anna, "the sneakers arrived with a torn seam", "claims_start")
    assert "photo" in question.text
    question = presses(anna, "I cannot send a photo", question)
    question = presses(anna, "Send it again", question)
    assert "Sneakers" in question.text
    assert not claims_made(shop)
    answer = says(anna, "yes please", "affirm")
    claim = claims_made(shop)[0]
    assert claim.number in answer.text
    assert (claim.type, claim.wanted, claim.status) == ("damaged", "replacement", "need_evidence")
    assert "torn seam" in claim.note


def test_photo_of_the_chat_becomes_evidence(anna: Talk, shop: Database) -> None:
    photo = "ab" * 16
    feedback.add_photo(
        shop, anna.conversation_id, message_id="m1", name="a.jpg", address=f"/api/photos/{photo}",
        reply="thanks", now=NOW,
    )  # fmt: skip
    question = says(anna, "my sneakers are broken, I want my money back", "claims_start")
    assert "Photos: 1" in question.text
    says(anna, "yes", "affirm")
    with shop.read() as session:
        claim = session.scalars(select(Claim)).one()
        assert [each.photo_id for each in claim.evidence] == [photo]
        assert (claim.status, claim.wanted) == ("open", "refund")


def test_what_happened_and_how_many_are_asked_where_not_said(anna: Talk, shop: Database) -> None:
    question = says(anna, "there is something wrong", "claims_start")
    question = presses(anna, "Shirt", question)
    question = presses(anna, "Something is missing", question)
    assert "how many" in question.text
    question = says(anna, "2")
    question = presses(anna, "Money back", question)
    assert "2 × Shirt" in question.text
    says(anna, "yes", "affirm")
    with shop.read() as session:
        assert [line.quantity for line in session.scalars(select(Claim)).one().lines] == [2]


@pytest.mark.parametrize("text", ["1", "the first one", "send it by mail", "is it certain?"])
def test_only_a_yes_is_a_yes(anna: Talk, shop: Database, text: str) -> None:
    says(anna, "one of the shirts is missing, send it again", "claims_start")
    assert "Shall I send it off" in says(anna, text).text
    assert not claims_made(shop)


def test_answer_that_sounds_like_another_wish_is_an_answer(anna: Talk) -> None:
    says(anna, "one of the shirts is missing", "claims_start")
    assert "Send it again" in says(anna, "send a new one", "exchanges_status").text


def test_words_that_tell_nothing_are_said_to_be_unclear(anna: Talk) -> None:
    says(anna, "there is something wrong", "claims_start")
    assert "did not quite get that" in says(anna, "well you know").text


def test_question_of_its_own_is_no_answer(anna: Talk) -> None:
    says(anna, "one of the shirts is missing", "claims_start")
    asked = says(anna, "where is the replacement you promised me?", "exchanges_status")
    assert asked.is_left_to_other_rules


def test_no_sends_no_claim(anna: Talk, shop: Database) -> None:
    question = says(anna, "one of the shirts is missing, send it again", "claims_start")
    assert "1 × Shirt" in question.text
    assert "nothing was sent" in says(anna, "no", "deny").text
    assert not claims_made(shop)


def test_item_in_another_document_is_not_claimed(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    answer = says(anna, "the sneakers are broken", "claims_start")
    assert number in answer.text
    assert answer.slots["offered_action"] == "action_handover_person"


def test_guest_claims_after_the_proof_with_the_words_from_before(
    talk: Talk, shop: Database
) -> None:
    assert says(talk, "the sneakers are broken", "claims_start").next_action == "identity_form"
    _prove(shop, talk)
    talk.says("LL-10001 1071KV", "inform")
    begun = talk.runs(ActionClaimsBegin())
    assert begun.next_action == "tasks_form"
    assert begun.slots["task"]["type"] == "damaged"
    assert begun.slots["task"]["lines"]


def _prove(shop: Database, talk: Talk) -> None:
    assert identity.check_order_and_postcode(
        shop, talk.conversation_id, "LL-10001", "1071KV", now=NOW
    )


def declared(shop: Database) -> list[tuple[str, str, str | None, str]]:
    with shop.read() as session:
        return [
            (row.words, row.contact, row.order.number if row.order else None, row.status)
            for row in session.scalars(select(Withdrawal))
        ]


def test_withdrawal_is_stored_at_once_and_its_return_opened_after_a_yes(
    anna: Talk, shop: Database
) -> None:
    words = "I withdraw from my purchase of order LL-10001"
    question = says(anna, words, "withdrawals_start")
    assert declared(shop) == [(words, "Anna@mail.example", "LL-10001", "declared")]
    assert "WD-" in question.text
    assert "Anna@mail.example" in question.text
    answer = says(anna, "yes", "affirm")
    assert "RMA-" in answer.text
    assert declared(shop)[0][3] == "return_opened"


def test_withdrawal_asks_which_order_after_it_was_stored(anna: Talk, shop: Database) -> None:
    question = says(anna, "ich widerrufe", "withdrawals_start")
    assert declared(shop)[0][2] is None
    assert [label.split(" ")[0] for label in question.choices] == ["LL-10002", "LL-10001"]
    question = says(anna, "the sneakers")
    assert "LL-10001" in question.text
    says(anna, "no", "deny")
    assert declared(shop)[0][3] == "declared"


def test_withdrawal_of_a_guest_is_stored_before_identity_is_asked(
    talk: Talk, shop: Database
) -> None:
    answer = says(talk, "I withdraw from order LL-10001", "withdrawals_start")
    assert answer.next_action == "identity_form"
    assert "WD-" in answer.text
    assert declared(shop)[0][3] == "declared"
    assert declared(shop)[0][2] is None
    _prove(shop, talk)
    talk.slots["requested_slot"] = None
    talk.says("LL-10001 1071KV", "inform")
    assert talk.runs(ActionTasksResume()).next_action == "tasks_form"
    talk.runs(ValidateTasksForm())
    assert "LL-10001" in talk.runs(AskTasksAnswer()).text


def test_same_withdrawal_twice_is_one(anna: Talk, shop: Database) -> None:
    words = "I withdraw from order LL-10001"
    first = says(anna, words, "withdrawals_start")
    anna.slots["requested_slot"] = None
    second = says(anna, words, "withdrawals_start")
    assert first.texts[0] == second.texts[0]
    with shop.read() as session:
        assert session.scalar(select(func.count()).select_from(Withdrawal)) == 1


@pytest.mark.parametrize("intent", list(STARTS))
def test_number_of_somebody_else_starts_no_task(anna: Talk, shop: Database, intent: str) -> None:
    with shop.read() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == 2
    answer = says(anna, "it is about order LL-99999", intent)
    if intent != "withdrawals_start":
        assert "LL-99999" in answer.text
        assert answer.next_action is None


def test_photo_sent_later_goes_to_the_claim_that_waits(anna: Talk, shop: Database) -> None:
    question = says(anna, "my sneakers are broken, money back please", "claims_start")
    presses(anna, "I cannot send a photo", question)
    opened = says(anna, "yes", "affirm")
    button = opened.choices["The photo is sent"]
    assert "do not see a new photo" in says(anna, "sent", "claims_start", choice=button).text
    photo = "cd" * 16
    feedback.add_photo(
        shop, anna.conversation_id, message_id="m2", name="a.jpg", address=f"/api/photos/{photo}",
        reply="thanks", now=NOW,
    )  # fmt: skip
    says(anna, "sent", "claims_start", choice=button)
    assert claims_made(shop)[0].status == "open"


def test_unclear_message_that_tells_of_a_fault_begins_a_claim(anna: Talk) -> None:
    anna.says("my dress never arrived", "nlu_fallback", ranking=("orders_status", "claims_start"))
    assert anna.runs(ActionNotUnderstood()).next_action == "action_claims_begin"
    anna.says("blah", "nlu_fallback", ranking=("orders_status", "claims_start"))
    assert anna.runs(ActionNotUnderstood()).next_action is None


def test_credit_code_is_told_once_the_money_is_paid_back(anna: Talk, shop: Database) -> None:
    number = registered(shop, REFUND)
    with shop.write() as session:
        session.scalars(select(Return)).one().settlement = "store_credit"
    return_moves.record_arrival(shop, number, actor="warehouse", now=NOW)
    inspections.inspect_line(shop, number, "LL-1-1", 1, "A", actor="warehouse", now=NOW)
    refunds.start(shop, number, actor="system", now=NOW)
    anna.says("where is my refund?", "refunds_status")
    assert "code" not in anna.runs(ActionRefundsStatus()).text
    with shop.read() as session:
        part_id = session.scalars(select(RefundPart.id)).one()
    refund_parts.settle_part(shop, part_id, None, now=NOW)
    with shop.read() as session:
        (issued,) = credits_of_order(session, "LL-10001")
    assert issued.code in anna.runs(ActionRefundsStatus()).text


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("on_hold", "closer look"),
        ("lost", "risk is ours"),
        ("declined", "not as agreed"),
    ],
)
def test_states_off_the_road_are_told_honestly(
    anna: Talk, shop: Database, state: str, told: str
) -> None:
    registered(shop, REFUND)
    with shop.write() as session:
        document = session.scalars(select(Return)).one()
        document.status, document.arrived_at = state, NOW
        document.decision_text = "not as agreed"
    anna.says("where is my return?", "returns_status")
    assert told in anna.runs(ActionReturnsStatus()).text


def test_claim_is_told_beside_returns(anna: Talk, shop: Database) -> None:
    question = says(anna, "my sneakers are broken, money back please", "claims_start")
    presses(anna, "I cannot send a photo", question)
    says(anna, "yes", "affirm")
    number = claims_made(shop)[0].number
    anna.says("what about my report?", "returns_status")
    answer = anna.runs(ActionReturnsStatus())
    assert number in answer.text
    assert "The photo is sent" in answer.choices
    assert "no returns" not in answer.text
