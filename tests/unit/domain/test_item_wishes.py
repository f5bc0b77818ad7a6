"""Messages with a wish for each item, words that add or correct, and words for withdrawing and for ways of paying."""

import pytest

from returnsdesk.domain.item_wishes import (
    find_item_wishes,
    find_settlement,
    has_separate_wishes,
    is_adding,
    is_corrected,
    is_withdrawal,
    wants_whole_order,
)


@pytest.mark.parametrize(
    "text",
    [
        "exchange the raincoat for M and return the socks",
        "jacket too big, need M; the socks just refund",
        "Ik wil de regenjas ruilen voor maat M en de sokken terugsturen",
        "Die Regenjacke bitte gegen M umtauschen und die Socken zurückschicken",
        "Regnjakken vil jeg bytte til M og sokkene vil jeg returnere",
        "Chcę wymienić kurtkę na M i zwrócić skarpetki",
    ],
)
def test_each_item_has_its_own_outcome(text: str) -> None:
    assert [wish.outcome for wish in find_item_wishes(text)] == ["exchange", "refund"]
    assert has_separate_wishes(text)


def test_each_item_has_its_own_reason() -> None:
    wishes = find_item_wishes("the raincoat is too big and the socks are not my style")
    assert [wish.reason for wish in wishes] == ["too_large", "style"]


@pytest.mark.parametrize(
    "text",
    [
        "I want to return the sneakers and the socks",
        "return the socks, keep the raincoat",
        "the t-shirt is too small and I changed my mind",
        "hello",
        "",
    ],
)
def test_one_wish_is_not_parted(text: str) -> None:
    assert find_item_wishes(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "the socks too",
        "and the belt",
        "de sokken ook",
        "auch die Socken",
        "sokkene også",
        "też pasek",
    ],
)
def test_words_that_add(text: str) -> None:
    assert is_adding(text)


@pytest.mark.parametrize("text", ["the socks are too small", "no, the socks", "de sokken", "pasek"])
def test_words_that_do_not_add(text: str) -> None:
    assert not is_adding(text)


@pytest.mark.parametrize(
    "text",
    ["I mean the bottle", "no, the socks", "ik bedoel de fles", "ich meinte die Flasche", "jeg mente flasken"],
)  # fmt: skip
def test_words_that_correct(text: str) -> None:
    assert is_corrected(text)


@pytest.mark.parametrize(
    "text",
    [
        "everything from this order please",
        "alles uit deze bestelling",
        "die ganze Bestellung",
        "hele bestillingen",
        "całe zamówienie",
    ],
)
def test_whole_orders(text: str) -> None:
    assert wants_whole_order(text)
    assert not wants_whole_order("everything was fine")


@pytest.mark.parametrize(
    "text",
    [
        "I withdraw from it",
        "ik herroep",
        "ich widerrufe",
        "jeg angrer kjøpet",
        "odstępuję od umowy",
    ],
)
def test_words_of_the_law(text: str) -> None:
    assert is_withdrawal(text)


@pytest.mark.parametrize(
    "text", ["changed my mind", "angret meg", "mich umentschieden", "rozmyśliłam się"]
)
def test_everyday_words_are_none_of_the_law(text: str) -> None:
    assert not is_withdrawal(text)


@pytest.mark.parametrize(
    ("text", "settlement"),
    [
        ("store credit is fine", "store_credit"),
        ("liever een tegoedbon", "store_credit"),
        ("als Gutschein bitte", "store_credit"),
        ("heller gavekort", "store_credit"),
        ("wolę bon", "store_credit"),
        ("back on my card please", "original"),
        ("no voucher, the money", "original"),
        ("lieber das Geld", "original"),
        ("too small", None),
    ],
)
def test_ways_of_paying_back(text: str, settlement: str | None) -> None:
    assert find_settlement(text) == settlement
