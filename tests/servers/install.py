"""Puts the programs that the tests start on this machine: `python -m tests.servers.install`.

What is there is used. Otherwise root on a Debian-like system gets the system's packages; anybody else gets programs
inside the project's folder `.tools`: servers out of wheels pinned in uv.lock, and the browser that Playwright fetches.
Nothing is installed with sudo: changing a person's machine is that person's decision.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.programs import (
    BROWSERS_FOLDER,
    CHROMIUM,
    OPTIONAL_PROGRAMS,
    PROGRAMS,
    PROJECT_ROOT,
    SERVERS_ENVIRONMENT,
    TOOLS,
    Program,
    version_of,
)

log = logging.getLogger(__name__)


def main() -> int:
    """Find or install every program; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    present = {program: program.find() for program in PROGRAMS}
    missing = [program for program, path in present.items() if path is None]
    if missing:
        log.info(
            "Installing for the tests: %s ...", ", ".join(program.title for program in missing)
        )
        missing = _install_system_packages(missing)
        missing = _install_into_tools(missing)
        present = {program: program.find() for program in PROGRAMS}
    optional = {program: program.find() for program in OPTIONAL_PROGRAMS}
    for program in _install_system_packages([each for each, path in optional.items() if not path]):
        log.info("%-11s is not there; tests that need it are skipped and say so.", program.title)
    present.update({program: program.find() for program in OPTIONAL_PROGRAMS})
    for program, path in present.items():
        if path is not None:
            log.info("%-11s %s (%s)", program.title, path, version_of(path))
    for program in missing:
        log.error(
            "%s is missing and could not be installed: install it with your system's packages"
            " (Debian: apt install %s) or set %s to its program, then run this again.",
            program.title,
            program.apt_package,
            program.variable,
        )
    return 1 if missing else 0


def _install_system_packages(missing: list[Program]) -> list[Program]:
    if not missing or os.geteuid() != 0 or not shutil.which("apt-get"):
        return missing
    # The tests start servers of their own; in runlevel 1 Debian's packages start none.
    environment = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    _run(["apt-get", "update", "-q"], environment)
    for program in missing:
        package = program.apt_package
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], environment)
    return _still_missing(missing)


def _install_into_tools(missing: list[Program]) -> list[Program]:
    if any(program is not CHROMIUM for program in missing):
        uv = TOOLS / "bin" / "uv"
        environment = {"UV_PROJECT_ENVIRONMENT": str(SERVERS_ENVIRONMENT)}
        group = ["--only-group", "test-servers", "--no-install-project"]
        # The interpreter of this environment: others that uv might find need not be 3.10.
        _run([str(uv), "sync", "--frozen", *group, "--python", sys.executable], environment)
    if CHROMIUM in missing:
        install = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
        _run(install, {"PLAYWRIGHT_BROWSERS_PATH": str(BROWSERS_FOLDER)})
    return _still_missing(missing)


def _still_missing(programs: list[Program]) -> list[Program]:
    return [program for program in programs if program.find() is None]


def _run(command: list[str], environment: dict[str, str]) -> None:
    # Whether it helped is seen by looking for the program afterwards; the log is for the curious.
    log_file = Path(TOOLS / "test-servers.log")
    log_file.parent.mkdir(exist_ok=True)
    with log_file.open("a", encoding="utf-8") as file:
        try:
            subprocess.run(
                command,
                cwd=PROJECT_ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            log.warning("%s failed; its messages are in %s.", " ".join(command[:3]), log_file)


if __name__ == "__main__":
    sys.exit(main())
