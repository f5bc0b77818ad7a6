"""A conversation as a test scenario in the form of tests/dialogues, to be played again after changes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import yaml
from babel.dates import get_day_names, get_month_names
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    Message,
    OneTimeCode,
    Order,
    Return,
    VerifiedSession,
)
from returnsdesk.domain import stand_ins
from returnsdesk.domain.mentions import find_mentions
from returnsdesk.services.conversations import DELAYED
from returnsdesk.services.errors import NotAllowed, NotFound
from returnsdesk.services.missed_messages import known_words
from returnsdesk.services.views import return_view
from returnsdesk.settings import LANGUAGES

MAILED_CODE: Final = "{mailed_code}"

_SHORTEST_PART: Final = 12
_LONGEST_PART: Final = 60
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")


def as_scenario(session: Session, conversation_id: str, *, keeps_texts: bool = False) -> str:
    """The conversation as YAML for tests/dialogues/<language>.

    What was heard is told by a part of each answer without numbers, days and names, which differ from day to day.
    Personal data in what was said is replaced unless `keeps_texts`, which is for a shop with made-up shoppers.

    Raises `NotFound` for no such conversation, `NotAllowed` (NOTHING_TO_PLAY) when the shopper has said nothing that
    the assistant answered.
    """
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        raise NotFound("CONVERSATION_UNKNOWN", f"there is no conversation {conversation_id}")
    known = known_words(session, [conversation_id]).get(conversation_id, ())
    said, is_cut = _played(session, conversation_id)
    replies = _replies(session, conversation_id)
    has_code = session.scalars(
        select(OneTimeCode.id).where(OneTimeCode.conversation_id == conversation_id).limit(1)
    ).first()
    turns = [
        _turn(each, replies[each.id], known, has_code=has_code is not None, keeps_texts=keeps_texts)
        for each in said
        if not each.content.get("image")
    ]
    if not turns:
        raise NotAllowed("NOTHING_TO_PLAY", "the assistant has answered nothing in it")
    scenario: dict[str, Any] = {"shopper": _shopper(session, conversation_id), "turns": turns}
    if record := _record(session, conversation):
        scenario["record"] = record
    written = yaml.safe_dump(scenario, allow_unicode=True, sort_keys=False, width=110)
    return "\n".join([*_head(said, is_cut=is_cut, keeps_texts=keeps_texts), written])


def _head(said: Sequence[Message], *, is_cut: bool, keeps_texts: bool) -> list[str]:
    lines = ["# Taken from a conversation: say here what it shows, and look at each line."]
    if not keeps_texts:
        lines.append(
            "# Personal data was replaced: put in the numbers of an order of the sample shop."
        )
    if any(each.content.get("image") for each in said):
        lines.append("# The shopper sent a photo, which a scenario cannot.")
    if is_cut:
        lines.append("# A person of the team took over after this.")
    return lines


def _played(session: Session, conversation_id: str) -> tuple[list[Message], bool]:
    """The shopper's messages as long as the assistant had the conversation, and whether a person came after."""
    rows = session.scalars(
        select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
    )
    said: list[Message] = []
    is_cut = False
    for row in rows:
        if row.author == "agent":
            is_cut = True
            break
        if row.author == "shopper" and (row.trace is not None or row.content.get("image")):
            said.append(row)
    return said, is_cut


def _replies(session: Session, conversation_id: str) -> dict[int, list[str]]:
    rows = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "assistant")
        .order_by(Message.seq)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row.reply_to_id is not None and row.text and row.content.get("kind") != DELAYED:
            found[row.reply_to_id].append(row.text)
    return found


def _turn(
    message: Message, heard: Sequence[str], known: Iterable[str], *, has_code: bool, keeps_texts: bool
) -> dict[str, Any]:  # fmt: skip
    if message.choice is not None:
        turn: dict[str, Any] = {"presses": message.text}
    else:
        turn = {"says": _said(message.text, known, has_code=has_code, keeps_texts=keeps_texts)}
        if page := message.content.get("page"):
            turn["on_page"] = dict(page)
    parts = [part for text in heard if (part := telling_part(text, known))]
    if parts:
        turn["hears"] = list(dict.fromkeys(parts))
    return turn


def _said(text: str, known: Iterable[str], *, has_code: bool, keeps_texts: bool) -> str:
    codes = [each for each in find_mentions(text) if each.kind == "code"] if has_code else []
    if codes:
        text = text[: codes[0].start] + MAILED_CODE + text[codes[0].end :]
    if keeps_texts:
        return text
    # The sign for the code is no personal data, and must not be taken apart.
    parts = text.split(MAILED_CODE)
    return MAILED_CODE.join(
        stand_ins.replaced(part, stand_ins.find_personal(part, known)) for part in parts
    )


def telling_part(text: str, known: Iterable[str] = ()) -> str:
    """The longest part of an answer that is the same on another day and for another shopper, as a pattern."""
    cuts = [(each.start, each.end) for each in stand_ins.find_personal(text, known)]
    cuts += [match.span() for match in _passing().finditer(text)]
    parts, place = [], 0
    for start, end in [*sorted(cuts), (len(text), len(text))]:
        parts.append(text[place : max(start, place)])
        place = max(place, end)
    stripped = (part.strip(" \u00a0\u202f.,:;–-()\"'“”„*") for part in parts)
    longest = max(stripped, key=len, default="")
    if len(longest) < _SHORTEST_PART:
        return ""
    if len(longest) > _LONGEST_PART:
        longest = longest[:_LONGEST_PART].rpartition(" ")[0]
    return _SPECIAL.sub(r"\\\1", longest)


@lru_cache(maxsize=1)
def _passing() -> re.Pattern[str]:
    """Numbers with what belongs to them, names of days and months, and ends of lines."""
    names = {
        name
        for language in LANGUAGES
        for forms in (get_month_names, get_day_names)
        for width in ("wide", "abbreviated")
        for context in ("format", "stand-alone")
        for name in forms(width, context, language).values()
        if len(name) > 2
    }
    listed = "|".join(
        re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name))
    )
    return re.compile(rf"\S*\d\S*|\n|(?<!\w)(?:{listed})(?!\w)|[€$£]", re.IGNORECASE)


def _shopper(session: Session, conversation_id: str) -> str:
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation_id)
    ).one_or_none()
    if proof is not None and proof.method == "shop_login" and proof.customer is not None:
        return str(proof.customer.external_id)
    return "guest"


def _record(session: Session, conversation: Conversation) -> dict[str, Any]:
    """What the database held afterwards: the order, and the lines of the one return that was made."""
    made = session.scalars(select(Return).where(Return.conversation_id == conversation.id)).all()
    if len(made) > 1:
        # A scenario tells of one return.
        return {}
    order = made[0].order if made else session.get(Order, conversation.order_id or 0)
    if order is None:
        return {}
    record: dict[str, Any] = {"order": order.number}
    if made:
        record["lines"] = [
            {
                "line": line.line_external_id,
                "quantity": line.quantity,
                "reason": line.reason,
                "outcome": line.outcome,
                **({"new_sku": line.new_sku} if line.new_sku else {}),
            }
            for line in return_view(made[0]).lines
        ]
    return record
