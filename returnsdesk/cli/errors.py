"""Errors at the command line: one sentence for those that an operator can do something about, no traceback."""

from __future__ import annotations

from typing import Final

import typer

# Something was wrong and nothing was done; 2 is a wrong call (given by the command line library).
FAILED: Final = 1
# An import loaded a part and left lines out.
INCOMPLETE: Final = 3

# By name, so that an error is recognised without importing what `--help` does not need.
_EXPECTED: Final = frozenset(
    {
        "returnsdesk.settings.SettingsError",
        "returnsdesk.services.errors.ServiceError",
        "returnsdesk.db.shop_files.ShopFolderError",
        "returnsdesk.db.exporter.FilesInTheWay",
        "returnsdesk.db.migrate.UnknownRevision",
        "returnsdesk.rasa.server.ModelNotUsable",
        "returnsdesk.desk_client.DeskCallFailed",
        "returnsdesk.clients.http.ProviderError",
    }
)
_UNUSABLE_DATABASE: Final = "sqlalchemy.exc.OperationalError"


class CommandError(Exception):
    """The command cannot be done; the text is one sentence that says what to do."""


def exit_with(error: Exception) -> int:
    """Say an expected error in one sentence and give the exit status; anything else is raised again."""
    text = sentence_for(error)
    if text is None:
        raise error
    typer.secho(text, fg=typer.colors.RED, err=True)
    return FAILED


def sentence_for(error: Exception) -> str | None:
    """What to tell the operator, or None for an error of the program itself."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if isinstance(error, CommandError) or names & _EXPECTED:
        return _sentence(str(error))
    if _UNUSABLE_DATABASE in names:
        reason = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        return _sentence(f"the database cannot be used: {reason}")
    return None


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
