"""Ties the life of a served process to its supervisor's, on every system alike."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

logger = logging.getLogger(__name__)

SUPERVISOR_VARIABLE = "RETURNSDESK_SUPERVISOR_PID"
"""Set by the supervisor for its children; a process started by hand has none and outlives its shell."""

CHECK_SECONDS = 1.0
GRACE_SECONDS = 10.0


def exit_with_parent() -> None:
    """End this process when the supervisor named in `RETURNSDESK_SUPERVISOR_PID` is gone; without it, do nothing.

    A supervisor that is killed cannot stop its children, and they would keep the ports. First a SIGTERM for an orderly
    end, then a hard one.
    """
    supervisor = os.environ.get(SUPERVISOR_VARIABLE, "")
    if supervisor.isdigit():
        threading.Thread(
            target=_watch,
            args=(int(supervisor), os.getppid()),
            name="supervisor-watch",
            daemon=True,
        ).start()


def _watch(supervisor: int, parent: int) -> None:
    # The parent's id changes also while a killed supervisor is still listed as a zombie.
    while os.getppid() == parent and _is_running(supervisor):
        time.sleep(CHECK_SECONDS)
    logger.error("The supervisor is gone; this process ends.")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
