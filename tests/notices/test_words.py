"""The words of notices: every event in every language, its facts read from the record, safe in mail and SMS."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import delete, select

from returnsdesk.clients.sms import ONE_MESSAGE, in_gsm_alphabet, places
from returnsdesk.db.models import Notification, Order, Refund
from returnsdesk.jobs.notice_mail import mail_of
from returnsdesk.jobs.notice_words import Words
from returnsdesk.jobs.notices import chat_card, chat_text, short_text
from returnsdesk.services import notices, policies, refunds
from returnsdesk.settings import LANGUAGES
from tests.notices import stages
from tests.notices.sending import (
    LATER,
    announce,
    change,
    change_order,
    credit_codes,
    in_all_languages,
)
from tests.notices.stages import STAGES
from tests.services.documents import create, return_request
from tests.services.shop import NOW

HOSTILE = "Anna <script>alert(1)</script> & {secret} \"'"


def mail(words: Words, settings: Any) -> Any:
    return mail_of(words, settings, key="key", to="anna@mail.example")


def everything_said(words: Words) -> str:
    parts = [words.headline, words.greeting, *words.paragraphs, words.quote_heading, words.quote]
    parts += [line for section in words.sections for line in (section.heading, *section.lines)]
    return "\n".join([*parts, *(link.label for link in words.links), words.help])


class Text(HTMLParser):
    """What a reader of HTML sees, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._is_hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._is_hidden = tag in ("style", "title")
        self.links += [str(value) for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if not self._is_hidden:
            self.parts.append(data)

    @property
    def words(self) -> list[str]:
        return " ".join(self.parts).split()


@pytest.mark.parametrize("stage", STAGES)
def test_every_event_is_told_in_every_language(shop: Any, settings: Any, stage: str) -> None:
    event, reach = STAGES[stage]
    number = reach(shop)

    told = in_all_languages(shop, settings, event)

    assert len({words.headline for words in told.values()}) == len(LANGUAGES)
    for words in told.values():
        said = everything_said(words)
        assert number in words.headline
        assert not re.search(r"[{}]|None|\s{2,}|\s[.,:]|: ?$|\(\)", said.replace("\n", "|")), said
        assert all(words.paragraphs) and all(section.lines for section in words.sections)
        assert len(words.headline) <= 75
        assert chat_text(words).startswith(words.headline)
        assert "\n" not in short_text(words, settings.shop_name)
        assert_same_in_html_and_plain_text(words, settings)


def assert_same_in_html_and_plain_text(words: Words, settings: Any) -> None:
    made = mail(words, settings)
    seen = Text(made.html)
    plain = re.sub(r"^[->] |:$", "", made.text, flags=re.MULTILINE).split()
    said = " ".join(seen.words)
    missing = [word for word in plain if word not in said and not word.startswith("https:")]
    assert missing == []
    assert [link.url for link in words.links] == seen.links
    assert all(link.url in made.text for link in words.links)


@pytest.mark.parametrize("stage", ["label_ready", "reminder_1", "refunded", "late"])
def test_a_text_message_fits_into_one(shop: Any, settings: Any, stage: str) -> None:
    event, reach = STAGES[stage]
    number = reach(shop)

    for words in in_all_languages(shop, settings, event).values():
        text = short_text(words, settings.shop_name)
        assert number in text and "https://retour.lundlinde.example/track/" in text
        assert in_gsm_alphabet(text) == text and text.isprintable()
        assert places(text) <= ONE_MESSAGE, (places(text), text)


def test_a_label_is_told_with_its_last_day_and_its_link(shop: Any, settings: Any) -> None:
    stages.label_ready(shop)

    words = in_all_languages(shop, settings, "label_ready")["en"]

    assert "by Wednesday 24 June" in words.paragraphs[0]
    assert words.links[0].label == "Download the label (PDF)"
    assert words.links[0].url.endswith("/label.pdf")
    assert words.links[0].url.startswith(words.links[1].url)
    sections = {section.heading: section.lines for section in words.sections}
    assert sections["In this return"] == ("2 × Shirt (black, M): money back",)
    assert sections["Your money"][0] == "If everything is accepted, €63.72 comes back."


def test_how_the_parcel_travels_decides_what_is_told(shop: Any, settings: Any) -> None:
    number = stages.label_ready(shop)

    def fetched(document: Any) -> None:
        document.method, document.pick_up_on = "pick_up", (NOW + timedelta(days=2)).date()

    change(shop, number, fetched)
    words = in_all_languages(shop, settings, "label_ready")["nl"]

    assert "vrijdag 12 juni" in words.paragraphs[0] and "opgehaald" in words.paragraphs[0]


def test_own_carriers_get_the_address_and_no_promise_of_a_label(shop: Any, settings: Any) -> None:
    stages.own_carrier(shop)

    words = in_all_languages(shop, settings, "own_carrier")["en"]

    address = policies.active_policy().return_.address
    assert address in everything_said(words).replace("\n", " ")
    assert "label" not in everything_said(words).lower()


def test_a_check_is_told_with_its_result_and_reasons(shop: Any, settings: Any) -> None:
    stages.partly_accepted(shop)

    words = in_all_languages(shop, settings, "inspected")["en"]

    assert words.sections[0].lines == ("2 × Shirt (black, M): accepted: 1, not accepted: 1 (worn)",)
    assert "a part" in words.paragraphs[0]
    assert "not accepted: 1 (worn)" in chat_text(words)


def test_money_is_told_with_amount_ways_and_days(shop: Any, settings: Any) -> None:
    stages.refunded(shop)

    told = in_all_languages(shop, settings, "refunded")

    assert told["en"].headline.startswith("€63.72 for RMA-")
    assert told["nl"].headline.startswith("€ 63,72 voor".replace(" ", "\N{NO-BREAK SPACE}", 1))
    money = told["en"].sections[1].lines
    assert "to the card you paid with" in money[0] and "to your gift card" in money[0]
    assert "On Wednesday 10 June we paid €63.72" in money[0]
    assert "A return fee of €2.95 was taken off." in money


def test_store_credit_is_told_with_its_code(shop: Any, settings: Any) -> None:
    def as_credit(document: Any) -> None:
        document.settlement = "store_credit"

    number = stages.checked(shop)
    change(shop, number, as_credit)
    refunds.start(shop, number, actor="system", now=NOW)
    stages.settle_all(shop)

    words = in_all_languages(shop, settings, "refunded")["en"]

    (code,) = credit_codes(shop)
    said = everything_said(words)
    assert code in said and "2028" in said
    assert code not in short_text(words, settings.shop_name)


def test_a_second_refund_is_told_by_itself(shop: Any, settings: Any) -> None:
    stages.refunded(shop)
    with shop.write() as session:
        session.execute(delete(Notification).where(Notification.event == "refunded"))
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        refund_id = session.scalar(select(Refund.id))
        notices.announce(
            session, "refunded", document="refund", document_id=refund_id, order=order,
            conversation_id=None, now=NOW,
        )  # fmt: skip

    words = in_all_languages(shop, settings, "refunded")["en"]
    assert words.headline.startswith("€63.72 for RMA-")


def test_a_replacement_is_told_with_what_it_is_and_its_parcel(shop: Any, settings: Any) -> None:
    stages.exchange_shipped(shop)

    words = in_all_languages(shop, settings, "exchange_shipped")["en"]

    expected = "We have sent Sneakers (black, 43) to you. Tracking number: OUT-1."
    assert words.paragraphs == (expected,)


def test_a_difference_is_told_with_its_link_and_last_day(shop: Any, settings: Any) -> None:
    stages.payment_due(shop)

    words = in_all_languages(shop, settings, "payment_due")["en"]

    assert "€12.50" in words.headline and "Friday 12 June" in words.paragraphs[0]
    assert words.links[0].url == "https://pay.example/p/1"
    assert words.links[0].label == "Pay €12.50"


def test_a_pay_link_that_is_no_web_address_is_left_out(shop: Any, settings: Any) -> None:
    number = stages.payment_due(shop)

    def spoil(document: Any) -> None:
        document.exchange.payment_url = "javascript:alert(1)"

    change(shop, number, spoil)

    words = in_all_languages(shop, settings, "payment_due")["en"]
    assert all(link.url.startswith("https://") for link in words.links)


@pytest.mark.parametrize("stage", ["declined", "on_hold", "claim_denied", "withdrawal_refused"])
def test_what_the_team_wrote_is_quoted(shop: Any, settings: Any, stage: str) -> None:
    event, reach = STAGES[stage]
    reach(shop)

    words = in_all_languages(shop, settings, event)["en"]

    assert words.quote == stages.DECIDED
    assert stages.DECIDED in chat_text(words)


def test_a_receipt_of_a_withdrawal_repeats_the_declaration_with_day_and_time(
    shop: Any, settings: Any
) -> None:
    stages.declare(shop)

    words = in_all_languages(shop, settings, "withdrawal_received")["en"]

    assert words.quote == stages.WORDS
    assert "10 June 2026" in words.paragraphs[0] and "14:00:00" in words.paragraphs[0]
    assert "LL-2" in words.paragraphs[0]
    assert "Wednesday 24 June" in words.paragraphs[1]
    assert words.sections[0].lines == ("the whole order LL-2",)
    assert words.greeting == "Hello Anna de Vries,"


def test_hostile_names_are_text_and_nothing_else(shop: Any, settings: Any) -> None:
    def rename(order: Any) -> None:
        order.customer.first_name = HOSTILE
        order.lines[0].name = f"{HOSTILE}\nBcc: all@mail.example"
        order.lines[0].variant.product.names = {"en": order.lines[0].name}

    change_order(shop, "LL-2", rename)
    stages.declined(shop)

    words = in_all_languages(shop, settings, "declined")["en"]
    made = mail(words, settings)
    seen = Text(made.html)

    assert "script" not in seen.tags
    assert "<script>" in " ".join(seen.parts) and "<script>" in made.text
    assert "{secret}" in made.text
    assert "\n" not in made.subject and "\nBcc" not in made.text
    declared = mail(words_of_declaration(shop, settings, "<img src=x onerror=alert(1)>"), settings)
    assert "img" not in Text(declared.html).tags


def words_of_declaration(shop: Any, settings: Any, text: str) -> Words:
    stages.declare(shop, words=text, name=text)
    return in_all_languages(shop, settings, "withdrawal_received")["en"]


def test_the_look_is_the_shops(shop: Any, settings: Any) -> None:
    stages.label_ready(shop)
    words = in_all_languages(shop, settings, "label_ready")["nb"]

    look = {"brand_colour": "#ffe14d", "brand_logo_url": "https://shop.example/logo.png"}
    html = mail(words, settings.copy(update=look)).html

    assert '<html lang="nb">' in html
    assert "background:#ffe14d; color:#000000" in html
    assert '<img src="https://shop.example/logo.png" alt="Lund &amp; Linde"' in html
    assert "Lund &amp; Linde</header>" not in html.replace("\n", "").replace(" ", "")
    without = mail(words, settings.copy(update={"brand_logo_url": "javascript:x"})).html
    assert "<img" not in without


def test_a_buyer_is_greeted_by_name_and_whoever_has_a_gift_is_not(shop: Any, settings: Any) -> None:
    stages.label_ready(shop)
    told = in_all_languages(shop, settings, "label_ready")
    greetings = {language: words.greeting for language, words in told.items()}
    assert greetings == {
        "en": "Hello Anna,",
        "nl": "Hallo Anna,",
        "de": "Guten Tag Anna de Vries!",
        "nb": "Hei, Anna!",
        "pl": "Dzień dobry!",
    }

    change_order(shop, "LL-2", lambda order: setattr(order, "is_gift", True))
    told = in_all_languages(shop, settings, "label_ready")
    assert told["en"].greeting == "Hello,"


def test_links_in_the_chat_are_buttons_of_a_card(shop: Any, settings: Any) -> None:
    number = stages.label_ready(shop)

    card = chat_card(in_all_languages(shop, settings, "label_ready")["en"])

    assert (card["card"], card["title"]) == ("status", number)
    assert [link["label"] for link in card["links"]] == [
        "Download the label (PDF)",
        "Follow your return",
    ]


def test_facts_are_those_of_the_moment_of_sending(shop: Any, settings: Any) -> None:
    number = create(shop, return_request()).rma_number
    announce(shop, "label_delayed", number)

    def later(document: Any) -> None:
        document.ship_by += timedelta(days=7)

    change(shop, number, later)
    words = in_all_languages(shop, settings, "approved", now=LATER)["en"]
    assert "Wednesday 1 July" in words.paragraphs[0]
