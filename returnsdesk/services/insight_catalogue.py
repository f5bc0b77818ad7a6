"""Every figure that can be asked for, and asking for one."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from returnsdesk.services import (
    insight_conversations,
    insight_money,
    insight_people,
    insight_returns,
    missed_messages,
)
from returnsdesk.services.errors import NotFound
from returnsdesk.services.insight_figures import Figure, Kind
from returnsdesk.services.insight_scope import Look, Scope

KINDS: Final[dict[str, Kind]] = {
    kind.key: kind
    for kind in (
        *insight_conversations.KINDS[:2],
        *insight_people.KINDS,
        *insight_conversations.KINDS[2:],
        missed_messages.KIND,
        *insight_returns.KINDS,
        *insight_money.KINDS,
    )
}
"""The figures in the order in which they are read, by key."""


def kind_of(key: str) -> Kind:
    """The figure of that key; raises `NotFound`."""
    if key not in KINDS:
        raise NotFound("FIGURE_UNKNOWN", f"there is no figure {key!r}")
    return KINDS[key]


def compute(session: Session, kind: Kind, scope: Scope) -> Figure:
    """One figure."""
    return kind.compute(Look(session, scope), Look(session, scope.before()))


def compute_all(session: Session, scope: Scope) -> dict[str, Figure]:
    """All figures, by key; what several need is read once."""
    now, before = Look(session, scope), Look(session, scope.before())
    return {key: kind.compute(now, before) for key, kind in KINDS.items()}
