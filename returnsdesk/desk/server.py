"""The desk's process: the web application in the foreground until it is told to end."""

from __future__ import annotations

import uvicorn

from returnsdesk.desk.app import create_app
from returnsdesk.logs import log_to_stderr
from returnsdesk.processes import exit_with_parent
from returnsdesk.settings import Settings

SECONDS_TO_CLOSE = 5


def serve(settings: Settings) -> None:
    """Serve shoppers until SIGTERM or Ctrl-C; messages that wait then are answered by the next process.

    Raises `SystemExit` when the port is taken.
    """
    exit_with_parent()
    token = settings.telegram_token
    log_to_stderr(settings.log_level, hidden=[token.get_secret_value()] if token else ())
    uvicorn.run(
        create_app(settings),
        host=settings.desk_host,
        port=settings.desk_port,
        # Addresses of event streams hold session tokens, so requests are not logged.
        access_log=False,
        log_config=None,
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_CLOSE,
    )
