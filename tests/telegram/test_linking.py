"""Links into Telegram: what they join, whom they show, and that nobody gets another's conversation by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from returnsdesk.db.models import (
    ChatLink,
    Conversation,
    Customer,
    Draft,
    StaffAccount,
    TelegramChat,
)
from returnsdesk.services import (
    answers,
    browser_sessions,
    cases,
    chat_links,
    chat_moves,
    conversations,
    drafts,
    identity,
    takeover,
    telegram_chats,
    telegram_progress,
)
from returnsdesk.services.answers import Reply
from returnsdesk.services.buttons import Button
from returnsdesk.services.errors import NotFound
from returnsdesk.settings import LANGUAGES
from tests.services.shop import NOW
from tests.telegram.linked import (
    KEY,
    OTHER_PHONE,
    PHONE,
    SOON,
    account_link,
    browser,
    chat,
    customer,
    database,
    database_url,
    is_ended,
    link,
    login,
    press,
    rows,
    said,
    scope,
    settings,
    shop,
    talk_of,
    tap,
    write,
)

__all__ = ["database", "database_url", "settings", "shop"]


MILA = "mila@lundlinde.example"


def on_web(shop: Any, talk: str, text: str, *replies: Reply) -> None:
    """A message typed in the browser, answered."""
    accepted = conversations.accept(shop, talk, message_id=f"w-{text}", text=text, now=NOW)
    waiting = answers.claim(shop, talk, owner="desk", now=NOW)
    assert accepted.is_new
    answers.store_answer(shop, waiting.id, replies, {"slots": {}}, owner="desk", now=NOW)


def sent_to_chat(shop: Any, chat_id: int = PHONE) -> list[str]:
    """What the delivery would send to the chat now, marked as sent."""
    found = []
    while row := telegram_progress.next_outgoing(shop, chat_id, now=SOON):
        found.append(row.text)
        telegram_progress.mark_sent(shop, chat_id, row.conversation_id, row.seq)
    return found


def find(shop: Any, talk: str, *, issued_at: Any = NOW, now: Any = SOON) -> Any:
    with shop.read() as session:
        return browser_sessions.find(session, talk, issued_at=issued_at, now=now)


def anna_id(shop: Any) -> int:
    with shop.read() as session:
        return session.scalar(select(Customer.id).where(Customer.external_id == "anna"))


# What a link joins


def test_a_link_of_the_account_page_links_a_new_chat(shop: Any) -> None:
    redeemed = tap(shop, account_link(shop))

    assert redeemed.outcome == chat_links.LINKED
    assert chat(shop).customer_id == anna_id(shop)
    assert scope(shop, talk_of(shop).id) == identity.Scope(customer_id=anna_id(shop))
    assert "the account of A*** d***" in said(shop)[0]


def test_a_link_of_the_widget_takes_its_conversation_along(shop: Any) -> None:
    talk = browser(shop)
    on_web(shop, talk, "I want to return a shirt", Reply("Which one?", (Button("M", {"a": 1}),)))

    redeemed = tap(shop, link(shop, talk))

    assert (redeemed.outcome, redeemed.conversation_id) == (chat_links.LINKED, talk)
    assert chat(shop).conversation_id == talk
    linked, asked, again = sent_to_chat(shop)
    assert "We go on here where you left off" in linked
    assert asked.startswith("Shall I write to you here")
    assert again == "Which one?"


def test_the_repeated_question_has_the_buttons_that_still_count(shop: Any) -> None:
    talk = browser(shop)
    on_web(shop, talk, "return", Reply("Which one?", (Button("M", {"intent": "inform"}),)))
    tap(shop, link(shop, talk))

    press(shop, "M")

    assert rows(shop, talk)[-1].choice == {"intent": "inform"}


def test_earlier_messages_of_the_web_are_not_sent_again(shop: Any) -> None:
    talk = browser(shop)
    for text in ("one", "two"):
        on_web(shop, talk, text, Reply(f"answer {text}"))
    tap(shop, link(shop, talk))

    assert "answer one" not in sent_to_chat(shop)


def test_a_draft_begun_on_the_web_is_the_same_in_the_chat(shop: Any) -> None:
    talk = browser(shop)
    draft_id = drafts.start(shop, talk, {"items": "shirt"}, now=NOW)

    tap(shop, link(shop, talk))

    with shop.read() as session:
        found = drafts.latest(session, chat(shop).conversation_id, SOON)
        assert (found.id, found.state) == (draft_id, "open")


def test_an_empty_conversation_of_a_new_chat_leaves_nothing_behind(shop: Any) -> None:
    telegram_chats.open_chat(shop, PHONE, "nl", now=NOW)
    tap(shop, link(shop, browser(shop)))

    with shop.read() as session:
        assert session.scalar(select(func.count(Conversation.id))) == 1
    assert "closed" not in said(shop)[0]


@pytest.mark.parametrize(
    ("has_draft", "line"),
    [(False, "in this chat before is closed."), (True, "the return that you had begun there")],
)
def test_the_conversation_that_a_chat_leaves_is_closed_and_that_is_said(
    shop: Any, has_draft: bool, line: str
) -> None:
    write(shop, "hello", now=NOW)
    old = talk_of(shop).id
    if has_draft:
        drafts.start(shop, old, {}, now=NOW)

    redeemed = tap(shop, link(shop, browser(shop)))

    assert redeemed.others == (old,)
    assert is_ended(shop, old)
    assert line in said(shop)[0]


def test_a_link_of_the_account_page_leaves_the_chats_own_conversation(shop: Any) -> None:
    write(shop, "hello", now=NOW)
    talk = talk_of(shop).id

    tap(shop, account_link(shop))

    assert talk_of(shop).id == talk
    assert not is_ended(shop, talk)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_in_the_language_of_the_chat(shop: Any, language: str) -> None:
    tap(shop, account_link(shop), language=language)

    assert "A*** d***" in said(shop)[0]
    assert talk_of(shop).language == language
    assert len(said(shop)) == 2


# Guests


def test_a_guest_takes_over_no_more_than_was_proven_and_for_no_longer(shop: Any) -> None:
    talk = browser(shop, None)
    assert identity.check_order_and_postcode(shop, talk, "LL-1", "1071KV", now=NOW)
    before = scope(shop, talk)

    redeemed = tap(shop, link(shop, talk))
    write(shop, "go on", now=SOON)

    assert redeemed.outcome == chat_links.CARRIED
    assert chat(shop).customer_id is None
    assert scope(shop, talk) == before
    assert scope(shop, talk, NOW + identity.GUEST_LIFETIME) is None


def test_the_browser_that_a_guest_came_from_reads_no_more(shop: Any) -> None:
    talk = browser(shop, None)
    token = link(shop, talk)
    assert find(shop, talk) is not None

    tap(shop, token)

    assert find(shop, talk) is None


# Refusals change nothing


def test_a_link_works_once(shop: Any) -> None:
    token = account_link(shop)
    tap(shop, token)

    again = tap(shop, token, OTHER_PHONE)

    assert again.outcome == chat_links.USED
    assert chat(shop, OTHER_PHONE).customer_id is None
    assert chat(shop).customer_id == anna_id(shop)
    assert "used before" in said(shop, OTHER_PHONE)[0]


def test_links_made_beside_it_work_no_more(shop: Any) -> None:
    talk = browser(shop)
    first, second = link(shop, talk), link(shop, talk)
    tap(shop, first)

    assert tap(shop, second, OTHER_PHONE).outcome == chat_links.USED
    assert chat(shop, OTHER_PHONE).customer_id is None


def test_a_link_runs_out_after_a_quarter_of_an_hour(shop: Any) -> None:
    token = account_link(shop)

    late = tap(shop, token, now=NOW + chat_links.LIFETIME)

    assert late.outcome == chat_links.EXPIRED
    assert chat(shop).customer_id is None
    assert "15 minutes" in said(shop)[0]


def test_a_link_is_good_until_then(shop: Any) -> None:
    token = account_link(shop)
    redeemed = tap(shop, token, now=NOW + chat_links.LIFETIME - timedelta(seconds=1))
    assert redeemed.outcome == chat_links.LINKED


@pytest.mark.parametrize("token", ["", "x" * 64, "' OR 1=1 --", "\ud800"])
def test_a_made_up_link_opens_nothing(shop: Any, token: str) -> None:
    assert tap(shop, token).outcome == chat_links.EXPIRED
    assert chat(shop).customer_id is None


def test_only_the_hash_of_a_link_is_kept(shop: Any) -> None:
    token = account_link(shop)
    with shop.read() as session:
        (kept,) = session.scalars(select(ChatLink.token_hash))
    assert token not in kept and len(token) <= 64


@pytest.mark.parametrize("of", ["account", "conversation"])
def test_a_chat_of_another_account_is_asked_to_unlink_first(shop: Any, of: str) -> None:
    tap(shop, account_link(shop))
    bob = customer(shop, "bob")
    token = account_link(shop, bob) if of == "account" else link(shop, browser(shop, bob))

    refused = tap(shop, token)

    assert refused.outcome == chat_links.OTHER_ACCOUNT
    assert chat(shop).customer_id == anna_id(shop)
    assert "/unlink" in said(shop)[-1] and "B***" not in said(shop)[-1]
    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)
    assert tap(shop, token).outcome == chat_links.LINKED


def test_a_linked_chat_does_not_take_over_what_a_guest_began(shop: Any) -> None:
    tap(shop, account_link(shop))
    talk = browser(shop, None)

    assert tap(shop, link(shop, talk)).outcome == chat_links.OTHER_GUEST
    assert talk_of(shop).id != talk


def test_a_conversation_that_became_somebody_elses_is_not_handed_over(shop: Any) -> None:
    talk = browser(shop)
    token = link(shop, talk)
    bob = customer(shop, "bob")
    identity.sign_in(shop, talk, login(bob), key=KEY, now=NOW)

    tap(shop, token)

    assert talk_of(shop).id != talk


def test_the_account_does_not_get_what_another_person_proved_in_the_chat(shop: Any) -> None:
    write(shop, "hello", now=NOW)
    old = talk_of(shop).id
    assert identity.check_order_and_postcode(shop, old, "LL-1", "1071KV", now=NOW)
    bob = customer(shop, "bob")

    tap(shop, account_link(shop, bob))

    assert talk_of(shop).id != old
    assert is_ended(shop, old)


def test_a_conversation_with_a_person_is_not_left(shop: Any) -> None:
    write(shop, "help", now=NOW)
    talk = talk_of(shop).id
    with shop.write() as session:
        session.add(
            StaffAccount(email=MILA, name="Mila", role="agent", password_hash="-", created_at=NOW)
        )
    takeover.join(shop, talk, MILA, now=NOW)
    token = link(shop, browser(shop))

    assert tap(shop, token).outcome == chat_links.WITH_PERSON
    assert talk_of(shop).id == talk
    takeover.leave(shop, talk, MILA, now=SOON, is_solved=True)
    assert tap(shop, token).outcome == chat_links.LINKED


def test_logging_out_takes_back_links_that_nobody_has_opened(shop: Any) -> None:
    talk = browser(shop)
    token = link(shop, talk)
    browser_sessions.leave(shop, talk, begins_anew=False, now=NOW)

    assert tap(shop, token).outcome == chat_links.EXPIRED


def test_an_ended_conversation_gives_no_link(shop: Any) -> None:
    talk = browser(shop)
    conversations.end(shop, talk, now=NOW)
    with pytest.raises(NotFound):
        link(shop, talk)


@pytest.mark.parametrize("name", ["nobody", "anna"])
def test_the_account_page_gets_a_link_for_a_good_log_in_alone(shop: Any, name: str) -> None:
    forged = identity.shop_login_token(name, key="x" * 32, now=NOW)
    old = login(name, now=NOW - timedelta(hours=1))
    for token in (forged, old, "", "a.b.c"):
        assert chat_links.make_for_customer(shop, token, key=KEY, now=NOW) is None


# The same update twice, other phones


def test_the_same_update_twice_says_nothing_twice(shop: Any) -> None:
    token = link(shop, browser(shop))
    tap(shop, token, message="tg-1001-7")
    before = said(shop)

    assert tap(shop, token, message="tg-1001-7").outcome == chat_links.REPEATED
    assert said(shop) == before


def test_a_customer_has_one_chat_and_the_other_is_told(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    press(shop, "Yes, please")

    tap(shop, link(shop, talk), OTHER_PHONE)

    assert chat(shop, OTHER_PHONE).conversation_id == talk
    assert chat(shop, OTHER_PHONE).customer_id == anna_id(shop)
    assert (chat(shop).customer_id, chat(shop).wants_notices) == (None, False)
    assert "another Telegram chat" in said(shop)[-1]
    assert scope(shop, talk_of(shop).id) is None


def test_linking_again_says_so_and_goes_on_there(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    on_web(shop, talk, "return", Reply("Which one?"))

    assert tap(shop, link(shop, talk)).outcome == chat_links.ALREADY
    already, question = said(shop)[-2:]
    assert "already" in already
    assert question == "Which one?"
    assert talk_of(shop).id == talk


# Showing and ending


def test_the_link_is_shown_with_a_masked_name(shop: Any) -> None:
    tap(shop, account_link(shop))
    chat_links.show(shop, PHONE, message_id="s", text="/link", day="10 June 2026", now=SOON)

    assert "A*** d***, since 10 June 2026" in said(shop)[-1]


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Ida", "Lund", "I*** L***"),
        ("Ida", "", "I***"),
        ("", "", "x***@***"),
        (" ", None, "x***@***"),
    ],
)
def test_a_name_is_masked_to_its_letters(first: str, last: str, shown: str) -> None:
    somebody = Customer(first_name=first, last_name=last, email_norm="x@mail.example")
    assert chat_moves.masked_name(somebody) == shown


def test_an_unlinked_chat_knows_nobody_and_the_web_keeps_its_conversation(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    press(shop, "Yes, please")

    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)

    assert talk_of(shop).id != talk
    assert not is_ended(shop, talk)
    assert (chat(shop).customer_id, chat(shop).wants_notices) == (None, False)
    assert scope(shop, talk) is None and scope(shop, talk_of(shop).id) is None
    write(shop, "my orders", now=SOON)
    assert scope(shop, talk_of(shop).id) is None


def test_a_conversation_of_the_chat_alone_is_closed_when_it_is_unlinked(shop: Any) -> None:
    tap(shop, account_link(shop))
    talk = talk_of(shop).id

    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)
    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)

    assert is_ended(shop, talk)
    assert len(said(shop)) == 1


def test_unlinking_what_is_not_linked_changes_nothing_and_says_how_to_link(shop: Any) -> None:
    write(shop, "hello", now=NOW)
    talk = talk_of(shop).id

    chat_links.unlink(shop, PHONE, message_id="u", text="/unlink", now=SOON)

    assert talk_of(shop).id == talk
    assert "Continue on Telegram" in said(shop)[-1]


# Proof in a linked chat


def test_each_message_of_a_linked_chat_proves_anew_whose_it_is(shop: Any) -> None:
    tap(shop, account_link(shop))
    much_later = NOW + timedelta(days=30)
    assert scope(shop, talk_of(shop).id, much_later) is None

    write(shop, "where is my refund", now=much_later)

    assert scope(shop, talk_of(shop).id, much_later) == identity.Scope(customer_id=anna_id(shop))


def test_a_message_from_the_web_proves_nothing_for_the_chat(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    much_later = NOW + timedelta(days=30)

    conversations.accept(shop, talk, message_id="w", text="my orders", now=much_later)

    assert scope(shop, talk, much_later) is None


def test_another_proof_in_a_linked_chat_holds_until_it_runs_out(shop: Any) -> None:
    tap(shop, account_link(shop, customer(shop, "bob")))
    talk = talk_of(shop).id
    write(shop, "LL-1 1071KV", now=SOON)
    assert identity.check_order_and_postcode(shop, talk, "LL-1", "1071KV", now=SOON)

    write(shop, "go on", now=SOON)
    assert scope(shop, talk).order_id is not None
    later = SOON + identity.GUEST_LIFETIME
    write(shop, "and mine?", now=later)
    assert scope(shop, talk, later).customer_id is not None


def test_what_another_person_proves_in_a_linked_chat_no_browser_reads(shop: Any) -> None:
    bob = customer(shop, "bob")
    talk = browser(shop, bob)
    tap(shop, link(shop, talk))
    write(shop, "LL-1 1071KV", now=SOON)
    assert find(shop, talk) is not None

    identity.check_order_and_postcode(shop, talk, "LL-1", "1071KV", now=SOON)
    write(shop, "thanks", now=SOON + identity.GUEST_LIFETIME)

    assert find(shop, talk) is None
    later = SOON + timedelta(hours=3)
    assert (
        browser_sessions.open_shared(shop, login(bob, now=later), None, key=KEY, now=later) is None
    )


def test_what_is_proven_in_the_browser_stays_open_there(shop: Any) -> None:
    talk = browser(shop, customer(shop, "bob"))
    tap(shop, link(shop, talk))
    conversations.accept(shop, talk, message_id="w", text="LL-1 1071KV", now=SOON)

    identity.check_order_and_postcode(shop, talk, "LL-1", "1071KV", now=SOON)

    assert find(shop, talk) is not None


# Browsers and the conversation that they share


def test_a_log_in_at_the_shop_opens_the_conversation_of_the_chat(shop: Any) -> None:
    tap(shop, account_link(shop))

    shared = browser_sessions.open_shared(shop, login("anna"), None, key=KEY, now=NOW)

    assert shared.conversation.id == talk_of(shop).id


def test_a_forged_log_in_opens_no_conversation_of_a_chat(shop: Any) -> None:
    tap(shop, account_link(shop))
    forged = identity.shop_login_token("anna", key="x" * 32, now=NOW)

    assert browser_sessions.open_shared(shop, forged, None, key=KEY, now=NOW) is None


def test_what_the_browser_had_open_is_closed_for_it(shop: Any) -> None:
    tap(shop, account_link(shop))
    present = browser(shop, None)

    shared = browser_sessions.open_shared(shop, login("anna"), present, key=KEY, now=NOW)

    assert shared.left == present
    assert is_ended(shop, present)


@pytest.mark.parametrize("busy", ["draft", "person"])
def test_what_is_to_be_finished_in_the_browser_is_not_left(shop: Any, busy: str) -> None:
    tap(shop, account_link(shop))
    present = browser(shop, None)
    if busy == "draft":
        drafts.start(shop, present, {}, now=NOW)
    else:
        cases.open_case(shop, present, "asked", "", now=NOW)

    assert browser_sessions.open_shared(shop, login("anna"), present, key=KEY, now=NOW) is None
    assert not is_ended(shop, present)


def test_logging_out_closes_the_browsers_and_not_the_chat(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))

    browser_sessions.leave(shop, talk, begins_anew=False, now=SOON)

    assert find(shop, talk) is None
    assert find(shop, talk, issued_at=SOON + timedelta(seconds=1)) is not None
    assert not is_ended(shop, talk)
    assert chat(shop).conversation_id == talk
    assert scope(shop, talk) is not None


def test_logging_out_without_a_chat_closes_the_conversation(shop: Any) -> None:
    talk = browser(shop)
    browser_sessions.leave(shop, talk, begins_anew=False, now=SOON)

    assert is_ended(shop, talk)
    assert scope(shop, talk) is None


def test_a_new_conversation_in_the_browser_is_the_chats_as_well(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    sent_to_chat(shop)

    new = browser_sessions.leave(shop, talk, begins_anew=True, now=SOON)

    assert is_ended(shop, talk)
    assert talk_of(shop).id == new.id
    assert sent_to_chat(shop) == [
        "A new conversation was begun on our website. We go on here with that one."
    ]


def test_a_browser_reads_a_linked_conversation_no_longer_than_a_log_in_lasts(shop: Any) -> None:
    talk = browser(shop)
    end = NOW + identity.LOGIN_LIFETIME
    assert find(shop, talk, now=end) is not None

    tap(shop, link(shop, talk))

    assert find(shop, talk, now=end) is None
    assert find(shop, talk, now=end - timedelta(seconds=1)) is not None


# Answers reach whom they are for


def test_answers_to_the_browser_are_not_sent_to_the_chat(shop: Any) -> None:
    talk = browser(shop)
    tap(shop, link(shop, talk))
    sent_to_chat(shop)

    on_web(shop, talk, "typed in the browser", Reply("answer for the browser"))

    assert sent_to_chat(shop) == []
    with shop.read() as session:
        assert session.scalar(select(func.count(TelegramChat.chat_id))) == 1
        assert session.scalar(select(func.count(Draft.id))) == 0
