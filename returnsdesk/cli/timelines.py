"""The events of documents, oldest first, as the command line gives and shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from sqlalchemy.orm import Session

from returnsdesk.cli.console import moment, out, status, table
from returnsdesk.services import timelines
from returnsdesk.services.timelines import Subject


def events_of(session: Session, documents: Sequence[Subject]) -> list[dict[str, Any]]:
    """Every event of these documents, each named by its kind and id."""
    return [
        {
            "at": event.at,
            "actor": event.actor,
            "command": event.command,
            "document": event.document,
            "before": event.before,
            "after": event.after,
        }
        for event in timelines.events_of(session, documents)
    ]


def show_timeline(timeline: list[dict[str, Any]]) -> None:
    """Write what happened when."""
    shown = table("What happened", "when (UTC)", "who", "what", "became")
    for event in timeline:
        became = event["after"].get("status")
        shown.add_row(
            moment(event["at"]),
            escape(event["actor"]),
            f"{event['document']} {event['command'].replace('_', ' ')}",
            status(became) if became else "",
        )
    out.print(shown)
