"""Claims: what arrived damaged, wrong, incomplete or never; the facts are collected here, a person decides."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from rasa_sdk.events import SlotSet

from actions import cards, wording
from actions.chosen_return import say_number_unknown
from actions.identity import ask_identity_for, needs_identity
from actions.tasks import (
    Events,
    Question,
    State,
    Task,
    start,
    stop_button,
    take_yes_or_no,
    yes_or_no,
)
from actions.turn import (
    Button,
    DeskAction,
    Turn,
    channel_of,
    database,
    handover_button,
    offer,
)
from returnsdesk import formatting
from returnsdesk.domain.claim_words import find_claim_type, find_remedy, has_no_photo
from returnsdesk.domain.findings import BLOCK, Finding
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.mentions import find_mentions
from returnsdesk.domain.policy import CLAIM_TYPES
from returnsdesk.domain.reading import read
from returnsdesk.services import claims, feedback, identity, orders
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.errors import Conflict, NotAllowed
from returnsdesk.services.orders import ItemView
from returnsdesk.services.views import ClaimView

MOST_CHOICES = 8
LONGEST_NOTE = 2000
MOST_WORDS_OF_AN_ANSWER = 6
# Findings that have a text of their own.
EXPLAINED = frozenset(
    {
        "ORDER_CANCELLED", "NOT_SHIPPED", "CLAIM_TOO_EARLY", "CLAIM_WINDOW_EXPIRED", "CLAIM_IN_PROGRESS",
        "ALREADY_RETURNED",
    }
)  # fmt: skip


class ClaimTask(Task):
    """Which item, what happened, a photo where one helps, money or a new one, and the yes."""

    kind = "claim"
    starts = frozenset({"claims_start"})

    def question(self, turn: Turn, state: State) -> Question | None:
        """The first thing that is not known yet; nothing more once a rule stands against the claim."""
        if not state.get("lines"):
            return _item_question(turn, state)
        if state.get("type") is None:
            return _type_question(turn)
        if any(finding.severity == BLOCK for finding in _findings(turn, state)):
            return None
        uncounted = next((each for each in _items(turn, state) if _is_uncounted(each, state)), None)
        if uncounted is not None:
            return _quantity_question(turn, uncounted)
        if _needs_photo(turn, state):
            buttons = (
                Button(turn.label("label_claim_photo_sent"), "photo:sent"),
                Button(turn.label("label_claim_photo_none"), "photo:none"),
                stop_button(turn),
            )
            return Question("photo", turn.label("claims_ask_photo"), buttons)
        if state.get("wanted") is None:
            wishes = tuple(
                Button(turn.label(f"label_claim_{wish}"), f"wanted:{wish}")
                for wish in ("replacement", "refund")
            )
            return Question("wanted", turn.label("claims_ask_wanted"), wishes)
        if "is_confirmed" not in state:
            return _summary(turn, state)
        return None

    def take(self, turn: Turn, state: State, choice: str | None) -> bool:
        """Take the answer to the open question, and whatever else the words tell."""
        before = _known(state)
        kind, _, value = (choice or "").partition(":")
        question = state.get("question")
        if kind == "item" and value.isdigit():
            state["lines"] = {value: None}
        elif kind == "type" and value in CLAIM_TYPES:
            state["type"] = value
        elif kind == "quantity" and value.isdigit():
            _count(turn, state, int(value))
        elif kind == "wanted":
            state["wanted"] = value
        elif kind == "photo":
            if value == "sent" and not _photos(turn):
                turn.say("claims_photo_not_here")
                return True
            state["has_no_photo"] = value == "none"
        elif question == "confirm" and take_yes_or_no(turn, state, choice):
            return True
        elif choice is None:
            _take_words(turn, state)
        return _known(state) != before

    def is_answer(self, turn: Turn, state: State) -> bool:
        """A few words on what happened, the photo or the wish, said to the question for it."""
        if len(turn.text.split()) > MOST_WORDS_OF_AN_ANSWER or "?" in turn.text:
            return False
        told = {
            "type": find_claim_type(turn.text) is not None,
            "photo": has_no_photo(turn.text),
            "wanted": find_remedy(turn.text) is not None,
        }
        return told.get(str(state.get("question")), False) or super().is_answer(turn, state)

    def finish(self, turn: Turn, state: State) -> Events:
        """Open the claim, or say why there is none."""
        blocking = [each for each in _findings(turn, state) if each.severity == BLOCK]
        if not state.get("lines"):
            turn.say("claims_no_orders", buttons=[handover_button(turn)])
            return [offer("action_handover_person")]
        if blocking:
            return _say_blocked(turn, state, blocking[0])
        if not state.get("is_confirmed"):
            turn.say("claims_not_opened")
            return []
        request = _request(turn, state)
        try:
            claim = claims.open_claim(
                database(),
                request,
                actor="shopper",
                channel=channel_of(turn),
                now=turn.now,
                conversation_id=turn.conversation_id,
            )
        except (NotAllowed, Conflict):
            turn.say("claims_not_possible", buttons=[handover_button(turn)])
            return [offer("action_handover_person")]
        say_claim_opened(turn, claim)
        return []


def _known(state: State) -> str:
    """What is known for the claim; the shopper's own words grow with every message."""
    return json.dumps({name: state[name] for name in state if name != "text"}, sort_keys=True)


class ActionClaimsBegin(DeskAction):
    """Something arrived damaged, wrong, incomplete or never."""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_claims_begin"

    def answer(self, turn: Turn) -> Events:
        """Keep the words, prove identity first if need be, then ask for what they did not tell."""
        state = turn.slots.get("task")
        is_resumed = (
            isinstance(state, dict)
            and state.get("kind") == ClaimTask.kind
            and turn.intent not in ClaimTask.starts
        )
        if not is_resumed or not isinstance(state, dict):
            state = {"kind": ClaimTask.kind, "text": turn.text[:LONGEST_NOTE]}
        if needs_identity(turn):
            return [SlotSet("task", state), *ask_identity_for(self.name())]
        if turn.choice is not None and turn.choice.startswith("evidence:"):
            return _add_photos(turn, turn.choice.partition(":")[2])
        if say_number_unknown(turn):
            return []
        state = dict(state)
        if not state.get("lines"):
            _take_words(turn, state, text=str(state.get("text") or ""))
            turn.say("claims_sorry")
        return start(turn, ClaimTask(), state)


def say_claim_opened(turn: Turn, claim: ClaimView) -> None:
    """The claim is in the record: its number, and what happens next; what will be decided is never promised."""
    if claim.status == "need_evidence":
        turn.say(
            "claims_opened_needs_photo",
            number=claim.number,
            buttons=[
                Button(
                    turn.label("label_claim_photo_sent"), f"evidence:{claim.number}", "claims_start"
                )
            ],
        )
    elif claim.type == "never_arrived":
        turn.say("claims_opened_nothing_to_keep", number=claim.number)
    else:
        turn.say("claims_opened", number=claim.number)


def _add_photos(turn: Turn, number: str) -> Events:
    """Put the photos of the conversation to a claim that waits for one."""
    with database().read() as session:
        found = claims.find(session, number)
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        own = orders.orders_of(session, scope, turn.now) if scope else []
    if found is None or found.order_number not in {order.number for order in own}:
        turn.say("returns_choice_outdated")
        return []
    new = [photo for photo in _photos(turn) if photo not in found.photo_ids]
    if not new:
        turn.say("claims_photo_not_here")
        return []
    try:
        for photo in new:
            found = claims.add_evidence(
                database(),
                number,
                photo,
                actor="shopper",
                now=turn.now,
                conversation_id=turn.conversation_id,
            )
    except NotAllowed:
        turn.say("claims_decided_already", number=number)
        return []
    turn.say("claims_opened", number=found.number)
    return []


def _take_words(turn: Turn, state: State, text: str | None = None) -> None:
    """Take what the words tell of item, number, what happened, photo and wish."""
    said = turn.text if text is None else text
    state["text"] = (
        f"{state.get('text') or ''}\n{said}".strip()[:LONGEST_NOTE] if text is None else said
    )
    items = _own_items(turn)
    with database().read() as session:
        match = match_items(said, orders.matchable(session, [each.order_line_id for each in items]))
    by_key = {each.order_line_id: each for each in items}
    if match.is_about_items and match.keys and not state.get("lines"):
        of_one = {by_key[key].order_id for key in match.keys}
        if match.is_certain and len(of_one) == 1:
            state["lines"] = {str(key): match.quantities.get(key) for key in match.keys}
        else:
            state["among"] = list(match.keys)
    if state.get("type") is None or state.get("question") == "type":
        state["type"] = find_claim_type(said) or state.get("type")
    question = state.get("question")
    if question == "quantity":
        counts = [each.value for each in find_mentions(said) if each.kind == "quantity"]
        count = counts[0] if counts else said.strip()
        if count.isdigit():
            _count(turn, state, int(count))
        elif read(said).signals("all"):
            _count(turn, state, None)
    elif question == "photo" and has_no_photo(said):
        state["has_no_photo"] = True
    if state.get("wanted") is None or question == "confirm":
        state["wanted"] = find_remedy(said) or state.get("wanted")


def _own_items(turn: Turn) -> list[ItemView]:
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        return (
            orders.items_of(session, scope, turn.language, turn.now, "defective") if scope else []
        )


def _items(turn: Turn, state: State) -> list[ItemView]:
    keys = {int(key) for key in state.get("lines") or {}}
    return [each for each in _own_items(turn) if each.order_line_id in keys]


def _is_uncounted(item: ItemView, state: State) -> bool:
    return item.ordered > 1 and (state["lines"].get(str(item.order_line_id)) is None)


def _count(turn: Turn, state: State, count: int | None) -> None:
    """Take how many pieces of the item in question it is about; None for all of them."""
    for item in _items(turn, state):
        if _is_uncounted(item, state):
            wanted = item.ordered if count is None else count
            if 1 <= wanted <= item.ordered:
                state["lines"] = {**state["lines"], str(item.order_line_id): wanted}
            return


def _photos(turn: Turn) -> tuple[str, ...]:
    with database().read() as session:
        return feedback.photo_ids_of(session, turn.conversation_id)


def _needs_photo(turn: Turn, state: State) -> bool:
    asks = any(finding.code == "NEEDS_PHOTO" for finding in _findings(turn, state))
    return asks and not state.get("has_no_photo")


def _request(turn: Turn, state: State) -> ClaimRequest:
    items = _items(turn, state)
    lines = tuple(
        (each.line_external_id, state["lines"][str(each.order_line_id)] or 1) for each in items
    )
    content = json.dumps([turn.conversation_id, lines, state.get("type"), state.get("wanted")])
    return ClaimRequest(
        order_number=items[0].order_number,
        lines=lines,
        type=str(state["type"]),
        wanted=str(state.get("wanted") or "refund"),
        idempotency_key=f"claim-{sha256(content.encode()).hexdigest()[:32]}",
        note=str(state.get("text") or ""),
        photo_ids=_photos(turn),
    )


def _findings(turn: Turn, state: State) -> list[Finding]:
    if not state.get("lines") or state.get("type") is None or not _items(turn, state):
        return []
    request = _request(turn, state)
    with database().read() as session:
        order = orders.by_number(session, request.order_number)
        return claims.findings(session, order, request, turn.now)


def _item_question(turn: Turn, state: State) -> Question | None:
    among = state.get("among") or []
    items = _own_items(turn)
    offered = [each for each in items if each.order_line_id in among] or items
    if not offered:
        return None
    shown = offered[:MOST_CHOICES]
    buttons = [
        Button(f"{wording.item_text(each)} · {each.order_number}", f"item:{each.order_line_id}")
        for each in shown
    ]
    return Question("item", turn.label("claims_ask_item"), tuple(buttons), cards.items_card(shown))


def _type_question(turn: Turn) -> Question:
    buttons = tuple(
        Button(turn.label(f"label_claim_type_{kind}"), f"type:{kind}") for kind in CLAIM_TYPES
    )
    return Question("type", turn.label("claims_ask_type"), buttons)


def _quantity_question(turn: Turn, item: ItemView) -> Question:
    buttons = tuple(
        Button(str(count), f"quantity:{count}")
        for count in range(1, min(item.ordered, MOST_CHOICES) + 1)
    )
    text = turn.label("claims_ask_quantity", item=wording.item_text(item))
    return Question("quantity", text, buttons)


def _summary(turn: Turn, state: State) -> Question:
    items = [
        f"{state['lines'][str(each.order_line_id)] or 1} × {wording.item_text(each)}"
        for each in _items(turn, state)
    ]
    text = turn.label(
        "claims_summary",
        order_number=_items(turn, state)[0].order_number,
        items=formatting.enumeration(items, turn.language),
        what=turn.label(f"label_claim_type_{state['type']}"),
        wanted=turn.label(f"label_claim_{state['wanted']}"),
        photos=len(_photos(turn)),
    )
    return Question("confirm", text, yes_or_no(turn, "label_claim_yes", "label_claim_no"))


def _say_blocked(turn: Turn, state: State, finding: Finding) -> Events:
    turn.note_finding(finding.code)
    code = finding.code if finding.code in EXPLAINED else "OTHER"
    facts: dict[str, Any] = dict(finding.facts)

    def on(name: str) -> str:
        return formatting.day(facts[name], turn.language) if facts.get(name) else ""

    item = _items(turn, state)[0]
    turn.say(
        f"claims_blocked_{code.lower()}",
        item=wording.item_text(item),
        order_number=item.order_number,
        number=facts.get("document") or facts.get("rma_number") or "",
        claim_from=on("claim_from"),
        last_day=on("last_day"),
        buttons=[handover_button(turn)],
    )
    return [offer("action_handover_person")]
