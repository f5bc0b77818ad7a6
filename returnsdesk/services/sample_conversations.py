"""The sample shop's conversations: what shoppers and assistant said over the last weeks, as the desk would have it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

import returnsdesk.db
from returnsdesk import formatting
from returnsdesk.db.models import (
    ButtonToken,
    Case,
    Conversation,
    ConversationNote,
    ConversationTag,
    Customer,
    Event,
    Message,
    Order,
    Return,
    VerifiedSession,
)
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import (
    conversation_state,
    conversation_subject,
    events,
    identity,
)
from returnsdesk.services.conversations import new_message
from returnsdesk.services.feedback import RATING
from returnsdesk.texts import render

FILE: Final = Path(returnsdesk.db.__file__).parent / "sample_shop" / "conversations.yml"

_BETWEEN_MESSAGES: Final = timedelta(seconds=42)
_FOR_ANSWERING: Final = timedelta(seconds=2)
_ANSWER_OF_PERSON: Final = timedelta(minutes=2)
_MORNING: Final = time(8, 30)
_DAYS_AWAY: Final = re.compile(r"[+-]\d+")


def entries() -> list[dict[str, Any]]:
    """The conversations as they stand in the file."""
    loaded: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def id_of(name: str) -> str:
    """The id of a sample conversation: the same in every database, so that seeding twice finds it."""
    return str(uuid5(NAMESPACE_URL, f"https://lundlinde.example/conversations/{name}"))


def add(database: Database, *, today: date, now: datetime) -> int:
    """Write the conversations that are not there yet, each in one transaction; returns how many there are."""
    every = entries()
    for entry in every:
        with database.write() as session:
            if session.get(Conversation, id_of(entry["name"])) is None:
                _Talk(session, entry, today, now).write()
    return len(every)


class _Talk:
    """One conversation of the file, within the caller's transaction."""

    def __init__(self, session: Session, entry: dict[str, Any], today: date, now: datetime) -> None:
        self._session, self._entry, self._now = session, entry, now
        self._day = today - timedelta(days=entry["days_ago"])
        self._language: str = entry["language"]
        self._order = self._find_order()
        self._return = self._find_return()
        self._at = self._begin()
        self._case: Case | None = None
        self._row = Conversation(
            id=id_of(entry["name"]),
            channel=entry.get("channel", "web"),
            language=self._language,
            created_at=self._at,
            last_message_at=self._at,
            last_seq=0,
            fallback_count=0,
        )
        self._turn: Message | None = None

    def write(self) -> None:
        """Everything of the conversation."""
        self._session.add(self._row)
        self._session.flush()
        self._prove()
        self._link_return()
        for part in self._entry["talk"]:
            self._play(part)
        self._finish()

    def _begin(self) -> datetime:
        if "minutes_ago" in self._entry:
            return self._now - timedelta(minutes=self._entry["minutes_ago"])
        if self._return is not None:
            before = self._index_of_yes()
            return self._return.requested_at - _BETWEEN_MESSAGES * before - timedelta(seconds=1)
        at = time.fromisoformat(self._entry["at"]) if "at" in self._entry else _MORNING
        return datetime.combine(self._day, at, tzinfo=timezone.utc)

    def _index_of_yes(self) -> int:
        """How many messages of the shopper come before the yes."""
        own = [part for part in self._entry["talk"] if "say" in part or "press" in part]
        return next(place for place, part in enumerate(own) if part.get("confirms"))

    def _find_order(self) -> Order | None:
        number = self._entry.get("order")
        if number is None:
            return None
        wanted = select(Order).where(Order.number_norm == normalise_order_number(number))
        found: Order | None = self._session.scalars(wanted).one_or_none()
        return found

    def _find_return(self) -> Return | None:
        """The return of the order that was requested on the conversation's day."""
        if "return" not in self._entry or self._order is None:
            return None
        rows = self._session.scalars(select(Return).where(Return.order_id == self._order.id))
        return next((row for row in rows if row.requested_at.date() == self._day), None)

    def _prove(self) -> None:
        customer = self._session.scalars(
            select(Customer).where(Customer.external_id == self._entry.get("customer", ""))
        ).one_or_none()
        self._row.customer_id = customer.id if customer else None
        self._row.order_id = self._order.id if self._order else None
        proof = self._entry.get("proof")
        if proof is None:
            return
        self._session.add(
            VerifiedSession(
                conversation_id=self._row.id,
                method=proof,
                customer_id=customer.id if customer else None,
                order_id=None if customer or self._order is None else self._order.id,
                verified_at=self._at,
                expires_at=self._at + identity.GUEST_LIFETIME,
            )
        )

    def _link_return(self) -> None:
        if self._return is None:
            return
        self._return.conversation_id = self._row.id
        for event in self._session.scalars(
            select(Event).where(
                Event.document == "return",
                Event.document_id == self._return.id,
                Event.at == self._return.requested_at,
            )
        ):
            event.conversation_id = self._row.id

    def _play(self, part: dict[str, Any]) -> None:
        if "say" in part or "press" in part:
            self._shopper(part)
        elif "tell" in part:
            self._assistant(part)
        elif "agent" in part:
            self._at += _ANSWER_OF_PERSON
            row = self._add("agent", part["agent"])
            row.content = {"custom": {"name": "Mila Okafor"}}
        elif "rated" in part:
            self._at += _BETWEEN_MESSAGES
            row = self._add("system", "")
            row.content = {"kind": RATING, "score": part["rated"], "comment": part["comment"]}
            self._row.csat = part["rated"]
        else:
            has_joined = "joined" in part
            name = part["joined" if has_joined else "left"]
            key = "takeover_joined" if has_joined else "takeover_left"
            self._at += _ANSWER_OF_PERSON
            row = self._add("system", render(key, self._language, name=name))
            row.content = {"person": {"joined": has_joined, "name": name}}

    def _shopper(self, part: dict[str, Any]) -> None:
        if self._row.last_seq:
            self._at += _BETWEEN_MESSAGES
        text = part["say"] if "say" in part else render(part["press"], self._language)
        row = self._add("shopper", text, state="answered")
        row.channel_message_id = f"sample-{row.seq}"
        self._turn = row if "intent" in part else None
        if "press" in part:
            row.choice = {"intent": part["intent"], "entities": {"choice": part["press"]}}
        if self._turn is None:
            return
        row.trace = _trace(part, text, self._language)
        conversation_state.note_turn(self._row, row, row.trace)

    def _assistant(self, part: dict[str, Any]) -> None:
        if "case" in part.get("facts", {}).values():
            self._open_case()
        facts = {name: self._fact(value) for name, value in part.get("facts", {}).items()}
        row = self._add(
            "assistant", render(part["tell"], self._language, **facts), after=_FOR_ANSWERING
        )
        if self._turn is not None:
            row.reply_to_id = self._turn.id
            trace = dict(self._turn.trace or {})
            found = [{"code": code, "about": ""} for code in part.get("findings", [])]
            told = {"key": part["tell"], "facts": {name: str(fact) for name, fact in facts.items()}}
            trace["replies"] = [*trace.get("replies", []), {"told": [told], "findings": found}]
            self._turn.trace = trace
        if "buttons" in part:
            row.content = {"buttons": [self._button(key) for key in part["buttons"]]}

    def _button(self, key: str) -> dict[str, str]:
        token, label = secrets.token_urlsafe(18), render(key, self._language)
        self._session.add(
            ButtonToken(
                token=token,
                conversation_id=self._row.id,
                label=label,
                choice={"intent": "inform", "entities": {"choice": key}},
                created_at=self._at,
            )
        )
        return {"title": label, "token": token}

    def _fact(self, value: Any) -> Any:
        if value == "rma" and self._return is not None:
            return self._return.rma_number
        if value == "case" and self._case is not None:
            return self._case.id
        if isinstance(value, str) and _DAYS_AWAY.fullmatch(value):
            return formatting.day(self._day + timedelta(days=int(value)), self._language)
        return value

    def _add(
        self, author: str, text: str, *, state: str = "sent", after: timedelta | None = None
    ) -> Message:
        row = new_message(
            self._row, author=author, text=text, state=state, now=self._at + (after or timedelta())
        )
        self._session.add(row)
        self._session.flush()
        return row

    def _open_case(self) -> None:
        wanted = self._entry["case"]
        self._case = Case(
            conversation_id=self._row.id,
            reason=wanted["reason"],
            summary=wanted["summary"],
            status="open",
            priority=wanted["priority"],
            created_at=self._at,
        )
        self._session.add(self._case)
        self._session.flush()
        events.record(
            self._session, actor="shopper", command="open_case", document="case", document_id=self._case.id,
            now=self._at, after={"reason": wanted["reason"], "priority": wanted["priority"]},
            conversation_id=self._row.id,
        )  # fmt: skip

    def _finish(self) -> None:
        row, entry = self._row, self._entry
        ends = self._at + timedelta(minutes=1)
        if self._case is not None and entry["case"]["status"] == "closed":
            self._case.status, self._case.closed_at = "closed", ends
        if entry.get("ended"):
            row.ended_at = ends
        row.outcome = entry.get("outcome") or row.outcome or conversation_subject.ANSWERED
        row.assigned_to = entry.get("assigned")
        if "reviewed" in entry:
            row.reviewed_by, row.reviewed_at = (
                entry["reviewed"],
                min(self._now, ends + timedelta(hours=3)),
            )
        actor = entry.get("reviewed") or "mila@lundlinde.example"
        for tag in entry.get("tags", []):
            self._session.add(
                ConversationTag(conversation_id=row.id, tag=tag, added_by=actor, added_at=ends)
            )
        for text in entry.get("notes", []):
            self._session.add(
                ConversationNote(conversation_id=row.id, author=actor, text=text, at=ends)
            )
        conversation_state.settle(self._session, row.id)


def _trace(part: dict[str, Any], text: str, language: str) -> dict[str, Any]:
    """What Rasa would have told of the turn."""
    sure = part.get("sure", 1.0)
    ranking = [{"name": part["intent"], "confidence": sure}]
    ranking += [{"name": name, "confidence": each} for name, each in part.get("also", {}).items()]
    return {
        "intent": part["intent"],
        "confidence": sure,
        "ranking": ranking,
        "entities": list(_entities(part, text)),
        "actions": [f"action_{part['intent']}"],
        "slots": {"language": language},
    }


def _entities(part: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
    for name, value in part.get("named", {}).items():
        start = text.find(value)
        place = {"start": start, "end": start + len(value)} if start >= 0 else {}
        yield {"entity": name, "value": value, **place}


__all__ = ["FILE", "add", "entries", "id_of"]
