"""How the served processes write their log: plain lines on stderr, never what shoppers wrote."""

from __future__ import annotations

import logging
from collections.abc import Collection


class _Hiding(logging.Formatter):
    """Formats a record and takes secrets out of the whole of it, tracebacks and texts of libraries included."""

    def __init__(self, pattern: str, secrets: Collection[str]) -> None:
        super().__init__(pattern)
        self._secrets = tuple(secret for secret in secrets if secret)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def log_to_stderr(level: str, *, hidden: Collection[str] = ()) -> None:
    """Set up logging for a process in the foreground; `level` is a name such as INFO.

    `hidden` are secrets that libraries may write, as in the addresses of their requests: they are replaced.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Hiding("%(levelname)-7s %(name)s: %(message)s", hidden))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Each call between the processes would be a line; on DEBUG these log whole requests and events.
    for name in ("httpx", "httpcore", "sse_starlette", "asyncio", "python_multipart", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)
