"""Every one of the thirty invariants has a check that carries its number."""

from __future__ import annotations

import re
from pathlib import Path

CHECK = re.compile(r"^\s*def (?:test_)?i(\d+)_", re.MULTILINE)


def test_every_invariant_is_checked() -> None:
    found = {
        int(number)
        for file in Path(__file__).parent.glob("*.py")
        for number in CHECK.findall(file.read_text(encoding="utf-8"))
    }
    assert found == set(range(1, 31))


def test_every_check_of_the_invariants_is_called() -> None:
    machine = (Path(__file__).parent / "desk.py").read_text(encoding="utf-8")
    for file in Path(__file__).parent.glob("invariants_*.py"):
        for name in re.findall(r"^def (i\d+_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            assert f".{name}(" in machine, name
