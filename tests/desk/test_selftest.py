"""The self-test of a started product: it passes on a true answer, and on nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from returnsdesk import selftest
from returnsdesk.db.models import Conversation, Message
from returnsdesk.db.session import Database
from returnsdesk.selftest import Probe, SelfTestFailed
from returnsdesk.settings import Settings
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.servers.processes import free_port

PROBE = Probe("C-aoife", "R-1")


def test_a_true_answer_passes(desk: Served, desk_settings: Settings, rasa: FakeRasa) -> None:
    rasa.answer = lambda turn: [{"text": "It was paid."}, {"text": "It is about R-1."}]

    selftest.wait_until_ready(desk_settings, seconds=10)

    assert selftest.ask(desk_settings, PROBE, seconds=10) == "It was paid.\nIt is about R-1."


def test_an_answer_about_something_else_fails(desk: Served, desk_settings: Settings) -> None:
    with pytest.raises(SelfTestFailed, match=r"asked after R-1 .*You said: where is my refund"):
        selftest.ask(desk_settings, PROBE, seconds=10)


def test_the_conversation_of_the_self_test_is_not_kept(
    desk: Served, desk_settings: Settings, rasa: FakeRasa, database: Database
) -> None:
    rasa.answer = lambda turn: [{"text": "It is about R-1."}]

    selftest.ask(desk_settings, PROBE, seconds=10, database=database)

    with database.read() as session:
        assert session.scalar(select(func.count(Conversation.id))) == 0
        assert session.scalar(select(func.count(Message.id))) == 0


def test_a_notice_of_delay_is_no_answer(
    desk: Served, desk_settings: Settings, rasa: FakeRasa
) -> None:
    rasa.status = 503

    with pytest.raises(SelfTestFailed, match="No answer came within 1 seconds"):
        selftest.ask(desk_settings, PROBE, seconds=1)


def test_a_desk_that_is_not_there_fails(desk_settings: Settings) -> None:
    away = desk_settings.copy(update={"desk_port": free_port()})

    with pytest.raises(SelfTestFailed, match="does not answer"):
        selftest.ask(away, PROBE, seconds=1)
    with pytest.raises(SelfTestFailed, match="not ready within 0 seconds"):
        selftest.wait_until_ready(away, seconds=0.1)


def test_an_empty_shop_is_asked_as_a_guest(
    desk: Served, desk_settings: Settings, rasa: FakeRasa
) -> None:
    assert selftest.ask(desk_settings, Probe(None, None), seconds=10)
