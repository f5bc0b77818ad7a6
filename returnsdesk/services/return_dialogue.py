"""Understanding what a shopper says about a return: from their words to facts in the draft, never to a change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import Draft, DraftLine
from returnsdesk.db.session import Database
from returnsdesk.domain import choices
from returnsdesk.domain.item_wishes import find_settlement, is_withdrawal, wants_money
from returnsdesk.domain.mentions import find_mentions
from returnsdesk.domain.reading import read
from returnsdesk.domain.reasons import REASONS, find_reason
from returnsdesk.domain.text import words
from returnsdesk.services import drafts
from returnsdesk.services.draft_changes import DraftChanges, Notice
from returnsdesk.services.return_items import ItemListener

ANSWERED = "answered"
UNRELATED = "unrelated"
CONFIRMED = "confirmed"
STOPPED = "stopped"

# Intents that speak about the return at hand; the others are questions of their own, answered by their own rule.
ABOUT_THE_DRAFT = frozenset(
    {
        "inform",
        "affirm",
        "deny",
        "continue",
        "returns_start",
        "exchanges_start",
        "returns_change",
        "nlu_fallback",
    }
)
# Intents of questions about money that are wishes for the draft when the words say how it shall be settled.
ABOUT_MONEY = frozenset({"refunds_method", "refunds_status"})
# Intents that an answer to the question for the reason is easily taken for: "it broke", "I regret it".
NEAR_A_REASON = frozenset({"claims_start", "withdrawals_start", "out_of_scope"})
MOST_WORDS_OF_A_REASON = 8
# "The blue socks" says which item is meant, not why it comes back; a longer message that names one may say why.
MOST_WORDS_OF_AN_ITEM = 3
STARTS = frozenset({"returns_start", "exchanges_start"})


@dataclass(frozen=True)
class Heard:
    """A shopper's message: what was typed, the intent Rasa saw, and the value of a pressed button."""

    text: str
    intent: str | None = None
    choice: str | None = None


@dataclass(frozen=True)
class Hearing:
    """What a message did to the draft; `token` is the summary that a yes is for."""

    kind: str
    notices: tuple[Notice, ...] = ()
    token: str | None = None


def hear(
    database: Database, conversation_id: str, heard: Heard, language: str, *, now: datetime
) -> Hearing:
    """Take a message into the conversation's draft. Changes nothing but the draft."""
    with database.write() as session:
        draft = drafts.latest(session, conversation_id, now)
        if draft is None:
            return Hearing(UNRELATED)
        hearing = _Listener(session, draft, heard, language, now).listen()
        if draft.state == "open" and hearing.kind == ANSWERED:
            draft.updated_at = now
        return hearing


class _Listener:
    """One message against one draft."""

    def __init__(
        self, session: Session, draft: Draft, heard: Heard, language: str, now: datetime
    ) -> None:
        self.session, self.draft, self.heard, self.language, self.now = (
            session,
            draft,
            heard,
            language,
            now,
        )
        question = draft.question or {}
        self.question: str | None = question.get("kind")
        self.offered: list[dict[str, str]] = list(question.get("choices") or [])
        self.changes = DraftChanges(session, draft, language, now)
        self.items = ItemListener(
            self.changes, heard.text, self.question, self.offered, is_first=draft.question is None
        )

    def listen(self) -> Hearing:
        """Sort the message: a pressed button, a yes or no, facts, a wish to stop, or something unrelated."""
        if self.draft.state != "open":
            return self._after_submission()
        if self.heard.choice is not None:
            return self._take_choice(self.heard.choice)
        if self.heard.intent == "stop":
            return Hearing(STOPPED)
        if self.question == "confirmation":
            if choices.is_yes(self.heard.text):
                return Hearing(CONFIRMED, token=self.draft.summary_token)
            if choices.is_no(self.heard.text):
                return self._answered(Notice("WHAT_TO_CHANGE"))
        return self._take_words()

    def _after_submission(self) -> Hearing:
        """A turn that is repeated after a crash finds its draft submitted: the same yes leads to the same return."""
        is_yes = (
            choices.is_yes(self.heard.text)
            or self.heard.choice == f"confirm:{self.draft.summary_token}"
        )
        if self.question == "confirmation" and is_yes:
            return Hearing(CONFIRMED, token=self.draft.summary_token)
        return Hearing(UNRELATED)

    def _take_choice(self, choice: str) -> Hearing:
        kind, _, value = choice.partition(":")
        if kind == "stop":
            return Hearing(STOPPED)
        if kind == "confirm":
            return Hearing(CONFIRMED, token=value)
        if kind == "change":
            return self._answered(Notice("WHAT_TO_CHANGE"))
        line = self._line_in_question()
        if kind == "order" and value.isdigit():
            self.changes.choose_order(int(value))
        elif kind == "item" and value.isdigit():
            self.changes.choose_items([int(value)], {})
        elif line is not None and kind == "quantity" and value.isdigit():
            self.changes.set_quantity(line, int(value))
        elif line is not None and kind == "reason" and value in REASONS:
            line.reason = value
        elif line is not None and kind == "variant" and value.isdigit():
            self.changes.set_variant(line, int(value))
        elif line is not None and kind == "outcome" and value == "refund":
            self.changes.set_outcome(line, "refund")
        else:
            return self._answered(Notice("STALE_CHOICE"))
        return self._answered()

    def _take_words(self) -> Hearing:
        is_of_money = self.heard.intent in ABOUT_MONEY and (
            find_settlement(self.heard.text) is not None or self._wants_money_instead()
        )
        is_about_it = self.heard.intent in ABOUT_THE_DRAFT or (is_of_money and self.draft.lines)
        if not is_about_it and not self._is_first_message():
            return self._reason_after_all() or self._maybe_answer_in_passing()
        before = self._fingerprint()
        self._take_facts()
        if self._fingerprint() != before or self.changes.notices:
            return self._answered()
        picked = self._typed_choice()
        if picked is not None:
            return self._take_choice(picked)
        if self.question == "reason" and self.heard.intent in ("inform", "nlu_fallback"):
            line = self._line_in_question()
            said = len(self.heard.text.split())
            is_item_again = said <= MOST_WORDS_OF_AN_ITEM and self.items.names_items()
            is_told = said > 1 and not is_item_again and "?" not in self.heard.text
            if line is not None and is_told:
                line.reason = "other"
                line.note = self.heard.text[:500]
                return self._answered()
        is_said_again = self.heard.intent in STARTS and self.items.names_items()
        if self._is_first_message() or self.heard.intent == "continue" or is_said_again:
            return self._answered()
        return self._answered(Notice("NOT_UNDERSTOOD"))

    def _reason_after_all(self) -> Hearing | None:
        """A reason in a few words, said to the question for it, is one, whatever else the words could start."""
        line, text = self._line_in_question(), self.heard.text
        reason = find_reason(text)
        is_answer = (
            self.question == "reason"
            and self.heard.intent in NEAR_A_REASON
            and len(text.split()) <= MOST_WORDS_OF_A_REASON
            and not is_withdrawal(text)
        )
        if line is None or reason is None or not is_answer:
            return None
        line.reason = reason
        return self._answered()

    def _maybe_answer_in_passing(self) -> Hearing:
        """An intent of its own, unless the words are those of a label that was offered."""
        picked = self._typed_choice()
        said = set(words(self.heard.text))
        if picked is not None and any(
            each["value"] == picked and said <= set(words(each["label"])) for each in self.offered
        ):
            return self._take_choice(picked)
        return Hearing(UNRELATED)

    def _take_facts(self) -> None:
        text, intent = self.heard.text, self.heard.intent
        # "The gift card" is an item at first, and a way of paying back once the items are known.
        if self.draft.lines and not self._is_first_message():
            self.draft.settlement = find_settlement(text) or self.draft.settlement
        if self.items.take_separate_wishes():
            return
        before = self._fingerprint()
        self.items.take()
        names_items = self._fingerprint() != before
        reason = find_reason(text)
        for each in self._lines_for_reason():
            if reason is not None:
                each.reason = reason
        line = self._line_in_question()
        if line is None:
            return
        # Words that name items have told their quantities too: "3 shirts, 2 don't fit".
        if not names_items or line.quantity is None:
            self._take_quantity(line, text)
        if intent == "exchanges_start" and line.outcome != "exchange":
            self.changes.set_outcome(line, "exchange")
        elif line.outcome == "exchange" and (
            (intent == "returns_start" and not self._is_first_message())
            or self._wants_money_instead()
        ):
            self.changes.set_outcome(line, "refund")
        is_open_to_exchange = line.outcome == "exchange" or self.question in ("outcome", "variant")
        if is_open_to_exchange or intent == "exchanges_start":
            self.changes.take_variant(line, text)

    def _wants_money_instead(self) -> bool:
        """Whether the words, no question, ask for money where an exchange is in the draft."""
        has_exchange = any(line.outcome == "exchange" for line in self.draft.lines)
        return has_exchange and "?" not in self.heard.text and wants_money(self.heard.text)

    def _lines_for_reason(self) -> list[DraftLine]:
        if self.items.focus:
            return self.items.focus
        is_of_all = bool(read(self.heard.text).signals("both", "all"))
        if self.question in (None, "item", "order") or is_of_all:
            return [line for line in self.draft.lines if line.reason is None]
        line = self._line_in_question()
        return [line] if line is not None else []

    def _line_in_question(self) -> DraftLine | None:
        """The line that is spoken of: named in the message, or the first that is not complete, or the only one."""
        if self.items.focus:
            return self.items.focus[0]
        for line in self.draft.lines:
            is_complete = line.quantity and line.reason and line.outcome
            needs_variant = line.outcome == "exchange" and line.new_variant_id is None
            if not is_complete or needs_variant:
                return line
        return self.draft.lines[-1] if self.draft.lines else None

    def _take_quantity(self, line: DraftLine, text: str) -> None:
        if len(self.draft.lines) > 1 and read(text).signals("both"):
            # "Both are too small" counts the items, not the pieces of one.
            return
        said = [mention.value for mention in find_mentions(text) if mention.kind == "quantity"]
        # "I bought 3, 2 do not fit": beside another number, that of the order is no wish.
        wished = [value for value in said if value != str(line.order_line.quantity)] or said
        if wished and wished[0].isdigit():
            self.changes.set_quantity(line, int(wished[0]))
        elif self.question == "quantity" and text.strip().isdigit():
            self.changes.set_quantity(line, int(text.strip()))

    def _typed_choice(self) -> str | None:
        labels = [each["label"] for each in self.offered]
        index = choices.match_choice(self.heard.text, labels) if labels else None
        if index is None:
            return None
        value = self.offered[index]["value"]
        said, label = words(self.heard.text), words(labels[index])
        # A yes is never guessed from a number or from other words, and a question shares words with a label by chance.
        is_guess = value.startswith("confirm:") and said != label
        is_question = "?" in self.heard.text and not set(said) <= set(label)
        return None if is_guess or is_question else value

    def _is_first_message(self) -> bool:
        return self.draft.question is None

    def _fingerprint(self) -> tuple[Any, ...]:
        return (self.draft.settlement, *self._fingerprint_of_lines())

    def _fingerprint_of_lines(self) -> tuple[Any, ...]:
        return tuple(
            (
                line.order_line_id,
                line.quantity,
                line.reason,
                line.outcome,
                line.new_variant_id,
                line.note,
            )
            for line in self.draft.lines
        )

    def _answered(self, *notices: Notice) -> Hearing:
        said: list[Notice] = []
        for notice in (*self.changes.notices, *notices):
            if notice not in said:
                said.append(notice)
        return Hearing(ANSWERED, tuple(said))
