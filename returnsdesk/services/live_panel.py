"""What one member of the team sees beside a conversation: who has it, who looks, and what there is to write with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message
from returnsdesk.services import canned_answers, live_marks, takeover, waiting
from returnsdesk.services.staff_sessions import StaffMember
from returnsdesk.services.takeover import Holder


@dataclass(frozen=True)
class LivePanel:
    """A conversation to one member of the team; `mark` changes with anything in it.

    `dropped` is what the assistant was about to say when the person joined, `gaps` what the record has for each gap of
    a canned answer (None: it will be left out).
    """

    conversation_id: str
    mark: str
    state: str
    language: str
    holder: Holder | None
    is_mine: bool
    may_act_for_colleague: bool
    is_ended: bool
    has_open_case: bool
    looking: tuple[str, ...]
    dropped: tuple[str, ...]
    canned: dict[str, str]
    gaps: dict[str, str | None]


def of(
    session: Session, conversation_id: str, member: StaffMember, *, shop: str, now: datetime
) -> LivePanel | None:
    """The panel of a conversation; None when there is no such conversation."""
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        return None
    holder = takeover.holder_of(session, conversation_id)
    is_mine = holder is not None and holder.email == member.email
    looking = waiting.viewers(session, [conversation_id], now=now).get(conversation_id, ())
    known = canned_answers.known_gaps(session, conversation_id, agent=member.name, shop=shop)
    texts = canned_answers.in_language(session, conversation.language) if is_mine else {}
    return LivePanel(
        conversation_id=conversation_id,
        mark=live_marks.read(session, [conversation_id], now=now)
        .conversations[conversation_id]
        .mark,
        state=conversation.state,
        language=conversation.language,
        holder=holder,
        is_mine=is_mine,
        may_act_for_colleague=holder is not None and not is_mine and member.may("lead"),
        is_ended=conversation.ended_at is not None,
        has_open_case=takeover.has_open_case(session, conversation_id),
        looking=tuple(name for name in looking if name != member.name),
        dropped=_dropped(session, conversation_id, holder) if holder is not None else (),
        canned=texts,
        gaps={gap: known.get(gap) for gap in canned_answers.GAPS},
    )


def _dropped(session: Session, conversation_id: str, holder: Holder) -> tuple[str, ...]:
    last = session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.author == "shopper",
            Message.created_at <= holder.since,
        )
        .order_by(Message.seq.desc())
        .limit(1)
    ).one_or_none()
    return tuple((last.trace or {}).get("dropped", ())) if last is not None else ()
