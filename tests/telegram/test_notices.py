"""Messages about returns in a Telegram chat: for those who chose them, once, and never after a stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Notification, Return
from returnsdesk.services import (
    browser_sessions,
    chat_links,
    chat_wishes,
    conversations,
    identity,
    labels,
    notices,
    return_moves,
    telegram_chats,
    telegram_progress,
)
from returnsdesk.settings import LANGUAGES
from tests.notices.sending import change_order, send, statuses
from tests.services.documents import AGENT, create
from tests.services.shop import NOW
from tests.telegram.linked import (
    PHONE,
    SOON,
    account_link,
    browser,
    chat,
    customer,
    database,
    database_url,
    link,
    press,
    rows,
    said,
    settings,
    shop,
    talk_of,
    tap,
    write,
)

__all__ = ["database", "database_url", "settings", "shop"]

LATER = NOW + timedelta(hours=3)
"""Long after what the shopper has just asked for."""


def linked(shop: Any, *, wants: bool = True) -> str:
    """Link Anna's chat by her account page; returns its conversation."""
    tap(shop, account_link(shop))
    press(shop, "Yes, please" if wants else "No, thanks")
    return talk_of(shop).id


def news(shop: Any, chat_id: int = PHONE) -> list[str]:
    """What the delivery would send to the chat now, marked as sent; the answers to commands left out."""
    found = []
    while row := telegram_progress.next_outgoing(shop, chat_id, now=SOON):
        if row.reply_to_id is None:
            found.append(row.text)
        telegram_progress.mark_sent(shop, chat_id, row.conversation_id, row.seq)
    return found


def happen(shop: Any, settings: Any, conversation_id: str | None = None, *, at: Any = LATER) -> str:
    """A return is registered, then a colleague cancels it, and the notices are sent; returns its number."""
    number = create(shop, conversation_id=conversation_id).rma_number
    return_moves.cancel(shop, number, actor=AGENT, now=at)
    send(settings, shop, now=at)
    return number


# Chosen, and ended


def test_notices_are_off_until_they_are_chosen(shop: Any, settings: Any) -> None:
    tap(shop, account_link(shop))
    happen(shop, settings)

    assert not chat(shop).wants_notices
    assert news(shop) == []
    assert statuses(shop, "telegram") == {}


@pytest.mark.parametrize(
    ("answer", "wants"),
    [("Yes, please", True), ("No, thanks", False), ("yes", True), ("nope", False)],
)
def test_the_question_is_answered_by_button_or_in_words(
    shop: Any, answer: str, wants: bool
) -> None:
    tap(shop, account_link(shop))
    if answer[0].isupper():
        press(shop, answer)
    else:
        write(shop, answer)

    assert chat(shop).wants_notices is wants
    assert ("I will write to you here" in said(shop)[-1]) is wants
    assert rows(shop, talk_of(shop).id, "shopper")[-1].state == "answered"


def test_who_chose_them_hears_of_a_return_made_elsewhere(shop: Any, settings: Any) -> None:
    linked(shop)
    number = happen(shop, settings)

    (text,) = news(shop)
    assert number in text
    assert statuses(shop, "telegram")["cancelled"] == "sent"
    assert statuses(shop)["cancelled"] == "sent"


def test_a_notice_can_be_stopped_by_its_own_button(shop: Any, settings: Any) -> None:
    linked(shop)
    happen(shop, settings)

    press(shop, "Stop these messages")

    assert not chat(shop).wants_notices
    assert "/notices" in said(shop)[-1]


@pytest.mark.parametrize("word", ["stop", "STOP!", "Stopp", " stop. "])
def test_the_plain_word_right_after_a_notice_stops_them(
    shop: Any, settings: Any, word: str
) -> None:
    linked(shop)
    happen(shop, settings)
    write(shop, word)

    assert not chat(shop).wants_notices


def test_the_plain_word_at_any_other_time_is_for_the_assistant(shop: Any) -> None:
    talk = linked(shop)
    write(shop, "stop")

    assert chat(shop).wants_notices
    assert rows(shop, talk, "shopper")[-1].state == "waiting"


@pytest.mark.parametrize("text", ["stop my return", "yes", "no thanks"])
def test_other_words_after_a_notice_are_for_the_assistant(
    shop: Any, settings: Any, text: str
) -> None:
    talk = linked(shop)
    happen(shop, settings)
    write(shop, text)

    assert chat(shop).wants_notices
    assert rows(shop, talk, "shopper")[-1].state == "waiting"


def test_after_a_stop_nothing_is_sent_not_even_what_was_on_its_way(
    shop: Any, settings: Any
) -> None:
    linked(shop)
    number = create(shop).rma_number
    return_moves.cancel(shop, number, actor=AGENT, now=LATER)

    write(shop, "/stop", choice={chat_wishes.DESK: chat_wishes.NOTICES_OFF})
    send(settings, shop, now=LATER)

    assert news(shop) == []
    assert statuses(shop, "telegram")["cancelled"] == "dropped"


def test_a_notice_that_waits_in_the_chats_queue_is_not_sent_after_a_stop(
    shop: Any, settings: Any
) -> None:
    linked(shop)
    happen(shop, settings)

    write(shop, "/stop", choice={chat_wishes.DESK: chat_wishes.NOTICES_OFF})

    assert news(shop) == []


def test_the_command_shows_how_it_stands_and_switches_them_on_again(
    shop: Any, settings: Any
) -> None:
    linked(shop, wants=False)
    show = {chat_wishes.DESK: chat_wishes.NOTICES}
    write(shop, "/notices", choice=show)
    assert said(shop)[-1].startswith("Shall I write to you here")

    press(shop, "Yes, please")
    write(shop, "/notices", choice=show)

    assert said(shop)[-1].startswith("I write to you here")
    happen(shop, settings)
    assert len(news(shop)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_asking_and_stopping_speak_the_chats_language(shop: Any, language: str) -> None:
    tap(shop, account_link(shop), language=language)
    for wish in (chat_wishes.NOTICES_ON, chat_wishes.NOTICES, chat_wishes.NOTICES_OFF):
        write(shop, "/x", choice={chat_wishes.DESK: wish})

    on, shown, off = said(shop)[-3:]
    assert "/stop" in on and "/notices" in off
    assert len({on, shown, off}) == 3
    assert rows(shop, talk_of(shop).id)[-3].content["aside"][0]["title"]


def test_a_choice_that_is_made_up_is_no_wish_of_the_desk(shop: Any) -> None:
    talk = linked(shop)
    write(shop, "/x", choice={chat_wishes.DESK: "delete_everything"})

    assert rows(shop, talk, "shopper")[-1].state == "waiting"


# One notice, in one place


def test_the_chat_and_the_web_that_share_a_conversation_get_one_row(
    shop: Any, settings: Any
) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    press(shop, "Yes, please")

    number = happen(shop, settings, talk)

    told = [row for row in rows(shop, talk, "assistant") if number in row.text]
    assert len(told) == 1
    assert told[0].content["kind"] == chat_wishes.NOTICE
    assert statuses(shop, "web") == {}
    assert len(news(shop)) == 1


def test_a_shared_conversation_without_notices_shows_them_on_the_web_alone(
    shop: Any, settings: Any
) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    press(shop, "No, thanks")

    number = happen(shop, settings, talk)

    assert any(number in row.text for row in rows(shop, talk, "assistant"))
    assert news(shop) == []


def test_an_event_is_told_once_however_often_it_is_announced(shop: Any, settings: Any) -> None:
    linked(shop)
    number = happen(shop, settings)
    with shop.write() as session:
        document = session.scalars(select(Return)).one()
        for _ in range(3):
            notices.announce_return(session, "cancelled", document, now=LATER)
    send(settings, shop, now=LATER)

    assert len([text for text in news(shop) if number in text]) == 1


def test_what_the_shopper_did_in_the_chat_is_not_told_again(shop: Any, settings: Any) -> None:
    talk = linked(shop)
    number = create(shop, conversation_id=talk).rma_number
    return_moves.cancel(shop, number, actor="shopper", now=LATER)
    send(settings, shop, now=LATER)

    assert news(shop) == []
    assert statuses(shop)["cancelled"] == "sent"


def test_the_label_that_the_shopper_waits_for_comes_without_notices_too(
    shop: Any, settings: Any
) -> None:
    talk = linked(shop, wants=False)
    write(shop, "yes, send it in", now=SOON)
    number = create(shop, conversation_id=talk).rma_number
    labels.issue_label(shop, number, actor="system", now=SOON + timedelta(seconds=5))
    send(settings, shop, now=SOON + timedelta(minutes=2))

    (text,) = news(shop)
    assert text.startswith(f"Your label for return {number} is ready")
    assert "aside" not in rows(shop, talk)[-1].content


def test_a_label_that_comes_much_later_is_a_notice(shop: Any, settings: Any) -> None:
    talk = linked(shop, wants=False)
    number = create(shop, conversation_id=talk).rma_number
    labels.issue_label(shop, number, actor="system", now=LATER)
    send(settings, shop, now=LATER)

    assert news(shop) == []


# To whom


def test_a_guest_hears_of_what_was_registered_in_the_chat(shop: Any, settings: Any) -> None:
    write(shop, "/notices", choice={chat_wishes.DESK: chat_wishes.NOTICES_ON}, now=NOW)
    number = happen(shop, settings, talk_of(shop).id)

    assert [number in text for text in news(shop)] == [True]
    assert "that you register in this chat" in said(shop)[0]


def test_a_guest_hears_of_it_after_a_new_conversation_as_well(shop: Any, settings: Any) -> None:
    write(shop, "/notices", choice={chat_wishes.DESK: chat_wishes.NOTICES_ON}, now=NOW)
    old = talk_of(shop).id
    conversations.end(shop, old, now=NOW)
    telegram_chats.open_chat(shop, PHONE, "en", now=NOW)

    happen(shop, settings, old)

    assert len(news(shop)) == 1


def test_a_guest_does_not_hear_of_what_others_registered(shop: Any, settings: Any) -> None:
    write(shop, "/notices", choice={chat_wishes.DESK: chat_wishes.NOTICES_ON}, now=NOW)
    happen(shop, settings)

    assert news(shop) == []


def test_another_customers_chat_hears_nothing(shop: Any, settings: Any) -> None:
    tap(shop, account_link(shop, customer(shop, "bob")))
    press(shop, "Yes, please")
    happen(shop, settings)

    assert news(shop) == []


def test_an_unlinked_chat_hears_nothing_more(shop: Any, settings: Any) -> None:
    linked(shop)
    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)
    happen(shop, settings)

    assert news(shop) == []


def test_a_buyer_does_not_hear_of_a_gift_that_is_sent_back(shop: Any, settings: Any) -> None:
    linked(shop)
    change_order(shop, "LL-2", lambda order: setattr(order, "is_gift", True))
    giver = browser(shop, None)
    assert identity.check_order_and_postcode(shop, giver, "LL-2", "1071KV", now=NOW)
    happen(shop, settings, giver)

    assert news(shop) == []


def test_a_chat_that_has_blocked_the_bot_gets_nothing_written(shop: Any, settings: Any) -> None:
    linked(shop)
    telegram_chats.note_blocked(shop, PHONE, now=NOW)
    happen(shop, settings)

    assert statuses(shop, "telegram") == {}


def test_a_notice_goes_where_the_chat_has_turned_to(shop: Any, settings: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    press(shop, "Yes, please")
    number = create(shop).rma_number
    return_moves.cancel(shop, number, actor=AGENT, now=LATER)
    browser_sessions.leave(shop, talk, begins_anew=True, now=LATER)

    send(settings, shop, now=LATER)

    assert talk_of(shop).id != talk
    assert any(number in text for text in said(shop))


def test_the_row_and_its_mark_are_one(shop: Any, settings: Any) -> None:
    linked(shop)
    happen(shop, settings)

    noted = [
        row
        for row in rows(shop, talk_of(shop).id, "assistant")
        if row.content.get("kind") == chat_wishes.NOTICE
    ]
    with shop.read() as session:
        sent = session.execute(
            select(Notification.event, Notification.recipient).where(
                Notification.channel == "telegram", Notification.status == "sent"
            )
        ).all()
    assert [tuple(row) for row in sent] == [("cancelled", str(PHONE))]
    assert len(noted) == 1
