"""What the guides name is there: links, pictures, files, make targets, commands with their options, and settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from returnsdesk.cli.commands import COMMANDS
from returnsdesk.cli.lazy import LazyGroup, load
from returnsdesk.settings import PROJECT_ROOT, Settings

GUIDES = (
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    *sorted((PROJECT_ROOT / "docs").glob("*.md")),
    PROJECT_ROOT / "deploy" / "README.md",
    PROJECT_ROOT / "widget" / "README.md",
)
SETTINGS = {name.upper() for name in Settings.__fields__}
# Names in capitals that are no settings: of the tests, of the set-up and of the examples themselves.
OTHER_NAMES = {
    "ADDRESS",
    "ARGS",
    "RETURNSDESK_PYTHON",
    "TEST_POSTGRES",
    "TEST_REDIS",
    "TEST_CHROMIUM",
    "BODY",
    "DESK",
    "LOGIN",
    "NAME",
    "SECRET",
    "SIGNATURE",
    "TOKEN",
}
# Invents a topic and its files to show how one is added.
HYPOTHETICAL = ("CONTRIBUTING.md",)
# Made by the set-up or while the product runs.
MADE_LATER = ("models/", "var/", ".tools", ".venv")

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a) (?:src|href)=\"([^\"]+)\"")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_VARIABLE = re.compile(r"^([A-Z][A-Z0-9_]*)=")
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_PATH = re.compile(
    r"^(?:data|actions|returnsdesk|tests|docs|deploy|widget|scripts|var|models)/[\w./@-]*$"
    r"|^[\w.-]+\.(?:yml|toml|lock|md|ini)$"
)


def guide_id(guide: Path) -> str:
    return guide.relative_to(PROJECT_ROOT).as_posix()


each_guide = pytest.mark.parametrize("guide", GUIDES, ids=guide_id)


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each `make` and `returnsdesk` call in a text's shell blocks and code spans."""
    for language, block in _FENCE.findall(text):
        if language in ("sh", "bash", "console"):
            lines = block.replace("\\\n", " ").splitlines()
            yield from (call for line in lines for call in _calls(line))
    for span in _CODE.findall(_FENCE.sub("", text)):
        yield from _calls(span)


def _calls(line: str) -> Iterator[list[str]]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        # A line of a longer quotation: a shell would read on, and it holds no call of ours.
        return
    while words and _VARIABLE.match(words[0]):
        words.pop(0)
    if words and (words[0] == "make" or words[0].rpartition("/")[2] == "returnsdesk"):
        yield [words[0].rpartition("/")[2], *words[1:]]


def make_problem(words: list[str]) -> str | None:
    """What is wrong with a call of make, None if nothing is."""
    targets = set(_TARGET.findall((PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")))
    unknown = [word for word in words if not _VARIABLE.match(word) and word not in targets]
    return f"make has no target {unknown[0]}" if unknown else None


def command_problem(words: list[str]) -> str | None:
    """What is wrong with a call of `returnsdesk`, None if nothing is; nothing is run."""
    if not words or words[0] == "--help":
        return None
    name = words[0]
    if name not in COMMANDS:
        return f"returnsdesk has no command {name}"
    command, title = load(name, COMMANDS[name]), f"returnsdesk {name}"
    rest = words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        child = _child(command, rest[0])
        if child is None:
            return f"{title} has no command {rest[0]}"
        command, title, rest = child, f"{title} {rest[0]}", rest[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [
        word for word in rest if word.startswith("--") and word.partition("=")[0] not in known
    ]
    return f"{title} has no option {unknown[0]}" if unknown else None


def _child(group: Any, name: str) -> Any:
    if isinstance(group, LazyGroup):
        return load(name, group.entries[name]) if name in group.entries else None
    return group.commands.get(name)


def settings_in(text: str) -> Iterator[str]:
    """Names that a text gives as settings: assigned in a block, in a code span, or a code span of capitals."""
    for language, block in _FENCE.findall(text):
        if language in ("", "sh", "bash", "ini"):
            for line in block.splitlines():
                words = line.removeprefix("export ").split()
                yield from (found[1] for word in words if (found := _VARIABLE.match(word)))
    for span in _CODE.findall(_FENCE.sub("", text)):
        for word in span.split():
            name = word.partition("=")[0]
            if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", name) or _VARIABLE.match(word):
                yield name


def lost_links(text: str, folder: Path) -> list[str]:
    """Relative links and pictures of a text that lead nowhere from its folder."""
    targets = [markdown or html for markdown, html in _LINK.findall(_FENCE.sub("", text))]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [target for target in local if not (folder / unquote(target.partition("#")[0])).exists()]


@each_guide
def test_every_link_and_picture_leads_to_a_file(guide: Path) -> None:
    assert lost_links(guide.read_text(encoding="utf-8"), guide.parent) == []


@each_guide
def test_every_make_target_and_command_with_its_options_exists(guide: Path) -> None:
    problems = [
        problem
        for program, *words in commands_in(guide.read_text(encoding="utf-8"))
        if (problem := make_problem(words) if program == "make" else command_problem(words))
    ]

    assert problems == []


@each_guide
def test_every_setting_exists(guide: Path) -> None:
    named = set(settings_in(guide.read_text(encoding="utf-8")))

    assert named - SETTINGS - OTHER_NAMES == set()


def lost_files(text: str, folder: Path) -> list[str]:
    """Paths of the project that a text names in code spans and that are not there."""
    spans = _CODE.findall(_FENCE.sub("", text))
    paths = [span for span in spans if _PATH.match(span) and not span.startswith(MADE_LATER)]
    return [path for path in paths if not any(place.exists() for place in _places(path, folder))]


def _places(path: str, folder: Path) -> list[Path]:
    """Where a path may be meant to lie; a bare name may be that of a file of its topic."""
    places = [PROJECT_ROOT / path, folder / path]
    if "/" not in path:
        topics = ("data/responses", "data/nlu/en", "returnsdesk/db/sample_shop")
        places += [PROJECT_ROOT / topic / path for topic in topics]
    return places


@pytest.mark.parametrize(
    "guide", [each for each in GUIDES if each.name not in HYPOTHETICAL], ids=guide_id
)
def test_every_file_of_the_project_exists(guide: Path) -> None:
    assert lost_files(guide.read_text(encoding="utf-8"), guide.parent) == []


def test_readme_shows_the_product_and_its_two_commands_on_the_first_screen() -> None:
    first_screen = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:14]

    assert any(line.startswith("![") and "docs/pictures/" in line for line in first_screen)
    assert {"up", "test"} <= {line.split()[1] for line in first_screen if line.startswith("make ")}


def test_pictures_are_small_and_named_by_the_scripts_that_take_them() -> None:
    pictures = list((PROJECT_ROOT / "docs" / "pictures").iterdir())
    scripts = (PROJECT_ROOT / "scripts").glob("*.py")
    script = "".join(path.read_text(encoding="utf-8") for path in scripts)

    assert pictures
    for picture in pictures:
        assert picture.suffix == ".png"
        assert picture.stat().st_size < 300_000
        assert f'"{picture.stem}"' in script


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`returnsdesk fly`", "returnsdesk has no command fly"),
        ("`.venv/bin/returnsdesk return fly RMA-1`", "returnsdesk return has no command fly"),
        (
            "```sh\nDEMO_MODE=false returnsdesk seed --new\n```",
            "returnsdesk seed has no option --new",
        ),
        ("```sh\nreturnsdesk bench nothing\n```", "returnsdesk bench has no command nothing"),
        ("```sh\n  make check fly ARGS=x  # why\n```", "make has no target fly"),
    ],
)
def test_a_call_that_does_not_exist_is_found(text: str, problem: str) -> None:
    [(program, *words)] = commands_in(text)

    assert (make_problem(words) if program == "make" else command_problem(words)) == problem


@pytest.mark.parametrize("text", ["`DESK_DOOR`", "`DOOR=open make up`", "```\nDESK_DOOR=1\n```"])
def test_a_setting_that_does_not_exist_is_found(text: str) -> None:
    assert set(settings_in(text)) - SETTINGS - OTHER_NAMES


def test_a_link_picture_or_file_that_does_not_exist_is_found() -> None:
    text = "![a](docs/none.png) [b](docs/none.md#part) [c](README.md) `docs/none.md` `data/nlu/`"
    html = '<img src="docs/picture.png" width="20%">'

    assert lost_links(text, PROJECT_ROOT) == ["docs/none.png", "docs/none.md#part"]
    assert lost_links(html, PROJECT_ROOT) == ["docs/picture.png"]
    assert lost_files(text, PROJECT_ROOT) == ["docs/none.md"]
