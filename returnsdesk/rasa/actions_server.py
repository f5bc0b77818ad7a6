"""The action server's process: rasa-sdk with the package `actions`, loopback only, in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from returnsdesk.processes import exit_with_parent
from returnsdesk.settings import Settings

if TYPE_CHECKING:
    from sanic import Sanic

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 75
"""Longer than Rasa keeps an idle connection, so that this side never closes one that is about to be used."""


def serve_actions(settings: Settings) -> None:
    """Answer Rasa's action calls until the process is told to end.

    `python -m rasa_sdk` listens on every address of the machine and takes calls from pages of any origin.
    """
    exit_with_parent()
    from returnsdesk.rasa.server import log_quietly

    log_quietly(settings.log_level)
    build_actions_app("actions").run(
        host=HOST, port=settings.actions_port, workers=1, access_log=False, motd=False
    )


def build_actions_app(package: str) -> Sanic:
    """rasa-sdk's web application with every action of the package; an import error in one of them is raised."""
    from rasa_sdk.endpoint import create_app

    app = create_app(package, cors_origins="")
    app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE_SECONDS
    return app
