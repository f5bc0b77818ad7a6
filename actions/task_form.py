"""The form of tasks: asks what a task needs, and has it done; other questions are answered in between."""

from __future__ import annotations

from rasa_sdk.events import ActionExecutionRejected, ActiveLoop, FollowupAction, SlotSet

from actions.cancelling import CancelTask
from actions.changing import ChangeTask, ChooseAgainTask
from actions.claims import ClaimTask
from actions.identity import ask_identity_for, needs_identity
from actions.sending import SendingTask
from actions.tasks import FORM, STOP, Events, State, Task, typed_choice
from actions.turn import DeskAction, Turn
from actions.withdrawals import WithdrawalTask

TASKS: dict[str, Task] = {
    task.kind: task
    for task in (
        CancelTask(),
        ChangeTask(),
        ChooseAgainTask(),
        ClaimTask(),
        SendingTask(),
        WithdrawalTask(),
    )
}
# Intents that may answer a task's question; all others are questions of their own.
ANSWERS = frozenset({"inform", "affirm", "deny", "continue", "nlu_fallback", "out_of_scope"})


class ValidateTasksForm(DeskAction):
    """Take a message into the task at hand."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "validate_tasks_form"

    def answer(self, turn: Turn) -> Events:
        """Decide between an answer, a stop, and something else that its own rule answers."""
        found = _at_hand(turn)
        if found is None:
            return _left()
        task, state = found
        if turn.slots.get("requested_slot") is None:
            return _going_on(turn, task, state)
        if _is_coming_back(turn):
            return [SlotSet("requested_slot", "tasks_answer")]
        if turn.intent == "stop" or turn.choice == STOP:
            return [*_left(), ActiveLoop(None), ActionExecutionRejected(FORM)]
        is_answer = turn.intent in ANSWERS | task.starts or task.is_answer(turn, state)
        offered = state.get("choices") or []
        choice = turn.choice or typed_choice(turn.text, offered, exactly=not is_answer)
        if choice == STOP:
            return [*_left(), ActiveLoop(None), ActionExecutionRejected(FORM)]
        if choice is None and not is_answer:
            return [ActionExecutionRejected(FORM)]
        if not task.take(turn, state, choice) and turn.intent not in task.starts:
            turn.say("tasks_not_understood")
        return _going_on(turn, task, state)


class AskTasksAnswer(DeskAction):
    """Ask the open question of the task at hand."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_ask_tasks_answer"

    def answer(self, turn: Turn) -> Events:
        """One question with its answers as buttons; the labels are kept so that typed answers are understood."""
        found = _at_hand(turn)
        question = found[0].question(turn, found[1]) if found else None
        if found is None or question is None:
            return []
        state = found[1]
        state["question"] = question.name
        state["choices"] = [
            {"value": button.choice, "label": button.label} for button in question.buttons
        ]
        turn.say_text(question.text, buttons=question.buttons, card=question.card)
        return [SlotSet("task", state)]


class ActionTasksFinish(DeskAction):
    """Do what the task at hand was for."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_tasks_finish"

    def answer(self, turn: Turn) -> Events:
        """Run the task's end; nothing when the form was left."""
        found = _at_hand(turn)
        cleared: Events = [SlotSet("task", None), SlotSet("tasks_answer", None)]
        if found is None:
            return cleared
        return [*cleared, *found[0].finish(turn, found[1])]


class ActionTasksResume(DeskAction):
    """Go on with a task after identity was proven."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_tasks_resume"

    def answer(self, turn: Turn) -> Events:
        """Back into the form, or to the proof of identity."""
        if _at_hand(turn) is None:
            return []
        if needs_identity(turn):
            return ask_identity_for(self.name())
        return [SlotSet("tasks_answer", None), FollowupAction(FORM)]


def _going_on(turn: Turn, task: Task, state: State) -> Events:
    is_open = task.question(turn, state) is not None
    return [
        SlotSet("task", state),
        SlotSet("tasks_answer", None if is_open else "known"),
        SlotSet("requested_slot", "tasks_answer" if is_open else None),
    ]


def _left() -> Events:
    return [
        SlotSet("task", None),
        SlotSet("tasks_answer", None),
        SlotSet("requested_slot", None),
    ]


def _is_coming_back(turn: Turn) -> bool:
    """Whether another rule has answered this message and the form only has to ask again."""
    return any(
        each.get("event") == "action_execution_rejected" and each.get("name") == FORM
        for each in turn.events_of_turn()
    )


def _at_hand(turn: Turn) -> tuple[Task, State] | None:
    """The task at hand with a copy of what is known; None when there is none."""
    state = turn.slots.get("task")
    if not isinstance(state, dict) or state.get("kind") not in TASKS:
        return None
    return TASKS[state["kind"]], dict(state)
