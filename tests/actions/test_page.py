"""What the shop's page shows is a hint at what "this" means: it helps the shopper's own words and opens nothing."""

import pytest
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.page import items_on_page
from actions.policy import ActionPolicyExclusions, ActionPolicyWindow
from actions.returns import ActionReturnsBegin, AskReturnsAnswer, ValidateReturnsForm
from actions.sizes import ActionSizesAdvice
from actions.status import ActionOrdersStatus, ActionRefundsStatus
from actions.turn import DeskAction
from returnsdesk.db.models import Order, OrderLine, Product
from returnsdesk.db.session import Database
from returnsdesk.services import identity, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.actions.conftest import SHOP_KEY, Answer, Talk
from tests.services.shop import NOW

SHIRTS = {"order": "LL-10002"}
SNEAKERS = {"order": "LL-10001"}
CHART = {"option": "size", "columns": [{"key": "foot"}], "rows": [{"size": "42", "foot": "26.5"}]}


def is_asked(talk: Talk, text: str, action: DeskAction, intent: str) -> Answer:
    talk.says(text, intent)
    return talk.runs(action)


def begins(talk: Talk, text: str) -> Answer:
    """The first words of a return and the first question."""
    is_asked(talk, text, ActionReturnsBegin(), "returns_start")
    return goes_on(talk)


def goes_on(talk: Talk) -> Answer:
    talk.slots["requested_slot"] = None
    talk.runs(ValidateReturnsForm())
    return talk.runs(AskReturnsAnswer())


@pytest.fixture
def of_somebody_else(shop: Database, anna: Talk) -> Talk:
    """Anna's conversation, on the page of the shirts; they are somebody else's."""
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == SHIRTS["order"])).one()
        order.customer_id, order.email_norm = None, "bob@mail.example"
    anna.page = SHIRTS
    return anna


@pytest.fixture
def both_returned(shop: Database, anna: Talk) -> Talk:
    """Anna's conversation, after a return of each order."""
    for number, quantity in ((SNEAKERS["order"], 1), (SHIRTS["order"], 2)):
        line = RequestedLine(f"LL-{number[-1]}-1", quantity, "changed_mind", "refund")
        request = ReturnRequest(number, (line,), "original", f"key-{number}")
        returns.create(shop, request, actor="shopper", channel="web", now=NOW)
    return anna


@pytest.mark.parametrize("text", ["how do I return this?", "can I still send this back", ""])
@pytest.mark.parametrize(
    ("page", "question"),
    [(SHIRTS, "How many"), (SNEAKERS, "sneakers"), ({"product": "shirt"}, "How many")],
)
def test_this_is_what_the_page_shows(anna: Talk, text: str, page: dict, question: str) -> None:
    anna.page = page
    answer = begins(anna, text)
    assert question.casefold() in answer.text.casefold()
    assert not any(choice.startswith("item:") for choice in answer.choices.values())


@pytest.mark.parametrize("page", [{}, {"order": "LL-99999"}, {"product": "kettle"}])
def test_page_that_shows_nothing_of_theirs_changes_nothing(anna: Talk, page: dict) -> None:
    anna.page = page
    answer = begins(anna, "how do I return this?")
    assert sum(choice.startswith("item:") for choice in answer.choices.values()) == 2


@pytest.mark.parametrize("text", ["I want to return the sneakers", "return of order LL-10001"])
def test_words_win_over_the_page(anna: Talk, text: str) -> None:
    anna.page = SHIRTS
    answer = begins(anna, text)
    assert "How many" not in answer.text
    assert any(choice.startswith("reason:") for choice in answer.choices.values())


def test_words_for_a_thing_they_never_ordered_are_not_taken_for_the_page(anna: Talk) -> None:
    anna.page = SHIRTS
    answer = begins(anna, "I want to return the kettle")
    assert "How many" not in answer.text


def test_whole_order_is_that_of_the_page(anna: Talk, shop: Database) -> None:
    anna.page = SHIRTS
    answer = begins(anna, "I want to return the whole order")
    assert not any(choice.startswith("order:") for choice in answer.choices.values())
    assert "shirt" in answer.text.casefold()


def test_order_of_several_items_is_asked_about_among_its_own(anna: Talk, shop: Database) -> None:
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == SNEAKERS["order"])).one()
        bought = order.lines[0]
        other = OrderLine(
            order_id=order.id, external_id="LL-1-2", position=1, variant=bought.variant, sku=bought.sku,
            name=bought.name, options={"colour": "white", "size": "42"}, quantity=1,
            unit_price_minor=8995, paid_minor=8995,
        )  # fmt: skip
        other.units = [
            type(bought.units[0])(position=0, paid_minor=8995, shipment=bought.units[0].shipment)
        ]
        session.add(other)
    anna.page = SNEAKERS
    answer = begins(anna, "how do I return this?")
    asked = [label for label, choice in answer.choices.items() if choice.startswith("item:")]
    assert len(asked) == 2
    assert not any("shirt" in label.casefold() for label in asked)


def test_page_helps_after_the_proof_that_came_between(talk: Talk, shop: Database) -> None:
    talk.page = SHIRTS
    asked = is_asked(talk, "how do I return this?", ActionReturnsBegin(), "returns_start")
    assert asked.next_action == "identity_form"
    token = identity.shop_login_token("anna", key=SHOP_KEY, now=NOW)
    assert identity.sign_in(shop, talk.conversation_id, token, key=SHOP_KEY, now=NOW)
    # The proof was given on another page.
    talk.page = {}
    is_asked(talk, "123456", ActionReturnsBegin(), "inform")
    assert "How many" in goes_on(talk).text


@pytest.mark.parametrize(
    ("action", "intent"),
    [
        (ActionReturnsBegin(), "returns_start"),
        (ActionRefundsStatus(), "refunds_status"),
        (ActionOrdersStatus(), "orders_status"),
    ],
)
def test_page_opens_nothing_for_a_guest(talk: Talk, action: DeskAction, intent: str) -> None:
    talk.page = SHIRTS
    answer = is_asked(talk, "where is my refund for this", action, intent)
    assert answer.next_action == "identity_form"
    assert answer.texts == []


def test_order_of_somebody_else_is_answered_as_without_it(of_somebody_else: Talk) -> None:
    for text, action, intent in (
        ("where is my refund", ActionRefundsStatus(), "refunds_status"),
        ("where is my parcel", ActionOrdersStatus(), "orders_status"),
        ("until when can I return this", ActionPolicyWindow(), "policy_window"),
        ("can I return this", ActionPolicyExclusions(), "policy_exclusions"),
    ):
        of_somebody_else.page = SHIRTS
        forged = is_asked(of_somebody_else, text, action, intent)
        of_somebody_else.page = {}
        assert is_asked(of_somebody_else, text, action, intent).texts == forged.texts
        assert "shirt" not in forged.text.casefold()
        assert SHIRTS["order"] not in forged.text


def test_return_of_somebody_elses_order_is_not_begun(of_somebody_else: Talk) -> None:
    answer = begins(of_somebody_else, "how do I return this?")
    assert "shirt" not in answer.text.casefold()
    assert "How many" not in answer.text


@pytest.mark.parametrize("page", [SHIRTS, SNEAKERS])
def test_refund_and_parcel_are_those_of_the_page(both_returned: Talk, page: dict) -> None:
    both_returned.page = page
    other = SNEAKERS if page is SHIRTS else SHIRTS
    refund = is_asked(both_returned, "where is my refund", ActionRefundsStatus(), "refunds_status")
    parcel = is_asked(both_returned, "where is my parcel", ActionOrdersStatus(), "orders_status")
    for answer in (refund, parcel):
        assert page["order"] in answer.text
        assert other["order"] not in answer.text


def test_refund_of_the_order_in_the_words_wins(both_returned: Talk) -> None:
    both_returned.page = SHIRTS
    answer = is_asked(
        both_returned, "where is my refund for LL-10001", ActionRefundsStatus(), "refunds_status"
    )
    assert SNEAKERS["order"] in answer.text
    assert SHIRTS["order"] not in answer.text


def test_window_of_this_is_told_beside_the_rule(anna: Talk) -> None:
    anna.page = SHIRTS
    answer = is_asked(anna, "until when can I return this", ActionPolicyWindow(), "policy_window")
    assert SHIRTS["order"] in answer.texts[0]
    assert SNEAKERS["order"] not in answer.text
    assert "days of delivery" in answer.text
    assert answer.slots["item_at_hand"]


def test_size_chart_is_that_of_the_page(shop: Database, talk: Talk) -> None:
    with shop.write() as session:
        for product in session.scalars(select(Product)):
            product.size_chart = CHART
    talk.page = {"product": "sneakers"}
    shown = is_asked(talk, "which size should I take?", ActionSizesAdvice(), "sizes_advice")
    named = is_asked(talk, "which size of the shirt?", ActionSizesAdvice(), "sizes_advice")
    talk.page = {"product": "' OR 1=1"}
    unknown = is_asked(talk, "which size should I take?", ActionSizesAdvice(), "sizes_advice")
    assert "Sneakers" in shown.text and "42: foot 26.5" in shown.text
    assert "Shirt" in named.text and "Sneakers" not in named.text
    assert set(unknown.choices) >= {"Sneakers", "Shirt"}


@pytest.mark.parametrize(
    ("text", "count"), [("and this?", 1), ("the sneakers", 0), ("order LL-77777", 0)]
)
def test_hint_is_dropped_where_the_message_names_things(anna: Talk, text: str, count: int) -> None:
    anna.page = SHIRTS
    anna.says(text)
    assert len(items_on_page(anna.turn(CollectingDispatcher()))) == count
