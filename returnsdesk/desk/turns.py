"""Turns: every waiting message gets its answer, one at a time in each conversation, whatever is down meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from returnsdesk.db.session import Database
from returnsdesk.desk.live import LiveFeed
from returnsdesk.desk.rasa_client import (
    ActionFailed,
    Answer,
    RasaClient,
    RasaUnavailable,
    TurnRefused,
)
from returnsdesk.services import answers, cases, feedback
from returnsdesk.services.answers import FailedTries, Reply, WaitingMessage
from returnsdesk.texts import render

SECONDS_BETWEEN_SWEEPS = 2.0
SECONDS_UNTIL_NOTICE = 8.0
SECONDS_TO_FINISH = 3.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0

Clock = Callable[[], datetime]
logger = logging.getLogger(__name__)

NOT_ANSWERED = "could_not_answer"
"""Reason of the case that is opened for a message whose action keeps failing."""

FAREWELL = "bye"
"""Intent after which a shopper is asked how the chat was."""


@dataclass(frozen=True)
class Patience:
    """How long a message is tried again whose action fails in an action server that is up.

    Both limits must be passed. Six tries outlast a deadlock or a database that is locked for a moment, two minutes the
    restart of a server with new code; longer than that nobody waits in front of a chat, and the shopper's next
    messages wait behind this one. An outage counts for nothing: it is waited out, however long it takes.
    """

    tries: int = 6
    time: timedelta = timedelta(minutes=2)
    first_pause_seconds: float = 0.2
    growth: float = 4.0
    longest_pause_seconds: float = 30.0

    def is_over(self, failed: FailedTries, now: datetime) -> bool:
        """Whether it is time to give up."""
        return failed.number >= self.tries and now - failed.since >= self.time

    def pause_seconds(self, failed: FailedTries) -> float:
        """Wait before the next try: growing, so that a passing fault costs little and a bug loads nobody."""
        # More steps would only overflow: the longest pause is reached long before.
        steps = min(failed.number - 1, 20)
        return min(self.longest_pause_seconds, self.first_pause_seconds * self.growth**steps)


class _ActionKeepsFailing(Exception):
    """Patience with a message is at its end; the text is for the log."""


class _NoLongerWaits(Exception):
    """The message was answered elsewhere meanwhile, or a person has joined: Rasa is not asked again."""


class Turns:
    """Answers waiting messages in this process; several processes share the work by leases on conversations."""

    def __init__(
        self,
        database: Database,
        rasa: RasaClient,
        feed: LiveFeed,
        *,
        clock: Clock,
        seconds_until_notice: float = SECONDS_UNTIL_NOTICE,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._rasa = rasa
        self._feed = feed
        self._clock = clock
        self._seconds_until_notice = seconds_until_notice
        self._patience = patience or Patience()
        self._owner = str(uuid4())
        self._running: dict[str, asyncio.Task[None]] = {}
        # Woken while running: to be looked at once more before the task ends.
        self._woken: set[str] = set()
        self._is_stopping = False
        self._is_rasa_away = False

    def wake(self, conversation_id: str) -> None:
        """See to it that the conversation's waiting messages are answered."""
        if self._is_stopping:
            return
        self._woken.add(conversation_id)
        if conversation_id not in self._running:
            self._running[conversation_id] = asyncio.create_task(self._run(conversation_id))

    async def sweep(self) -> None:
        """Take up, now and every few seconds, what a process left behind that ended; ends when cancelled."""
        while True:
            try:
                for conversation_id in await run_sync(self._find_waiting):
                    if conversation_id not in self._running:
                        self.wake(conversation_id)
            except SQLAlchemyError as error:
                logger.warning("waiting messages cannot be read: %s", type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)

    async def stop(self) -> None:
        """Finish what is nearly done and leave the rest to the next process."""
        self._is_stopping = True
        running = list(self._running.values())
        if running and not self._is_rasa_away:
            await asyncio.wait(running, timeout=SECONDS_TO_FINISH)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        try:
            await run_sync(partial(answers.release_all, self._database, owner=self._owner))
        except SQLAlchemyError as error:
            logger.warning("turns could not be handed back: %s", type(error).__name__)

    def _find_waiting(self) -> list[str]:
        with self._database.read() as session:
            return answers.to_answer(session, owner=self._owner, now=self._clock())

    async def _run(self, conversation_id: str) -> None:
        try:
            while conversation_id in self._woken and not self._is_stopping:
                self._woken.discard(conversation_id)
                await self._answer_all(conversation_id)
        except SQLAlchemyError as error:
            # The message still waits in the table; the next sweep takes it up.
            logger.warning("conversation %s: %s", conversation_id, type(error).__name__)
        except Exception:
            logger.exception("conversation %s: the turn failed", conversation_id)
        finally:
            self._woken.discard(conversation_id)
            del self._running[conversation_id]

    async def _answer_all(self, conversation_id: str) -> None:
        claim = partial(answers.claim, self._database, conversation_id, owner=self._owner)
        message = await run_sync(lambda: claim(now=self._clock()))
        async with self._holding(conversation_id):
            while message is not None and not self._is_stopping:
                answer = await self._with_question_for_rating(message, await self._answer(message))
                store = partial(
                    answers.store_answer,
                    self._database,
                    message.id,
                    answer.replies,
                    answer.trace,
                    owner=self._owner,
                    now=self._clock(),
                )
                message = await run_sync(store)
                self._feed.tell(conversation_id)

    @asynccontextmanager
    async def _holding(self, conversation_id: str) -> AsyncIterator[None]:
        """Renew the lease while the block runs."""
        renewing = asyncio.create_task(self._renew(conversation_id))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, conversation_id: str) -> None:
        renew = partial(answers.renew, self._database, conversation_id, owner=self._owner)
        while True:
            await asyncio.sleep(answers.LEASE.total_seconds() / 3)
            try:
                await run_sync(lambda: renew(now=self._clock()))
            except SQLAlchemyError as error:
                logger.warning("a lease was not renewed: %s", type(error).__name__)

    async def _answer(self, message: WaitingMessage) -> Answer:
        """The answer, however long it takes; the shopper is told when it is late."""
        notice = asyncio.create_task(self._tell_if_late(message))
        try:
            answer = await self._ask_until_answered(message)
        except TurnRefused as refusal:
            logger.error("message %s could not be answered: %s", message.id, refusal)
            return Answer((_failed(message),), {"error": str(refusal)})
        except _ActionKeepsFailing as failure:
            logger.error("message %s is passed on, its action fails: %s", message.id, failure)
            return await self._pass_on(message, str(failure))
        except _NoLongerWaits:
            return Answer((), {"not_asked": "a person has joined, or another process has answered"})
        finally:
            notice.cancel()
        if not answer.replies:
            logger.error("message %s got no reply", message.id)
            return Answer((_failed(message),), answer.trace)
        return answer

    async def _with_question_for_rating(self, message: WaitingMessage, answer: Answer) -> Answer:
        """The answer to a farewell asks how the chat was, where that is decent; any other stays as it is."""
        if answer.trace.get("intent") != FAREWELL or not answer.replies:
            return answer
        if not await run_sync(self._may_ask_for_rating, message.conversation_id):
            return answer
        text = render("desk_rating_question", message.language)
        question = Reply(text, custom={"card": feedback.RATING})
        return replace(answer, replies=(*answer.replies, question))

    def _may_ask_for_rating(self, conversation_id: str) -> bool:
        with self._database.read() as session:
            return feedback.may_ask_for_rating(session, conversation_id)

    async def _pass_on(self, message: WaitingMessage, reason: str) -> Answer:
        """Give the message to a person; the shopper is told so only after that has been stored."""
        open_case = partial(
            cases.open_case,
            self._database,
            message.conversation_id,
            NOT_ANSWERED,
            message.text,
            now=self._clock(),
        )
        number = await run_sync(open_case)
        text = render("desk_failed_passed_on", message.language, number=number)
        return Answer((Reply(text),), {"error": reason, "case": number})

    async def _ask_until_answered(self, message: WaitingMessage) -> Answer:
        answer = await self._ask_or_pause(message)
        while answer is None:
            await self._require_waiting(message)
            answer = await self._ask_or_pause(message)
        return answer

    async def _require_waiting(self, message: WaitingMessage) -> None:
        """Before another try: what a person has taken meanwhile must not be done by the assistant as well."""
        try:
            is_waiting = await run_sync(self._is_waiting, message.id)
        except SQLAlchemyError as error:
            logger.warning("message %s cannot be read: %s", message.id, type(error).__name__)
            return
        if not is_waiting:
            raise _NoLongerWaits

    def _is_waiting(self, message_id: int) -> bool:
        with self._database.read() as session:
            return answers.is_waiting(session, message_id)

    async def _ask_or_pause(self, message: WaitingMessage) -> Answer | None:
        """The answer; after a pause None if an action failed, which is worth another try."""
        try:
            return await self._ask_until_reached(message)
        except ActionFailed as failure:
            await self._pause_after(message, failure)
            return None

    async def _pause_after(self, message: WaitingMessage, failure: ActionFailed) -> None:
        count = partial(answers.count_failed_try, self._database, message.id)
        failed = await run_sync(lambda: count(now=self._clock()))
        if self._patience.is_over(failed, self._clock()):
            raise _ActionKeepsFailing(f"{failure}, {failed.number} times") from failure
        if failed.number == 1:
            logger.warning("message %s is tried again, its action fails: %s", message.id, failure)
        await asyncio.sleep(self._patience.pause_seconds(failed))

    async def _ask_until_reached(self, message: WaitingMessage) -> Answer:
        """The answer, once there is no outage; raises `ActionFailed` or `TurnRefused`."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(RasaUnavailable),
            wait=wait_random_exponential(
                multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS
            ),
            before_sleep=self._note_outage,
        )

        async def ask() -> Answer:
            if retrying.statistics["attempt_number"] > 1:
                await self._require_waiting(message)
            return await self._rasa.answer(message)

        try:
            answer: Answer = await retrying(ask)
        except (ActionFailed, TurnRefused):
            self._note_return()
            raise
        self._note_return()
        return answer

    def _note_return(self) -> None:
        if self._is_rasa_away:
            self._is_rasa_away = False
            logger.warning("Rasa answers again")

    def _note_outage(self, state: RetryCallState) -> None:
        if not self._is_rasa_away:
            self._is_rasa_away = True
            reason = state.outcome.exception() if state.outcome else None
            logger.warning("Rasa cannot be reached, messages wait: %s", reason)

    async def _tell_if_late(self, message: WaitingMessage) -> None:
        await asyncio.sleep(self._seconds_until_notice)
        text = render("desk_delayed", message.language)
        tell = partial(answers.tell_of_delay, self._database, message.id, text, now=self._clock())
        try:
            is_told = await run_sync(tell)
        except SQLAlchemyError as error:
            logger.warning("a notice of delay was not stored: %s", type(error).__name__)
            return
        if is_told:
            self._feed.tell(message.conversation_id)


def _failed(message: WaitingMessage) -> Reply:
    return Reply(render("desk_failed", message.language))
