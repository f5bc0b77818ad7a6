"""Texts: five languages of every key, facts filled in or missed loudly, and a check that finds what is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from returnsdesk.settings import LANGUAGES
from returnsdesk.texts import TextError, Texts, check_texts, render


def variant(language: str, text: str, buttons: tuple[str, ...] = ()) -> str:
    lines = [f'text: "{text}"']
    if language != "en":
        lines.append(f"condition: [{{type: slot, name: language, value: {language}}}]")
    if buttons:
        lines.append("buttons:")
        lines += [f"  - {{title: Title, payload: '{payload}'}}" for payload in buttons]
    return "    - " + "\n      ".join(lines) + "\n"


def responses(**keys: str) -> str:
    return "responses:\n" + "".join(f"  {key}:\n{variants}" for key, variants in keys.items())


def in_all_languages(text: str = "Hello {name}") -> str:
    return "".join(variant(language, f"{text} ({language})") for language in LANGUAGES)


def texts_of(folder: Path, content: str, name: str = "topic.yml") -> Texts:
    (folder / name).write_text(content, encoding="utf-8")
    return Texts(folder)


def test_each_language_has_its_text_with_the_facts_filled_in(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=in_all_languages()))

    for language in LANGUAGES:
        assert texts.render("greeting", language, name="Ola") == f"Hello Ola ({language})"


def test_a_missing_language_falls_back_to_english(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=variant("nl", "Hallo") + variant("en", "Hello")))

    assert texts.render("greeting", "nl") == "Hallo"
    assert texts.render("greeting", "pl") == "Hello"


def test_a_missing_fact_is_named_with_its_key(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=in_all_languages()))

    with pytest.raises(TextError, match="greeting needs the fact 'name'"):
        texts.render("greeting", "en")
    with pytest.raises(TextError, match="no text farewell"):
        texts.render("farewell", "en")


def test_a_fact_is_never_read_as_a_text(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=in_all_languages()))

    assert texts.render("greeting", "en", name="{name.__class__}") == "Hello {name.__class__} (en)"


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_what_it_said(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=variant("en", "Hello")))
    assert texts.render("greeting", "en") == "Hello"

    texts_of(tmp_path, responses(greeting=variant("en", "Good morning")))
    assert texts.render("greeting", "en") == "Good morning"

    texts_of(tmp_path, "responses: [broken")
    assert texts.render("greeting", "en") == "Good morning"
    assert any("topic.yml" in problem for problem in texts.problems())


def test_a_file_saved_within_the_same_moment_is_told_by_its_size(tmp_path: Path) -> None:
    texts = texts_of(tmp_path, responses(greeting=variant("en", "Hello")))
    texts.render("greeting", "en")
    before = (tmp_path / "topic.yml").stat()

    texts_of(tmp_path, responses(greeting=variant("en", "Hello there")))
    os.utime(tmp_path / "topic.yml", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert texts.render("greeting", "en") == "Hello there"


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        (variant("en", "Hello"), "greeting lacks nl, de, nb, pl"),
        (in_all_languages() + variant("nl", "Hoi {name}"), "greeting has nl 2 times"),
        (in_all_languages() + variant("fr", "Salut {name}"), "other than a language (fr)"),
        (
            in_all_languages().replace("{name} (de)", "{Name}"),
            "differs between en and de in its facts (Name, name)",
        ),
        (in_all_languages().replace("Hello {name} (pl)", " "), "is empty in pl"),
        (in_all_languages("{name!r}"), "is not a plain name"),
        (in_all_languages("{name[0]}"), "is not a plain name"),
        (in_all_languages("{"), "cannot be filled in"),
        (
            "".join(
                variant(
                    language, "Which?", ("/yes", "/no") if language != "nb" else ("/no", "/yes")
                )
                for language in LANGUAGES
            ),
            "differs between en and nb in its buttons",
        ),
    ],
)
def test_the_check_finds(tmp_path: Path, variants: str, problem: str) -> None:
    found = texts_of(tmp_path, responses(greeting=variants)).problems()

    assert any(problem in each and each.startswith("topic.yml: greeting") for each in found), found


def test_the_check_finds_a_key_in_two_files(tmp_path: Path) -> None:
    texts_of(tmp_path, responses(greeting=in_all_languages()), "one.yml")
    texts = texts_of(tmp_path, responses(greeting=in_all_languages()), "two.yml")

    assert texts.problems() == ["greeting stands in one.yml and two.yml"]


def test_the_check_is_content_with_good_texts(tmp_path: Path) -> None:
    assert texts_of(tmp_path, responses(greeting=in_all_languages())).problems() == []


def test_the_products_texts_have_no_problem() -> None:
    assert check_texts() == []


def test_every_language_has_a_text_of_its_own_for_what_the_desk_says() -> None:
    for key in ("desk_delayed", "desk_failed", "desk_button_unknown", "desk_session_over"):
        assert len({render(key, language) for language in LANGUAGES}) == len(LANGUAGES)
