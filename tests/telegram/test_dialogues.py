"""The main dialogues in Telegram, in five languages, with the whole product behind the bot."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Claim, Customer, Draft, Exchange, Order, Return, TelegramChat
from returnsdesk.desk_client import ChatClient
from returnsdesk.services import identity
from tests.desk.pictures import picture
from tests.desk.shopper import Shopper as Browser
from tests.servers.product import Product, product_in
from tests.servers.telegram import FakeTelegram, User, serve_telegram
from tests.telegram.looking import until


@dataclass(frozen=True)
class Shop:
    """The product, and the Telegram that its bot is on."""

    product: Product
    telegram: FakeTelegram

    def mailed_code(self, known: list[str]) -> str:
        """The newest code in the demo's mailbox that is not one of the known."""
        until(lambda: self.codes()[:1] != known[:1])
        return self.codes()[0]

    def codes(self) -> list[str]:
        with closing(ChatClient(self.product.settings)) as client:
            found = [re.search(r"\b\d{6}\b", mail["text"]) for mail in client.mails()]
        return [each.group() for each in found if each]

    def settlements(self, order: str) -> list[tuple[str | None, str | None]]:
        """What is registered for an order: how it is settled, and the state of its exchange."""
        with self.product.database.read() as session:
            rows = session.execute(
                select(Return.settlement, Exchange.status)
                .join(Order, Order.id == Return.order_id)
                .outerjoin(Exchange, Exchange.return_id == Return.id)
                .where(Order.number == order)
            )
            return [(settlement, status) for settlement, status in rows]

    def conversation_of(self, user: User) -> str:
        with self.product.database.read() as session:
            found = session.get(TelegramChat, user.id)
            assert found is not None
            return str(found.conversation_id)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A product whose bot is on a loopback Telegram, asked for updates by polling."""
    state = tmp_path_factory.mktemp("on_telegram")
    with (
        serve_telegram() as telegram,
        product_in(state, TELEGRAM_TOKEN=telegram.token, TELEGRAM_API_URL=telegram.url) as product,
    ):
        yield Shop(product, telegram)


def proves(user: User, proof: str) -> None:
    """Name the order, and its postcode when asked for it."""
    number, _, postcode = proof.partition(", ")
    user.says(number)
    user.reads("post|kod")
    user.says(postcode)


@pytest.mark.parametrize(
    ("language", "question", "proof", "answer"),
    [
        ("en", "where is my refund?", "LL-10201, 3011 GX", [r"LL-10201", r"€136\.05"]),
        ("nl", "waar is mijn geld?", "LL-10226, 9712 HN", [r"LL-10226", "gecontroleerd"]),
        ("de", "wo bleibt mein Geld?", "LL-10196, 20253", [r"LL-10196", "versprochen"]),
        ("nb", "hvor er pengene mine?", "LL-10214, 0358", [r"LL-10214", "senest"]),
        ("pl", "gdzie są moje pieniądze?", "LL-10217, 30-059", [r"LL-10217", "336,01"]),
    ],
)
def test_where_is_my_refund_after_number_and_postcode(
    shop: Shop, language: str, question: str, proof: str, answer: list[str]
) -> None:
    user = shop.telegram.user(language)
    user.says(question)
    user.reads("e-?mail|adres")
    proves(user, proof)
    user.reads(*answer)
    # A stage of the return as a bar.
    user.reads("▰")


def test_a_code_by_mail_opens_the_orders(shop: Shop) -> None:
    known = shop.codes()
    user = shop.telegram.user("en")
    user.says("where is my refund?")
    user.reads("e-mail address")
    user.says("priya.nair@mail.example")
    user.reads("has orders with us")
    user.says("000000")
    user.reads("not right")
    user.says(shop.mailed_code(known))
    user.reads("LL-10201", r"€136\.05")


@pytest.mark.parametrize(
    ("language", "wish", "proof", "item", "reason", "question", "yes", "order"),
    [
        (
            "en",
            "I want to return the ochre throw",
            "LL-10243, H91 W6PX",
            "Sky",
            "not my style",
            "Shall I register",
            "Yes",
            "LL-10243",
        ),
        (
            "nl",
            "ik wil de handdoeken terugsturen",
            "LL-10184, 3581 KP",
            "handdoekenset",
            "niet mijn smaak",
            "aanmelden",
            "Ja",
            "LL-10184",
        ),
        (
            "de",
            "ich möchte die Decke zurückgeben",
            "LL-10236, 50672",
            "Sky",
            "gefällt mir nicht",
            "Soll ich das so anmelden",
            "Ja",
            "LL-10236",
        ),
        (
            "nb",
            "jeg vil returnere pleddet",
            "LL-10214, 0358",
            "Sky",
            "ikke min stil",
            "registrere",
            "Ja",
            "LL-10214",
        ),
        (
            "pl",
            "chcę zwrócić pościel",
            "LL-10259, 80-244",
            "Dr",
            "nie podoba mi się",
            "Czy mam to zgłosić",
            "Tak",
            "LL-10259",
        ),
    ],
)
def test_a_return_to_the_label_as_pdf_and_code_as_picture(
    shop: Shop,
    language: str,
    wish: str,
    proof: str,
    item: str,
    reason: str,
    question: str,
    yes: str,
    order: str,
) -> None:
    before = len(shop.settlements(order))
    user = shop.telegram.user(language)
    user.says(wish)
    user.reads("e-?mail|adres")
    proves(user, proof)
    user.reads(item)
    user.says(reason)
    user.reads(question)
    assert len(shop.settlements(order)) == before
    user.sees(yes)
    user.presses(yes)
    user.reads(r"RMA-\d+")
    assert len(shop.settlements(order)) == before + 1
    assert user.gets("document")[0].startswith(b"%PDF")
    # The label's document may come beside the code for a phone.
    assert user.gets("photo")[-1]


@pytest.mark.parametrize(
    ("language", "wish", "proof", "size", "yes", "order"),
    [
        (
            "en",
            "the pyjamas are too small, can I swap them for the next size?",
            "LL-10243, H91 W6PX",
            "116",
            "Yes",
            "LL-10243",
        ),
        (
            "nl",
            "De zwarte laarsjes zijn te klein, graag 38,5",
            "LL-10254, 3581 KP",
            "39",
            "Ja",
            "LL-10254",
        ),
        (
            "pl",
            "Zielona sukienka jest za duża, chcę mniejszą",
            "LL-10246, 30-059",
            "",
            "Tak",
            "LL-10246",
        ),
    ],
)
def test_a_size_is_exchanged_by_buttons(
    shop: Shop, language: str, wish: str, proof: str, size: str, yes: str, order: str
) -> None:
    user = shop.telegram.user(language)
    user.says(wish)
    user.reads("e-?mail|adres")
    proves(user, proof)
    if size:
        user.sees(size)
        user.presses(size)
    user.sees(yes)
    user.presses(yes)
    user.reads(r"EX-\d+")
    assert (None, "held") in shop.settlements(order)


def test_a_used_button_is_gone_and_an_old_one_changes_nothing(shop: Shop) -> None:
    user = shop.telegram.user("en")
    user.says("I want to return a T-shirt")
    user.reads("e-mail")
    user.says("LL-10229, 20253")
    user.sees("1")
    user.presses("1")
    user.reads("reason")
    user.sees("Not my style")
    asked = next(each for each in reversed(user.from_bot) if "reply_markup" in each)
    button = next(
        each
        for row in asked["reply_markup"]["inline_keyboard"]
        for each in row
        if each["text"].startswith("Not my style")
    )
    asked = dict(asked)
    user.presses_button(asked, button).answer()
    user.sees("Yes")
    assert "Not my style" not in user.labels()
    before = shop.settlements("LL-10229")
    again = user.presses_button(asked, button)
    assert again.answer() and again.is_alert
    user.presses("Stop")
    assert shop.settlements("LL-10229") == before


def test_the_language_is_changed_in_the_middle(shop: Shop) -> None:
    user = shop.telegram.user("en")
    user.says("where is my refund?")
    user.reads("e-mail address")
    user.says("/language")
    user.sees("Deutsch")
    user.presses("Deutsch")
    user.reads("Deutsch mit Ihnen")
    user.says("LL-10196, 20253")
    user.reads("versprochen")


def test_a_person_takes_over_and_hands_back(shop: Shop) -> None:
    user = shop.telegram.user("en")
    user.says("what is your return policy?")
    user.reads(".")
    talk = shop.conversation_of(user)
    _staff(shop, "join", talk)
    user.reads("Mila")
    user.says("hello Mila, <b>are</b> you there?")
    _staff(shop, "say", talk, "Yes & I am <here> for you.")
    said = user.reads("I am <here> for you")
    assert "Mila" in said["text"]
    user.has_read()
    _staff(shop, "leave", talk)
    user.reads("assistant|hand")
    user.says("where is my refund?")
    user.reads("e-mail address")


def test_a_damaged_item_is_claimed_with_a_photo(shop: Shop) -> None:
    user = shop.telegram.user("de")
    user.says("Der Teppich ist mit einem Riss angekommen")
    user.reads("E-Mail-Adresse")
    user.says("LL-10208, 80469")
    user.reads("tut mir leid", "Foto")
    user.sends_photo(picture(size=(640, 480)))
    user.reads("Foto")
    user.says("ist geschickt")
    user.reads("noch einmal oder Ihr Geld")
    user.says("Geld zurück")
    user.reads("Soll ich es einreichen")
    user.says("ja bitte")
    user.reads(r"CLM-\d+")
    with shop.product.database.read() as session:
        claim = session.scalars(select(Claim).order_by(Claim.id.desc())).first()
        assert claim is not None and claim.order is not None
        assert (claim.order.number, claim.wanted) == ("LL-10208", "refund")
        assert claim.status != "need_evidence"


def test_a_return_begun_in_the_widget_is_finished_in_the_chat(shop: Shop) -> None:
    browser = Browser(shop.product.settings.public_url, login_token=_login(shop, "aoife.byrne"))
    browser.say("how do I return the socks from LL-10234?")
    asked = browser.wait_for_answers(1)[-1]
    before = _drafts(shop, browser.conversation_id)
    link = browser.client.post("/api/telegram-link").json()["url"]

    user = shop.telegram.user("de")
    user.starts(link.partition("?start=")[2])
    user.reads(r"account of A\*\*\* B\*\*\*", "Shall I write to you here", re.escape(asked["text"]))
    user.presses("Yes, please")
    user.reads("I will write to you here")
    user.presses("Changed my mind")
    user.reads("Shall I register")
    assert shop.settlements("LL-10234") == []
    user.presses("Yes, please do that")

    user.reads(r"registered under RMA-\d+", "Your label for return")
    user.sees("Stop these messages")
    assert user.gets("document")[0].startswith(b"%PDF")
    assert shop.settlements("LL-10234") == [("original", None)]
    assert _drafts(shop, browser.conversation_id) == [(before[0][0], "submitted")]
    texts = [message["text"] for message in browser.history()]
    assert texts[1] == asked["text"] and any("is registered under RMA-" in text for text in texts)
    browser.client.close()


def _login(shop: Shop, name: str) -> str:
    with shop.product.database.read() as session:
        customer = session.scalars(
            select(Customer.external_id).where(Customer.email_norm == f"{name}@mail.example")
        ).one()
    now = datetime.now(timezone.utc)
    return identity.shop_login_token(customer, key=shop.product.settings.shop_login_key, now=now)


def _drafts(shop: Shop, conversation_id: str) -> list[tuple[int, str]]:
    with shop.product.database.read() as session:
        rows = session.execute(
            select(Draft.id, Draft.state).where(Draft.conversation_id == conversation_id)
        )
        return [(number, state) for number, state in rows]


def _staff(shop: Shop, command: str, conversation_id: str, *words: str) -> None:
    """What the team does at its terminal."""
    settings = shop.product.settings
    environment = {
        "DATABASE_URL": settings.resolved_database_url,
        "VAR_DIR": str(settings.var_dir),
        "PATH": "/usr/bin:/bin",
    }
    line = [sys.executable, "-m", "returnsdesk", "conversation", command, conversation_id, *words]
    done = subprocess.run(
        [*line, "--as", "mila@lundlinde.example"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
