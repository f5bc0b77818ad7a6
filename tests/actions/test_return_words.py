"""What words do to a return that is being put together: added, corrected, taken out, each with its own wish."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.policy import ActionPolicyWindow
from actions.returns import ActionReturnsBegin
from returnsdesk.db.models import (
    Customer,
    DraftLine,
    Order,
    OrderLine,
    OrderUnit,
    PolicyVersion,
    Shipment,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.services import policies, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.actions.conftest import Answer, Talk
from tests.actions.test_returns import answers, begins
from tests.services.shop import DELIVERED, NOW, _product


@pytest.fixture
def ella(shop: Database, anna: Talk) -> Talk:
    """Anna's conversation, with a third order of a raincoat and socks, named in Dutch too."""
    with shop.write() as session:
        customer = session.scalars(select(Customer)).one()
        parcel = Shipment(tracking_number="T-3", shipped_at=DELIVERED, delivered_at=DELIVERED)
        order = Order(
            number="LL-10003", number_norm="LL-10003", customer=customer, email_norm=customer.email_norm,
            status="delivered", placed_at=DELIVERED - timedelta(days=4), currency="EUR", country="NL",
            postcode_norm="1071KV", shipping_address={}, policy_version=policies.current_version(session, NOW),
        )  # fmt: skip
        parcel.order = order
        for number, (name, dutch, sizes, price) in enumerate(
            [
                ("Raincoat", "Regenjas", {"S": 3, "M": 3, "L": 3}, 11900),
                ("Socks", "Sokken", {"39-42": 5}, 1295),
            ]
        ):
            product = _product(name.lower(), name, sizes, price)
            product.names = {"en": name, "nl": dutch}
            session.add(product)
            variant = product.variants[-1]
            line = OrderLine(
                order=order, external_id=f"LL-3-{number + 1}", position=number, variant=variant, sku=variant.sku,
                name=name, options=dict(variant.options), quantity=1, unit_price_minor=price, paid_minor=price,
            )  # fmt: skip
            line.units = [OrderUnit(position=0, paid_minor=price, shipment=parcel)]
        session.add(order)
    return anna


def lines(shop: Database) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Reason, outcome and replacement of each line of the newest draft."""
    with shop.read() as session:
        newest = session.scalars(select(DraftLine).order_by(DraftLine.draft_id.desc())).first()
        assert newest is not None
        return {
            line.order_line.name: (
                line.reason,
                line.outcome,
                line.new_variant.options["size"] if line.new_variant else None,
            )
            for line in newest.draft.lines
        }


@pytest.mark.parametrize(
    "text",
    [
        "exchange the raincoat for M and return the socks",
        "jacket swap to M; the socks just refund",
        "Ruil de regenjas voor maat M en retourneer de sokken",
        "Die Regenjacke bitte gegen M umtauschen und die Socken zurückschicken",
        "Regnjakken vil jeg bytte til M og sokkene vil jeg returnere",
        "Chcę wymienić kurtkę na M i zwrócić skarpetki",
    ],
)
def test_each_item_has_its_own_outcome(ella: Talk, shop: Database, text: str) -> None:
    begins(ella, text)
    assert lines(shop) == {"Raincoat": (None, "exchange", "M"), "Socks": (None, "refund", None)}


def test_each_item_has_its_own_reason(ella: Talk, shop: Database) -> None:
    begins(ella, "the raincoat is too big, I need M. The socks are not my style, money back please")
    assert lines(shop) == {
        "Raincoat": ("too_large", "exchange", "M"),
        "Socks": ("style", "refund", None),
    }


def test_two_wishes_are_understood_where_the_model_is_not_sure(ella: Talk, shop: Database) -> None:
    ella.slots["requested_slot"] = None
    text = "Ruil de regenjas voor maat M en retourneer de sokken"
    ella.says(text, "nlu_fallback", ranking=("exchanges_start", "returns_start"))
    ella.runs(ActionReturnsBegin())
    assert lines(shop) == {"Raincoat": (None, "exchange", "M"), "Socks": (None, "refund", None)}


@pytest.mark.parametrize(
    "text",
    [
        "the socks too",
        "and also the socks",
        "de sokken wil ik ook terugsturen",
        "die Socken bitte auch",
        "sokkene også",
        "skarpetki też",
    ],
)
def test_an_item_is_added(ella: Talk, shop: Database, text: str) -> None:
    begins(ella, "I want to return the raincoat, not my style")
    answers(ella, text, "returns_start")
    assert lines(shop) == {"Raincoat": ("style", "refund", None), "Socks": (None, None, None)}


def test_an_item_of_another_order_is_not_mixed_in(ella: Talk, shop: Database) -> None:
    begins(ella, "I want to return the raincoat, not my style")
    answer = answers(ella, "and also the sneakers", "returns_start")
    assert "LL-10003" in answer.text
    assert set(lines(shop)) == {"Raincoat"}


def test_what_is_said_of_one_item_leaves_the_other(ella: Talk, shop: Database) -> None:
    begins(ella, "I want to return the raincoat and the socks")
    answers(ella, "the socks are not my style")
    assert lines(shop)["Socks"][0] == "style"
    assert lines(shop)["Raincoat"][0] is None


@pytest.mark.parametrize("text", ["without the socks", "only the raincoat", "not the socks please"])
def test_an_item_is_taken_out(ella: Talk, shop: Database, text: str) -> None:
    begins(ella, "I want to return the raincoat and the socks, changed my mind about both")
    answers(ella, text)
    assert set(lines(shop)) == {"Raincoat"}


def test_a_reason_for_both_is_one_for_each(ella: Talk, shop: Database) -> None:
    begins(ella, "I want to return the raincoat and the socks")
    answers(ella, "both are not my style")
    assert {reason for reason, _, _ in lines(shop).values()} == {"style"}


@pytest.mark.parametrize("text", ["I mean the socks", "no, the socks", "nee ik bedoel de sokken"])
def test_an_item_is_corrected_while_a_size_is_asked(ella: Talk, shop: Database, text: str) -> None:
    begins(ella, "can I exchange the raincoat", "exchanges_start")
    answers(ella, "too large")
    answers(ella, text)
    assert set(lines(shop)) == {"Socks"}


def test_an_item_is_corrected_while_a_number_is_asked(ella: Talk, shop: Database) -> None:
    begins(ella, "I want to return the shirts")
    answers(ella, "I meant the raincoat")
    assert set(lines(shop)) == {"Raincoat"}


def test_a_size_is_no_other_item(ella: Talk, shop: Database) -> None:
    begins(ella, "the raincoat is too large, can I have a smaller one?", "exchanges_start")
    answers(ella, "M")
    assert lines(shop) == {"Raincoat": ("too_large", "exchange", "M")}


def test_everything_of_an_order_asks_which_one(ella: Talk, shop: Database) -> None:
    question = begins(ella, "I want to return everything from this order")
    assert "which order" in question.text
    assert len(question.choices) == 3
    answers(ella, "LL-10003")
    assert set(lines(shop)) == {"Raincoat", "Socks"}


def test_everything_of_a_named_order_needs_no_question(ella: Talk, shop: Database) -> None:
    begins(ella, "I want to return the whole of order LL-10003, everything from this order")
    assert set(lines(shop)) == {"Raincoat", "Socks"}


def test_item_that_was_just_asked_about_is_meant(ella: Talk, shop: Database) -> None:
    ella.says("can I still return the raincoat?", "policy_window")
    told = ella.runs(ActionPolicyWindow())
    assert "Raincoat" in told.text
    begins(ella, "how do I return this?")
    assert set(lines(shop)) == {"Raincoat"}


def test_item_of_an_earlier_question_is_not_meant_any_more(ella: Talk) -> None:
    ella.says("can I still return the raincoat?", "policy_window")
    ella.runs(ActionPolicyWindow())
    ella.says("thanks", "thanks")
    assert len(begins(ella, "how do I return something?").choices) == 4


def test_number_of_somebody_else_is_said_to_be_unknown(ella: Talk) -> None:
    answer = begins(ella, "I want to return the raincoat of order LL-99999")
    assert "LL-99999" in answer.text
    assert "which item" in answer.text.lower()


def test_rest_in_another_return_is_named(anna: Talk, shop: Database) -> None:
    request = ReturnRequest(
        "LL-10002", (RequestedLine("LL-2-1", 1, "style", "refund"),), "original", "key-1"
    )
    number = returns.create(shop, request, actor="shopper", channel="web", now=NOW).rma_number
    answer = begins(anna, "I want to return 3 shirts")
    assert number in answer.text
    assert list(answer.choices) == ["1", "2"]


def reason_asked(talk: Talk) -> Answer:
    return begins(talk, "I want to return the sneakers")


@pytest.mark.parametrize(
    ("text", "intent", "reason"),
    [
        ("angret meg", "withdrawals_start", "changed_mind"),
        ("they are broken", "claims_start", "defective"),
    ],
)
def test_reason_that_sounds_like_another_wish_is_a_reason(
    anna: Talk, shop: Database, text: str, intent: str, reason: str
) -> None:
    reason_asked(anna)
    answers(anna, text, intent)
    assert lines(shop)["Sneakers"][0] == reason


def test_withdrawal_in_words_of_the_law_is_no_reason(anna: Talk, shop: Database) -> None:
    reason_asked(anna)
    assert answers(anna, "jeg angrer kjøpet", "withdrawals_start").is_left_to_other_rules
    assert lines(shop)["Sneakers"][0] is None


@pytest.mark.parametrize("intent", ["inform", "refunds_method"])
def test_credit_is_taken_at_the_summary_and_taken_back(
    ella: Talk, shop: Database, intent: str
) -> None:
    begins(ella, "I want to return the sneakers, changed my mind")
    assert "as credit at the shop" in answers(ella, "store credit is fine", intent).text
    assert "as credit at the shop" not in answers(ella, "no, back on my card", intent).text
    answers(ella, "store credit please", intent)
    answers(ella, "yes", "affirm")
    with shop.read() as session:
        assert [each.settlement for each in returns.of_order(session, _id(session))] == [
            "store_credit"
        ]


def _id(session: Session) -> int:
    return int(session.scalars(select(Order.id).where(Order.number == "LL-10001")).one())


def test_price_difference_is_said_before_the_yes(anna: Talk, shop: Database) -> None:
    with shop.write() as session:
        variant = session.scalars(select(Variant).where(Variant.sku == "sneakers-43")).one()
        variant.price_minor += 1000
        version = session.scalars(select(PolicyVersion)).one()
        exchange = {**version.content["exchange"], "same_product_without_difference": False}
        version.content = {**version.content, "exchange": exchange}
        version.digest = "with differences"
    answer = begins(
        anna, "the sneakers are too small, can I exchange them for 43?", "exchanges_start"
    )
    assert "€10.00 more" in answer.text
    assert "price difference" in answers(anna, "yes", "affirm").text


def test_wish_for_an_item_of_another_order_is_left_for_later(ella: Talk, shop: Database) -> None:
    answer = begins(ella, "send the socks back and exchange the sneakers for 43")
    assert lines(shop) == {"Socks": (None, "refund", None)}
    assert "LL-10003" in answer.text


def test_both_counts_the_items_not_the_pieces_of_one(ella: Talk) -> None:
    begins(ella, "I want to return the raincoat and the socks")
    answer = answers(ella, "not my style, both")
    assert "at most" not in answer.text
    assert "Shall I register" in answer.text


def test_question_is_no_choice_because_it_shares_a_word(anna: Talk, shop: Database) -> None:
    reason_asked(anna)
    answers(anna, "and how do I get my money as fast as possible?", "inform")
    assert lines(shop)["Sneakers"][0] is None
