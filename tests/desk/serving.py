"""A web application served on a loopback port by a thread of the test's own, started and stopped at will."""

from __future__ import annotations

import threading
import time

import uvicorn
from starlette.types import ASGIApp

SECONDS = 20


class Served:
    """Serves an application from `start` to `stop`; without one, only the address of somebody else's server."""

    def __init__(self, app: ASGIApp | None, port: int) -> None:
        self.port = port
        self.app = app
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert self.app is not None
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + SECONDS
        while not self._server.started:
            assert self._thread.is_alive() and time.monotonic() < deadline, "did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "did not stop"
        self._server = self._thread = None
