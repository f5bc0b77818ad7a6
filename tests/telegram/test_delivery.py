"""What the conversation has more than the chat arrives there, once and in order, whatever Telegram does meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Case, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.desk.channels.telegram.delivery import NOT_DELIVERED
from returnsdesk.services import conversations, takeover
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.processes import free_port
from tests.servers.telegram import FakeTelegram, Fault, User
from tests.telegram.looking import agent, messages_of, until


def test_the_desk_is_up_while_telegram_is_away_and_catches_up_afterwards(
    start_desk: Callable[..., Served], telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    telegram.goes_away()
    start_desk()
    robin.says("anybody there?")
    telegram.comes_back()
    robin.reads("You said: anybody there?")


def test_an_answer_waits_while_telegram_is_away(
    desk: Served, telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    rasa.hold()
    robin.says("hello")
    assert rasa.hung.wait(20)
    telegram.goes_away()
    rasa.may_answer.set()
    until(lambda: len(rasa.turns) == 1)
    telegram.comes_back()
    robin.reads("You said: hello")


def test_who_is_sent_too_much_waits_as_long_as_telegram_says_and_gets_it_once(
    desk: Served, telegram: FakeTelegram, robin: User, clock: Clock
) -> None:
    telegram.fails("sendMessage", Fault(429, retry_after=1))
    robin.says("hello")
    robin.reads("You said: hello")
    sent = telegram.calls_of("sendMessage")
    assert [call.outcome for call in sent] == ["429", "ok"]


def test_a_chat_that_has_to_wait_holds_no_other_up(
    desk: Served, telegram: FakeTelegram, robin: User
) -> None:
    telegram.fails("sendMessage", Fault(429, retry_after=600, chat_id=robin.id))
    robin.says("hello")
    until(lambda: bool(telegram.calls_of("sendMessage")))
    other = telegram.user()
    other.says("me too")
    other.reads("You said: me too")
    assert not robin.from_bot


@pytest.mark.parametrize(
    "fault", [Fault(500), Fault(502), Fault(mood="refuse"), Fault(mood="garbage")]
)
def test_an_answer_that_telegram_did_not_take_is_sent_again(
    desk: Served, telegram: FakeTelegram, robin: User, fault: Fault
) -> None:
    telegram.fails("sendMessage", fault)
    robin.says("hello")
    robin.reads("You said: hello")


def test_nothing_is_sent_again_that_telegram_has_taken(
    desk: Served, telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = lambda turn: [{"text": f"{turn['text']} {part}"} for part in ("a", "b", "c")]
    robin.says("one")
    robin.reads("one c")
    telegram.fails("sendMessage", Fault(500))
    robin.says("two")
    robin.reads("two c")
    assert robin.texts() == ["one a", "one b", "one c", "two a", "two b", "two c"]


def test_a_long_text_goes_on_at_the_part_that_is_missing(
    desk: Served, robin: User, rasa: FakeRasa, database: Database
) -> None:
    long = " ".join(f"This is sentence number {number}." for number in range(200))
    rasa.answer = lambda _turn: [{"text": long}]
    robin.says("tell me all")
    until(lambda: len(robin.from_bot) == 2)
    first = robin.texts()
    assert " ".join(first) == long
    assert all(text.endswith(".") for text in first)
    until(lambda: _sent_seq(database) == 2)
    # As if the desk had ended after the first part.
    with database.write() as session:
        chat = session.scalars(select(TelegramChat)).one()
        chat.sent_seq, chat.sent_parts = chat.sent_seq - 1, 1
    until(lambda: len(robin.from_bot) == 3)
    robin.says("go on")
    until(lambda: len(robin.from_bot) == 5)
    assert robin.texts() == [*first, first[1], *first]


def test_words_with_signs_of_html_arrive_as_they_are(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = lambda _turn: [{"text": 'Size < 42 & "wide" <b>not bold</b>'}]
    robin.says("hello")
    message = robin.reads("Size")
    assert message["text"] == 'Size < 42 & "wide" <b>not bold</b>'
    assert "entities" not in message


def test_a_text_whose_marks_are_refused_is_sent_plain(
    desk: Served, telegram: FakeTelegram, robin: User
) -> None:
    telegram.fails("sendMessage", Fault(400, description="Bad Request: can't parse entities"))
    robin.says("hello")
    robin.reads("You said: hello")


def test_a_text_that_is_refused_for_good_goes_to_a_person_and_the_chat_goes_on(
    desk: Served, telegram: FakeTelegram, robin: User, database: Database
) -> None:
    refusal = Fault(400, description="Bad Request: MESSAGE_IMPOSSIBLE")
    telegram.fails("sendMessage", refusal, refusal)
    robin.says("hello")
    until(lambda: [case.reason for case in _cases(database)] == [NOT_DELIVERED])
    robin.says("and now?")
    robin.reads("You said: and now?")


STATUS_CARD = {
    "card": "status",
    "title": "RMA-1009",
    "detail": "Order LL-1",
    "items": [
        {"title": "Fjord sneakers", "detail": "black", "image": "/static/shop/fjord-sneakers.svg"}
    ],
    "stages": [
        {"label": "Registered", "state": "done", "date": "2026-06-01"},
        {"label": "On its way", "state": "now"},
        {"label": "Paid back", "state": "next"},
    ],
}


def test_a_status_card_has_the_products_picture_and_a_bar(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = lambda _turn: [{"text": "It is on its way.", "custom": STATUS_CARD}]
    robin.says("where is it?")
    text = robin.reads("on its way")["text"]
    assert "▰▰▱" in text
    assert "✓ Registered, Monday 1 June" in text
    (sent,) = robin.gets("photo")
    assert sent.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    "faults", [[Fault(400, description="Bad Request: IMAGE_PROCESS_FAILED")], [Fault(500)] * 3]
)
def test_a_picture_that_fails_never_blocks_the_text(
    desk: Served, telegram: FakeTelegram, robin: User, rasa: FakeRasa, faults: list[Fault]
) -> None:
    rasa.answer = lambda _turn: [{"text": "It is on its way.", "custom": STATUS_CARD}]
    telegram.fails("sendPhoto", *faults)
    robin.says("where is it?")
    robin.reads("on its way")


def test_a_picture_that_is_not_there_is_left_out(desk: Served, robin: User, rasa: FakeRasa) -> None:
    card = {**STATUS_CARD, "items": [{"title": "Gone", "image": "/static/shop/no-such.svg"}]}
    rasa.answer = lambda _turn: [{"text": "It is on its way.", "custom": card}]
    robin.says("where is it?")
    robin.reads("on its way")
    assert not [message for message in robin.from_bot if "photo" in message]


def test_several_products_come_as_one_album(desk: Served, robin: User, rasa: FakeRasa) -> None:
    items = [
        {"title": name, "image": f"/static/shop/{name}.svg", "button": place}
        for place, name in enumerate(("fjord-sneakers", "maj-dress"))
    ]
    rasa.answer = lambda _turn: [
        {"text": "Which one?", "custom": {"card": "items", "items": items}}
    ]
    robin.says("return")
    robin.reads("Which one")
    assert len(robin.gets("photo", 2)) == 2


def test_what_is_said_on_the_web_is_not_repeated_in_the_chat_but_a_person_is_heard(
    desk: Served, robin: User, database: Database, clock: Clock, rasa: FakeRasa
) -> None:
    robin.says("hello")
    robin.reads("You said: hello")
    conversation_id = messages_of(database)[0].conversation_id
    conversations.accept(
        database, conversation_id, message_id="w-1", text="typed in the widget", channel="web",
        now=clock(),
    )  # fmt: skip
    until(lambda: len(rasa.turns) == 2 and len(messages_of(database)) == 4)
    takeover.join(database, conversation_id, agent(database, clock()), now=clock())
    robin.reads("Mila")
    assert not any("widget" in text for text in robin.texts())


def test_two_desks_send_everything_once_and_in_order(
    start_desk: Callable[..., Served], telegram: FakeTelegram, robin: User, database: Database,
    clock: Clock, rasa: FakeRasa,
) -> None:  # fmt: skip
    start_desk()
    start_desk(free_port())
    robin.says("hello")
    robin.reads("You said: hello")
    conversation_id = messages_of(database)[0].conversation_id
    email = agent(database, clock())
    takeover.join(database, conversation_id, email, now=clock())
    for number in range(20):
        takeover.say(database, conversation_id, email, f"line {number}", now=clock())
    robin.reads("line 19")
    found = [re.search(r"line \d+", text) for text in robin.texts()]
    assert [each.group() for each in found if each] == [f"line {number}" for number in range(20)]


def _cases(database: Database) -> list[Case]:
    with database.read() as session:
        rows = list(session.scalars(select(Case).order_by(Case.id)))
        session.expunge_all()
    return rows


def _sent_seq(database: Database) -> int:
    with database.read() as session:
        return int(session.scalars(select(TelegramChat.sent_seq)).one())
