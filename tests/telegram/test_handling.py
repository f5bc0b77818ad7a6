"""What shoppers send to the bot is handled once, in order, and answered by the assistant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from returnsdesk.db.models import Conversation, TelegramChat, TelegramUpdate
from returnsdesk.db.session import Database
from returnsdesk.services import takeover
from returnsdesk.settings import Settings
from returnsdesk.texts import render
from tests.desk.conftest import Clock
from tests.desk.fake_rasa import FakeRasa
from tests.desk.pictures import picture
from tests.desk.serving import Served
from tests.servers.telegram import FakeTelegram, User
from tests.telegram.looking import agent, deliver_again, messages_of, until


def test_a_text_is_answered_by_the_assistant_in_the_language_of_the_app(
    desk: Served, telegram: FakeTelegram, rasa: FakeRasa
) -> None:
    ola = telegram.user("no")
    ola.says("hvor er pengene mine?")
    ola.reads("You said: hvor er pengene mine?")
    assert [(turn["language"], turn["channel"]) for turn in rasa.turns] == [("nb", "telegram")]


def test_a_language_that_we_do_not_speak_becomes_the_shops_own(
    desk: Served, telegram: FakeTelegram, rasa: FakeRasa
) -> None:
    user = telegram.user("ja")
    user.says("hi")
    user.reads("You said")
    assert rasa.turns[0]["language"] == "en"


def test_messages_of_one_chat_are_answered_in_their_order(desk: Served, robin: User) -> None:
    for number in range(12):
        robin.says(f"message {number}")
    until(lambda: len(robin.texts()) == 12)
    assert robin.texts() == [f"You said: message {number}" for number in range(12)]


def test_chats_are_answered_side_by_side(
    desk: Served, telegram: FakeTelegram, rasa: FakeRasa
) -> None:
    users = [telegram.user() for _ in range(3)]
    rasa.hold()
    for user in users:
        user.says("hello")
    until(lambda: rasa.most_at_once == 3)
    rasa.may_answer.set()
    for user in users:
        user.reads("You said: hello")


def test_an_update_that_comes_again_is_handled_once_also_after_a_restart(
    start_desk: Callable[..., Served], telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    served = start_desk()
    sent = robin.says("only once")
    robin.reads("You said: only once")
    deliver_again(telegram, sent)
    served.stop()
    deliver_again(telegram, sent)
    start_desk()
    robin.says("next")
    robin.reads("You said: next")
    assert rasa.texts == ["only once", "next"]


def test_a_message_is_kept_before_it_is_answered(
    desk: Served, robin: User, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()
    robin.says("keep me")
    assert rasa.hung.wait(20)
    kept = messages_of(database)
    assert [(row.author, row.text, row.state) for row in kept] == [
        ("shopper", "keep me", "waiting")
    ]
    rasa.may_answer.set()
    robin.reads("You said: keep me")


def test_typing_is_shown_while_the_assistant_works(
    desk: Served, telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    rasa.hold()
    robin.says("hello")
    until(lambda: bool(telegram.calls_of("sendChatAction")))
    call = telegram.calls_of("sendChatAction")[0]
    assert str(call.parameters["chat_id"]) == str(robin.id)
    assert call.parameters["action"] == "typing"


def test_a_button_is_answered_at_once_and_shows_what_was_chosen(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = ask_for_size
    robin.says("too small")
    question = robin.reads("Which size?")
    assert [each["text"] for row in keyboard(question) for each in row] == ["42", "43"]
    pressed = robin.presses("43")
    assert pressed.answer() == ""
    until(lambda: "✓ 43" in " ".join(robin.texts()))
    until(lambda: len(rasa.turns) == 2)
    assert rasa.turns[1]["choice"] == {"intent": "inform", "entities": {"choice": "size:43"}}
    assert rasa.turns[1]["text"] == "43"


def test_tokens_of_buttons_tell_nothing_and_fit(desk: Served, robin: User, rasa: FakeRasa) -> None:
    rasa.answer = ask_for_size
    robin.says("too small")
    question = robin.reads("Which size?")
    for row in keyboard(question):
        for button in row:
            assert len(button["callback_data"].encode()) <= 64
            assert "size" not in button["callback_data"]


def test_a_question_is_answered_by_one_button_however_often_it_is_pressed(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = ask_for_size
    robin.says("too small")
    question = robin.reads("Which size?")
    (first, second), *_ = keyboard(question)
    rasa.hold()
    robin.presses_button(question, first)
    late = robin.presses_button(question, second)
    assert late.answer() == render("telegram_button_old", "en")
    rasa.may_answer.set()
    until(lambda: len(rasa.turns) == 2)
    robin.says("done")
    until(lambda: len(rasa.turns) == 3)
    assert rasa.texts == ["too small", "42", "done"]


def test_an_old_button_says_so_in_the_chats_language_and_changes_nothing(
    desk: Served, telegram: FakeTelegram, rasa: FakeRasa
) -> None:
    rasa.answer = ask_for_size
    lotte = telegram.user("nl")
    lotte.says("te klein")
    question = lotte.reads("Which size?")
    lotte.says("nog iets anders")
    lotte.reads("Which size?")
    pressed = lotte.presses_button(question, keyboard(question)[0][0])
    assert pressed.answer() == render("telegram_button_old", "nl")
    assert pressed.is_alert
    assert rasa.texts == ["te klein", "nog iets anders"]


def test_a_forged_button_of_another_chat_opens_nothing(
    desk: Served, telegram: FakeTelegram, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = ask_for_size
    robin.says("too small")
    question = robin.reads("Which size?")
    eve = telegram.user()
    pressed = eve.presses_data(None, keyboard(question)[0][0]["callback_data"])
    assert pressed.answer() == render("telegram_button_old", "en")
    assert rasa.texts == ["too small"]


def test_the_buttons_of_an_earlier_question_go_when_a_new_one_is_asked(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    rasa.answer = ask_for_size
    robin.says("too small")
    robin.reads("Which size?")
    robin.says("hm")
    robin.reads("Which size?")
    until(lambda: robin.labels() == ["42", "43"])


def test_a_photo_is_kept_and_its_caption_is_a_message_after_it(
    desk: Served, robin: User, rasa: FakeRasa, database: Database, desk_settings: Settings
) -> None:
    robin.sends_photo(picture(), caption="look, it is torn")
    robin.reads("You said: look, it is torn")
    photo, reply, caption, _ = messages_of(database)
    assert photo.author == "shopper"
    assert photo.content["image"].startswith("/api/photos/")
    assert reply.text == render("desk_photo_received", "en")
    assert caption.text == "look, it is torn"
    kept = Path(desk_settings.var_dir) / "photos"
    assert len(list(kept.glob("*.jpg"))) == 1


def test_a_picture_sent_as_a_file_counts_as_a_photo(desk: Served, robin: User) -> None:
    robin.sends_document(picture("PNG"), "tear.png", "image/png")
    robin.reads(render("desk_photo_received", "en")[:20])


def test_that_photos_of_an_album_arrived_is_said_once(
    desk: Served, robin: User, database: Database
) -> None:
    for _ in range(3):
        robin.sends_photo(picture(), media_group_id="album-1")
    robin.says("that is all")
    robin.reads("You said: that is all")
    assert robin.texts().count(render("desk_photo_received", "en")) == 1
    assert sum("image" in row.content for row in messages_of(database)) == 3


def test_a_picture_that_is_too_large_or_none_is_refused_kindly(desk: Served, robin: User) -> None:
    robin.sends_document(b"x", "huge.jpg", "image/jpeg", stated_size=21 * 1024 * 1024)
    robin.reads(render("telegram_photo_too_large", "en", megabytes=10)[:30])
    robin.sends_document(b"no picture", "note.jpg", "image/jpeg")
    robin.reads(render("desk_photo_unreadable", "en")[:20])


def test_what_cannot_be_read_is_said_so_and_the_chat_goes_on(desk: Served, robin: User) -> None:
    robin.sends({"voice": {"file_id": "v", "file_unique_id": "v", "duration": 3}})
    robin.reads(render("telegram_unreadable", "en")[:20])
    robin.says("then in words")
    robin.reads("You said: then in words")


def test_a_change_counts_as_long_as_nobody_has_looked_at_the_message(
    desk: Served, robin: User, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()
    robin.says("first")
    assert rasa.hung.wait(20)
    waiting = robin.says("order LL-1")
    robin.edits(waiting, "order LL-2")
    robin.says("last")
    until(lambda: [row.text for row in messages_of(database)] == ["first", "order LL-2", "last"])
    rasa.may_answer.set()
    robin.reads("You said: last")
    assert rasa.texts == ["first", "order LL-2", "last"]


def test_a_change_of_an_answered_message_is_not_taken_and_that_is_said(
    desk: Served, robin: User, rasa: FakeRasa
) -> None:
    sent = robin.says("order LL-1")
    robin.reads("You said: order LL-1")
    robin.edits(sent, "order LL-2")
    robin.reads(render("telegram_edit_too_late", "en")[:30])
    assert rasa.texts == ["order LL-1"]


def test_a_person_who_has_the_conversation_gets_the_changed_text(
    desk: Served, robin: User, database: Database, clock: Clock
) -> None:
    sent = robin.says("order LL-1")
    robin.reads("You said: order LL-1")
    email = agent(database, clock())
    takeover.join(database, messages_of(database)[0].conversation_id, email, now=clock())
    robin.edits(sent, "order LL-2")
    until(lambda: messages_of(database)[-1].text == "order LL-2")
    assert messages_of(database)[-1].author == "shopper"


def test_words_of_a_person_arrive_with_their_name(
    desk: Served, robin: User, database: Database, clock: Clock
) -> None:
    robin.says("hello")
    robin.reads("You said: hello")
    conversation_id = messages_of(database)[0].conversation_id
    email = agent(database, clock())
    takeover.join(database, conversation_id, email, now=clock())
    takeover.say(database, conversation_id, email, "I look into <it> & write", now=clock())
    robin.reads("Mila:\nI look into <it> & write")


def test_a_group_is_refused_once_and_left(desk: Served, telegram: FakeTelegram) -> None:
    member = telegram.user("de", group=telegram.group())
    member.says("/help")
    until(lambda: bool(telegram.calls_of("leaveChat")))
    member.says("hallo?")
    until(lambda: len(telegram.calls_of("leaveChat")) == 2)
    said = [call.parameters["text"] for call in telegram.calls_of("sendMessage")]
    assert said == [render("telegram_group", "de")]


def test_who_blocks_the_bot_is_noted_and_hears_the_rest_when_they_are_back(
    desk: Served, telegram: FakeTelegram, robin: User, database: Database, clock: Clock
) -> None:
    robin.says("hello")
    robin.reads("You said: hello")
    robin.blocks()
    until(lambda: chat_row(database).blocked_at is not None)
    conversation_id = messages_of(database)[0].conversation_id
    takeover.join(database, conversation_id, agent(database, clock()), now=clock())
    robin.unblocks()
    until(lambda: chat_row(database).blocked_at is None)
    robin.reads("Mila")


def test_a_deactivated_user_is_noted_when_sending_fails(
    desk: Served, robin: User, rasa: FakeRasa, database: Database
) -> None:
    rasa.hold()
    robin.says("hello")
    assert rasa.hung.wait(20)
    robin.deletes_account()
    rasa.may_answer.set()
    until(lambda: chat_row(database).blocked_at is not None)
    assert not robin.from_bot


def test_an_update_that_is_none_is_set_aside_and_the_chat_goes_on(
    desk: Served, telegram: FakeTelegram, robin: User, database: Database
) -> None:
    robin.sends({"date": "never", "text": 5})
    robin.reads(render("telegram_unreadable", "en"))
    robin.says("still there?")
    robin.reads("You said: still there?")
    with database.read() as session:
        states = list(session.scalars(select(TelegramUpdate.state)))
    assert sorted(states) == ["done", "failed"]


def test_a_chat_whose_conversation_was_ended_elsewhere_begins_another(
    desk: Served, robin: User, database: Database, clock: Clock
) -> None:
    robin.says("hello")
    robin.reads("You said: hello")
    with database.write() as session:
        session.scalars(select(Conversation)).one().ended_at = clock()
    robin.says("again")
    robin.reads("You said: again")
    with database.read() as session:
        assert len(session.scalars(select(Conversation)).all()) == 2


def ask_for_size(_turn: dict[str, Any]) -> list[dict[str, Any]]:
    buttons = [
        {"title": size, "payload": {"intent": "inform", "entities": {"choice": f"size:{size}"}}}
        for size in ("42", "43")
    ]
    return [{"text": "Which size?", "buttons": buttons}]


def keyboard(message: dict[str, Any]) -> list[list[dict[str, Any]]]:
    rows: list[list[dict[str, Any]]] = message["reply_markup"]["inline_keyboard"]
    return rows


def chat_row(database: Database) -> TelegramChat:
    with database.read() as session:
        row: TelegramChat = session.scalars(select(TelegramChat)).one()
        session.expunge(row)
    return row
