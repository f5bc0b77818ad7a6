"""Understanding what a shopper says about a return: from their words to facts in the draft, never to a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import Draft, DraftLine, OrderLine
from returnsdesk.db.session import Database
from returnsdesk.domain import choices
from returnsdesk.domain.eligibility import BLOCK
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.mentions import find_mentions
from returnsdesk.domain.reasons import REASONS, find_reason
from returnsdesk.domain.text import words
from returnsdesk.domain.variants import match_variant
from returnsdesk.services import drafts, identity, orders
from returnsdesk.services.return_questions import available_of, siblings_of

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
class Notice:
    """Something to tell the shopper before the next question."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


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
        self.notices: list[Notice] = []
        question = draft.question or {}
        self.question: str | None = question.get("kind")
        self.offered: list[dict[str, str]] = list(question.get("choices") or [])

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
        if kind == "item" and value.isdigit():
            self._choose_items([int(value)], {})
        elif line is not None and kind == "quantity" and value.isdigit():
            self._set_quantity(line, int(value))
        elif line is not None and kind == "reason" and value in REASONS:
            self._set_reason(line, value)
        elif line is not None and kind == "variant" and value.isdigit():
            self._set_variant(line, int(value))
        elif line is not None and kind == "outcome" and value == "refund":
            self._set_outcome(line, "refund")
        else:
            return self._answered(Notice("STALE_CHOICE"))
        return self._answered()

    def _take_words(self) -> Hearing:
        if self.heard.intent not in ABOUT_THE_DRAFT and not self._is_first_message():
            return self._maybe_answer_in_passing()
        before = self._fingerprint()
        self._take_facts()
        if self._fingerprint() != before or self.notices:
            return self._answered()
        picked = self._typed_choice()
        if picked is not None:
            return self._take_choice(picked)
        if self.question == "reason" and self.heard.intent in ("inform", "nlu_fallback"):
            line = self._line_in_question()
            said = len(self.heard.text.split())
            is_item_again = said <= MOST_WORDS_OF_AN_ITEM and self._names_items()
            if line is not None and said > 1 and not is_item_again:
                self._set_reason(line, "other")
                line.note = self.heard.text[:500]
                return self._answered()
        is_said_again = self.heard.intent in STARTS and self._names_items()
        if self._is_first_message() or self.heard.intent == "continue" or is_said_again:
            return self._answered()
        return self._answered(Notice("NOT_UNDERSTOOD"))

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
        before = self._fingerprint()
        self._take_items(text)
        names_items = self._fingerprint() != before
        reason = find_reason(text)
        for each in self._lines_for_reason():
            if reason is not None:
                self._set_reason(each, reason)
        line = self._line_in_question()
        if line is None:
            return
        # Words that name items have told their quantities too: "3 shirts, 2 don't fit".
        if not names_items or line.quantity is None:
            self._take_quantity(line, text)
        if intent == "exchanges_start" and line.outcome != "exchange":
            self._set_outcome(line, "exchange")
        elif (
            intent == "returns_start"
            and line.outcome == "exchange"
            and not self._is_first_message()
        ):
            self._set_outcome(line, "refund")
        is_open_to_exchange = line.outcome == "exchange" or self.question in ("outcome", "variant")
        if is_open_to_exchange or intent == "exchanges_start":
            self._take_variant(line, text)

    def _take_items(self, text: str) -> None:
        is_asked = not self.draft.lines
        is_correction = (
            self.question not in ("outcome", "variant", "quantity") and not self._is_first_message()
        )
        if not is_asked and (not is_correction or self._names_a_replacement(text)):
            return
        candidates = self._candidates()
        match = match_items(text, orders.matchable(self.session, candidates))
        if not match.is_about_items or not match.keys:
            return
        known = {line.order_line_id for line in self.draft.lines}
        if match.is_certain and set(match.keys) != known:
            self._choose_items(list(match.keys), dict(match.quantities))
        elif not match.is_certain and is_asked:
            self._narrow_down(list(match.keys), len(candidates))

    def _names_a_replacement(self, text: str) -> bool:
        """Whether the words say what to get for the item in exchange ("M"), not which item comes back."""
        line = self._line_in_question()
        if line is None or line.outcome != "exchange":
            return False
        current, siblings = siblings_of(self.session, line)
        return current is not None and bool(match_variant(text, current, siblings).wanted)

    def _narrow_down(self, keys: list[int], among: int) -> None:
        """Several items fit: take the only one that can come back and say why the others cannot, or ask."""
        views = self._views(find_reason(self.heard.text))
        possible = [key for key in keys if views[key].is_returnable or views[key].is_exchangeable]
        # A single item that is not certain is a guess, and asked about.
        if len(possible) <= 1 < len(keys) or not possible:
            self._choose_items(keys, {})
            return
        self.draft.wish = {**self.draft.wish, "candidates": possible}
        if 1 < len(possible) < among:
            self.notices.append(Notice("SEVERAL_FIT", {"count": len(possible)}))

    def _views(self, reason: str | None = None) -> dict[int, orders.ItemView]:
        """All items in the conversation's scope by their order line, as they stand for a reason."""
        scope = identity.scope_of(self.session, self.draft.conversation_id, self.now)
        if scope is None:
            return {}
        items = orders.items_of(self.session, scope, self.language, self.now, reason)
        return {item.order_line_id: item for item in items}

    def _candidates(self) -> list[int]:
        """Order lines to look among: those of the open question in its order, otherwise all in scope."""
        everything = list(self._views())
        if self.question != "item":
            return everything
        asked = [
            int(each["value"].partition(":")[2])
            for each in self.offered
            if each["value"].startswith("item:")
        ]
        return asked + [key for key in everything if key not in asked]

    def _choose_items(self, keys: list[int], quantities: dict[int, int]) -> None:
        views = self._views(find_reason(self.heard.text))
        chosen = [views[key] for key in keys if key in views]
        allowed = [item for item in chosen if item.is_returnable or item.is_exchangeable]
        for item in chosen:
            if item not in allowed:
                blocks = [finding for finding in item.findings if finding.severity == BLOCK]
                self.notices.append(Notice("NOT_RETURNABLE", {"item": item, "finding": blocks[0]}))
        if not allowed:
            return
        together = [item for item in allowed if item.order_id == allowed[0].order_id]
        if len(together) < len(allowed):
            self.notices.append(
                Notice("ONE_ORDER_AT_A_TIME", {"order_number": together[0].order_number})
            )
        self._replace_lines([item.order_line_id for item in together], together[0].order_id)
        for line in self.draft.lines:
            if line.order_line_id in quantities:
                self._set_quantity(line, quantities[line.order_line_id])

    def _replace_lines(self, keys: list[int], order_id: int) -> None:
        """Keep reason and outcome of lines that stay; a single corrected item inherits them from the one before."""
        kept = {line.order_line_id: line for line in self.draft.lines}
        inherited = self.draft.lines[0] if len(kept) == 1 and len(keys) == 1 else None
        lines = []
        for key in keys:
            line = kept.get(key) or DraftLine(
                order_line=self.session.get(OrderLine, key), order_line_id=key
            )
            if inherited is not None and line is not inherited:
                line.reason, line.note = inherited.reason, inherited.note
                line.outcome = inherited.outcome
            lines.append(line)
        self.draft.lines = lines
        self.draft.order_id = order_id
        self.draft.wish = {
            name: value for name, value in self.draft.wish.items() if name != "candidates"
        }
        self.session.flush()
        self.session.expire(self.draft, ["order"])

    def _lines_for_reason(self) -> list[DraftLine]:
        if self.question in (None, "item"):
            return [line for line in self.draft.lines if line.reason is None]
        line = self._line_in_question()
        return [line] if line is not None else []

    def _line_in_question(self) -> DraftLine | None:
        """The line that the open question is about: the first that is not complete, or the only one."""
        for line in self.draft.lines:
            is_complete = line.quantity and line.reason and line.outcome
            needs_variant = line.outcome == "exchange" and line.new_variant_id is None
            if not is_complete or needs_variant:
                return line
        return self.draft.lines[-1] if self.draft.lines else None

    def _take_quantity(self, line: DraftLine, text: str) -> None:
        said = [mention.value for mention in find_mentions(text) if mention.kind == "quantity"]
        # "I bought 3, 2 do not fit": beside another number, that of the order is no wish.
        wished = [value for value in said if value != str(line.order_line.quantity)] or said
        if wished and wished[0].isdigit():
            self._set_quantity(line, int(wished[0]))
        elif self.question == "quantity" and text.strip().isdigit():
            self._set_quantity(line, int(text.strip()))

    def _take_variant(self, line: DraftLine, text: str) -> None:
        current, siblings = siblings_of(self.session, line)
        if current is None:
            return
        match = match_variant(text, current, siblings)
        if not match.is_about_variant:
            return
        by_key = {option.key: option for option in siblings}
        needed = line.quantity or 1
        for keys in (match.wanted, match.fallback):
            in_stock = [
                key for key in keys if by_key[key].available >= needed and key != current.key
            ]
            if len(in_stock) == 1:
                self._set_outcome(line, "exchange")
                self._set_variant(line, in_stock[0])
                return
        self._set_outcome(line, "exchange")
        if match.wanted == (current.key,):
            self.notices.append(Notice("SAME_VARIANT"))
        elif not any(by_key[key].available >= needed for key in match.wanted):
            self._note_sold_out(dict(match.asked_for))

    def _set_quantity(self, line: DraftLine, quantity: int) -> None:
        available = available_of(self.session, line, self.now)
        if quantity < 1 or quantity > available:
            item = orders.item_view(self.session, line.order_line, self.language, self.now)
            self.notices.append(Notice("QTY_EXCEEDS", {"available": available, "item": item}))
            line.quantity = None
        else:
            line.quantity = quantity

    def _set_reason(self, line: DraftLine, reason: str) -> None:
        line.reason = reason

    def _set_outcome(self, line: DraftLine, outcome: str) -> None:
        line.outcome = outcome
        if outcome == "refund":
            line.new_variant_id = None

    def _set_variant(self, line: DraftLine, variant_id: int) -> None:
        current, siblings = siblings_of(self.session, line)
        option = next((each for each in siblings if each.key == variant_id), None)
        if option is None or current is None or option.key == current.key:
            self.notices.append(Notice("STALE_CHOICE"))
        elif option.available < (line.quantity or 1):
            line.outcome, line.new_variant_id = "exchange", None
            self._note_sold_out(dict(option.options))
        else:
            line.outcome, line.new_variant_id = "exchange", variant_id

    def _note_sold_out(self, asked_for: dict[str, str]) -> None:
        self.draft.wish = {**self.draft.wish, "asked_for": asked_for}
        self.notices.append(Notice("SOLD_OUT", {"asked_for": asked_for}))

    def _names_items(self) -> bool:
        candidates = orders.matchable(self.session, self._candidates())
        return match_items(self.heard.text, candidates).is_about_items

    def _typed_choice(self) -> str | None:
        labels = [each["label"] for each in self.offered]
        index = choices.match_choice(self.heard.text, labels) if labels else None
        return self.offered[index]["value"] if index is not None else None

    def _is_first_message(self) -> bool:
        return self.draft.question is None

    def _fingerprint(self) -> tuple[Any, ...]:
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
        for notice in (*self.notices, *notices):
            if notice not in said:
                said.append(notice)
        return Hearing(ANSWERED, tuple(said))
