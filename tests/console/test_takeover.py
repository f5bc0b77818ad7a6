"""Takeover in the console: one person at a time, the cases with it, nothing sent twice, the assistant silent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from returnsdesk.db.models import Case
from returnsdesk.db.session import Database
from returnsdesk.desk.turns import Patience
from returnsdesk.services import conversations, takeover
from returnsdesk.texts import render
from tests.console.conftest import ADMIN, AGENT, LEAD, Staff
from tests.console.talks import (
    address,
    ask_for_person,
    commands,
    let_nobody_wait,
    now,
    open_cases,
    said,
    state_of,
    trace_of,
)
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper, eventually

# Names of form fields that Python has other uses for.
FROM_AGENT: dict[str, Any] = {"from": AGENT}
FROM_LEAD: dict[str, Any] = {"from": LEAD}
FROM_ADMIN: dict[str, Any] = {"from": ADMIN}
FOR_AGENT: dict[str, Any] = {"for": AGENT}
FOR_LEAD: dict[str, Any] = {"for": LEAD}


@pytest.fixture(autouse=True)
def nobody_waits_at_first(database: Database) -> None:
    let_nobody_wait(database)


@pytest.fixture
def joined(agent: Staff, shopper: Shopper, database: Database) -> Shopper:
    """A shopper who has asked for a person and whom the agent has joined."""
    ask_for_person(database, shopper)
    assert agent.post(address(shopper, "join")).status_code == 303
    return shopper


def name_of(email: str, database: Database) -> str:
    with database.read() as session:
        return str(takeover._account(session, email).name)


# ---- joining ----


def test_joining_takes_the_case_along_and_the_shopper_reads_who_it_is(
    agent: Staff, shopper: Shopper, database: Database
) -> None:
    ask_for_person(database, shopper)
    assert state_of(database, shopper) == "waiting"

    answer = agent.post(address(shopper, "join"))

    assert answer.headers["location"].startswith(address(shopper))
    assert state_of(database, shopper) == "person"
    assert ("asked_for_person", "open", AGENT) in open_cases(database, shopper)
    assert said(shopper, "system") == [
        render("takeover_joined", "en", name=name_of(AGENT, database))
    ]


def test_joining_twice_tells_the_shopper_once(agent: Staff, joined: Shopper) -> None:
    assert agent.post(address(joined, "join")).status_code == 303
    assert len(said(joined, "system")) == 1


def test_the_second_agent_reads_who_has_it_and_changes_nothing(
    admin: Staff, joined: Shopper, database: Database
) -> None:
    before = open_cases(database, joined)
    answer = admin.post(address(joined, "join"))
    assert answer.status_code == 409
    assert name_of(AGENT, database) in answer.text
    assert open_cases(database, joined) == before
    assert len(said(joined, "system")) == 1


def test_of_two_who_press_at_once_one_has_it(
    agent: Staff, lead: Staff, shopper: Shopper, database: Database
) -> None:
    ask_for_person(database, shopper)
    members = [agent, lead]
    with ThreadPoolExecutor(2) as pool:
        codes = pool.map(lambda member: member.post(address(shopper, "join")).status_code, members)
    assert sorted(codes) == [303, 409]
    assert len(said(shopper, "system")) == 1
    with database.read() as session:
        assert session.query(Case).filter_by(status="with_person").count() == 1


@pytest.mark.parametrize("command", ["join", "say", "leave", "typing"])
def test_an_unknown_conversation_answers_like_a_page_that_is_not_there(
    agent: Staff, command: str
) -> None:
    missing = agent.post("/console/no-such-page")
    answer = agent.post(f"/console/conversations/no-such-id/{command}", text="x")
    assert answer.status_code == 404
    assert ("There is nothing here" in answer.text) == ("There is nothing here" in missing.text)


def test_nobody_joins_without_being_logged_in_or_from_another_page(
    visitor: Staff, agent: Staff, shopper: Shopper, database: Database
) -> None:
    assert visitor.client.post(address(shopper, "join")).status_code == 401
    assert agent.client.post(address(shopper, "join"), data={"csrf": "x"}).status_code == 403
    assert state_of(database, shopper) == "bot"


# ---- writing ----


def test_the_shopper_reads_what_the_agent_writes_under_their_name(
    agent: Staff, joined: Shopper, database: Database
) -> None:
    assert (
        agent.post(address(joined, "say"), text=" Good morning\r\n<b>you</b> ").status_code == 303
    )
    last = joined.history()[-1]
    assert (last["author"], last["text"]) == ("agent", "Good morning\n<b>you</b>")
    assert last["custom"] == {"name": name_of(AGENT, database)}
    # The id by which it is kept from being sent twice is nobody else's business.
    assert "message_id" not in last


def test_a_message_sent_twice_is_said_once(agent: Staff, joined: Shopper) -> None:
    for _ in range(3):
        answer = agent.post(address(joined, "say"), text="Once", key="k1")
        assert answer.status_code == 303
    agent.post(address(joined, "say"), text="Once", key="k2")
    assert said(joined, "agent") == ["Once", "Once"]


@pytest.mark.parametrize("text", ["", "   ", "\x00", "x" * 4001])
def test_what_is_no_message_is_refused_in_a_sentence(
    agent: Staff, joined: Shopper, text: str
) -> None:
    answer = agent.post(address(joined, "say"), text=text)
    assert answer.status_code == 422
    assert "4000 characters" in answer.text
    assert said(joined, "agent") == []


def test_who_has_lost_it_meanwhile_keeps_the_text_and_reads_who_has_it(
    agent: Staff, lead: Staff, joined: Shopper, database: Database
) -> None:
    lead.post(address(joined, "join"), **FROM_AGENT)
    answer = agent.post(address(joined, "say"), text="My long & careful answer")
    assert answer.status_code == 409
    assert "My long &amp; careful answer" in answer.text
    assert name_of(LEAD, database) in answer.text
    assert said(joined, "agent") == []


def test_a_script_is_answered_with_a_sentence_instead_of_a_page(
    agent: Staff, lead: Staff, joined: Shopper
) -> None:
    agent.client.headers["Accept"] = "application/json"
    csrf = {"x-csrf-token": agent.csrf}
    sent = agent.client.post(address(joined, "say"), data={"text": "Hello"}, headers=csrf)
    assert (sent.status_code, sent.json()) == (200, {"sentence": "Sent."})
    lead.post(address(joined, "join"), **FROM_AGENT)
    late = agent.client.post(address(joined, "say"), data={"text": "Hello"}, headers=csrf)
    assert late.status_code == 409
    assert "has had this conversation since" in late.json()["sentence"]


def test_gaps_of_a_canned_answer_are_filled_when_it_is_sent(
    agent: Staff, joined: Shopper, database: Database
) -> None:
    agent.post(address(joined, "say"), text="Hello {first_name}, this is {agent} from {shop}. {x}")
    name = name_of(AGENT, database)
    assert said(joined, "agent") == [f"Hello, this is {name} from Lund & Linde. {{x}}"]


def test_while_somebody_types_the_shopper_sees_who_until_it_ends_by_itself(
    agent: Staff, joined: Shopper, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "TYPING", takeover.TYPING / 6)
    with joined.listening(after=len(joined.history())) as events:
        agent.client.headers["Accept"] = "application/json"
        csrf = {"x-csrf-token": agent.csrf}
        assert agent.client.post(address(joined, "typing"), headers=csrf).status_code == 200
        assert next(events)["data"] == {"typing": True, "name": name_of(AGENT, database)}
        assert next(events)["data"] == {"typing": False}


def test_what_is_written_ends_the_typing(agent: Staff, joined: Shopper, database: Database) -> None:
    takeover.show_typing(database, joined.conversation_id, AGENT, now=now())
    agent.post(address(joined, "say"), text="Done")
    with database.read() as session:
        news = conversations.news(session, joined.conversation_id, after=0, now=now())
    assert news.typist is None


def test_only_who_has_it_is_seen_typing(lead: Staff, joined: Shopper) -> None:
    assert lead.post(address(joined, "typing")).status_code == 409


# ---- handing back ----


def test_handed_back_as_solved_the_case_closes_and_the_assistant_answers(
    agent: Staff, joined: Shopper, rasa: FakeRasa, database: Database
) -> None:
    joined.say("for the person")
    assert agent.post(address(joined, "leave"), solved="yes").status_code == 303
    assert open_cases(database, joined) == []
    assert state_of(database, joined) == "bot"
    joined.say("for the assistant")
    eventually(lambda: "You said: for the assistant" in joined.said_to())
    assert rasa.texts == ["for the assistant"]


def test_handed_back_unsolved_the_case_stays_with_the_agent(
    agent: Staff, joined: Shopper, database: Database
) -> None:
    agent.post(address(joined, "leave"), solved="no")
    assert open_cases(database, joined) == [("asked_for_person", "open", AGENT)]


def test_who_asks_again_after_an_unsolved_case_waits_again(
    agent: Staff, lead: Staff, joined: Shopper, database: Database
) -> None:
    agent.post(address(joined, "leave"), solved="no")
    assert 'class="count">' not in lead.get("/console/waiting").text
    ask_for_person(database, joined, "Still nobody?")
    assert "Still nobody?" in lead.get("/console/waiting").text
    lead.post(address(joined, "join"))
    lead.post(address(joined, "leave"), solved="yes")
    assert open_cases(database, joined) == []


def test_a_case_about_a_document_stays_open_whatever_the_conversation_comes_to(
    agent: Staff, joined: Shopper, database: Database
) -> None:
    with database.write() as session:
        session.add(
            Case(
                conversation_id=joined.conversation_id,
                reason="claim_review",
                status="open",
                document="claim",
                document_id=1,
                created_at=now(),
            )
        )
    agent.post(address(joined, "leave"), solved="yes")
    assert open_cases(database, joined) == [("claim_review", "open", None)]


def test_handing_back_twice_changes_nothing_more(agent: Staff, joined: Shopper) -> None:
    agent.post(address(joined, "leave"), solved="yes")
    before = joined.history()
    assert agent.post(address(joined, "leave"), solved="yes").status_code == 409
    assert joined.history() == before


# ---- leads ----


def test_a_lead_takes_over_from_a_colleague_with_a_line_in_the_record(
    lead: Staff, joined: Shopper, database: Database
) -> None:
    assert lead.post(address(joined, "join"), **FROM_AGENT).status_code == 303
    assert said(joined, "system")[1:] == [
        render("takeover_left", "en", name=name_of(AGENT, database)),
        render("takeover_joined", "en", name=name_of(LEAD, database)),
    ]
    assert ("asked_for_person", "open", LEAD) in open_cases(database, joined)
    assert (LEAD, "take_from_colleague") in commands(database, joined)
    # In between the assistant said nothing.
    assert said(joined, "assistant") == []


def test_a_lead_who_sees_an_old_page_takes_it_from_nobody_else(
    lead: Staff, joined: Shopper, database: Database
) -> None:
    answer = lead.post(address(joined, "join"), **FROM_ADMIN)
    assert answer.status_code == 409
    assert ("asked_for_person", "open", AGENT) in open_cases(database, joined)


def test_an_agent_takes_nothing_from_a_colleague(
    agent: Staff, shopper: Shopper, database: Database
) -> None:
    takeover.join(database, shopper.conversation_id, LEAD, now=now())
    assert agent.post(address(shopper, "join"), **FROM_LEAD).status_code == 409
    assert agent.post(address(shopper, "leave"), **FOR_LEAD).status_code == 409
    assert state_of(database, shopper) == "person"


def test_a_lead_hands_back_what_a_colleague_has_forgotten(
    lead: Staff, joined: Shopper, database: Database
) -> None:
    assert lead.post(address(joined, "leave"), solved="no", **FOR_AGENT).status_code == 303
    assert render("takeover_left", "en", name=name_of(AGENT, database)) in said(joined, "system")
    assert (LEAD, "hand_back") in commands(database, joined)
    joined.say("anybody?")
    eventually(lambda: "You said: anybody?" in joined.said_to())


def test_nothing_is_sent_to_a_conversation_that_the_shopper_has_ended(
    agent: Staff, joined: Shopper, database: Database
) -> None:
    conversations.end(database, joined.conversation_id, now=now())
    answer = agent.post(address(joined, "say"), text="Are you there?")
    assert answer.status_code == 409
    assert "has ended this conversation" in answer.text
    with database.read() as session:
        before = len(conversations.transcript(session, joined.conversation_id))
    assert agent.post(address(joined, "leave"), solved="yes").status_code == 303
    with database.read() as session:
        assert len(conversations.transcript(session, joined.conversation_id)) == before
    assert state_of(database, joined) == "closed"
    assert open_cases(database, joined) == []


# ---- the assistant is silent ----


def test_the_answer_under_way_when_somebody_joins_is_dropped_and_kept_in_the_trace(
    agent: Staff, shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()
    shopper.say("slow")
    rasa.hung.wait(10)
    agent.post(address(shopper, "join"))
    rasa.may_answer.set()
    eventually(lambda: trace_of(database, shopper, "slow") is not None)

    assert said(shopper, "assistant") == []
    trace = trace_of(database, shopper, "slow")
    assert trace is not None
    assert (trace["intent"], trace["dropped"]) == ("greet", ["You said: slow"])
    page = agent.get(address(shopper))
    assert "“You said: slow”" in page.text


@pytest.mark.parametrize("fault", ["away", "action_fails"])
def test_what_a_person_has_handled_is_not_done_by_the_assistant_later(
    start_desk: Callable[..., Served],
    rasa: FakeRasa,
    visit: Callable[..., Shopper],
    database: Database,
    fault: str,
) -> None:
    served = start_desk(patience=Patience(first_pause_seconds=0.05, longest_pause_seconds=0.05))
    shopper = visit(served)
    if fault == "away":
        rasa.status = 502
    else:
        rasa.break_action()
    shopper.say("yes, do it")
    eventually(lambda: len(rasa.turns) >= 2)

    takeover.join(database, shopper.conversation_id, AGENT, now=now())
    # A try that was begun before is finished; none is begun after it.
    eventually(lambda: trace_of(database, shopper, "yes, do it") is not None)
    tries = len(rasa.turns)
    rasa.status = 200
    takeover.leave(database, shopper.conversation_id, AGENT, now=now())
    shopper.say("something else")
    eventually(lambda: "You said: something else" in shopper.said_to())

    assert rasa.texts[tries:] == ["something else"]
    assert "You said: yes, do it" not in shopper.said_to()


def test_typed_commands_reach_the_person_and_not_the_assistant(
    joined: Shopper, rasa: FakeRasa
) -> None:
    for text in ("/restart", "/session_start", '/greet{"x": 1}'):
        joined.say(text)
    assert said(joined, "shopper") == ["/restart", "/session_start", '/greet{"x": 1}']
    assert (rasa.texts, said(joined, "assistant")) == ([], [])


def test_after_a_restart_of_the_desk_the_assistant_is_still_silent(
    desk: Served, joined: Shopper, rasa: FakeRasa, agent: Staff
) -> None:
    joined.say("before")
    desk.stop()
    desk.start()
    joined.say("after")
    agent.post(address(joined, "say"), text="I am still here")
    texts = [each["text"] for each in joined.history() if each["author"] != "system"]
    assert texts == ["before", "after", "I am still here"]
    assert rasa.texts == []


# ---- without scripts ----


def test_the_page_has_what_each_may_do_as_plain_forms(
    agent: Staff, lead: Staff, joined: Shopper, database: Database
) -> None:
    own, other = agent.get(address(joined)).text, lead.get(address(joined)).text
    assert 'action="' + address(joined, "say") + '"' in own
    assert "You have this conversation" in own
    assert 'action="' + address(joined, "say") + '"' not in other
    assert f"Take over from {name_of(AGENT, database)}" in other
    assert "Hand back for" in other


def test_a_canned_answer_is_put_into_the_box_by_the_page_itself(
    agent: Staff, joined: Shopper
) -> None:
    page = agent.get(address(joined), canned="One moment").text
    assert "I am looking into it. This takes me a few minutes" in page.split("<textarea", 1)[1]
