"""Folding and taking apart what a shopper typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.text import fold, fold_with_places, spellings, tokens, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("GRÖSSE", "grosse"),
        ("Größe", "grosse"),
        ("żółty łoś", "zolty los"),
        ("blåbær på brød", "blabaer pa brod"),
        ("crème brûlée", "creme brulee"),
        ("42½", "42.5"),
        ("140×200", "140x200"),
        ("ＸＬ", "xl"),
        ("cafe\u0301", "cafe"),
    ],
)
def test_letters_are_folded(text, folded):
    assert fold(text) == folded


def test_a_word_of_a_list_is_met_with_and_without_umlauts():
    assert spellings("größer") == {"grosser", "groesser"}
    assert spellings("maat") == {"maat"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doesn't fit", ("doesnt", "fit")),
        ("T-shirt, 1000ml!", ("t", "shirt", "1000", "ml")),
        ("42,5 or 42.5", ("42,5", "or", "42.5")),
        ("👍 ok", ("ok",)),
    ],
)
def test_words_are_parted_from_marks_and_numbers(text, expected):
    assert words(text) == expected


@given(st.text())
def test_places_lead_back_to_the_original(text):
    folded, places = fold_with_places(text)

    assert len(places) == len(folded) + 1
    assert places == sorted(places)
    for token in tokens(text):
        assert 0 <= token.start < token.end <= len(text)
        written = fold(text[token.start : token.end]).replace("'", "")
        assert token.word in written or written == ""


@given(st.text())
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
