"""Start a server as a child process, wait until it answers, stop it."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_TO_START = 60
SECONDS_TO_STOP = 20
SECONDS_BETWEEN_LOOKS = 0.02


class ServerDidNotStartError(Exception):
    """The server ended, or did not answer in time; the text holds the end of its log."""


# Below the ports that systems give to outgoing connections, one of which could take the port before its server does.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    answers: Callable[[], bool],
    log: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    group: int | None = None,
    seconds_to_start: float = SECONDS_TO_START,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` from the moment `answers` is true until the block ends.

    `log` receives what the server prints; `user` and `group` are numbers, and only root may set them.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            # A Ctrl-C meant for the tests must not stop the servers before the fixtures do.
            start_new_session=True,
        )
    try:
        _wait_until(answers, process, log, seconds_to_start)
        yield process
    finally:
        _stop(process, stop_signal)


def _wait_until(
    answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = (
                f"ended with code {process.returncode}"
                if ended
                else f"was silent for {seconds:g} s"
            )
            last_lines = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ServerDidNotStartError(f"{process.args!r} {what}:\n{last_lines}")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
