"""Turns: nothing that a shopper wrote is lost or answered twice, and silence is never the answer."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from returnsdesk.db.models import Case, Message
from returnsdesk.db.session import Database
from returnsdesk.desk.turns import Patience
from returnsdesk.services import answers, cases, conversations
from returnsdesk.services.answers import FailedTries
from returnsdesk.settings import Settings
from returnsdesk.texts import render
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper, eventually
from tests.servers.processes import free_port

StartDesk = Callable[..., Served]
Visit = Callable[..., Shopper]

# As patient as always, without the pauses.
PATIENT = Patience(longest_pause_seconds=0.02)
DELAYED = render("desk_delayed", "en")
FAILED = render("desk_failed", "en")


def open_cases(database: Database) -> list[Case]:
    with database.read() as session:
        found = list(session.scalars(select(Case).order_by(Case.id)))
        session.expunge_all()
        return found


def passed_on(number: int, language: str = "en") -> str:
    return render("desk_failed_passed_on", language, number=number)


def states(database: Database) -> list[str]:
    with database.read() as session:
        mine = select(Message.state).where(Message.author == "shopper").order_by(Message.id)
        return list(session.scalars(mine))


def test_a_message_is_answered_with_the_assistants_words(shopper: Shopper, rasa: FakeRasa) -> None:
    shopper.say("where is my refund?")

    (answer,) = shopper.wait_for_answers(1)

    assert answer["text"] == "You said: where is my refund?"
    (turn,) = rasa.turns
    assert turn["conversation_id"] == shopper.conversation_id
    assert (turn["choice"], turn["language"], turn["channel"]) == (None, "en", "web")
    assert turn["page"] == {}


def test_what_the_shops_page_shows_goes_along(shopper: Shopper, rasa: FakeRasa) -> None:
    context = {"order": "LL-1", "product": "p", "secret": "x", "name": 7}
    body = {"text": "how do I return this?", "message_id": "m", "context": context}

    assert shopper.client.post("/api/messages", json=body).status_code == 202
    shopper.wait_for_answers(1)

    assert rasa.turns[0]["page"] == {"order": "LL-1", "product": "p"}


def test_a_message_is_stored_before_rasa_is_asked(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()

    shopper.say("keep this")

    assert rasa.hung.wait(10)
    assert states(database) == ["waiting"]
    rasa.may_answer.set()
    shopper.wait_for_answers(1)
    assert states(database) == ["answered"]


def test_replies_trace_and_language_are_stored_with_the_answer(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    rasa.trace = {"intent": "refunds_status", "confidence": 0.98, "slots": {"language": "nl"}}

    shopper.say("geld?")
    shopper.wait_for_answers(1)
    shopper.say("en nu?")
    shopper.wait_for_answers(2)

    with database.read() as session:
        first = session.scalars(select(Message).order_by(Message.seq)).first()
        assert first.trace == rasa.trace
    assert [turn["language"] for turn in rasa.turns] == ["en", "nl"]


def test_messages_of_one_conversation_are_answered_one_at_a_time_and_in_order(
    shopper: Shopper, rasa: FakeRasa
) -> None:
    rasa.hold()
    said = [f"message {number}" for number in range(6)]
    for text in said:
        shopper.say(text)
    assert rasa.hung.wait(10)
    assert rasa.texts == said[:1]

    rasa.may_answer.set()

    replies = shopper.wait_for_answers(6)
    assert [reply["text"] for reply in replies] == [f"You said: {text}" for text in said]
    assert rasa.most_of_one_conversation == 1


def test_different_conversations_are_answered_at_the_same_time(
    desk: Served, rasa: FakeRasa, visit: Visit
) -> None:
    rasa.hold()
    shoppers = [visit(desk) for _ in range(8)]
    for shopper in shoppers:
        shopper.say("hello")

    eventually(lambda: rasa.most_at_once == 8)

    rasa.may_answer.set()
    for shopper in shoppers:
        shopper.wait_for_answers(1)


def test_the_same_message_id_is_one_message(shopper: Shopper, rasa: FakeRasa) -> None:
    seq = shopper.say("only once", message_id="m-same")
    shopper.wait_for_answers(1)

    again = shopper.client.post("/api/messages", json={"text": "only once", "message_id": "m-same"})

    assert (again.status_code, again.json()) == (200, {"seq": seq})
    shopper.say("and another")
    shopper.wait_for_answers(2)
    assert rasa.texts == ["only once", "and another"]


def test_a_message_id_cannot_stand_for_two_texts(shopper: Shopper) -> None:
    shopper.say("this", message_id="m-same")

    other = shopper.client.post("/api/messages", json={"text": "that", "message_id": "m-same"})

    assert (other.status_code, other.json()["error"]) == (409, "message_id_reused")


@pytest.mark.parametrize("status", [503, 401, 404, 502])
def test_while_rasa_cannot_answer_a_message_waits_and_the_shopper_is_told_once(
    shopper: Shopper, rasa: FakeRasa, database: Database, status: int
) -> None:
    rasa.status = status
    shopper.say("first")
    eventually(lambda: DELAYED in shopper.said_to())
    shopper.say("second")
    eventually(lambda: len(rasa.turns) > 3)
    assert states(database) == ["waiting", "waiting"]

    rasa.status = 200

    replies = shopper.wait_for_answers(2)
    assert [reply["text"] for reply in replies] == ["You said: first", "You said: second"]
    assert shopper.said_to().count(DELAYED) == 1


def test_the_next_outage_is_told_of_again(shopper: Shopper, rasa: FakeRasa) -> None:
    def outage(number: int) -> None:
        rasa.status = 503
        shopper.say(f"outage {number}")
        eventually(lambda: shopper.said_to().count(DELAYED) == number)
        rasa.status = 200
        shopper.wait_for_answers(number)

    outage(1)
    outage(2)


def test_a_slow_answer_is_told_of_too_and_comes(shopper: Shopper, rasa: FakeRasa) -> None:
    rasa.hold()
    shopper.say("take your time")
    eventually(lambda: shopper.said_to() == [DELAYED])

    rasa.may_answer.set()

    shopper.wait_for_answers(1)
    assert shopper.said_to() == [DELAYED, "You said: take your time"]
    assert len(rasa.turns) == 1


def test_the_notice_of_delay_is_in_the_shoppers_language(
    desk: Served, rasa: FakeRasa, visit: Visit
) -> None:
    rasa.status = 503
    shopper = visit(desk, language="pl-PL")

    shopper.say("dzień dobry")

    eventually(lambda: shopper.said_to() == [render("desk_delayed", "pl")])


def test_a_message_written_while_rasa_is_not_there_is_answered_when_it_is(
    shopper: Shopper, rasa: FakeRasa
) -> None:
    rasa.served.stop()
    shopper.say("anybody there?")
    eventually(lambda: DELAYED in shopper.said_to())

    rasa.served.start()

    (answer,) = shopper.wait_for_answers(1)
    assert answer["text"] == "You said: anybody there?"


def test_rasa_dying_in_the_middle_of_a_turn_loses_nothing(shopper: Shopper, rasa: FakeRasa) -> None:
    rasa.hold()
    shopper.say("hold on")
    assert rasa.hung.wait(10)

    rasa.served.stop()
    rasa.may_answer.set()
    rasa.served.start()

    (answer,) = shopper.wait_for_answers(1)
    assert answer["text"] == "You said: hold on"
    assert {turn["message_id"] for turn in rasa.turns} == {rasa.turns[0]["message_id"]}


@pytest.mark.parametrize("status", [500, 400])
def test_a_message_that_rasa_can_never_answer_gets_honest_words_and_the_next_goes_on(
    shopper: Shopper, rasa: FakeRasa, database: Database, status: int
) -> None:
    rasa.status = status
    shopper.say("breaks it")
    (answer,) = shopper.wait_for_answers(1)
    assert answer["text"] == FAILED
    assert len(rasa.turns) == 1
    with database.read() as session:
        assert "told_so" in session.scalars(select(Message)).first().trace["error"]

    rasa.status = 200
    shopper.say("does not")

    assert shopper.wait_for_answers(2)[1]["text"] == "You said: does not"


def test_a_message_whose_action_keeps_failing_goes_to_a_person_and_the_next_goes_on(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock, visit: Visit
) -> None:
    shopper = visit(start_desk(patience=PATIENT), language="nl")
    rasa.break_action()
    shopper.say("waar is mijn geld?")
    shopper.say("hallo?")
    eventually(lambda: len(rasa.turns) > PATIENT.tries)
    assert states(database) == ["waiting", "waiting"]
    rasa.on_turn = lambda: rasa.__dict__.update(status=503 if "geld" in rasa.texts[-1] else 200)

    clock.ahead = PATIENT.time

    first, second = shopper.wait_for_answers(2)
    (case,) = open_cases(database)
    assert (case.reason, case.summary) == ("could_not_answer", "waar is mijn geld?")
    assert (case.conversation_id, case.status) == (shopper.conversation_id, "open")
    assert first["text"] == passed_on(case.id, "nl")
    assert second["text"] == "You said: hallo?"
    with database.read() as session:
        trace = session.scalars(select(Message)).first().trace
        assert "action_refunds_status: HTTP 500" in trace["error"]
        assert trace["case"] == case.id


def test_an_action_that_works_again_in_time_is_answered_and_opens_no_case(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock, visit: Visit
) -> None:
    shopper = visit(start_desk(patience=PATIENT))
    rasa.break_action()
    shopper.say("hello")
    eventually(lambda: len(rasa.turns) > PATIENT.tries)
    clock.ahead = PATIENT.time - timedelta(seconds=60)
    tries = len(rasa.turns)
    eventually(lambda: len(rasa.turns) > tries + PATIENT.tries)

    rasa.status = 200

    assert shopper.wait_for_answers(1)[0]["text"] == "You said: hello"
    assert open_cases(database) == []


def test_an_outage_never_ends_a_message_however_long_it_takes(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock, visit: Visit
) -> None:
    shopper = visit(start_desk(patience=PATIENT))
    rasa.status = 503
    shopper.say("hello")
    eventually(lambda: len(rasa.turns) > 2)
    clock.ahead = timedelta(days=2)
    tries = len(rasa.turns)
    eventually(lambda: len(rasa.turns) > tries + PATIENT.tries)

    assert states(database) == ["waiting"]
    with database.read() as session:
        assert session.scalars(select(Message.failed_tries)).first() == 0


def test_an_outage_counts_for_no_try_of_a_failing_action() -> None:
    now = datetime(2026, 6, 1, tzinfo=timezone.utc)
    long_ago = now - timedelta(days=1)

    assert not Patience().is_over(FailedTries(Patience().tries - 1, long_ago), now)
    assert not Patience().is_over(FailedTries(1000, now - timedelta(seconds=119)), now)
    assert Patience().is_over(FailedTries(Patience().tries, long_ago), now)


def test_pauses_grow_to_a_limit_and_leave_room_for_all_tries() -> None:
    now = datetime(2026, 6, 1, tzinfo=timezone.utc)
    pauses = [Patience().pause_seconds(FailedTries(number, now)) for number in range(1, 2000)]

    assert pauses[0] < 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == Patience().longest_pause_seconds
    assert sum(pauses[: Patience().tries]) < Patience().time.total_seconds()


def test_tries_are_counted_on_by_the_desk_that_takes_over(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock, visit: Visit
) -> None:
    rasa.break_action()
    first = start_desk(patience=PATIENT)
    shopper = visit(first)
    shopper.say("hello")
    eventually(lambda: len(rasa.turns) >= PATIENT.tries)
    first.stop()
    tries = len(rasa.turns)
    clock.ahead = PATIENT.time

    start_desk(patience=PATIENT)

    shopper.wait_for_answers(1)
    assert len(rasa.turns) == tries + 1
    assert len(open_cases(database)) == 1


def test_nobody_is_told_of_a_colleague_before_the_case_is_open(
    start_desk: StartDesk,
    rasa: FakeRasa,
    database: Database,
    visit: Visit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails, works = iter(range(2)), cases.open_case

    def opens_at_the_third_time(*arguments: object, **named: object) -> int:
        if next(fails, None) is not None:
            raise OperationalError("INSERT", {}, Exception("disk full"))
        return works(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(cases, "open_case", opens_at_the_third_time)
    shopper = visit(start_desk(patience=Patience(tries=1, time=timedelta(0))))
    rasa.break_action()

    shopper.say("hello")

    (answer,) = shopper.wait_for_answers(1)
    (case,) = open_cases(database)
    assert answer["text"] == passed_on(case.id)
    assert next(fails, None) is None


def test_an_empty_answer_is_never_silence(shopper: Shopper, rasa: FakeRasa) -> None:
    rasa.answer = lambda _turn: []

    shopper.say("hm")

    assert shopper.wait_for_answers(1)[0]["text"] == FAILED


def test_another_program_at_rasas_port_is_an_outage(
    shopper: Shopper, rasa: FakeRasa, database: Database
) -> None:
    rasa.answer = lambda _turn: "It works!"  # type: ignore[assignment,return-value]

    shopper.say("hello")

    eventually(lambda: shopper.said_to() == [DELAYED])
    assert states(database) == ["waiting"]


def test_what_a_dead_process_left_behind_is_answered_by_the_next(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock
) -> None:
    before = clock() - answers.LEASE
    left = conversations.start(database, channel="web", language="en", now=before)
    conversations.accept(database, left.id, message_id="1", text="left behind", now=before)
    assert answers.claim(database, left.id, owner="dead", now=before)

    start_desk()

    eventually(lambda: states(database) == ["answered"])
    assert rasa.texts == ["left behind"]


def test_a_desk_that_ends_in_order_hands_its_turns_on_at_once(
    start_desk: StartDesk, rasa: FakeRasa, database: Database, clock: Clock, visit: Visit
) -> None:
    rasa.hold()
    first = start_desk()
    shopper = visit(first)
    shopper.say("do not forget me")
    assert rasa.hung.wait(10)
    first.stop()

    with database.read() as session:
        assert answers.to_answer(session, owner="another", now=clock()) == [shopper.conversation_id]


def test_two_desks_share_a_conversation_without_disorder(
    start_desk: StartDesk, rasa: FakeRasa, visit: Visit
) -> None:
    one, other = start_desk(), start_desk(port=free_port())
    shopper = visit(one)
    said = [f"message {number}" for number in range(10)]
    with httpx.Client(
        base_url=other.url, headers=shopper.client.headers, trust_env=False
    ) as client:
        for number, text in enumerate(said):
            through = (shopper.client, client)[number % 2]
            sent = through.post("/api/messages", json={"text": text, "message_id": text[-1]})
            assert sent.status_code == 202

    replies = shopper.wait_for_answers(10)

    assert [reply["text"] for reply in replies] == [f"You said: {text}" for text in said]
    assert rasa.texts == said


SERVE = """
from returnsdesk.desk.server import serve
from returnsdesk.settings import load_settings
serve(load_settings())
"""


def test_a_desk_killed_in_the_middle_of_a_turn_loses_nothing(
    desk_settings: Settings, rasa: FakeRasa, database: Database, visit: Visit
) -> None:
    environment = {
        "DATABASE_URL": desk_settings.database_url,
        "VAR_DIR": str(desk_settings.var_dir),
        "DESK_PORT": str(desk_settings.desk_port),
        "RASA_PORT": str(desk_settings.rasa_port),
        "PATH": "",
    }
    url = f"http://127.0.0.1:{desk_settings.desk_port}"

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment)
        eventually(lambda: process.poll() is None and _is_up(url), seconds=60)
        return process

    rasa.hold()
    process = start()
    shopper = visit(Served(None, desk_settings.desk_port))
    shopper.say("first")
    shopper.say("second")
    assert rasa.hung.wait(20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    rasa.may_answer.set()

    process = start()
    try:
        replies = shopper.wait_for_answers(2)
        assert [reply["text"] for reply in replies] == ["You said: first", "You said: second"]
        assert states(database) == ["answered", "answered"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
