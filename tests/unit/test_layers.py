"""Which part of the product may use which; the rules stand under [tool.importlinter] in pyproject.toml."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.programs import PROJECT_ROOT

LINTER = Path(sys.executable).with_name("lint-imports")


def _lint(root: Path) -> subprocess.CompletedProcess[str]:
    # A process of its own: the packages that it reads must not be those that pytest has imported.
    return subprocess.run(
        [LINTER, "--no-cache", "--config", root / "pyproject.toml"],
        cwd=root,
        env={"PYTHONPATH": str(root), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's packages in a folder where a test may spoil them."""
    shutil.copy(PROJECT_ROOT / "pyproject.toml", tmp_path)
    for package in ("returnsdesk", "actions"):
        shutil.copytree(
            PROJECT_ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_dependencies_point_one_way() -> None:
    result = _lint(PROJECT_ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("returnsdesk/domain/spoilt.py", "import returnsdesk.db"),
        ("returnsdesk/domain/spoilt.py", "import returnsdesk.settings"),
        ("returnsdesk/domain/spoilt.py", "import sqlalchemy"),
        ("returnsdesk/db/spoilt.py", "import returnsdesk.services"),
        ("returnsdesk/services/spoilt.py", "import actions"),
        ("actions/spoilt.py", "import sqlalchemy"),
    ],
)
def test_a_dependency_the_wrong_way_is_found(copy: Path, module: str, line: str) -> None:
    (copy / module).write_text(f'"""Spoilt."""\n\n{line}\n')
    result = _lint(copy)
    assert result.returncode != 0
    assert Path(module).with_suffix("").as_posix().replace("/", ".") in result.stdout


def test_a_part_without_a_place_is_found(copy: Path) -> None:
    (copy / "returnsdesk" / "helpers.py").write_text('"""Everything."""\n')
    result = _lint(copy)
    assert result.returncode != 0
    assert "helpers" in result.stdout
