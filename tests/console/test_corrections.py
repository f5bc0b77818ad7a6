"""Judging what a message meant: kept once, taken back, refused from an old page, written down with who did it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import yaml
from sqlalchemy import func, select

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import AuditEntry, Correction
from returnsdesk.db.session import Database
from returnsdesk.domain.intents import INTENTS
from returnsdesk.services import corrections
from returnsdesk.services.corrections import NEVER_JUDGED, Mark
from returnsdesk.services.errors import Conflict, NotFound, ServiceError
from returnsdesk.settings import PROJECT_ROOT
from tests.console.conftest import AGENT, LEAD, Staff
from tests.console.small_figures import conversation, missed

NOW = datetime(2026, 6, 10, 12, tzinfo=timezone.utc)
LATER = NOW + timedelta(minutes=5)
TEXT = "send back the Shoes size 42 of order LL-10234"


def fill(database: Database) -> int:
    """A conversation with a typed message (its id is returned) and a pressed button right after it."""
    found = [
        {"entity": "order_number", "value": "LL10234", "start": 37, "end": 45, "extractor": "x"}
    ]
    with database.write() as session:
        session.add(conversation("c", NOW))
        session.flush()
        typed = missed("c", 1, TEXT, NOW, trace={"entities": found, "ranking": []})
        session.add(typed)
        session.add(missed("c", 2, "Yes", NOW, choice={"intent": "affirm", "entities": {}}))
        session.flush()
        return int(typed.id)


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    mapper_registry.metadata.create_all(opened.engine)
    yield opened
    opened.dispose()


@pytest.fixture
def message_id(store: Database) -> int:
    return fill(store)


def judge(store: Database, message_id: int, intent: str | None, marks=None, **facts):
    told = {"version": NEVER_JUDGED, "actor": AGENT, "now": NOW, **facts}
    return corrections.judge(store, message_id, intent, marks, **told)


def count(store: Database, model: object) -> int:
    with store.read() as session:
        return int(session.scalar(select(func.count()).select_from(model)))


def test_the_intents_to_choose_from_are_those_of_the_domain_in_the_files_of_their_topics() -> None:
    domain = yaml.safe_load((PROJECT_ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert list(INTENTS) and set(INTENTS) == set(domain["intents"])
    for path in sorted((PROJECT_ROOT / "data" / "nlu" / "en").glob("*.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            assert INTENTS[entry["intent"]].topic == path.stem
    assert all(intent.meaning for intent in INTENTS.values())


def test_a_judgement_is_kept_with_who_made_it(store: Database, message_id: int) -> None:
    kept = judge(store, message_id, "returns_start")
    assert (kept.intent, kept.corrected_by, kept.corrected_at) == ("returns_start", AGENT, NOW)
    # What the assistant has found stays, without what only it needs.
    assert kept.entities == (
        {"entity": "order_number", "value": "LL10234", "start": 37, "end": 45},
    )
    with store.read() as session:
        assert corrections.judgements(session, [message_id, 99]) == {message_id: kept}
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.actor, entry.action, entry.subject_id) == (AGENT, "change", "c")
        assert entry.detail == {"judged": message_id, "from": "nlu_fallback", "to": "returns_start"}


def test_the_same_judgement_sent_twice_is_one(store: Database, message_id: int) -> None:
    first = judge(store, message_id, "returns_start")
    assert judge(store, message_id, "returns_start", now=LATER) == first
    assert count(store, AuditEntry) == 1


def test_a_judgement_from_an_old_page_changes_nothing_and_says_who_was_first(
    store: Database, message_id: int
) -> None:
    first = judge(store, message_id, "returns_start")
    with pytest.raises(Conflict) as refused:
        judge(store, message_id, "exchanges_start", actor=LEAD, now=LATER)
    assert refused.value.facts == {"corrected_by": AGENT, "intent": "returns_start"}
    with pytest.raises(Conflict):
        corrections.undo(store, message_id, version="another", actor=LEAD, now=LATER)
    changed = judge(store, message_id, "exchanges_start", version=first.version, now=LATER)
    assert changed.intent == "exchanges_start" and changed.version != first.version


def test_an_undone_judgement_is_gone_and_undoing_again_does_nothing(
    store: Database, message_id: int
) -> None:
    first = judge(store, message_id, None)
    assert first.intent is None
    for _ in range(2):
        corrections.undo(store, message_id, version=first.version, actor=AGENT, now=LATER)
    assert count(store, Correction) == 0 and count(store, AuditEntry) == 2
    with pytest.raises(Conflict):
        judge(store, message_id, "returns_start", version=first.version)


def test_values_are_marked_where_they_stand(store: Database, message_id: int) -> None:
    marks = [
        Mark("size", "42"),
        Mark("order_number", "LL-10234"),
        Mark("size", "42"),
        Mark("code", "shoes"),
    ]
    kept = judge(store, message_id, "returns_start", marks)
    assert [(each["entity"], TEXT[each["start"] : each["end"]]) for each in kept.entities] == [
        ("code", "Shoes"), ("size", "42"), ("order_number", "LL-10234"),
    ]  # fmt: skip
    # As the assistant reads it, where it was right.
    assert kept.entities[2]["value"] == "LL10234"
    none = judge(store, message_id, "returns_start", [], version=kept.version, now=LATER)
    assert none.entities == ()


@pytest.mark.parametrize(
    ("intent", "marks", "code"),
    [
        ("no_such_intent", None, "INTENT_UNKNOWN"),
        ("nlu_fallback", None, "INTENT_UNKNOWN"),
        ("returns_start", [Mark("size", "43")], "VALUE_NOT_IN_TEXT"),
        ("returns_start", [Mark("size", " ")], "VALUE_NOT_IN_TEXT"),
        ("returns_start", [Mark("name", "Shoes")], "ENTITY_UNKNOWN"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(
    store: Database, message_id: int, intent: str, marks: list[Mark] | None, code: str
) -> None:
    with pytest.raises(ServiceError) as refused:
        judge(store, message_id, intent, marks)
    assert refused.value.code == code
    assert count(store, Correction) == 0 and count(store, AuditEntry) == 0


def test_only_typed_messages_of_shoppers_can_be_judged(store: Database, message_id: int) -> None:
    for wrong in (message_id + 1, 4711):
        with pytest.raises(NotFound):
            judge(store, wrong, "returns_start")
        with pytest.raises(NotFound):
            corrections.judge_all(store, [message_id, wrong], "bye", actor=LEAD, now=NOW)
    assert count(store, Correction) == 0


def test_a_group_leaves_alone_what_somebody_judged_meanwhile(
    store: Database, message_id: int
) -> None:
    with store.write() as session:
        second = missed("c", 3, "send it back", NOW)
        session.add(second)
        session.flush()
        other = int(second.id)
    judge(store, message_id, "exchanges_start")
    both = [message_id, other, other]
    assert corrections.judge_all(store, both, "returns_start", actor=LEAD, now=LATER) == 1
    assert corrections.judge_all(store, both, "returns_start", actor=LEAD, now=LATER) == 0
    with store.read() as session:
        kept = corrections.judgements(session, both)
    assert (kept[message_id].intent, kept[other].intent) == ("exchanges_start", "returns_start")


# --- by forms -----------------------------------------------------------------------------------------------------


def test_an_agent_corrects_a_turn_and_gets_back_to_its_place(
    agent: Staff, database: Database
) -> None:
    message = fill(database)
    form = {
        "message": message, "version": "", "intent": "returns_start", "action": "correct",
        "kind": ["order_number", "size"], "value": ["LL-10234", ""],
        "back": f"/console/conversations/c#message-{message}",
    }  # fmt: skip
    kept = agent.post("/console/improve/corrections", **form)
    assert kept.status_code == 303
    assert kept.headers["location"] == f"/console/conversations/c?said=judged#message-{message}"
    stale = agent.post("/console/improve/corrections", **{**form, "intent": "bye"})
    assert stale.status_code == 409
    assert f"{AGENT} has looked at this message meanwhile: it means returns_start" in stale.text
    wrong = agent.post("/console/improve/corrections", **{**form, "value": ["LL-999", ""]})
    assert wrong.status_code == 400 and "as it stands in the message" in wrong.text


def test_an_unknown_message_is_like_a_page_that_is_not_there(agent: Staff) -> None:
    for given in ("4711", "x", "", "-1", "9" * 400, "१"):
        form = {"message": given, "version": "", "intent": "bye", "action": "correct"}
        assert agent.post("/console/improve/corrections", **form).status_code == 404, given


def test_a_form_leads_to_no_other_site(agent: Staff, database: Database) -> None:
    form = {"message": fill(database), "intent": "bye", "back": "https://evil.example/console/"}
    answer = agent.post("/console/improve/corrections", **form)
    assert answer.headers["location"] == "/console/improve?said=judged"


def test_groups_and_exports_are_for_leads(agent: Staff) -> None:
    for path in ("/console/improve", "/console/improve/judged", "/console/improve/scenarios/c.yml"):
        assert agent.get(path).status_code == 404
    for path in ("/console/improve/groups", "/console/improve/export"):
        assert agent.post(path).status_code == 404


def test_the_list_of_judgements_takes_them_back(lead: Staff, database: Database) -> None:
    message = fill(database)
    corrections.judge(
        database, message, "returns_start", version=NEVER_JUDGED, actor=AGENT, now=NOW
    )
    shown = lead.get("/console/improve/judged").text
    assert "data/nlu/en/returns.yml" in shown and "LL-10234" not in shown
    version = re.search(r'name="version" value="([^"]+)"', shown)
    assert version is not None
    form = {"message": message, "version": version.group(1), "action": "undo"}
    assert lead.post("/console/improve/corrections", **form).status_code == 303
    assert count(database, Correction) == 0
