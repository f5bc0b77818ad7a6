"""The one reader of what shoppers are told: `data/responses/*.yml`, in Rasa's format, all languages of a key together.

English stands without a condition and is the fallback; every other language has the condition that the slot `language`
has its value. Rasa reads the same files for the responses that rules name.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from returnsdesk.settings import LANGUAGES, PROJECT_ROOT

RESPONSES_DIR = PROJECT_ROOT / "data" / "responses"
FALLBACK_LANGUAGE = "en"

logger = logging.getLogger(__name__)

Variant = dict[str, Any]


class TextError(Exception):
    """A text was asked for that is not there, or without a fact that it needs."""


@dataclass(frozen=True)
class _File:
    changed_at: tuple[int, int]
    responses: dict[str, list[Variant]]


class Texts:
    """The texts of one folder; a file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, _File] = {}

    def render(self, key: str, language: str, /, **facts: object) -> str:
        """The text of a key in a language (English where it is missing), with the facts filled in.

        Raises `TextError` that names the key, and the fact if one is missing.
        """
        text = str(self._variant(key, language).get("text", ""))
        try:
            return text.format_map(facts)
        except KeyError as error:
            raise TextError(f"the text {key} needs the fact {error.args[0]!r}") from None
        except (ValueError, IndexError, AttributeError) as error:
            raise TextError(f"the text {key} cannot be filled in: {error}") from error

    def problems(self) -> list[str]:
        """What is wrong with the files, one sentence each; empty when nothing is."""
        found: list[str] = []
        places: dict[str, list[str]] = {}
        for path in self._paths():
            try:
                file = _read(path)
            except (TextError, yaml.YAMLError, UnicodeDecodeError) as error:
                found.append(f"{path.name}: {str(error).splitlines()[0]}")
                continue
            for key, variants in file.responses.items():
                places.setdefault(key, []).append(path.name)
                found += [f"{path.name}: {key} {problem}" for problem in _problems_of(variants)]
        found += [
            f"{key} stands in {' and '.join(files)}"
            for key, files in places.items()
            if len(files) > 1
        ]
        return found

    def _variant(self, key: str, language: str) -> Variant:
        for path in self._paths():
            variants = self._file(path).responses.get(key)
            if variants:
                by_language = {_language(variant): variant for variant in reversed(variants)}
                variant = by_language.get(language) or by_language.get(FALLBACK_LANGUAGE)
                if variant is None:
                    raise TextError(f"the text {key} has neither {language} nor English")
                return variant
        raise TextError(f"there is no text {key}")

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.yml"))

    def _file(self, path: Path) -> _File:
        known = self._files.get(path)
        try:
            if known is not None and known.changed_at == _changed_at(path):
                return known
            self._files[path] = _read(path)
        except (TextError, yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            if known is None:
                raise TextError(f"{path.name} cannot be read: {error}") from error
            # Somebody is editing the file: what stood in it before is better than no answer.
            logger.error("%s cannot be read, its earlier texts are kept: %s", path.name, error)
            return known
        return self._files[path]


def render(key: str, language: str, /, **facts: object) -> str:
    """A text of the product; see `Texts.render`."""
    return _product_texts.render(key, language, **facts)


def check_texts() -> list[str]:
    """Problems of the product's texts; see `Texts.problems`."""
    return _product_texts.problems()


def _changed_at(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _read(path: Path) -> _File:
    changed_at = _changed_at(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Both loaders make plain values only.
    content = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506
    if content is None:
        return _File(changed_at, {})
    responses = content.get("responses", {}) if isinstance(content, dict) else None
    if not isinstance(responses, dict):
        raise TextError("`responses:` with keys below it is missing")
    for key, variants in responses.items():
        if not isinstance(variants, list) or not all(isinstance(each, dict) for each in variants):
            raise TextError(f"{key} is not a list of texts")
    return _File(changed_at, responses)


def _language(variant: Variant) -> str | None:
    """The variant's language; None if its condition is about anything else."""
    conditions = variant.get("condition")
    if not conditions:
        return FALLBACK_LANGUAGE
    if len(conditions) == 1 and (conditions[0].get("type"), conditions[0].get("name")) == (
        "slot",
        "language",
    ):
        return str(conditions[0].get("value"))
    return None


def _problems_of(variants: list[Variant]) -> Iterator[str]:
    counts = Counter(_language(variant) for variant in variants)
    for language, count in counts.items():
        if language not in LANGUAGES:
            yield f"has a text with a condition other than a language ({language})"
        elif count > 1:
            yield f"has {language} {count} times"
    missing = [language for language in LANGUAGES if language not in counts]
    if missing:
        yield f"lacks {', '.join(missing)}"
    yield from _differences(variants)


def _differences(variants: list[Variant]) -> Iterator[str]:
    first = variants[0] if variants else {}
    for variant in variants:
        language = _language(variant)
        if not str(variant.get("text", "")).strip() and "custom" not in variant:
            yield f"is empty in {language}"
        try:
            fields, expected = _fields(variant), _fields(first)
        except ValueError as error:
            yield f"cannot be filled in in {language}: {error}"
            continue
        if fields != expected:
            odd = ", ".join(sorted(fields ^ expected))
            yield f"differs between {_language(first)} and {language} in its facts ({odd})"
        if _payloads(variant) != _payloads(first):
            yield f"differs between {_language(first)} and {language} in its buttons"


def _fields(variant: Variant) -> set[str]:
    titles = [str(button.get("title", "")) for button in variant.get("buttons") or []]
    found: set[str] = set()
    for text in [str(variant.get("text", "")), *titles]:
        for _literal, name, specification, conversion in Formatter().parse(text):
            if name is None:
                continue
            if not name.isidentifier() or specification or conversion:
                raise ValueError(f"{{{name}}} is not a plain name")
            found.add(name)
    return found


def _payloads(variant: Variant) -> list[Any]:
    return [button.get("payload") for button in variant.get("buttons") or []]


_product_texts = Texts(RESPONSES_DIR)
