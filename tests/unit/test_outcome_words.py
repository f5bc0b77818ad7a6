"""How what comes of a document is worded: each way of paying back by its own name, in every language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import get_args, get_type_hints

import pytest

from returnsdesk import outcome_words
from returnsdesk.db.shop_records import PaymentMethodRecord
from returnsdesk.outcome_words import Paid
from returnsdesk.services.refund_amounts import PAYMENT_LINK
from returnsdesk.settings import LANGUAGES

KINDS = (*get_args(get_type_hints(PaymentMethodRecord)["type"]), PAYMENT_LINK)


@dataclass(frozen=True)
class Part:
    kind: str
    last_four: str | None = None


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_way_of_paying_back_has_words_of_its_own(language: str) -> None:
    unknown = outcome_words.ways_back([Part("sea_shells")], language)
    words = [outcome_words.ways_back([Part(kind)], language) for kind in KINDS]
    assert len({unknown, *words}) == len(KINDS) + 1


def test_a_card_is_told_by_its_end_and_several_ways_in_one_phrase() -> None:
    told = outcome_words.ways_back([Part("credit_card", "4242"), Part("store_credit")], "en")
    assert told == "to your card ending in 4242 and as store credit"


def test_money_that_a_link_took_goes_back_where_the_difference_was_paid_from() -> None:
    told = outcome_words.ways_back([Part(PAYMENT_LINK)], "en")
    assert told == "the way you paid the price difference"


@pytest.mark.parametrize(
    ("last_day", "is_overdue", "told"),
    [
        (10, False, "On Wednesday 10 June we paid €5 back home."),
        (12, False, "On Wednesday 10 June we paid €5 back home. You should see it from"),
        (12, True, "It should have shown by Friday 12 June."),
        (10, True, "On Wednesday 10 June we paid €5 back home."),
    ],
)
def test_paid_money_is_told_with_the_days_on_which_it_shows(
    last_day: int, is_overdue: bool, told: str
) -> None:
    paid = Paid(date(2026, 6, 10), date(2026, 6, min(11, last_day)), date(2026, 6, last_day))
    words = outcome_words.paid_back("€5", "home", paid, "en", is_overdue=is_overdue)
    assert told in words
    assert ("June at the latest" in words) == (last_day == 12 and not is_overdue)
