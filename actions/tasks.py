"""What a task is: one change after a question or two and a yes, each task in a module of its own.

What is known so far stands in the slot `task`: its kind, what the shopper said and chose, the open question and the
labels of its buttons, so that "the second" and "the grey one" are understood. Facts are read anew at every step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rasa_sdk.events import FollowupAction, SlotSet

from actions.turn import Button, Turn
from returnsdesk.domain import choices
from returnsdesk.domain.text import words

FORM = "tasks_form"
STOP, YES, NO = "stop", "task_yes", "task_no"

State = dict[str, Any]
Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """One question of a task: its name, its text, and its answers as buttons."""

    name: str
    text: str
    buttons: tuple[Button, ...] = ()
    card: dict[str, Any] | None = None


class Task(ABC):
    """A change that a shopper asks for; the intents of `starts` begin it, and said again repeat its question."""

    kind: ClassVar[str]
    starts: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def question(self, turn: Turn, state: State) -> Question | None:
        """The first open question; None when everything is known, or nothing is left to ask."""

    @abstractmethod
    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """Take an answer, by its button or in words, into `state`; False when it is none."""

    def is_answer(self, turn: Turn, state: State) -> bool:
        """Whether words answer the open question whatever else they could start: "send a new one"."""
        return state.get("question") == "confirm" and (
            choices.is_yes(turn.text) or choices.is_no(turn.text)
        )

    @abstractmethod
    def finish(self, turn: Turn, state: State) -> Events:
        """Do what was asked for and say what happened."""


def start(turn: Turn, task: Task, state: Mapping[str, Any]) -> Events:
    """Begin a task with what is known."""
    return [
        SlotSet("task", {"kind": task.kind, **state}),
        SlotSet("tasks_answer", None),
        FollowupAction(FORM),
    ]


def yes_or_no(turn: Turn, yes: str, no: str) -> tuple[Button, Button]:
    """The two answers to a question for the yes, by the keys of their labels."""
    return (
        Button(turn.label(yes), YES, "affirm"),
        Button(turn.label(no), NO, "deny"),
    )


def stop_button(turn: Turn) -> Button:
    """The way out."""
    return Button(turn.label("label_stop"), STOP, "stop")


def take_yes_or_no(turn: Turn, state: State, choice: str | None) -> bool:
    """Take the answer to a question for the yes into `state["is_confirmed"]`."""
    if choice == YES or (choice is None and choices.is_yes(turn.text)):
        state["is_confirmed"] = True
    elif choice == NO or (choice is None and choices.is_no(turn.text)):
        state["is_confirmed"] = False
    else:
        return False
    return True


def typed_choice(text: str, offered: Sequence[Mapping[str, str]], *, exactly: bool) -> str | None:
    """The value of the offered answer that typed words mean.

    A yes or no is never guessed from other words or a number. With `exactly`, only words of the label itself count:
    the message looks like a question of its own.
    """
    index = choices.match_choice(text, [each["label"] for each in offered]) if offered else None
    if index is None:
        return None
    chosen = offered[index]
    said, label = words(text), words(chosen["label"])
    if chosen["value"] in (YES, NO):
        return chosen["value"] if said == label else None
    return chosen["value"] if not exactly or set(said) <= set(label) else None
