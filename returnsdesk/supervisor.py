"""All processes under one supervisor: started together, restarted when they die, with prefixed logs."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from circus import get_arbiter

from returnsdesk.processes import SUPERVISOR_VARIABLE

# In the order in which they start to be useful; each is `returnsdesk serve NAME`.
PROCESSES: Mapping[str, str] = {"actions": "33", "rasa": "35", "desk": "36", "worker": "32"}
GRACE_SECONDS = 10


class PrefixedLines:
    """Writes a process's output line by line behind its name, whole lines only."""

    def __init__(self, name: str, colour: str) -> None:
        width = max(len(each) for each in PROCESSES)
        self._prefix = f"{name:<{width}} | "
        if sys.stderr.isatty():
            self._prefix = f"\033[{colour}m{self._prefix}\033[0m"
        self._rest = ""

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Take a piece of output as the supervisor reads it."""
        *lines, self._rest = (self._rest + data["data"].decode("utf-8", "replace")).split("\n")
        sys.stderr.write("".join(f"{self._prefix}{line}\n" for line in lines if line.strip()))
        sys.stderr.flush()

    def close(self) -> None:
        """Write what stood behind the last line end."""
        if self._rest.strip():
            self({"data": b"\n"})


def run(model: Path, on_started: Callable[[], None]) -> None:
    """Run all processes until Ctrl-C or SIGTERM; `on_started` is called in a thread once they are under way.

    Rasa is given `model` at every start, so that editing data meanwhile does not keep it from coming back.
    What `on_started` raises is not caught here: it has to report by itself and may end everything with `stop`.
    """
    # Circus 0.19 logs a conflict with itself when its periodic look falls into the orderly end.
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="returnsdesk-") as sockets:
        arbiter = get_arbiter(
            [_watcher(name, colour, model) for name, colour in PROCESSES.items()],
            controller=f"ipc://{Path(sockets) / 'control'}",
            pubsub_endpoint=f"ipc://{Path(sockets) / 'events'}",
            check_delay=1.0,
        )
        threading.Thread(target=on_started, name="wait-until-ready", daemon=True).start()
        try:
            arbiter.start()
        finally:
            arbiter.stop()


def stop() -> None:
    """End all processes, from any thread of the supervisor."""
    os.kill(os.getpid(), signal.SIGTERM)


def _watcher(name: str, colour: str, model: Path) -> dict[str, Any]:
    lines = PrefixedLines(name, colour)
    options = ["--model", str(model)] if name == "rasa" else []
    return {
        "name": name,
        "cmd": sys.executable,
        "args": ["-m", "returnsdesk", "serve", name, *options],
        "copy_env": True,
        "env": {SUPERVISOR_VARIABLE: str(os.getpid()), "PYTHONUNBUFFERED": "1"},
        # A process that cannot start is tried again for as long as the rest runs.
        "max_retry": -1,
        "graceful_timeout": GRACE_SECONDS,
        "stdout_stream": {"stream": lines},
        "stderr_stream": {"stream": lines},
    }
