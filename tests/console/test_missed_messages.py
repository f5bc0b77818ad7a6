"""The queue of what was not understood: like messages together, the most first, none that somebody has judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Customer
from returnsdesk.db.session import Database
from returnsdesk.domain import stand_ins
from returnsdesk.services import corrections, missed_messages
from returnsdesk.services.missed_messages import Queue
from tests.console.conftest import Staff
from tests.console.small_figures import conversation, missed

NOW = datetime(2026, 6, 10, 12, tzinfo=timezone.utc)
SINCE = NOW - timedelta(days=30)

SAID = {
    "en": [
        "Do you sell gift cards?",
        "do you sell giftcards",
        "hi, do you sell gift cards please",
        "can i pay with klarna",
        "Can I pay by Klarna?",
        "my parrot ate the receipt",
    ],
    "nl": ["do you sell gift cards", "verkopen jullie cadeaubonnen"],
}


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    mapper_registry.metadata.create_all(opened.engine)
    yield opened
    opened.dispose()


def fill(database: Database, at: datetime = NOW) -> None:
    with database.write() as session:
        for language, texts in SAID.items():
            session.add(conversation(language, at, language))
            session.flush()
            for seq, text in enumerate(texts, start=1):
                session.add(missed(language, seq, text, at))


def queue(database: Database, **narrowed: object) -> Queue:
    with database.read() as session:
        return missed_messages.queue(session, since=SINCE, **narrowed)  # type: ignore[arg-type]


def texts(found: Queue) -> list[tuple[str, set[str]]]:
    return [(group.language, {each.text for each in group.messages}) for group in found.groups]


def test_like_messages_of_one_language_stand_together_the_most_first(store: Database) -> None:
    fill(store)
    found = queue(store)
    english, dutch = SAID["en"], SAID["nl"]
    assert texts(found) == [
        ("en", set(english[:3])), ("en", set(english[3:5])), ("en", {english[5]}),
        ("nl", {dutch[0]}), ("nl", {dutch[1]}),
    ]  # fmt: skip
    assert (found.read, found.is_cut) == (8, False)
    assert queue(store) == found
    assert texts(queue(store, language="nl")) == texts(found)[3:]


def test_what_somebody_has_looked_at_waits_no_more(store: Database) -> None:
    fill(store)
    first = queue(store).groups[0]
    ids = [each.id for each in first.messages]
    corrections.judge_all(store, ids[:2], "out_of_scope", actor="lead", now=NOW)
    corrections.judge_all(store, ids[2:], None, actor="lead", now=NOW)
    assert texts(queue(store))[0] == ("en", set(SAID["en"][3:5]))


def test_unsure_readings_wait_and_sure_ones_buttons_and_old_ones_do_not(store: Database) -> None:
    with store.write() as session:
        session.add(conversation("c", NOW))
        session.flush()
        unsure = {"intent": "bye", "is_fallback": False}
        session.add(missed("c", 1, "unsure", NOW, confidence=0.49, **unsure))
        session.add(missed("c", 2, "sure", NOW, confidence=0.5, **unsure))
        session.add(missed("c", 3, "pressed", NOW, choice={"intent": "bye"}))
        session.add(missed("c", 4, "old", SINCE - timedelta(minutes=1)))
        session.add(
            missed("c", 5, "to a person", NOW, intent=None, confidence=None, is_fallback=False)
        )
    assert texts(queue(store)) == [("en", {"unsure"})]


def test_the_intent_thought_of_most_often_is_suggested(store: Database) -> None:
    with store.write() as session:
        session.add(conversation("c", NOW))
        session.flush()
        for seq, name in enumerate(("bye", "thanks", "thanks"), start=1):
            ranking = [{"name": "nlu_fallback"}, {"name": name}, {"name": "greet"}]
            session.add(missed("c", seq, "so long then", NOW, trace={"ranking": ranking}))
        session.add(missed("c", 9, "completely different words", NOW, trace={"ranking": []}))
    groups = queue(store).groups
    assert [group.suggestion for group in groups] == ["thanks", None]


def test_messages_without_any_words_are_grouped_too(store: Database) -> None:
    with store.write() as session:
        session.add(conversation("c", NOW))
        session.flush()
        for seq, text in enumerate(("🎉", "??", "", "4711"), start=1):
            session.add(missed("c", seq, text, NOW))
    assert sum(len(group.messages) for group in queue(store).groups) == 4


def test_only_the_newest_are_read_and_it_is_said(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed_messages, "MOST", 3)
    fill(store)
    found = queue(store)
    assert (found.read, found.is_cut) == (3, True)
    # Of the same instant, the later number is newer.
    assert texts(found)[0][0] == "en" or len(found.groups) >= 2


def test_numbers_and_the_shoppers_own_name_do_not_part_what_is_alike(store: Database) -> None:
    with store.write() as session:
        session.add(
            Customer(
                external_id="a", email="a@b.example", email_norm="a@b.example", first_name="Joost",
                last_name="Breukelen", address={"city": "Zwolle"},
            )
        )  # fmt: skip
        session.flush()
        session.add(conversation("c", NOW, customer_id=1))
        session.add(conversation("d", NOW))
        session.flush()
        session.add(missed("c", 1, "Joost Breukelen from Zwolle asks: is LL-10234 vegan", NOW))
        session.add(missed("c", 2, "is LL-99881 vegan", NOW))
        session.add(missed("d", 1, "is LL-77112 vegan", NOW))
    groups = queue(store).groups
    shown = {each.shown for group in groups for each in group.messages}
    assert "is ‹order number› vegan" in shown
    assert "‹name› ‹name› from ‹name› asks: is ‹order number› vegan" in shown
    assert len(groups[0].messages) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail anna.devries@example.com", "mail ‹email›"),
        ("RMA-1009 please", "‹rma number› please"),
        ("postcode 4821 KV", "postcode ‹postcode›"),
        ("code 483920", "code ‹code›"),
        ("call +31 6 1234 5678 now", "call ‹number› now"),
        ("iban NL91 ABNA 0417 1643 00", "iban ‹number›"),
        ("see https://shop.example/me?id=7", "see ‹web address›"),
        ("my name is anna and i want it", "my name is ‹name› and i want it"),
        ("Geld zurück! Mit freundlichen Grüßen Jörg Müller", "Geld zurück! Mit freundlichen Grüßen ‹name›"),
        ("size 42.5, two of 3, for 89,95 on 10.06.2026", "size 42.5, two of 3, for 89,95 on 10.06.2026"),
    ],
)  # fmt: skip
def test_personal_data_is_shown_as_its_kind(text: str, shown: str) -> None:
    assert stand_ins.signed(text, stand_ins.find_personal(text)) == shown


def test_a_name_that_is_a_word_is_only_met_as_a_name() -> None:
    found = stand_ins.find_personal("will it arrive? Will", ["Will"])
    assert [(each.start, each.end) for each in found] == [(16, 20)]


# --- the page -----------------------------------------------------------------------------------------------------


def test_a_lead_judges_the_ticked_messages_of_a_group(lead: Staff, database: Database) -> None:
    fill(database, datetime.now(timezone.utc) - timedelta(hours=1))
    shown = lead.get("/console/improve", language="en").text
    group = shown.split('<li class="card group">')[1]
    ids = re.findall(r'name="message" value="(\d+)"', group)
    assert len(ids) == 3 and "do you sell giftcards" in group
    form = {
        "message": ids[:2],
        "intent": "out_of_scope",
        "action": "correct",
        "back": "/console/improve?language=en",
    }
    answer = lead.post("/console/improve/groups", **form)
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/console/improve?language=en&said=judged",
    )  # fmt: skip
    # Sent twice, it is done once.
    assert lead.post("/console/improve/groups", **form).status_code == 303
    with database.read() as session:
        kept = corrections.judgements(session, [int(each) for each in ids])
    assert {each.intent for each in kept.values()} == {"out_of_scope"} and len(kept) == 2
    unknown = lead.post("/console/improve/groups", **{**form, "intent": "nothing"})
    assert unknown.status_code == 400 and "Choose what" in unknown.text


def test_hostile_words_are_shown_as_words(lead: Staff, database: Database) -> None:
    at = datetime.now(timezone.utc) - timedelta(hours=1)
    with database.write() as session:
        session.add(conversation("c", at))
        session.flush()
        session.add(missed("c", 1, '<img src=x onerror=alert(1)>"{{ 7*7 }}', at))
    shown = lead.get("/console/improve").text
    assert "<img src=x" not in shown and "&lt;img src=x" in shown and "{{ 7*7 }}" in shown
