"""The two components of the pipeline: what they find, what they store, and what they do without knowledge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from returnsdesk.rasa.intent_classifier import NgramIntentClassifier, folded, masked
from returnsdesk.rasa.mentions_extractor import MentionsExtractor

EXAMPLES = {
    "refunds_status": [
        "where is my refund",
        "refund not arrived",
        "gdzie jest mój zwrot pieniędzy",
    ],
    "orders_status": ["where is my parcel", "parcel not arrived", "hvor er pakken min"],
    "returns_start": ["I want to return these shoes", "ich möchte die Schuhe zurückschicken"],
    "inform": ["my order number is W2611340", "order 10233, ada@example.com", "size 43"],
}
CONTEXT = ExecutionContext(GraphSchema({}))


def _data(examples: dict[str, list[str]]) -> TrainingData:
    return TrainingData(
        [
            Message({TEXT: text, INTENT: intent})
            for intent, texts in examples.items()
            for text in texts
        ]
    )


def _trained(folder: Path, examples: dict[str, list[str]], **config: Any) -> NgramIntentClassifier:
    """The classifier as the server gets it: trained, stored and loaded."""
    folder.mkdir(exist_ok=True)
    storage, resource = LocalModelStorage(folder), Resource("classifier")
    NgramIntentClassifier.create(config, storage, resource, CONTEXT).train(_data(examples))
    return NgramIntentClassifier.load(config, storage, resource, CONTEXT)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> NgramIntentClassifier:
    return _trained(tmp_path_factory.mktemp("model"), EXAMPLES)


def _ranking(classifier: NgramIntentClassifier, text: str) -> list[dict[str, Any]]:
    message = classifier.process([Message({TEXT: text})])[0]
    ranking: list[dict[str, Any]] = message.get("intent_ranking")
    assert message.get(INTENT) == (ranking[0] if ranking else {"name": None, "confidence": 0.0})
    return ranking


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("where is my refund", "refunds_status"),
        ("WHERE IS MY REFUNDD??", "refunds_status"),
        ("Gdzie jest moj zwrot pieniedzy", "refunds_status"),
        ("hvor er pakken min", "orders_status"),
        ("moechte schuhe zuruckschicken", "returns_start"),
        ("W2055555", "inform"),
        ("grace.hopper@navy.example", "inform"),
    ],
)
def test_an_intent_is_known_through_case_typing_errors_and_missing_diacritics(
    classifier: NgramIntentClassifier, text: str, intent: str
) -> None:
    assert _ranking(classifier, text)[0]["name"] == intent


def test_confidences_are_a_falling_ranking_that_adds_up_to_one(
    classifier: NgramIntentClassifier,
) -> None:
    confidences = [entry["confidence"] for entry in _ranking(classifier, "where is my refund")]
    assert len(confidences) == len(EXAMPLES)
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "漢字", "🙂"])
def test_a_message_of_which_nothing_is_known_gets_no_opinion(
    classifier: NgramIntentClassifier, text: str
) -> None:
    confidences = [entry["confidence"] for entry in _ranking(classifier, text)]
    assert confidences == pytest.approx([1 / len(EXAMPLES)] * len(EXAMPLES))


def test_whose_address_or_which_order_it_is_says_nothing_about_the_wish(
    classifier: NgramIntentClassifier,
) -> None:
    one = _ranking(classifier, "where is my refund, order W2611340, ada@example.com")
    two = _ranking(classifier, "where is my refund, order W2099999, mein.schuh@parcel.example.de")
    assert one == two


def test_the_length_of_the_ranking_can_be_set(tmp_path: Path) -> None:
    assert len(_ranking(_trained(tmp_path, EXAMPLES, ranking_length=2), "refund")) == 2


def test_training_twice_gives_the_same_answers_to_the_last_digit(tmp_path: Path) -> None:
    one, two = (_trained(tmp_path / name, EXAMPLES) for name in ("one", "two"))
    assert _ranking(one, "is my refund a parcel") == _ranking(two, "is my refund a parcel")


def test_a_model_holds_numbers_and_names_but_no_objects(tmp_path: Path) -> None:
    _trained(tmp_path, EXAMPLES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in files) == [".json", ".npz"]
    # A pickled object in an array would be refused by the load with allow_pickle=False.
    assert not any(b"pickle" in path.read_bytes() for path in files)


@pytest.mark.parametrize("examples", [{}, {"greet": ["hello", "hi"]}])
def test_without_intents_to_tell_apart_there_is_no_intent(
    tmp_path: Path, examples: dict[str, list[str]]
) -> None:
    assert _ranking(_trained(tmp_path, examples), "hello") == []


def test_folding_makes_hasty_and_careful_writing_one() -> None:
    assert folded("Zwróć ŁÓDŹ, Größe 43, Æble på Øya") == "zwroc lodz, grosse 00, aeble pa oya"


def test_masking_keeps_the_words_around_a_mention() -> None:
    text = masked("refund for W2611340 to ada@example.com please")
    assert "W2611340" not in text
    assert "ada" not in text
    assert text.split()[:2] == ["refund", "for"]
    assert text.split()[-1] == "please"


def test_mentions_become_entities_with_place_and_extractor() -> None:
    extractor = MentionsExtractor.create({}, None, None, CONTEXT)
    text = "order W2611340, write to ada@example.com"
    message = Message({TEXT: text, ENTITIES: [{"entity": "other", "extractor": "someone"}]})
    extractor.process([message])
    first, *found = message.get(ENTITIES)
    assert first == {"entity": "other", "extractor": "someone"}
    assert [(one["entity"], one["value"]) for one in found] == [
        ("order_number", "W2611340"),
        ("email", "ada@example.com"),
    ]
    assert [text[one["start"] : one["end"]] for one in found] == ["W2611340", "ada@example.com"]
    assert {(one["extractor"], one["confidence_entity"]) for one in found} == {
        ("MentionsExtractor", 1.0)
    }
    assert ENTITIES in message.as_dict(only_output_properties=True)


def test_a_message_without_mentions_has_an_empty_list() -> None:
    extractor = MentionsExtractor.create({}, None, None, CONTEXT)
    message = Message({TEXT: "hello"})
    assert extractor.process([message])[0].get(ENTITIES) == []
