"""What every action shares: the turn it answers, saying texts with buttons, and running off the event loop."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from returnsdesk import texts
from returnsdesk.db.session import Database
from returnsdesk.services import conversations
from returnsdesk.settings import LANGUAGES, Settings, load_settings


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read at the first action."""
    return load_settings()


@lru_cache(maxsize=1)
def database() -> Database:
    """The database of this process, opened at the first action."""
    return Database(settings().resolved_database_url)


# Choice of a button that tells what the message before it meant.
MEANT = "meant"

_LONGEST_FACT = 200


@dataclass(frozen=True)
class Button:
    """A button as an action offers it: its label, and the intent and choice that pressing it stands for."""

    label: str
    choice: str
    intent: str = "inform"

    def payload(self) -> dict[str, str]:
        """Rasa's shape of a button; the desk turns the payload into an opaque token."""
        return {
            "title": self.label,
            "payload": json.dumps({"intent": self.intent, "entities": {"choice": self.choice}}),
        }


@dataclass(frozen=True)
class Turn:
    """One message of a shopper as an action needs it."""

    conversation_id: str
    language: str
    text: str
    intent: str | None
    choice: str | None
    ranking: tuple[str, ...]
    slots: dict[str, Any]
    events: list[dict[str, Any]]
    now: datetime
    dispatcher: CollectingDispatcher
    # What the shop's page says it shows: page, product, name, order. Nobody has checked it, so it opens nothing.
    page: dict[str, str] = field(default_factory=dict)
    # Keys of the texts, with their facts, and findings since the last message: what the transcript says of a message.
    told: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, tracker: Tracker, dispatcher: CollectingDispatcher) -> Turn:
        """Read the turn from Rasa's tracker."""
        message = tracker.latest_message or {}
        language = tracker.get_slot("language")
        entities = message.get("entities") or []
        choice = next((each["value"] for each in entities if each.get("entity") == "choice"), None)
        text = message.get("text") or ""
        if choice is not None and choice.startswith(MEANT):
            # The button says what the message before it meant; that message has the words.
            text, choice = _previous_text(tracker.events), None
        return cls(
            conversation_id=tracker.sender_id,
            language=language if language in LANGUAGES else settings().default_language,
            text=text,
            intent=(message.get("intent") or {}).get("name"),
            choice=choice,
            ranking=tuple(each["name"] for each in message.get("intent_ranking") or []),
            slots=dict(tracker.slots),
            events=list(tracker.events),
            now=datetime.now(timezone.utc),
            dispatcher=dispatcher,
            page=dict((message.get("metadata") or {}).get("page") or {}),
        )

    def say(
        self,
        key: str,
        *,
        buttons: Sequence[Button] = (),
        card: dict[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        """Say a text of `data/responses` in the shopper's language."""
        self.say_text(self.label(key, **facts), buttons=buttons, card=card)

    def say_text(
        self, text: str, *, buttons: Sequence[Button] = (), card: dict[str, Any] | None = None
    ) -> None:
        """Say a text that was put together from rendered ones; a card shows the same where a channel draws it."""
        payloads = [button.payload() for button in buttons]
        told = [each for each in self.told if str(each["text"]).strip() in text]
        self.dispatcher.utter_message(
            text=text,
            buttons=payloads,
            json_message=card,
            told=[{"key": each["key"], "facts": each["facts"]} for each in told],
            findings=list(self.found),
        )
        self.told.clear()
        self.found.clear()

    def label(self, key: str, **facts: Any) -> str:
        """A text in the shopper's language, to build another from."""
        text = texts.render(key, self.language, **facts)
        plain = {name: str(fact)[:_LONGEST_FACT] for name, fact in facts.items()}
        self.told.append({"key": key, "facts": plain, "text": text})
        return text

    def note_finding(self, code: str, about: str = "") -> None:
        """Keep which finding the next message is about, for those who read the transcript."""
        self.found.append({"code": code, "about": about[:_LONGEST_FACT]})

    def events_of_turn(self) -> list[dict[str, Any]]:
        """Rasa's events since the shopper's message."""
        last = max(
            (i for i, each in enumerate(self.events) if each.get("event") == "user"), default=0
        )
        return self.events[last:]


def _previous_text(events: list[dict[str, Any]]) -> str:
    texts = [str(each.get("text") or "") for each in events if each.get("event") == "user"]
    return texts[-2] if len(texts) > 1 else ""


class DeskAction(Action, ABC):
    """An action that answers in a thread, so that a slow database holds up no other shopper."""

    @abstractmethod
    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Say what there is to say and give back Rasa's events."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Rasa's entry."""
        return await asyncio.to_thread(self.answer, Turn.of(tracker, dispatcher))


def channel_of(turn: Turn) -> str:
    """The channel that the conversation is held on."""
    with database().read() as session:
        return conversations.channel_of(session, turn.conversation_id)


def handover_button(turn: Turn) -> Button:
    """The way to a person, offered wherever the assistant is at its end."""
    label = turn.label("label_topic_handover_person")
    return Button(label, "topic:handover_person", "handover_person")


def offer(action: str) -> dict[str, Any]:
    """Event that keeps what "Shall I ...?" was about; a yes in the very next message means it."""
    event: dict[str, Any] = SlotSet("offered_action", action)
    return event


def at_hand(order_line_id: int) -> dict[str, Any]:
    """Event that keeps which item an answer was about; "how do I return this?" right after it means that one."""
    event: dict[str, Any] = SlotSet("item_at_hand", str(order_line_id))
    return event


def item_at_hand(turn: Turn) -> int | None:
    """The order line that the assistant's last message was about; None when something else came between."""
    value = _set_last(turn, "item_at_hand")
    return int(value) if value is not None else None


def offered_action(turn: Turn) -> str | None:
    """The action that the assistant's last message offered; None when something else came between."""
    return _set_last(turn, "offered_action")


def _set_last(turn: Turn, slot: str) -> str | None:
    """What a slot was set to in answer to the message before this one."""
    users = [index for index, each in enumerate(turn.events) if each.get("event") == "user"]
    previous = turn.events[users[-2] : users[-1]] if len(users) > 1 else []
    values = [
        each.get("value")
        for each in previous
        if each.get("event") == "slot" and each.get("name") == slot
    ]
    return values[-1] if values else None
