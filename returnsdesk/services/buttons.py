"""Buttons as shoppers get them: a label, and a random token that stands for a choice only the desk knows."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import ButtonToken

_MAX_LABEL = 300


@dataclass(frozen=True)
class Button:
    """A choice offered to the shopper; `choice` is {"intent": ..., "entities": {...}} and never leaves the desk."""

    title: str
    choice: dict[str, Any]


def issue(session: Session, conversation_id: str, button: Button, now: datetime) -> dict[str, str]:
    """Keep what the button stands for; returns what the shopper's side gets of it."""
    token = secrets.token_urlsafe(18)
    label = button.title[:_MAX_LABEL]
    session.add(
        ButtonToken(
            token=token,
            conversation_id=conversation_id,
            label=label,
            choice=button.choice,
            created_at=now,
        )
    )
    return {"title": label, "token": token}
