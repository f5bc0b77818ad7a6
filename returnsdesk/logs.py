"""How the served processes write their log: plain lines on stderr, never what shoppers wrote."""

from __future__ import annotations

import logging


def log_to_stderr(level: str) -> None:
    """Set up logging for a process in the foreground; `level` is a name such as INFO."""
    logging.basicConfig(level=level, format="%(levelname)-7s %(name)s: %(message)s", force=True)
    # Each call between the processes would be a line; on DEBUG these log whole requests and events.
    for name in ("httpx", "httpcore", "sse_starlette", "asyncio", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING)
