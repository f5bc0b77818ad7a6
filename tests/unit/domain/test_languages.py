"""The language of a message: found where the words tell, left open where they do not."""

from __future__ import annotations

import pytest

from returnsdesk.domain.languages import detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("where is my money for the jacket", "en"),
        ("waar blijft mijn geld voor de jurk", "nl"),
        ("wo bleibt mein geld fuer das kleid", "de"),
        ("hvor er pengene mine for jakken", "nb"),
        ("gdzie sa moje pieniadze za kurtke", "pl"),
    ],
)
def test_each_language_is_known_by_a_short_sentence(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hi",
        "size 43",
        "LL-10234 1071 XX",
        "Fjord sneakers 43",
        "ok",
        "ada@example.com",
        "👍👍👍👍",
    ],
)
def test_what_is_short_or_of_no_language_tells_none(text: str) -> None:
    assert detect(text) is None
