"""What holds for any text: nothing ever fails, and how a message is typed does not change what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from returnsdesk.domain.choices import is_no, is_yes, match_choice
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.mentions import KINDS, find_mentions
from returnsdesk.domain.reasons import REASONS, find_reason, find_reasons, is_fit_problem
from returnsdesk.domain.text import fold
from returnsdesk.domain.variants import match_variant
from tests.unit.domain.catalogues import WARDROBE
from tests.unit.domain.test_matching import CERTAIN
from tests.unit.domain.test_reasons import GIVEN
from tests.unit.domain.test_variants import WANTED, find, sneakers

_PIECES = st.sampled_from(
    [
        "the",
        "black",
        "sneakers",
        "42",
        "43",
        "or",
        "not",
        "de",
        "zwarte",
        "und",
        "ikke",
        "oprócz",
        "alles",
        "both",
        "2",
        "of",
        "3",
        "shirts",
        "too small",
        "W32/L34",
        "one size up",
        "order 10234",
        ",",
        ".",
        "-",
        "/",
        "\n",
        "ja",
        "nie",
        "second",
        "rest",
        "keep",
        "instead of",
        "#",
        "½",
        "👍",
    ]
)
ANY_TEXT = st.one_of(st.text(max_size=300), st.lists(_PIECES, max_size=25).map(" ".join))


@given(ANY_TEXT)
def test_mentions_never_fail_and_lie_within_the_text(text):
    for mention in find_mentions(text):
        assert mention.kind in KINDS
        assert mention.value
        assert 0 <= mention.start < mention.end <= len(text)


@given(ANY_TEXT)
def test_reasons_never_fail(text):
    assert find_reason(text) in (*REASONS, None)
    assert all(mention.value in REASONS for mention in find_reasons(text))
    assert is_fit_problem(text) in (True, False)


@given(ANY_TEXT)
def test_choices_never_fail_and_yes_is_never_no(text):
    assert match_choice(text, ["Refund", "Exchange", "42"]) in (None, 0, 1, 2)
    assert not (is_yes(text) and is_no(text))


@given(ANY_TEXT)
def test_items_never_fail_and_are_those_given(text):
    match = match_items(text, WARDROBE)

    keys = {item.key for item in WARDROBE}
    assert set(match.keys) <= keys
    assert len(set(match.keys)) == len(match.keys)
    assert set(match.sure_keys) <= set(match.keys)
    assert set(match.quantities) <= set(match.sure_keys)
    assert all(pieces >= 1 for pieces in match.quantities.values())
    assert match.is_certain <= bool(match.keys)


@given(ANY_TEXT)
def test_variants_never_fail_and_are_those_given(text):
    variants = sneakers()
    current = find(variants, size="42", colour="black")

    match = match_variant(text, current, variants)

    keys = {variant.key for variant in variants} - {current.key}
    assert {*match.wanted, *match.fallback, *match.near} <= keys or match.wanted == (current.key,)
    assert not set(match.wanted) & set(match.fallback)
    assert match.is_about_variant or not match.asked_for


def without_diacritics(text: str) -> str:
    """As people type who have no such keys: every letter without its mark, the case kept."""
    return "".join(fold(letter) if letter.islower() else letter for letter in text)


TYPED_OTHERWISE = {
    "small": str.lower,
    "capital": str.upper,
    "without diacritics": without_diacritics,
    "with marks": lambda text: f"{text}!!!",
    "with blanks": lambda text: f"  {text.replace(' ', '  ')} ",
    "with an emoji": lambda text: f"{text} 🙏",
    "with a courtesy": lambda text: f"hi, {text}",
}


@pytest.mark.parametrize("typed", TYPED_OTHERWISE.values(), ids=TYPED_OTHERWISE)
@pytest.mark.parametrize(("text", "keys"), CERTAIN)
def test_items_are_found_however_the_message_is_typed(text, keys, typed):
    match = match_items(typed(text), WARDROBE)

    assert list(match.keys) == keys
    assert match.is_certain


@pytest.mark.parametrize("typed", TYPED_OTHERWISE.values(), ids=TYPED_OTHERWISE)
@pytest.mark.parametrize(
    ("text", "reason"), [(text, reason) for reason, texts in GIVEN.items() for text in texts]
)
def test_reasons_are_found_however_the_message_is_typed(text, reason, typed):
    assert find_reason(typed(text)) == reason


@pytest.mark.parametrize("typed", TYPED_OTHERWISE.values(), ids=TYPED_OTHERWISE)
@pytest.mark.parametrize(("text", "wanted"), WANTED)
def test_variants_are_found_however_the_message_is_typed(text, wanted, typed):
    variants = sneakers()

    match = match_variant(typed(text), find(variants, size="42", colour="black"), variants)

    assert [tuple(find_options(variants, key)) for key in match.wanted] == [wanted]


def find_options(variants, key):
    return next(variant.options.values() for variant in variants if variant.key == key)
