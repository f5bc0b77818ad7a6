"""A turn that fails fails as a whole: it is reported, nothing of it is saved, and the same message works later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import SlotSet, UserUttered

from returnsdesk.rasa import action_calls, channel
from returnsdesk.rasa.tracker_store import DeskTrackerStore
from tests.rasa.conftest import Actions, Desk, answered, answers

Answer = Callable[[dict[str, Any]], Awaitable[web.Response]]


def _fixed(status: int, body: str, kind: str = "application/json") -> Answer:
    async def answer(call: dict[str, Any]) -> web.Response:
        return web.Response(status=status, text=body, content_type=kind)

    return answer


async def _too_slow(call: dict[str, Any]) -> web.Response:
    await asyncio.sleep(5)
    return answered([{"text": "Too late."}])


async def _hangs_up(call: dict[str, Any]) -> web.Response:
    raise asyncio.CancelledError


ERRORS: dict[str, Answer] = {
    "500": _fixed(500, '{"error": "boom"}'),
    "500 in HTML": _fixed(500, "<h1>Oops</h1>", "text/html"),
    "404": _fixed(404, '{"error": "no such action", "action_name": "x"}'),
    "400": _fixed(400, '{"error": "bad"}'),
    "400 in HTML": _fixed(400, "<h1>Bad</h1>", "text/html"),
    "HTML": _fixed(200, "<h1>Hello</h1>", "text/html"),
    "half an answer": _fixed(200, '{"events": [], "resp'),
    "nothing": _fixed(200, ""),
    "null": _fixed(200, "null"),
    "no object": _fixed(200, "[]"),
    "no list of events": _fixed(200, '{"events": 5, "responses": []}'),
    "unknown event": _fixed(200, '{"events": [{"event": "x"}], "responses": []}'),
    "204": _fixed(204, ""),
}
OUTAGES: dict[str, Answer] = {
    "502 of a proxy": _fixed(502, "<h1>Bad gateway</h1>", "text/html"),
    "503 while stopping": _fixed(503, '{"error": "boom"}'),
    "slow": _too_slow,
    "hanging up": _hangs_up,
}
BROKEN = {**ERRORS, **OUTAGES}


def _kind(broken: str) -> tuple[int, str]:
    return 503, "action_failed" if broken in ERRORS else "actions_unavailable"


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(action_calls, "ACTION_SECONDS", 0.3)


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_action_server_is_reported_and_the_message_works_later(
    desk: Desk, actions: Actions, broken: str
) -> None:
    await desk.say("hello")
    before = await desk.events()
    actions.answer = BROKEN[broken]
    response = await desk.post(text="where is my parcel", message_id="same", language="nl")
    assert (response.status_code, response.json()["error"]) == _kind(broken)
    assert await desk.events() == before
    actions.answer = answers([{"text": "Here."}])
    again = await desk.say("where is my parcel", message_id="same", language="nl")
    assert again["replies"] == [{"text": "Here."}]
    said = [event for event in await desk.events() if isinstance(event, UserUttered)]
    assert len(said) == 2


async def test_an_action_that_fails_is_named(desk: Desk, actions: Actions) -> None:
    actions.answer = BROKEN["500"]
    response = await desk.post(text="where is my parcel")
    assert response.json() == {"error": "action_failed", "detail": "action_orders_status: HTTP 500"}


@pytest.mark.parametrize("word", ['{"status": "starting"}', "It works!", "[]"])
async def test_an_error_of_what_is_no_healthy_action_server_is_an_outage(
    desk: Desk, actions: Actions, word: str
) -> None:
    actions.answer, actions.says_of_itself = BROKEN["500"], word
    response = await desk.post(text="where is my parcel")
    assert (response.status_code, response.json()["error"]) == (503, "actions_unavailable")


async def test_an_action_server_that_is_down_is_reported(desk: Desk) -> None:
    desk.agent.action_endpoint.url = "http://127.0.0.1:1/webhook"
    response = await desk.post(text="where is my parcel")
    assert (response.status_code, response.json()["error"]) == (503, "actions_unavailable")
    assert await desk.events() == []


@pytest.mark.parametrize("broken", ["500", "HTML", "half an answer", "slow"])
async def test_an_answer_that_cannot_be_checked_is_not_taken(
    desk: Desk, actions: Actions, broken: str
) -> None:
    actions.answer = answers([], [{"event": "slot", "name": "returns_items", "value": None}])
    await desk.say("return my boots")
    actions.answer = BROKEN[broken]
    response = await desk.post(choice={"intent": "inform", "entities": {"item": "boots"}})
    assert (response.status_code, response.json()["error"]) == _kind(broken)
    assert await desk.slot("requested_slot") == "returns_items"
    assert len([event for event in await desk.events() if isinstance(event, UserUttered)]) == 1


async def test_a_failure_after_a_change_takes_the_change_back(desk: Desk, actions: Actions) -> None:
    await desk.choose("returns_start")

    async def fills_then_breaks(call: dict[str, Any]) -> web.Response:
        if call["next_action"] == "validate_returns_form":
            return answered([], [{"event": "slot", "name": "returns_items", "value": ["a"]}])
        return await BROKEN["500"](call)

    actions.answer = fills_then_breaks
    response = await desk.post(text="the boots", message_id="same")
    assert response.status_code == 503
    assert await desk.slot("returns_items") is None

    async def fills(call: dict[str, Any]) -> web.Response:
        if call["next_action"] == "validate_returns_form":
            return answered([], [{"event": "slot", "name": "returns_items", "value": ["a"]}])
        return answered([{"text": "Done."}])

    actions.answer = fills
    assert (await desk.say("the boots", message_id="same"))["replies"] == [{"text": "Done."}]
    assert await desk.slot("returns_items") == ["a"]


async def test_an_action_may_still_refuse_to_run(desk: Desk, actions: Actions) -> None:
    await desk.choose("returns_start")
    refusal = '{"error": "not an answer", "action_name": "returns_form"}'

    async def refuses_once(call: dict[str, Any]) -> web.Response:
        actions.answer = answers([])
        return await _fixed(400, refusal)(call)

    actions.answer = refuses_once
    answer = await desk.choose("policy_cost")
    assert [reply["text"] for reply in answer["replies"]] == ["Returns are free.", "Which one?"]


async def test_actions_that_go_round_in_a_circle_are_reported_and_the_conversation_lives_on(
    desk: Desk, actions: Actions
) -> None:
    actions.answer = answers(
        [{"text": "Again."}], [{"event": "followup", "name": "action_orders_status"}]
    )
    response = await desk.post(text="where is my parcel")
    assert (response.status_code, response.json()["error"]) == (500, "turn_failed")
    assert await desk.events() == []
    assert (await desk.say("hello"))["replies"] == [{"text": "Hello!"}]


async def test_a_fault_of_the_dialogue_itself_is_reported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such template")

    monkeypatch.setattr(type(desk.agent.nlg), "generate", broken)
    response = await desk.post(text="hello")
    assert (response.status_code, response.json()["error"]) == (500, "turn_failed")
    assert await desk.events() == []


async def test_a_turn_has_a_limit_as_a_whole(
    desk: Desk, actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action_calls, "ACTION_SECONDS", 30.0)
    monkeypatch.setattr(channel, "TURN_SECONDS", 0.1)
    actions.answer = _too_slow
    response = await desk.post(text="where is my parcel", message_id="same")
    assert (response.status_code, response.json()["error"]) == (503, "turn_timed_out")
    monkeypatch.setattr(channel, "TURN_SECONDS", 30.0)
    actions.answer = answers([{"text": "Here."}])
    assert (await desk.say("where is my parcel", message_id="same"))["replies"] == [
        {"text": "Here."}
    ]


async def test_a_tracker_store_that_is_away_is_reported_and_nothing_is_forgotten(
    desk: Desk, tmp_path: Path
) -> None:
    store = DeskTrackerStore(host=f"sqlite:///{tmp_path / 'tracker.db'}")
    desk.keep_in(store)
    await desk.say("hello")
    with store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE events RENAME TO gone"))
    response = await desk.post(text="hello", message_id="same")
    assert (response.status_code, response.json()["error"]) == (503, "store_unavailable")
    with store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO events"))
    assert (await desk.say("hello", message_id="same"))["replies"] == [{"text": "Hello!"}]
    said = [event for event in await desk.events() if isinstance(event, UserUttered)]
    assert len(said) == 2


async def test_a_conversation_that_cannot_be_read_does_not_touch_the_others(
    desk: Desk, tmp_path: Path
) -> None:
    store = DeskTrackerStore(host=f"sqlite:///{tmp_path / 'tracker.db'}")
    desk.keep_in(store)
    await desk.say("hello")
    with store.engine.begin() as connection:
        connection.execute(sa.text('UPDATE events SET data = \'{"event": "us\' WHERE id = 2'))
    response = await desk.post(text="hello")
    assert (response.status_code, response.json()["error"]) == (500, "conversation_unreadable")
    assert (await desk.say("hello", conversation_id="c2"))["replies"] == [{"text": "Hello!"}]


async def test_a_conversation_saved_by_another_process_meanwhile_is_tried_again(
    desk: Desk, actions: Actions, tmp_path: Path
) -> None:
    store = DeskTrackerStore(host=f"sqlite:///{tmp_path / 'tracker.db'}")
    desk.keep_in(store)
    await desk.say("hello")

    async def overtaken(call: dict[str, Any]) -> web.Response:
        tracker = await store.retrieve("c1")
        assert tracker is not None
        tracker.update(SlotSet("returns_items", ["by the other process"]))
        await store.save(tracker)
        return answered([{"text": "Here."}])

    actions.answer = overtaken
    response = await desk.post(text="where is my parcel", message_id="same")
    assert (response.status_code, response.json()["error"]) == (503, "conversation_changed")
    assert await desk.slot("returns_items") == ["by the other process"]
    actions.answer = answers([{"text": "Here."}])
    assert (await desk.say("where is my parcel", message_id="same"))["replies"] == [
        {"text": "Here."}
    ]


async def test_a_busy_conversation_is_reported(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from rasa.core.lock_store import LockError

    def taken(*_: Any, **__: Any) -> None:
        raise LockError

    monkeypatch.setattr(type(desk.agent.lock_store), "issue_ticket", taken)
    response = await desk.post(text="hello")
    assert (response.status_code, response.json()["error"]) == (503, "conversation_busy")


async def test_what_the_shopper_wrote_stays_out_of_the_log(
    desk: Desk, actions: Actions, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for broken in ("500", "no list of events", "half an answer"):
            actions.answer = BROKEN[broken]
            await desk.post(text="where is my parcel, I am secretperson@example.com")
    assert "action_failed" in caplog.text
    assert "secretperson" not in caplog.text


async def test_turns_share_one_connection_to_the_action_server(
    desk: Desk, actions: Actions
) -> None:
    for _ in range(3):
        await desk.say("where is my parcel")
    assert (len(actions.calls), len(actions.connections)) == (3, 1)


async def test_an_action_is_not_sent_the_domain(desk: Desk, actions: Actions) -> None:
    await desk.say("where is my parcel")
    assert "domain" not in actions.calls[0]


async def test_answers_are_checked_by_the_kept_validator(
    desk: Desk, actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled_again(self: RemoteAction) -> None:
        raise AssertionError("the schema was built anew")

    monkeypatch.setattr(RemoteAction, "action_response_format_spec", compiled_again)
    assert (await desk.say("where is my parcel"))["replies"] == [{"text": "On its way."}]
