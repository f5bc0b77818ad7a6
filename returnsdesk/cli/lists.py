"""What commands that list documents share: which of them, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Claim, Withdrawal

Listed = TypeVar("Listed", Claim, Withdrawal)

StatusName = Annotated[str | None, typer.Option("--status", help="Only those of this status.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, latest first.")]


def latest(
    session: Session, model: type[Listed], status_name: str | None, limit: int
) -> Sequence[Listed]:
    """The documents of a kind, latest first; with a status, only those of it."""
    wanted = select(model).order_by(model.id.desc()).limit(limit)
    if status_name is not None:
        wanted = wanted.where(model.status == status_name)
    return session.scalars(wanted).all()
