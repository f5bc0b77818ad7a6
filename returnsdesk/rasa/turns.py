"""One turn as the desk sees it: the checked request, and replies and trace read from the tracker's events."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from pydantic import BaseModel, StrictStr, ValidationError, constr, root_validator, validator
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.shared.core.constants import (
    ACTION_LISTEN_NAME,
    SESSION_START_METADATA_SLOT,
    USER_INTENT_BACK,
    USER_INTENT_RESTART,
    USER_INTENT_SESSION_START,
)
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from returnsdesk.settings import LANGUAGES

logger = logging.getLogger(__name__)

TEXT_LIMIT = 4000
RANKING_LENGTH = 5
COMMAND_INTENTS = frozenset({USER_INTENT_RESTART, USER_INTENT_BACK, USER_INTENT_SESSION_START})
"""Intents that Rasa itself takes as commands on the tracker; a choice never carries them."""

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


class BadTurn(Exception):
    """The request is not a turn; the text says in one sentence what is wrong with it."""


class Choice(BaseModel):
    """A button that the shopper pressed, resolved by the desk."""

    intent: StrictStr
    entities: dict[StrictStr, Any] = {}

    @validator("entities", pre=True)
    def _named(cls, value: Any) -> Any:
        # pydantic would take a list of pairs for a dict.
        if not isinstance(value, dict):
            raise ValueError("must be an object of names and values")
        return value

    @validator("intent")
    def _not_a_command(cls, value: str) -> str:
        if not value or value in COMMAND_INTENTS:
            raise ValueError("is not an intent that a button can carry")
        return value


class TurnRequest(BaseModel):
    """A message for the assistant: a typed text or a choice; beside a choice, `text` is only the button's title."""

    conversation_id: constr(strict=True, min_length=1, max_length=255)  # type: ignore[valid-type]
    message_id: constr(strict=True, min_length=1, max_length=255)  # type: ignore[valid-type]
    text: constr(strict=True, max_length=TEXT_LIMIT) | None = None  # type: ignore[valid-type]
    choice: Choice | None = None
    language: StrictStr
    channel: constr(strict=True, min_length=1, max_length=32)  # type: ignore[valid-type]
    # What the shop's page said of itself; actions read it from the message's metadata.
    page: dict[StrictStr, StrictStr] = {}

    @validator("language")
    def _known_language(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"must be one of {', '.join(LANGUAGES)}")
        return value

    @root_validator(skip_on_failure=True)
    def _says_something(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("choice") is None and not (values.get("text") or "").strip():
            raise ValueError("text or choice is needed")
        return values


def read_request(body: bytes) -> TurnRequest:
    """The turn in a request's body; raises `BadTurn`."""
    try:
        return TurnRequest.parse_obj(_storable(json.loads(body)))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "__root__")
        raise BadTurn(f"{place}: {first['msg']}".lstrip(": ")) from error
    except (ValueError, RecursionError) as error:
        raise BadTurn("the body is not JSON") from error


def _storable(value: Any) -> Any:
    """The value without what a database or UTF-8 refuses: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return _LONE_SURROGATES.sub("\ufffd", value.replace("\x00", ""))
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


class UnsentReplies(OutputChannel):
    """Sends nothing: replies are read from the tracker, so that a repeated message gets the very same ones."""

    @classmethod
    def name(cls) -> str:
        """Name that responses of `channel: desk` would be meant for."""
        return "desk"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Leave the reply to the tracker."""


def user_message(request: TurnRequest) -> UserMessage:
    """The request as Rasa's message; a choice is understood already, a text is not."""
    title = (request.text or "").strip()
    return UserMessage(
        text=title,
        output_channel=UnsentReplies(),
        sender_id=request.conversation_id,
        parse_data=_choice_as_parse_data(request.choice, title) if request.choice else None,
        input_channel=request.channel,
        message_id=request.message_id,
        metadata={"language": request.language, "page": request.page},
    )


def _choice_as_parse_data(choice: Choice, title: str) -> dict[str, Any]:
    """What NLU would have answered if it had understood the choice with full confidence."""
    intent = {"name": choice.intent, "confidence": 1.0}
    return {
        "text": title,
        "intent": intent,
        "intent_ranking": [intent],
        "entities": [
            {"entity": name, "value": value, "extractor": "choice", "confidence_entity": 1.0}
            for name, value in choice.entities.items()
        ],
    }


def turn_events(tracker: DialogueStateTracker, message_id: str) -> list[Event]:
    """Events of the message's turn, the message first; empty if the tracker does not hold it."""
    events: list[Event] = []
    for event in tracker.events:
        if isinstance(event, UserUttered):
            if events:
                break
            if event.message_id != message_id:
                continue
        elif not events:
            continue
        events.append(event)
    return events


def replies(events: list[Event]) -> list[dict[str, Any]]:
    """What the assistant said in the turn, in order, in the desk's form."""
    said = (_reply(event) for event in events if isinstance(event, BotUttered))
    return [reply for reply in said if reply]


def _reply(event: BotUttered) -> dict[str, Any]:
    buttons = [_button(button) for button in event.data.get("buttons") or []]
    parts = {
        "text": event.text,
        "buttons": [button for button in buttons if button is not None],
        "image": event.data.get("image"),
        "custom": event.data.get("custom"),
    }
    return {name: part for name, part in parts.items() if part}


def _button(button: dict[str, Any]) -> dict[str, Any] | None:
    """The button with its payload as a dict; None, and an error in the log, if it cannot be used."""
    title = button.get("title")
    try:
        payload = json.loads(button["payload"])
        choice = Choice.parse_obj(payload)
    except (KeyError, TypeError, ValueError):
        logger.error("A button was dropped, its payload is not a choice as JSON text: %r", title)
        return None
    if not isinstance(title, str) or not title:
        logger.error("A button without a title was dropped.")
        return None
    return {"title": title, "payload": choice.dict()}


def trace(tracker: DialogueStateTracker, events: list[Event]) -> dict[str, Any]:
    """How the assistant understood the message, what it did and said; slots are those set now."""
    message = next(event for event in events if isinstance(event, UserUttered))
    parsed = message.parse_data or {}
    return {
        "intent": message.intent.get("name"),
        "confidence": message.intent.get("confidence"),
        "ranking": [
            {"name": entry["name"], "confidence": entry["confidence"]}
            for entry in parsed.get("intent_ranking", [])[:RANKING_LENGTH]
        ],
        "entities": list(message.entities),
        "actions": [
            event.action_name
            for event in events
            if isinstance(event, ActionExecuted) and event.action_name != ACTION_LISTEN_NAME
        ],
        "slots": {
            name: slot.value
            for name, slot in tracker.slots.items()
            if slot.value is not None and name != SESSION_START_METADATA_SLOT
        },
        "replies": [_told(event) for event in events if isinstance(event, BotUttered)],
    }


def _told(event: BotUttered) -> dict[str, Any]:
    """Which texts with which facts a reply was made of, and the findings that it is about."""
    data = event.metadata
    told = data.get("told")
    if told is None:
        told = [{"key": data["utter_action"], "facts": {}}] if data.get("utter_action") else []
    return {"told": told, "findings": data.get("findings") or []}
