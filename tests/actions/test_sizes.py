"""Size charts: for the product that is named, in the shopper's language, without any proof."""

import pytest
from sqlalchemy import select

from actions.sizes import ActionSizesAdvice
from returnsdesk.db.models import Product
from returnsdesk.db.session import Database
from returnsdesk.services import policies
from tests.actions.conftest import Talk

CHART = {
    "unit": "cm",
    "option": "size",
    "columns": [{"key": "foot", "label": {"en": "Foot length", "nl": "Voetlengte"}}],
    "rows": [{"size": "42", "foot": "26.5"}, {"size": "43", "foot": "27.2"}],
    "note": {"en": "Measure standing.", "nl": "Meet staand."},
}


@pytest.fixture
def charted(shop: Database, talk: Talk) -> Talk:
    """A guest's conversation in a shop whose sneakers have a chart."""
    with shop.write() as session:
        product = session.scalars(select(Product).where(Product.external_id == "sneakers")).one()
        product.size_chart = CHART
        product.names = {"en": "Sneakers", "nl": "Sportschoenen"}
    return talk


def test_chart_of_the_named_product_needs_no_proof(charted: Talk) -> None:
    charted.says("which size should I take for the sneakers?", "sizes_advice")
    answer = charted.runs(ActionSizesAdvice())
    assert "43: Foot length 27.2" in answer.text
    assert "Measure standing." in answer.text
    assert f"within {policies.active_policy().window.exchange_days} days" in answer.text


def test_chart_is_in_the_shoppers_language(charted: Talk) -> None:
    charted.language = "nl"
    charted.says("welke maat sneakers moet ik nemen?", "sizes_advice")
    answer = charted.runs(ActionSizesAdvice())
    assert "Sportschoenen" in answer.text
    assert "Voetlengte 27.2" in answer.text


def test_product_is_asked_for_and_understood_by_its_button(charted: Talk) -> None:
    charted.says("which size should I take?", "sizes_advice")
    asked = charted.runs(ActionSizesAdvice())
    charted.says("Sneakers", "sizes_advice", choice=asked.choices["Sneakers"])
    assert "43: Foot length" in charted.runs(ActionSizesAdvice()).text


def test_without_any_chart_a_person_is_offered(talk: Talk) -> None:
    talk.says("which size should I take?", "sizes_advice")
    answer = talk.runs(ActionSizesAdvice())
    assert answer.slots["offered_action"] == "action_handover_person"
