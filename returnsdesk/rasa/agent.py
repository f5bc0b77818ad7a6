"""Rasa's agent and message processor with one difference: a turn that fails fails as a whole and is not saved.

Written against Rasa 3.6.21. `MessageProcessor._run_action` catches every exception of an action, logs "Bot will
continue" and goes on, which gives the shopper an empty reply and leaves half a turn in the tracker.
`FailSafeTrackerStore` answers from memory when the database is away and never writes it back.
"""

from __future__ import annotations

import copy
import logging
import re
from pathlib import Path
from typing import Any, NoReturn

from rasa.core.actions.action import Action, ActionExecutionRejection
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg import NaturalLanguageGenerator, TemplatedNaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import InMemoryTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from returnsdesk.rasa.action_calls import ActionCallFailed

logger = logging.getLogger(__name__)

LANGUAGE_SLOT = "language"

_LEADING_SLASHES = re.compile(r"^[\s/]+")


class TurnFailed(Exception):
    """The dialogue itself went wrong (an action of Rasa's own raised, or actions went round in a circle)."""


class _TurnAborted(BaseException):
    """Carries a failure out of `MessageProcessor._run_action`, which catches every `Exception`."""

    def __init__(self, reason: ActionCallFailed | TurnFailed) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _WatchedAction(Action):
    """An action whose failures end the turn."""

    def __init__(self, action: Action) -> None:
        self._action = action

    def name(self) -> str:
        return self._action.name()

    async def run(
        self,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        try:
            return await self._action.run(output_channel, nlg, tracker, domain)
        except ActionExecutionRejection:
            raise
        except ActionCallFailed as error:
            raise _TurnAborted(error) from error
        except Exception as error:
            failure = TurnFailed(f"{self.name()} raised {type(error).__name__}")
            raise _TurnAborted(failure) from error

    def event_for_successful_execution(self, prediction: PolicyPrediction) -> Event:
        return self._action.event_for_successful_execution(prediction)


def _end_circle(
    tracker: DialogueStateTracker, output_channel: OutputChannel, nlg: NaturalLanguageGenerator
) -> NoReturn:
    # Saved like this, the tracker would end without action_listen and the conversation would stay silent for ever.
    raise _TurnAborted(
        TurnFailed(f"actions went round in a circle after {tracker.latest_action_name}")
    )


class DeskProcessor(MessageProcessor):
    """Runs one message as a whole turn."""

    async def run_turn(self, message: UserMessage, language: str) -> DialogueStateTracker:
        """Handle the message and save the tracker; a message that the tracker already holds is not run again.

        Raises `ActionCallFailed` or `TurnFailed`, and whatever the tracker store raises; nothing is saved then.
        """
        try:
            return await self._run_turn(message, language)
        except _TurnAborted as aborted:
            raise aborted.reason from aborted.__cause__

    async def _run_turn(self, message: UserMessage, language: str) -> DialogueStateTracker:
        """The steps of `handle_message`, with the language set between session start and message."""
        tracker = await self.get_tracker(message.sender_id)
        if holds_message(tracker, message.message_id):
            return tracker
        await self._update_tracker_session(tracker, message.output_channel, message.metadata)
        self._keep_language(tracker, language)
        await self._handle_message_with_tracker(message, tracker)
        tracker = await self.run_action_extract_slots(message.output_channel, tracker)
        await self._run_prediction_loop(message.output_channel, tracker)
        if not _sets_language(tracker):
            self._keep_language(tracker, language)
        await self.run_anonymization_pipeline(tracker)
        await self.save_tracker(tracker)
        return tracker

    def _keep_language(self, tracker: DialogueStateTracker, language: str) -> None:
        """Set the language where the tracker has another: a turn that Rasa takes back takes back an earlier one's."""
        if LANGUAGE_SLOT in tracker.slots and tracker.get_slot(LANGUAGE_SLOT) != language:
            tracker.update(SlotSet(LANGUAGE_SLOT, language), self.domain)

    async def parse_message(
        self,
        message: UserMessage,
        tracker: DialogueStateTracker | None = None,
        only_output_properties: bool = True,
    ) -> dict[str, Any]:
        """Understand the message as plain text: Rasa would take "/restart" typed by a shopper as a command."""
        readable = copy.copy(message)
        # As many spaces as slashes, so that the places of entities stay right.
        readable.text = _LEADING_SLASHES.sub(lambda found: " " * len(found.group()), message.text)
        parsed = await super().parse_message(readable, tracker, only_output_properties)
        return {**parsed, "text": message.text}

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        return await super()._run_action(
            _WatchedAction(action), tracker, output_channel, nlg, prediction
        )


def holds_message(tracker: DialogueStateTracker, message_id: str) -> bool:
    """Whether the tracker has handled the message with this id."""
    return any(
        isinstance(event, UserUttered) and event.message_id == message_id
        for event in tracker.events
    )


class DeskAgent(Agent):
    """An agent with a `DeskProcessor` and a tracker store that reports its errors."""

    processor: DeskProcessor | None

    def load_model(self, model_path: str | Path, fingerprint: str | None = None) -> None:
        """Load the model file; the steps of `Agent.load_model`, which names its processor class itself."""
        self.processor = DeskProcessor(
            model_path=model_path,
            tracker_store=self.tracker_store,
            lock_store=self.lock_store,
            action_endpoint=self.action_endpoint,
            generator=self.nlg,
            on_circuit_break=_end_circle,
        )
        self.domain = self.processor.domain
        self._set_fingerprint(fingerprint)
        self.tracker_store.domain = self.domain
        if isinstance(self.nlg, TemplatedNaturalLanguageGenerator):
            self.nlg.responses = self.domain.responses

    @staticmethod
    def _create_tracker_store(store: TrackerStore | None, domain: Domain) -> Any:
        return store if store is not None else InMemoryTrackerStore(domain)


def _sets_language(tracker: DialogueStateTracker) -> bool:
    """Whether an action has chosen a language in answer to the latest message."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return False
        if isinstance(event, SlotSet) and event.key == LANGUAGE_SLOT:
            return True
    return False
