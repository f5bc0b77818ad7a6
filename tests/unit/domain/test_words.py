"""The word lists: complete in every language, and free of words that would be read as something else."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import yaml

from returnsdesk.domain import words
from returnsdesk.domain.options import colours_of
from returnsdesk.domain.products import (
    AKIN,
    DISTANT,
    SAME,
    UNRELATED,
    find_products,
    kinship,
    products_of_names,
)
from returnsdesk.domain.reading import read
from returnsdesk.domain.reasons import REASONS


def sections(name: str) -> dict[str, Any]:
    text = resources.files(words).joinpath(name).read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_language_has_the_same_lists_and_none_is_empty(language):
    english, own = sections("en.yml"), sections(f"{language}.yml")

    assert set(own) == set(english)
    assert all(own.values())
    for name in ("numbers", "ordinals", "months"):
        assert list(own[name]) == list(english[name]), name


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_language_has_phrases_for_every_reason(language):
    own = sections(f"reasons_{language}.yml")

    assert set(REASONS) <= set(own)
    assert set(own) == set(sections("reasons_en.yml"))


def test_every_product_has_names_in_all_languages_and_kin_that_exists():
    entries = words.product_entries()

    for product, entry in entries.items():
        assert set(words.LANGUAGES) <= set(entry), product
        assert set(entry) <= {*words.LANGUAGES, "is", "near"}, product
        kin = f"{entry.get('is', '')},{entry.get('near', '')}".split(",")
        assert {name.strip() for name in kin if name.strip()} <= set(entries), product


def test_colours_are_the_same_in_every_language():
    names = [set(sections(f"{language}.yml")["colours"]) for language in words.LANGUAGES]

    for colours in names[1:]:
        assert names[0] - colours <= {"space grey", "multicolour"}
        assert colours <= names[0]


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("ik wil de schoenen terugsturen", {"nl"}),
        ("ich möchte die Schuhe zurückschicken", {"de"}),
        ("jeg vil sende skoene tilbake", {"nb"}),
        ("chcę odesłać te buty", {"pl"}),
        ("I want to send the shoes back", {"en"}),
        ("sneakers", set(words.LANGUAGES)),
    ],
)
def test_everyday_words_tell_the_language(text, languages):
    assert read(text).languages == languages


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("Lederschuhe", "footwear"),
        ("winterjas", "winter_jacket"),
        ("damejakke", "jacket"),
        ("spódniczki", "skirt"),
        ("butami", "footwear"),
        ("running shoes", "running_shoes"),
        ("ekspresu do kawy", "coffee_maker"),
    ],
)
def test_inflected_and_compound_words_name_their_product(text, product):
    found = find_products(read(text))

    assert [product in word.products for word in found] == [True]


@pytest.mark.parametrize(
    "text",
    ["rok temu", "het was gisteren", "er hat angerufen", "but I want", "det er bra", "no to dalej"],
)
def test_everyday_words_of_a_language_name_no_product_of_another(text):
    assert find_products(read(text)) == []


def test_products_are_akin_as_shoppers_mix_them_up():
    assert kinship("footwear", "sneakers") == SAME
    assert kinship("sneakers", "running_shoes") == AKIN
    assert kinship("hiking_boots", "footwear") == AKIN
    assert kinship("sneakers", "hiking_boots") == DISTANT
    assert kinship("sneakers", "electric_kettle") == UNRELATED


def test_a_name_of_the_catalogue_is_its_main_word():
    assert products_of_names(("Desk Lamp",)) == {"desk_lamp"}
    assert products_of_names(("Mug with your name",)) == {"mug"}
    assert products_of_names(("Fjord sneakers", "Fjord joggesko")) == {"sneakers"}


def test_shades_that_are_in_no_list_are_their_colour():
    assert colours_of("anthracite") == {"anthracite"}
    assert colours_of("dark green") == {"dark green"}
