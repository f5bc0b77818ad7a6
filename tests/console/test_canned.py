"""Canned answers: kept by leads, given by agents in the shopper's language, their gaps filled from the record alone."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from playwright.async_api import Page

from returnsdesk.db.models import Customer
from returnsdesk.db.session import Database
from returnsdesk.services import canned_answers, conversations, identity
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import LANGUAGES, Settings
from tests.browser.chat import accessibility_problems
from tests.console.conftest import Staff

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


def names(database: Database) -> list[str]:
    with database.read() as session:
        return [answer.name for answer in canned_answers.listed(session)]


def save(database: Database, name: str, old_name: str | None = None, **texts: str) -> None:
    canned_answers.save(database, name, texts, old_name=old_name, actor="lead", now=NOW)


def test_the_standard_answers_are_there_in_every_language() -> None:
    for name, texts in canned_answers.standard().items():
        assert set(texts) == set(LANGUAGES), name
        for text in texts.values():
            assert set(re.findall(r"\{(\w+)\}", text)) <= set(canned_answers.GAPS), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_standard_answers_read_well_when_the_record_has_nothing(language: str) -> None:
    for texts in canned_answers.standard().values():
        shown = canned_answers.fill(texts[language], {"agent": "Mila", "shop": "Lund & Linde"})
        assert "{" not in shown
        assert "  " not in shown
        assert not re.search(r"\s[,.;?!]", shown), shown


def test_standard_answers_are_added_once_and_never_over_what_a_lead_wrote(
    database: Database,
) -> None:
    canned_answers.remove(database, "Goodbye")
    save(database, "Greeting", old_name="Greeting", en="Hi")
    assert canned_answers.add_standard(database, actor="lead", now=NOW) == 1
    assert canned_answers.add_standard(database, actor="lead", now=NOW) == 0
    with database.read() as session:
        assert canned_answers.in_language(session, "en")["Greeting"] == "Hi"


def test_gaps_are_filled_from_the_record_and_left_out_where_it_has_nothing() -> None:
    text = "Hello {first_name}, return {rma} of order {order} is here."
    known = {"first_name": "Aoife", "order": "LL-1"}
    assert canned_answers.fill(text, known) == "Hello Aoife, return of order LL-1 is here."
    assert canned_answers.fill("{first_name}", {}) == ""
    assert canned_answers.fill("{not_one_of_ours}", known) == "{not_one_of_ours}"


def test_the_name_is_known_only_of_who_has_proven_to_be_that_customer(
    database: Database, desk_settings: Settings
) -> None:
    with database.read() as session:
        customer = session.query(Customer).filter(Customer.external_id.isnot(None)).first()
        external_id, first_name = customer.external_id, customer.first_name
    talk = conversations.start(database, channel="web", language="en", now=NOW)

    def known() -> dict[str, str]:
        with database.read() as session:
            return canned_answers.known_gaps(session, talk.id, agent="Mila", shop="Shop")

    assert known() == {"agent": "Mila", "shop": "Shop"}
    key = desk_settings.shop_login_key
    token = identity.shop_login_token(external_id, key=key, now=NOW)
    identity.sign_in(database, talk.id, token, key=key, now=NOW)
    assert known()["first_name"] == first_name


@pytest.mark.parametrize(
    ("name", "texts", "reason"),
    [
        ("", {"en": "x"}, "A name has"),
        ("n" * 81, {"en": "x"}, "A name has"),
        ("New", {}, "needs a text"),
        ("New", {"en": " "}, "needs a text"),
        ("New", {"fr": "x"}, "needs a text"),
        ("New", {"en": "x" * 2001}, "longer than"),
        ("New", {"en": "Hello {name}"}, "Nothing can be filled in"),
        ("Goodbye", {"en": "x"}, "already"),
    ],
)
def test_an_answer_that_cannot_be_kept_changes_nothing(
    database: Database, name: str, texts: dict[str, str], reason: str
) -> None:
    before = names(database)
    with pytest.raises(ServiceError, match=reason):
        save(database, name, **texts)
    assert names(database) == before


def test_a_lead_writes_renames_and_removes_an_answer(lead: Staff, database: Database) -> None:
    form: dict[str, Any] = {
        "name": "Two days",
        "old_name": "",
        "text_en": "It takes two days.",
        "text_nl": "",
    }
    assert lead.post("/console/canned/edit", **form).status_code == 303
    assert "Two days" in lead.get("/console/canned").text
    form = {"name": "Three days", "old_name": "Two days", "text_en": "It takes three days."}
    assert lead.post("/console/canned/edit", **form).status_code == 303
    assert "Two days" not in names(database)
    assert "Three days" in names(database)
    for _ in range(2):
        assert lead.post("/console/canned/remove", name="Three days").status_code == 303
    assert "Three days" not in names(database)


def test_what_was_typed_stays_in_a_form_that_was_refused(lead: Staff) -> None:
    answer = lead.post("/console/canned/edit", name="Odd", old_name="", text_de="Hallo {name}")
    assert answer.status_code == 422
    assert "Hallo {name}" in answer.text
    assert "Nothing can be filled in for {name} (de)" in answer.text


def test_markup_in_an_answer_is_text(lead: Staff) -> None:
    lead.post("/console/canned/edit", name="<b>x", old_name="", text_en="<script>alert(1)</script>")
    shown = lead.get("/console/canned").text
    assert "<script>alert" not in shown
    assert "<b>x" not in shown


def test_an_agent_does_not_manage_them(agent: Staff) -> None:
    assert agent.get("/console/canned").status_code == 404
    assert agent.post("/console/canned/remove", name="Goodbye").status_code == 404


async def test_axe_finds_nothing_on_their_pages(lead_page: Page) -> None:
    for path in ("/console/canned", "/console/canned/edit?name=Greeting"):
        await lead_page.goto(path)
        assert await accessibility_problems(lead_page) == []
