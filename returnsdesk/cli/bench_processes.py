"""Memory and processor time of the running product's processes, when they run on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import psutil

from returnsdesk.settings import Settings
from returnsdesk.supervisor import PROCESSES


class ProductProcesses:
    """The desk that listens on the configured port, and the processes that its supervisor runs beside it."""

    def __init__(self, settings: Settings) -> None:
        desk = next(_listening_desks(settings.desk_port), None)
        supervisor = desk.parent() if desk else None
        beside = supervisor.children() if supervisor else []
        self._processes = {
            name: process
            for process in beside
            for name in [_served_by(process)]
            if name in PROCESSES
        }

    def memory_mib(self) -> dict[str, int]:
        """Resident memory of each in MiB; pages that two of them share count in both. Empty for another machine."""
        return {
            name: round(process.memory_info().rss / 2**20)
            for name, process in self._processes.items()
        }

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time that each has used so far. Empty for another machine."""
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: each.user + each.system for name, each in times.items()}


def _listening_desks(port: int) -> Iterator[psutil.Process]:
    return (process for process in psutil.process_iter() if _is_desk_at(process, port))


def _is_desk_at(process: psutil.Process, port: int) -> bool:
    try:
        return _served_by(process) == "desk" and any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in process.net_connections("inet")
        )
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


def _served_by(process: psutil.Process) -> str:
    """NAME of `returnsdesk serve NAME`; empty for any other program."""
    words = process.cmdline()
    return str(words[words.index("serve") + 1]) if "serve" in words[:-1] else ""
