"""Transcripts in the console: the list and its filters, what one conversation shows, and what the team adds to it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import (
    AuditEntry,
    Conversation,
    ConversationNote,
    ConversationRead,
    Message,
)
from returnsdesk.db.session import Database
from returnsdesk.services import (
    answers,
    conversations,
    identity,
    sample_conversations,
    transcript_filters,
    transcripts,
)
from returnsdesk.services.answers import Reply
from returnsdesk.services.sample_conversations import id_of
from tests.console.conftest import AGENT, LEAD, Staff

LIST = "/console/conversations"
NAMES = {id_of(entry["name"]): entry["name"] for entry in sample_conversations.entries()}
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=timezone.utc)


def shown(answer: Any) -> list[str]:
    """Names of the conversations of a list, in its order."""
    assert answer.status_code == 200, answer.text
    return [NAMES[found] for found in re.findall(r'id="c-([0-9a-f-]{36})"', answer.text)]


def at(name: str) -> str:
    return f"{LIST}/{id_of(name)}"


def one(database: Database, name: str) -> Conversation:
    with database.read() as session:
        row: Conversation = session.get(Conversation, id_of(name))
        session.expunge(row)
        return row


def entries_of(database: Database, action: str) -> list[AuditEntry]:
    with database.read() as session:
        rows = list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))
        session.expunge_all()
        return rows


def test_the_list_shows_every_conversation_latest_first_and_nobody_by_name(agent: Staff) -> None:
    answer = agent.get(LIST)

    names = shown(answer)
    assert len(names) == len(NAMES)
    assert names[:2] == ["waiting-for-a-person", "just-looking"]
    assert "Greta" not in answer.text
    assert "clara.hoffmann" not in answer.text


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({"state": "waiting"}, {"waiting-for-a-person", "complaint-late-check"}),
    ({"state": "closed"}, {"boots-too-large", "sneakers-swap"}),
    ({"language": "pl", "csat": "4"}, {"jeans-style"}),
    ({"intent": "sizes_advice"}, {"size-advice"}),
    ({"confidence": "0.2"}, {"gift-wrap"}),
    ({"fallbacks": "1", "language": "nl"}, {"gift-wrap"}),
    ({"outcome": "exchange"}, {"rain-jacket-swap", "sneakers-swap"}),
    ({"handover": "yes", "language": "en"}, {"taken-over-and-solved", "why-less-money"}),
    ({"tag": "Suspicious"}, {"stranger-tries-codes"}),
    ({"csat": "1"}, {"complaint-late-check"}),
    ({"reviewed": "yes", "language": "pl"}, {"jeans-too-large"}),
    ({"assigned": AGENT}, {"lamp-flickers", "complaint-late-check"}),
    ({"order": "ll10236"}, {"guest-throw"}),
    ({"order": "LL-10189"}, {"why-less-money", "cushion-not-as-described"}),
    ({"q": "gravur"}, set()),
    ({"q": "engraving"}, {"taken-over-and-solved"}),
    ({"q": '"opening hours"'}, set()),
    ({"q": "ÖFFNUNGSZEITEN"}, {"opening-hours"}),
    ({"channel": "telegram"}, set()),
    ({"unread": "yes", "csat": "1"}, {"complaint-late-check"}),
]


def test_each_filter_leaves_what_it_says(agent: Staff) -> None:
    found = [(query, set(shown(agent.get(LIST, **query)))) for query, _ in FILTERS]

    assert found == FILTERS


def test_the_number_of_a_return_finds_its_conversation(agent: Staff, database: Database) -> None:
    with database.read() as session:
        said = select(Message.text).where(
            Message.conversation_id == id_of("jeans-too-large"), Message.text.contains("RMA-")
        )
        found = re.search(r"RMA-\d+", session.scalars(said).first())
    assert found is not None

    assert shown(agent.get(LIST, rma=found.group().lower())) == ["jeans-too-large"]


def test_days_are_those_of_the_last_message_both_included(agent: Staff, database: Database) -> None:
    day = one(database, "gift-wrap").last_message_at.date()
    own = {"from": day.isoformat(), "to": day.isoformat()}

    assert "gift-wrap" in shown(agent.get(LIST, **own))
    after = (day + timedelta(days=1)).isoformat()
    assert "gift-wrap" not in shown(agent.get(LIST, **{"from": after}))


def test_a_value_that_means_nothing_is_left_out_and_said(agent: Staff) -> None:
    answer = agent.get(
        LIST, csat="seven", state="odd", **{"from": "31.12."}, before="x", after="y~"
    )

    assert len(shown(answer)) == len(NAMES)
    assert answer.text.count("it was left out") == 3


def test_pages_meet_every_conversation_once_both_ways(database: Database) -> None:
    with database.write() as session:
        # The same moment for many: the id decides.
        for row in session.scalars(select(Conversation)):
            row.last_message_at = NOW - timedelta(minutes=len(NAMES[row.id]) % 3)
    filters = transcript_filters.Filters()
    with database.read() as session:
        ids, page = [], transcripts.page(session, filters, reader_id=1, size=4)
        pages = [page]
        assert page.newer is None
        while page.older is not None:
            page = transcripts.page(session, filters, reader_id=1, before=page.older, size=4)
            pages.append(page)
        ids = [line.id for each in pages for line in each.lines]
        back = [page]
        while back[-1].newer is not None:
            back.append(
                transcripts.page(session, filters, reader_id=1, after=back[-1].newer, size=4)
            )

    assert sorted(ids) == sorted(NAMES)
    seen = {line.id for each in back for line in each.lines}
    assert seen == set(NAMES)
    assert [each.lines for each in back[-2::-1]] != []
    assert back[-1].lines == pages[0].lines


UNKNOWN = ("nothing", id_of("never"), "x" * 500, "%00", "..%2f..", "'--")


@pytest.mark.parametrize("unknown", UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_unknown_conversation_is_like_a_page_that_is_not_there(
    agent: Staff, unknown: str
) -> None:
    missing = agent.get("/console/nowhere-at-all")

    for path in ("", "/messages/1", "/print", "/export.csv"):
        answer = agent.get(f"{LIST}/{unknown}{path}")
        assert answer.status_code == 404, path
        assert "There is nothing here" in answer.text
    assert missing.status_code == 404
    assert agent.post(f"{LIST}/{unknown}/tags", tag="late").status_code == 404


def test_a_message_that_is_not_there_is_not_found(agent: Staff) -> None:
    assert agent.get(f"{at('gift-wrap')}/messages/1").status_code == 200
    assert agent.get(f"{at('gift-wrap')}/messages/0").status_code == 404
    assert agent.get(f"{at('gift-wrap')}/messages/99").status_code == 404
    assert agent.get(f"{at('gift-wrap')}/messages/99999999999999999999").status_code == 404


def test_the_reading_view_shows_what_was_seen_and_what_lay_behind(agent: Staff) -> None:
    page = agent.get(at("lamp-flickers")).text

    for expected in (
        "meine Tischlampe aus LL-10208 flackert",
        "returns_start",
        "claims_start 0.04",
        "FAULT_NEEDS_LOOK",
        "order_number: <bdi>LL-10208</bdi>",
        "Promised",
        "returns_waits_for_look",
        "<strong>4 of 5</strong>",
        'class="choice was-pressed"',
    ):
        assert expected in page, expected
    changes = page[page.index("<dt>Changes</dt>") :]
    assert re.search(r">submit</span> on <a href=\"/console/returns/RMA-\d+\">", changes)
    assert 'id="m1"' in page
    assert "Greta" not in page.replace("Show the name", "")


def test_reading_is_recorded_once_a_view_and_the_conversation_is_read_then(
    agent: Staff, lead: Staff, database: Database
) -> None:
    assert "gift-wrap" in shown(agent.get(LIST, unread="yes"))

    agent.get(at("gift-wrap"))

    recorded = [(each.actor, each.subject_id) for each in entries_of(database, "read")]
    assert recorded == [(AGENT, id_of("gift-wrap"))]
    assert "gift-wrap" not in shown(agent.get(LIST, unread="yes"))
    assert "gift-wrap" in shown(lead.get(LIST, unread="yes"))
    assert agent.post(f"{at('gift-wrap')}/unread").status_code == 303
    assert "gift-wrap" in shown(agent.get(LIST, unread="yes"))


def test_a_new_message_makes_a_conversation_unread_again(agent: Staff, database: Database) -> None:
    agent.get(at("just-looking"))
    conversations.accept(
        database,
        id_of("just-looking"),
        message_id="late",
        text="hallo?",
        now=datetime.now(timezone.utc),
    )

    assert "just-looking" in shown(agent.get(LIST, unread="yes"))


def test_tags_are_tidied_kept_once_and_taken_away(agent: Staff, database: Database) -> None:
    for word in ("  Odd   Words ", "odd words"):
        assert agent.post(f"{at('gift-wrap')}/tags", tag=word).status_code == 303

    assert shown(agent.get(LIST, tag="odd words")) == ["gift-wrap"]
    changes = [each for each in entries_of(database, "change") if "tag_added" in each.detail]
    assert len(changes) == 1
    agent.post(f"{at('gift-wrap')}/tags/remove", tag="odd words")
    assert shown(agent.get(LIST, tag="odd words")) == []


@pytest.mark.parametrize("word", ["", " ", "x" * 41, "<b>", "\u202e", "=1+1"])
def test_what_is_no_tag_is_refused_and_nothing_changes(
    agent: Staff, database: Database, word: str
) -> None:
    answer = agent.post(f"{at('gift-wrap')}/tags", tag=word)

    assert answer.status_code == 422
    assert "A tag has up to 40" in answer.text
    changes = entries_of(database, "change")
    assert [each for each in changes if each.subject == "conversation"] == []


def test_a_note_sent_twice_is_one(agent: Staff, database: Database) -> None:
    for _ in range(2):
        answer = agent.post(f"{at('gift-wrap')}/notes", text="Ask marketing", key="k1")
        assert answer.status_code == 303

    with database.read() as session:
        own = ConversationNote.conversation_id == id_of("gift-wrap")
        notes = [
            (row.text, row.author) for row in session.scalars(select(ConversationNote).where(own))
        ]
    assert notes == [("Ask marketing", AGENT)]
    assert agent.post(f"{at('gift-wrap')}/notes", text=" ", key="k2").status_code == 422


def test_reviewed_can_be_said_and_taken_back(agent: Staff, database: Database) -> None:
    agent.post(f"{at('gift-wrap')}/review", reviewed="yes")
    assert one(database, "gift-wrap").reviewed_by == AGENT

    agent.post(f"{at('gift-wrap')}/review", reviewed="no")
    assert one(database, "gift-wrap").reviewed_at is None


def test_assigning_from_an_old_page_says_who_has_it_now(
    agent: Staff, lead: Staff, database: Database
) -> None:
    assert lead.post(f"{at('gift-wrap')}/assign", to=LEAD, seen="").status_code == 303

    answer = agent.post(f"{at('gift-wrap')}/assign", to=AGENT, seen="")

    assert answer.status_code == 409
    assert f"given to {LEAD} meanwhile" in answer.text
    assert one(database, "gift-wrap").assigned_to == LEAD
    nobody = agent.post(f"{at('gift-wrap')}/assign", to="x@y.example", seen=LEAD)
    assert nobody.status_code == 422


def test_views_are_ones_own_until_shared(agent: Staff, lead: Staff) -> None:
    agent.post(f"{LIST}/views", name="Polish, low", language="pl", confidence="0.5")
    agent.post(f"{LIST}/views", name="For all", state="waiting", shared="yes")

    own, others = agent.get(LIST).text, lead.get(LIST).text
    assert "Polish, low" in own
    assert "confidence=0.5" in own
    assert "Polish, low" not in others
    assert "For all" in others
    address = re.search(r'href="/console/conversations\?(state=waiting)"[^>]*>For all', others)
    assert address is not None


def test_only_the_owner_deletes_a_view(agent: Staff, lead: Staff) -> None:
    agent.post(f"{LIST}/views", name="Mine", state="waiting", shared="yes")
    number = re.search(r"views/(\d+)/delete", agent.get(LIST, state="waiting").text)
    assert number is not None

    assert lead.post(f"{LIST}/views/{number.group(1)}/delete").status_code == 404
    assert "Mine" in lead.get(LIST).text
    assert agent.post(f"{LIST}/views/{number.group(1)}/delete").status_code == 303
    assert "Mine" not in lead.get(LIST).text


def test_a_view_without_a_name_or_filters_is_refused(agent: Staff) -> None:
    assert agent.post(f"{LIST}/views", name=" ", state="waiting").status_code == 422
    assert agent.post(f"{LIST}/views", name="Nothing").status_code == 422


HOSTILE = (
    '<script>window.hit = 1</script><img src=x onerror="window.hit = 1">',
    "\u202egnp.exe \u2066 \u0000",
    "a" * 3000,
    "{{ 7 * 7 }} {% raw %} ${7*7}",
)
FORBIDDEN = ("<script>", "<img src=x", "<svg", "<b onclick", '="javascript:', '="//evil.example')
HOSTILE_CONTENT: dict[str, Any] = {
    "image": "javascript:window.hit=1",
    "buttons": [{"title": "<b onclick=x>", "token": "t"}, "odd", {"title": 5}],
    "label": {"url": "javascript:alert(1)", "rma_number": "<i>", "qr_url": "data:text/html,x"},
    "custom": {
        "card": "status",
        "title": "<svg onload=1>",
        "items": [{"title": "</li><script>1</script>", "image": "//evil.example/x.png"}, 3],
        "stages": [{"label": "<u>", "state": '"><script>'}],
        "links": [{"label": "go", "url": "javascript:alert(1)"}, {"label": "x", "url": " \tjava"}],
        "groups": [{"label": [], "options": [{"label": "L", "button": "x"}, None]}, 7],
    },
    "page": {"name": "<script>1</script>"},
}


def test_what_shoppers_write_is_shown_as_text(agent: Staff, database: Database) -> None:
    with database.write() as session:
        row = conversations.locked(session, id_of("gift-wrap"))
        for text in HOSTILE:
            message = conversations.new_message(
                row, author="shopper", text=text.replace("\0", ""), state="answered", now=NOW
            )
            message.content = HOSTILE_CONTENT
            message.trace = {"intent": "<script>", "ranking": "odd", "entities": [1], "slots": [],
                             "replies": [{"told": [3], "findings": "x"}, 1], "error": "<script>"}  # fmt: skip
            message.intent = "<script>"
            session.add(message)

    assert "{{ 7 * 7 }} {% raw %} ${7*7}" in agent.get(at("gift-wrap")).text
    for path in (at("gift-wrap"), f"{at('gift-wrap')}/print", f"{LIST}?q=script", LIST):
        page = agent.get(path)
        assert page.status_code == 200
        for forbidden in FORBIDDEN:
            assert forbidden not in page.text.replace('<script src="/console', ""), (
                path,
                forbidden,
            )


def test_links_and_pictures_lead_only_where_a_page_may_lead() -> None:
    from returnsdesk.services.shown_messages import address

    kept = ("https://shop.example/a.png", "http://x.example", "/api/photos/" + "0" * 32)
    assert [address(each) for each in kept] == list(kept)
    bad: tuple[object, ...] = ("javascript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil", "https:", "\tx",
           "java\nscript:1", "ftp://x", "x", "", None, 5, {}, "http://[", "/a b")  # fmt: skip
    assert [address(each) for each in bad] == [""] * len(bad)


def test_a_long_conversation_is_read_in_parts(agent: Staff, database: Database) -> None:
    with database.write() as session:
        row = conversations.locked(session, id_of("gift-wrap"))
        for number in range(500):
            session.add(
                conversations.new_message(
                    row, author="shopper", text=f"n{number}.", state="answered", now=NOW
                )
            )
        last = row.last_seq

    page = agent.get(at("gift-wrap")).text
    assert f'id="m{last}"' in page
    assert 'id="m1"' not in page
    assert "Earlier messages" in page
    early = agent.get(f"{at('gift-wrap')}/messages/3").text
    assert 'id="m3"' in early
    assert 'id="m1"' in early
    assert "Later messages" in early


def answered(database: Database, own_id: str, trace: dict[str, Any], key: str) -> None:
    now = datetime.now(timezone.utc)
    conversations.accept(database, own_id, message_id=key, text=key, now=now)
    waiting = answers.claim(database, own_id, owner="o", now=now)
    assert waiting is not None
    answers.store_answer(database, waiting.id, [Reply("ok")], trace, owner="o", now=now)


@pytest.fixture
def talk(database: Database) -> str:
    now = datetime.now(timezone.utc)
    return conversations.start(database, channel="web", language="en", now=now).id


def row_of(database: Database, own_id: str) -> Conversation:
    with database.read() as session:
        row: Conversation = session.get(Conversation, own_id)
        session.expunge(row)
        return row


def test_an_understood_message_is_an_answer_and_a_fallback_is_none(
    database: Database, talk: str
) -> None:
    answered(database, talk, {"intent": "nlu_fallback", "confidence": 0.2}, "a")
    assert row_of(database, talk).outcome is None

    answered(database, talk, {"intent": "greet", "confidence": 0.9}, "b")
    assert row_of(database, talk).outcome == "answered"


def test_only_an_order_of_ones_own_is_kept_when_it_is_named(database: Database, talk: str) -> None:
    trace = {"intent": "inform", "entities": [{"entity": "order_number", "value": "LL-10236"}]}
    answered(database, talk, trace, "a")
    assert row_of(database, talk).order_id is None

    now = datetime.now(timezone.utc)
    identity.check_order_and_postcode(database, talk, "LL-10240", "00-000", now=now)
    answered(database, talk, trace, "b")
    assert row_of(database, talk).order_id is None


def test_who_the_shopper_has_proven_to_be_is_kept(
    database: Database, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(timezone.utc)
    token = identity.shop_login_token("LLC-2007", key="k" * 32, now=now)
    assert identity.sign_in(database, talk, token, key="k" * 32, now=now)
    customer = row_of(database, talk).customer_id
    assert customer is not None

    trace = {"intent": "inform", "entities": [{"entity": "order_number", "value": "ll10208"}]}
    answered(database, talk, trace, "a")
    row = row_of(database, talk)
    assert (row.customer_id, row.order_id) == (
        customer,
        one(database, "lamp-flickers").order_id,
    )


def test_how_far_one_has_read_never_goes_back(agent: Staff, database: Database) -> None:
    agent.get(at("gift-wrap"))
    with database.read() as session:
        rows = session.scalars(select(ConversationRead)).all()
        seen = {row.conversation_id: row.seq for row in rows}
    assert seen == {id_of("gift-wrap"): one(database, "gift-wrap").last_seq}
