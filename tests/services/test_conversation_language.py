"""The language of a conversation follows the shopper's words, and their wish before their words."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from returnsdesk.db.models import Conversation, Message
from returnsdesk.db.session import Database
from returnsdesk.services import conversations
from tests.services.shop import NOW

DUTCH = "waar blijft mijn geld voor de jurk"
ENGLISH = "where is my money for the dress"


def talk(database: Database, *texts: str) -> str:
    """A conversation begun in English, with what was typed in it."""
    conversation_id = conversations.start(database, channel="web", language="en", now=NOW).id
    for number, text in enumerate(texts):
        say(database, conversation_id, text, number)
    return conversation_id


def say(database: Database, conversation_id: str, text: str, number: int) -> None:
    at = NOW + timedelta(seconds=number)
    conversations.accept(database, conversation_id, message_id=f"m-{number}", text=text, now=at)


def language(database: Database, conversation_id: str) -> str:
    with database.read() as session:
        return str(session.get(Conversation, conversation_id).language)


def test_first_words_decide(shop: Database) -> None:
    assert language(shop, talk(shop, DUTCH)) == "nl"


def test_what_tells_no_language_changes_nothing(shop: Database) -> None:
    assert language(shop, talk(shop, "LL-10234", "hallo")) == "en"


def test_later_it_takes_two_messages(shop: Database) -> None:
    assert language(shop, talk(shop, ENGLISH, DUTCH)) == "en"
    assert language(shop, talk(shop, ENGLISH, DUTCH, "ik wil de jurk liever ruilen")) == "nl"


def test_a_wish_for_a_language_counts_more_than_words(shop: Database) -> None:
    conversation_id = talk(shop, "english please")
    with shop.write() as session:
        session.execute(update(Message).values(intent="language_change"))

    say(shop, conversation_id, DUTCH, 1)
    say(shop, conversation_id, "ik wil de jurk liever ruilen", 2)

    assert language(shop, conversation_id) == "en"


def test_a_button_has_no_language(shop: Database) -> None:
    conversation_id = talk(shop)
    conversations.accept(
        shop, conversation_id, message_id="b", text=DUTCH, choice={"intent": "greet"}, now=NOW
    )

    assert language(shop, conversation_id) == "en"
