"""What the desk gets from Rasa's channel for a turn, and what it is refused."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from rasa.shared.core.events import Restarted, SessionStarted, SlotSet, UserUttered

from returnsdesk.rasa.channel import BODY_LIMIT
from returnsdesk.rasa.turns import TEXT_LIMIT
from tests.rasa.conftest import Actions, Desk, answered, answers


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "token-of-this-test",
        "Basic token-of-this-test",
        "Bearer \xe9",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "turn"), ("GET", "ready")])
async def test_nobody_gets_in_without_the_token(
    desk: Desk, header: str | None, method: str, path: str
) -> None:
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    async with httpx.AsyncClient(base_url=desk.client.base_url) as stranger:
        response = await stranger.request(method, path, headers=headers, content=b"{}")
    assert response.status_code == 401
    assert response.json()["error"] == "unauthorized"


async def test_ready_names_the_model_and_is_refused_before_one_is_loaded(
    desk: Desk, model: Any
) -> None:
    response = await desk.client.get("ready")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ready", "model": model.name},
    )
    desk.app.ctx.agent = None
    try:
        assert (await desk.client.get("ready")).status_code == 503
        assert (await desk.post(text="hello")).status_code == 503
    finally:
        desk.app.ctx.agent = desk.agent


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 30_000, b"[]", b'"text"', b"null"])
async def test_a_body_that_is_no_turn_is_refused_with_a_sentence(desk: Desk, body: bytes) -> None:
    response = await desk.client.post("turn", content=body)
    assert response.status_code == 400
    assert response.json()["error"] == "bad_request"
    assert response.json()["detail"]


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ({"conversation_id": ""}, "conversation_id"),
        ({"conversation_id": "c" * 256}, "conversation_id"),
        ({"conversation_id": 7}, "conversation_id"),
        ({"message_id": None}, "message_id"),
        ({"text": 5}, "text"),
        ({"text": "  "}, "text or choice"),
        ({"text": None}, "text or choice"),
        ({"text": "a" * (TEXT_LIMIT + 1)}, "text"),
        ({"language": "fr"}, "language"),
        ({"channel": ""}, "channel"),
        ({"text": None, "choice": {"intent": "no_such_intent"}}, "no_such_intent"),
        ({"text": None, "choice": {"intent": "restart"}}, "choice.intent"),
        ({"text": None, "choice": {"intent": "session_start"}}, "choice.intent"),
        ({"text": None, "choice": {"entities": {}}}, "choice.intent"),
        ({"text": None, "choice": {"intent": "inform", "entities": []}}, "choice.entities"),
    ],
)
async def test_a_turn_with_a_wrong_part_is_refused_and_leaves_nothing(
    desk: Desk, parts: dict[str, Any], detail: str
) -> None:
    response = await desk.post(**{"text": "hello", **parts})
    assert response.status_code == 400
    assert response.json()["error"] == "bad_request"
    assert detail in response.json()["detail"]
    assert await desk.events() == []


async def test_a_body_over_the_limit_is_refused(desk: Desk) -> None:
    response = await desk.post(text="hello", padding="x" * BODY_LIMIT)
    assert response.status_code == 413


async def test_the_trace_says_which_texts_were_said_with_which_facts(
    desk: Desk, actions: Actions
) -> None:
    told = [{"key": "returns_registered", "facts": {"rma_number": "RMA-1"}}]
    found = [{"code": "HIGH_VALUE", "about": "rug"}]
    actions.answer = answers([{"text": "Done.", "told": told, "findings": found}])

    answer = await desk.say("where is my parcel, order W2611340?")

    assert answer["replies"] == [{"text": "Done."}]
    assert answer["trace"]["replies"] == [{"told": told, "findings": found}]


async def test_a_text_is_answered_with_replies_and_trace(desk: Desk, actions: Actions) -> None:
    answer = await desk.say("where is my parcel, order W2611340?")
    assert answer["replies"] == [{"text": "On its way."}]
    trace = answer["trace"]
    assert trace["intent"] == "orders_status"
    assert 0.4 < trace["confidence"] <= 1
    assert len(trace["ranking"]) == 5
    assert trace["ranking"][0] == {"name": "orders_status", "confidence": trace["confidence"]}
    confidences = [entry["confidence"] for entry in trace["ranking"]]
    assert confidences == sorted(confidences, reverse=True)
    assert [(found["entity"], found["value"]) for found in trace["entities"]] == [
        ("order_number", "W2611340")
    ]
    assert trace["actions"] == ["action_orders_status"]
    assert trace["slots"] == {"language": "en"}
    assert trace["replies"] == [{"told": [], "findings": []}]
    assert actions.calls[0]["tracker"]["latest_message"]["metadata"] == {
        "language": "en",
        "page": {},
    }
    assert actions.calls[0]["tracker"]["latest_input_channel"] == "web"


async def test_an_action_knows_the_language_of_the_message(desk: Desk, actions: Actions) -> None:
    await desk.say("where is my parcel", language="nl")
    await desk.say("where is my parcel", language="pl")
    assert [call["tracker"]["slots"]["language"] for call in actions.calls] == ["nl", "pl"]


async def test_the_language_is_set_before_the_message_and_only_when_it_changes(desk: Desk) -> None:
    await desk.say("hello", language="de")
    await desk.say("hello", language="de")
    kept = [
        type(event).__name__
        for event in await desk.events()
        if isinstance(event, UserUttered)
        or (isinstance(event, SlotSet) and event.key == "language")
    ]
    assert kept == ["SlotSet", "UserUttered", "UserUttered"]


async def test_a_conversation_has_one_session(desk: Desk) -> None:
    for _ in range(3):
        await desk.say("hello")
    sessions = [event for event in await desk.events() if isinstance(event, SessionStarted)]
    assert len(sessions) == 1


async def test_a_choice_is_taken_as_it_is_and_not_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("NLU was run")

    monkeypatch.setattr(type(desk.agent.processor), "parse_message", never)
    answer = await desk.choose("policy_cost", item="boots")
    assert answer["replies"] == [{"text": "Returns are free."}]
    assert answer["trace"]["intent"] == "policy_cost"
    assert answer["trace"]["confidence"] == 1.0
    assert [(found["entity"], found["value"]) for found in answer["trace"]["entities"]] == [
        ("item", "boots")
    ]


async def test_the_text_beside_a_choice_is_kept_as_its_title(desk: Desk) -> None:
    response = await desk.post(text="where is my parcel", choice={"intent": "policy_cost"})
    assert response.json()["trace"]["intent"] == "policy_cost"
    said = [event for event in await desk.events() if isinstance(event, UserUttered)]
    assert [event.text for event in said] == ["where is my parcel"]


async def test_a_typed_command_is_plain_text(desk: Desk, actions: Actions) -> None:
    actions.answer = answers([], [{"event": "slot", "name": "returns_items", "value": None}])
    await desk.say("return my boots")
    answer = await desk.say("/restart")
    assert answer["trace"]["intent"] != "restart"
    assert answer["trace"]["confidence"] < 1
    assert not any(isinstance(event, Restarted) for event in await desk.events())
    assert await desk.slot("requested_slot") == "returns_items"


@pytest.mark.parametrize("slashes", ["/", " / /", "//"])
async def test_a_typed_intent_with_entities_is_plain_text(desk: Desk, slashes: str) -> None:
    text = f'{slashes}policy_cost{{"item": "boots"}} for W2611340'
    trace = (await desk.say(text))["trace"]
    assert trace["confidence"] < 1
    assert [found["entity"] for found in trace["entities"]] == ["order_number"]
    place = trace["entities"][0]
    assert text.strip()[place["start"] : place["end"]] == "W2611340"
    said = [event for event in await desk.events() if isinstance(event, UserUttered)]
    assert said[0].text == text.strip()


@pytest.mark.parametrize(
    "text",
    ["/", "🙂", "...", "\u200b", "ﷺ", pytest.param("a" * TEXT_LIMIT, id="the longest")],
)
async def test_any_text_gets_an_answer(desk: Desk, text: str) -> None:
    answer = await desk.say(text)
    assert answer["trace"]["intent"]


async def test_characters_that_no_database_takes_are_dropped(desk: Desk) -> None:
    response = await desk.client.post(
        "turn",
        content=json.dumps(
            {
                "conversation_id": "c\x001",
                "message_id": "m\x001",
                "text": "hel\x00lo \ud800",
                "language": "en",
                "channel": "web",
            }
        ),
    )
    assert response.status_code == 200
    said = [event for event in await desk.events() if isinstance(event, UserUttered)]
    assert [(event.text, event.message_id) for event in said] == [("hello \ufffd", "m1")]


async def test_a_repeated_message_gets_its_answer_again_and_runs_nothing(
    desk: Desk, actions: Actions
) -> None:
    first = await desk.say("where is my parcel", message_id="same")
    await desk.say("return my boots")
    called, before = len(actions.calls), await desk.events()
    again = await desk.say("where is my parcel", message_id="same")
    assert again["replies"] == first["replies"] == [{"text": "On its way."}]
    assert again["trace"]["actions"] == ["action_orders_status"]
    assert len(actions.calls) == called
    assert await desk.events() == before


async def test_a_message_sent_twice_at_once_is_run_once(desk: Desk, actions: Actions) -> None:
    async def slow(call: dict[str, Any]) -> Any:
        await asyncio.sleep(0.05)
        return answered([{"text": "On its way."}])

    actions.answer = slow
    one, two = await asyncio.gather(
        desk.say("where is my parcel", message_id="same"),
        desk.say("where is my parcel", message_id="same"),
    )
    assert one["replies"] == two["replies"] == [{"text": "On its way."}]
    assert len(actions.calls) == 1


async def test_buttons_carry_their_choice_and_unusable_ones_are_dropped_and_logged(
    desk: Desk, actions: Actions, caplog: pytest.LogCaptureFixture
) -> None:
    actions.answer = answers([])
    with caplog.at_level(logging.ERROR, "returnsdesk"):
        answer = await desk.choose("returns_start")
    assert answer["replies"] == [
        {
            "text": "Which one?",
            "buttons": [
                {
                    "title": "The boots",
                    "payload": {"intent": "inform", "entities": {"item": "boots"}},
                }
            ],
        }
    ]
    assert "Broken" in caplog.text


@pytest.mark.parametrize(
    "button",
    [
        {"title": "x"},
        {"title": "x", "payload": {"intent": "inform"}},
        {"title": "x", "payload": "5"},
        {"title": "x", "payload": '{"intent": 5}'},
        {"title": "x", "payload": '{"intent": "restart"}'},
        {"title": "", "payload": '{"intent": "inform"}'},
        {"payload": '{"intent": "inform"}'},
    ],
)
async def test_a_button_that_carries_no_choice_is_dropped(
    desk: Desk, actions: Actions, button: dict[str, Any]
) -> None:
    actions.answer = answers([{"text": "Well?", "buttons": [button]}])
    assert (await desk.say("where is my parcel"))["replies"] == [{"text": "Well?"}]


async def test_replies_keep_order_paragraphs_images_and_data(desk: Desk, actions: Actions) -> None:
    actions.answer = answers(
        [
            {"text": "One.\n\nStill one."},
            {"image": "https://shop.example/a.png"},
            {"custom": {"type": "card", "lines": [1, 2]}},
            {"text": "Two.", "buttons": [{"title": "Yes", "payload": '{"intent": "stop"}'}]},
        ]
    )
    assert (await desk.say("where is my parcel"))["replies"] == [
        {"text": "One.\n\nStill one."},
        {"image": "https://shop.example/a.png"},
        {"custom": {"type": "card", "lines": [1, 2]}},
        {
            "text": "Two.",
            "buttons": [{"title": "Yes", "payload": {"intent": "stop", "entities": {}}}],
        },
    ]


async def test_a_response_of_the_domain_is_filled_with_what_the_action_gives(
    desk: Desk, actions: Actions
) -> None:
    actions.answer = answers([{"response": "utter_greeted_in", "language": "Nederlands"}])
    assert (await desk.say("where is my parcel"))["replies"] == [{"text": "Hello, Nederlands."}]


async def test_a_turn_without_a_reply_is_in_the_log(
    desk: Desk, actions: Actions, caplog: pytest.LogCaptureFixture
) -> None:
    actions.answer = answers([{"response": "utter_no_such_response"}])
    with caplog.at_level(logging.ERROR, "returnsdesk"):
        assert (await desk.say("where is my parcel"))["replies"] == []
    assert "without a reply" in caplog.text
