"""Actions without Rasa: a conversation of the small shop's customer, turn by turn, at a fixed time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions import turn as actions_turn
from actions.turn import DeskAction, Turn
from returnsdesk.db.models import Order
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import conversations, identity
from tests.services.shop import NOW, database, shop

SHOP_KEY = "a key of the shop, long enough for HS256"

__all__ = ["database", "shop"]


@dataclass
class Answer:
    """What an action said and the events that it gave back."""

    texts: list[str]
    buttons: list[dict[str, Any]]
    events: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """Everything said, as one text."""
        return "\n".join(self.texts)

    @property
    def choices(self) -> dict[str, str]:
        """The choice of each button by its label."""
        return {
            each["title"]: json.loads(each["payload"])["entities"]["choice"]
            for each in self.buttons
        }

    @property
    def slots(self) -> dict[str, Any]:
        """The slots that the events set."""
        return {each["name"]: each["value"] for each in self.events if each["event"] == "slot"}

    @property
    def next_action(self) -> str | None:
        """The action that the events ask for."""
        return next((each["name"] for each in self.events if each["event"] == "followup"), None)

    @property
    def is_left_to_other_rules(self) -> bool:
        """Whether a form gave the message back."""
        return any(each["event"] == "action_execution_rejected" for each in self.events)


@dataclass
class Talk:
    """One conversation: Rasa's tracker between the turns."""

    conversation_id: str
    language: str = "en"
    slots: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    # What the shop's page says it shows.
    page: dict[str, str] = field(default_factory=dict)

    def says(
        self,
        text: str,
        intent: str = "inform",
        *,
        choice: str | None = None,
        ranking: tuple[str, ...] = (),
    ) -> None:
        """A new message, as Rasa understood it."""
        entities = [] if choice is None else [{"entity": "choice", "value": choice}]
        self.message = {
            "text": text,
            "intent": {"name": intent},
            "entities": entities,
            "intent_ranking": [{"name": name} for name in (ranking or (intent,))],
            "metadata": {"page": self.page},
        }
        self.events.append({"event": "user", "text": text})

    def turn(self, dispatcher: CollectingDispatcher) -> Turn:
        """The present turn as actions see it."""
        slots = {"language": self.language, **self.slots}
        tracker = Tracker(
            self.conversation_id,
            slots,
            self.message,
            list(self.events),
            False,
            None,
            {},
            "action_listen",
        )
        return replace(Turn.of(tracker, dispatcher), now=NOW)

    def runs(self, action: DeskAction) -> Answer:
        """Run an action; its events are in the tracker afterwards."""
        dispatcher = CollectingDispatcher()
        events = action.answer(self.turn(dispatcher))
        answer = Answer(
            [each["text"] for each in dispatcher.messages],
            [button for each in dispatcher.messages for button in each.get("buttons") or []],
            events,
        )
        self.slots.update(answer.slots)
        self.events += events
        return answer


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Actions do the same on every database; the services' own tests run on both."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def talk(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """A guest's conversation, with the actions on the small shop's database."""
    with shop.write() as session:
        # Numbers as shoppers write them; a shorter one is read as something else.
        for order in session.scalars(select(Order)):
            order.number = order.number.replace("LL-", "LL-1000")
            order.number_norm = normalise_order_number(order.number)
    monkeypatch.setenv("DATABASE_URL", str(shop.engine.url))
    actions_turn.settings.cache_clear()
    actions_turn.database.cache_clear()
    yield Talk(conversations.start(shop, channel="web", language="en", now=NOW).id)
    actions_turn.database().dispose()
    actions_turn.settings.cache_clear()
    actions_turn.database.cache_clear()


@pytest.fixture
def anna(shop: Database, talk: Talk) -> Talk:
    """A conversation of Anna, whom the shop has logged in."""
    token = identity.shop_login_token("anna", key=SHOP_KEY, now=NOW)
    assert identity.sign_in(shop, talk.conversation_id, token, key=SHOP_KEY, now=NOW)
    return talk
