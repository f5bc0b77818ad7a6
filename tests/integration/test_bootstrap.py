"""`scripts/bootstrap`: finds its tools wherever they are, repeats no work, and says in a sentence what is missing."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.programs import PROJECT_ROOT

FILES = (".python-version", "pyproject.toml", "uv.lock", "scripts/bootstrap")
# All that the script may use of the system; no Python and no uv are among it.
SYSTEM_PROGRAMS = ("sh", "cat", "cksum", "dirname", "ln", "mkdir", "rm", "sed")
# A version that no machine has, so that what is found is what a test put there.
NO_SUCH_PYTHON = "3.99"
RUNNING_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

# Does of uv's work what the script relies on, and writes down what it was asked.
UV = f"""#!/bin/sh
echo "$@" >>"$(dirname "$0")/uv.calls"
case "$1" in
--version) echo "uv 0.13.9 (test)" ;;
sync)
    mkdir -p .venv/bin
    ln -sf {sys.executable} .venv/bin/python
    echo '#!/bin/sh' >.venv/bin/returnsdesk
    /bin/chmod +x .venv/bin/returnsdesk ;;
*) exit 1 ;;
esac
"""


@dataclass
class Machine:
    """A folder with the project's files, a PATH of its own and an empty home."""

    project: Path
    programs: Path
    home: Path
    user: str | None = None

    def bootstrap(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / "scripts" / "bootstrap"],
            env={"PATH": str(self.programs), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            user=self.user,
            extra_groups=[] if self.user else None,
        )

    def want_python(self, version: str) -> None:
        (self.project / ".python-version").write_text(f"{version}\n")

    def add_uv(self) -> None:
        uv = self.programs / "uv"
        uv.write_text(UV)
        uv.chmod(0o755)

    def add_pyenv_python(self) -> Path:
        python = self.home / ".pyenv" / "versions" / f"{RUNNING_PYTHON}.99" / "bin" / "python3"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        return python

    def uv_calls(self, command: str) -> list[str]:
        calls = self.programs / "uv.calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return [line for line in lines if line.startswith(command)]


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="returnsdesk-bootstrap-") as name:
        root = Path(name)
        root.chmod(0o755)
        machine = Machine(root / "project", root / "programs", root / "home")
        for folder in (machine.project / "scripts", machine.programs, machine.home):
            folder.mkdir(parents=True)
        for file in FILES:
            shutil.copy(PROJECT_ROOT / file, machine.project / file)
        for program in SYSTEM_PROGRAMS:
            (machine.programs / program).symlink_to(str(shutil.which(program)))
        yield machine


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """A machine whose environment has just been built."""
    machine.add_uv()
    machine.add_pyenv_python()
    assert machine.bootstrap().returncode == 0
    return machine


def test_a_python_that_only_pyenv_knows_is_found_and_given_to_uv(ready: Machine) -> None:
    (sync,) = ready.uv_calls("sync")
    assert "--frozen" in sync
    interpreter = Path(sync.split("--python ")[1])
    assert interpreter.resolve() == Path(sys.executable).resolve()


def test_a_second_run_does_nothing(ready: Machine) -> None:
    again = ready.bootstrap()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(ready.uv_calls("sync")) == 1


@pytest.mark.parametrize("file", ["uv.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_builds_anew(ready: Machine, file: str) -> None:
    with (ready.project / file).open("a") as changed:
        changed.write("# changed\n")
    assert ready.bootstrap().returncode == 0
    assert len(ready.uv_calls("sync")) == 2


def test_a_project_that_was_moved_builds_anew(ready: Machine) -> None:
    ready.project = ready.project.rename(ready.project.with_name("elsewhere"))
    assert ready.bootstrap().returncode == 0
    assert len(ready.uv_calls("sync")) == 2


def test_an_environment_whose_python_is_gone_builds_anew(ready: Machine) -> None:
    python = ready.project / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert ready.bootstrap().returncode == 0
    assert len(ready.uv_calls("sync")) == 2


def test_a_build_that_failed_is_not_taken_for_ready(ready: Machine) -> None:
    (ready.project / "uv.lock").write_text("")
    (ready.programs / "uv").write_text(UV.replace("sync)", "sync) exit 2 ;;\nnever)"))
    for _ in range(2):
        failed = ready.bootstrap()
        assert failed.returncode == 1
        assert failed.stderr.splitlines()[-1].startswith("The environment could not be built")


def test_no_python_and_no_way_to_fetch_one_is_one_sentence(machine: Machine) -> None:
    machine.add_uv()
    machine.want_python(NO_SUCH_PYTHON)
    failed = machine.bootstrap()
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(f"No Python {NO_SUCH_PYTHON} was found")
    assert machine.uv_calls("python install")
    assert machine.uv_calls("sync") == []


def test_no_way_to_install_packages_is_one_sentence(machine: Machine) -> None:
    machine.want_python(NO_SUCH_PYTHON)
    failed = machine.bootstrap()
    assert failed.returncode == 1
    (sentence,) = failed.stderr.splitlines()
    assert sentence.startswith("No way to install Python packages was found")


def test_an_old_uv_is_not_used(machine: Machine) -> None:
    machine.want_python(NO_SUCH_PYTHON)
    machine.add_uv()
    (machine.programs / "uv").write_text(UV.replace("uv 0.13.9", "uv 0.4.30"))
    assert "No way to install Python packages" in machine.bootstrap().stderr
    assert machine.uv_calls("sync") == []


def test_a_folder_that_cannot_be_written_is_one_sentence(machine: Machine) -> None:
    machine.add_uv()
    machine.project.chmod(0o555)
    if os.geteuid() == 0:
        # Root may write anywhere.
        machine.user = pwd.getpwnam("nobody").pw_name
    failed = machine.bootstrap()
    machine.project.chmod(0o755)
    assert failed.returncode == 1
    (sentence,) = failed.stderr.splitlines()
    assert sentence.startswith(f"The folder {machine.project} cannot be written to")
