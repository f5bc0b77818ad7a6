"""What can be wrong with a command: one exception with a code and facts, so that callers can say it kindly."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """A command was refused and nothing was changed.

    `code` is stable and names the reason; `facts` are what a text about it needs. `str()` is for operators.
    """

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.facts = facts


class NotFound(ServiceError):
    """There is no such record, or none that the caller may know of."""


class NotAllowed(ServiceError):
    """The rules or the document's state do not allow the command."""


class Conflict(ServiceError):
    """Something changed meanwhile; the caller should look again."""
