"""The delivery of notices: to the channels that a shopper uses, once each, while they are true, whatever is down."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from returnsdesk.clients.mail import mail_folder
from returnsdesk.clients.sms import SmsNotSent
from returnsdesk.db.models import (
    Case,
    Conversation,
    Customer,
    Message,
    Notification,
    OutboxJob,
    Return,
    TelegramChat,
)
from returnsdesk.jobs import notices as notice_jobs
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import (
    conversations,
    labels,
    notice_delivery,
    notices,
    outbox,
    return_moves,
    withdrawals,
)
from tests.notices import stages
from tests.notices.sending import (
    LATER,
    announce,
    change_order,
    handlers,
    job_states,
    on_each_database,
    send,
    statuses,
    subjects,
)
from tests.servers.smtp import SmtpServer
from tests.services.documents import AGENT, SHIRTS, conversation, create, inspected
from tests.services.shop import NOW

WORKERS = 6


def talk(shop: Any, order_number: str = "LL-2") -> str:
    return conversation(shop, order_number)


def chat(shop: Any, conversation_id: str) -> list[Message]:
    with shop.read() as session:
        rows = session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.author == "assistant")
            .order_by(Message.seq)
        )
        found = list(rows)
        session.expunge_all()
        return found


def by_sms(order: Any) -> None:
    order.customer.notify_by_sms, order.customer.phone = True, "+31 6 1234 5678"


# Mail


def test_a_mail_has_html_plain_text_and_the_shoppers_language(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    number = stages.label_ready(shop)

    send(settings, shop, smtp_url=smtp_server.url)

    (mail,) = smtp_server.wait_for_mails(1)
    message = mail.message
    assert mail.recipients == ("anna@mail.example",)
    assert message["Subject"] == f"Your label for return {number} is ready"
    assert message["Content-Language"] == "en"
    plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert "Hello Anna," in plain.get_content()
    assert "<h1" in html.get_content() and "/label.pdf" in html.get_content()
    assert statuses(shop)["label_ready"] == "sent"


def test_the_language_is_the_conversations_then_the_customers_then_the_shops(
    shop: Any, settings: Any
) -> None:
    create(shop, conversation_id=talk(shop))
    change_order(shop, "LL-1", lambda order: setattr(order.customer, "language", None))
    with shop.write() as session:
        for row in session.scalars(select(Notification)):
            assert row.language == "nl"
    number = stages.payment_due(shop)

    send(settings, shop, default_language="pl")

    assert f"Dopłata 12,50\N{NO-BREAK SPACE}€ do wymiany ({number})" in subjects(settings)


def test_a_mail_server_that_is_down_is_waited_for(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    stages.label_ready(shop)
    send(settings, shop, smtp_url="smtp://127.0.0.1:1")
    assert statuses(shop)["label_ready"] == "waiting"

    send(settings, shop, smtp_url=smtp_server.url, now=LATER + timedelta(minutes=1))

    assert len(smtp_server.wait_for_mails(1)) == 1
    assert statuses(shop)["label_ready"] == "sent"


def test_a_crash_after_the_mail_repeats_a_mail_that_mailboxes_know(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    stages.label_ready(shop)
    send(settings, shop, smtp_url=smtp_server.url)
    with shop.write() as session:
        notice_id = session.scalar(
            select(Notification.id).where(Notification.event == "label_ready")
        )
        session.execute(
            update(OutboxJob)
            .where(OutboxJob.dedupe_key.like("%label_ready%"))
            .values(state="waiting", payload={"notification_id": notice_id})
            .execution_options(synchronize_session=False)
        )
        session.execute(update(Notification).values(status="waiting"))

    send(settings, shop, smtp_url=smtp_server.url, now=LATER + timedelta(minutes=5))

    first, second = smtp_server.wait_for_mails(2)
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_a_mailbox_that_is_not_there_is_given_up_and_opens_a_case_that_can_wait(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = "550 No such user"
    stages.label_ready(shop)

    send(settings, shop, smtp_url=smtp_server.url)
    tried_again = send(settings, shop, smtp_url=smtp_server.url, now=LATER + timedelta(days=1))

    assert tried_again == 0
    assert job_states(shop)["dead"] == 1
    with shop.read() as session:
        case = session.scalars(select(Case).where(Case.reason == outbox.JOB_DEAD)).one()
        assert case.priority == "normal"


def test_a_withdrawal_that_cannot_be_acknowledged_is_urgent(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    smtp_server.answer = "550 No such user"
    stages.declare(shop)

    send(settings, shop, smtp_url=smtp_server.url)

    with shop.read() as session:
        case = session.scalars(select(Case).where(Case.reason == outbox.JOB_DEAD)).one()
        assert case.priority == "high"


# Once, and only while it is true


@on_each_database
def test_many_at_once_write_one_notice_for_each_channel(shop: Any) -> None:
    number = create(shop).rma_number
    barrier = threading.Barrier(WORKERS)

    def write(_worker: int) -> None:
        barrier.wait()
        announce(shop, "label_delayed", number)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(write, range(WORKERS)))

    with shop.read() as session:
        rows = session.scalars(
            select(Notification).where(Notification.event == "label_delayed")
        ).all()
        jobs = session.scalars(
            select(OutboxJob).where(OutboxJob.dedupe_key.like("%label_delayed%"))
        ).all()
    assert (len(rows), len(jobs)) == (1, 1)


@on_each_database
def test_several_workers_send_each_notice_once(
    shop: Any, settings: Any, smtp_server: SmtpServer
) -> None:
    change_order(shop, "LL-2", by_sms)
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    soon = NOW + timedelta(seconds=2)
    labels.issue_label(shop, number, actor=AGENT, now=soon)
    for event in ("label_replaced", "reminder_1"):
        announce(shop, event, number, now=soon)
    barrier = threading.Barrier(WORKERS)
    each = handlers(settings, shop, smtp_url=smtp_server.url)

    def work(_worker: int) -> None:
        barrier.wait()
        outbox.run_due(shop, each, now=LATER)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))

    assert len(smtp_server.wait_for_mails(3)) == 3
    assert len(list((settings.var_dir / "sms").iterdir())) == 3
    assert len(chat(shop, conversation_id)) == 3
    assert job_states(shop) == {"done": 12}


def test_a_label_that_comes_at_once_takes_the_place_of_the_approval(
    shop: Any, settings: Any
) -> None:
    number = stages.approved(shop)
    assert send(settings, shop, now=NOW) == 0
    labels.issue_label(shop, number, actor="system", now=NOW + timedelta(seconds=3))

    send(settings, shop, now=LATER)

    assert statuses(shop) == {"approved": "dropped", "label_ready": "sent"}
    assert subjects(settings) == [f"Your label for return {number} is ready"]


def test_an_approval_is_told_when_the_label_takes_its_time(shop: Any, settings: Any) -> None:
    number = stages.approved(shop)

    send(settings, shop, now=NOW + notices.WAIT_FOR_LABEL)
    labels.issue_label(shop, number, actor="system", now=LATER)
    send(settings, shop, now=LATER)

    assert statuses(shop) == {"approved": "sent", "label_ready": "sent"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("reminder_1", "dropped"),
        ("label_ready", "dropped"),
        ("on_its_way", "dropped"),
        ("arrived", "sent"),
        ("late", "dropped"),
        ("cancelled", "dropped"),
        ("inspected", "dropped"),
        ("refunded", "dropped"),
        ("payment_due", "dropped"),
    ],
)
def test_what_is_not_true_any_more_is_not_told(
    shop: Any, settings: Any, event: str, expected: str
) -> None:
    number = stages.arrived(shop)
    announce(shop, event, number)

    send(settings, shop)

    assert statuses(shop)[event] == expected


def test_the_result_of_a_check_is_told_however_late(shop: Any, settings: Any) -> None:
    stages.refunded(shop)

    send(settings, shop, now=NOW + timedelta(days=2))

    assert statuses(shop)["inspected"] == "sent"
    assert statuses(shop)["refunded"] == "sent"


def test_of_two_reminders_the_last_is_told(shop: Any, settings: Any) -> None:
    number = stages.label_ready(shop)
    announce(shop, "reminder_1", number)
    announce(shop, "reminder_2", number)

    send(settings, shop)

    assert (statuses(shop)["reminder_1"], statuses(shop)["reminder_2"]) == ("dropped", "sent")


def test_a_settled_claim_is_told_once_with_its_money(shop: Any, settings: Any) -> None:
    stages.claim_resolved(shop)

    send(settings, shop)

    assert statuses(shop) == {
        "claim_received": "dropped",
        "claim_approved": "dropped",
        "refunded": "dropped",
        "claim_resolved": "sent",
    }


# The chat


def test_news_come_into_the_open_chat_as_numbered_messages(shop: Any, settings: Any) -> None:
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    labels.issue_label(shop, number, actor="system", now=NOW + timedelta(seconds=2))
    with shop.read() as session:
        before = conversations.marks(session, [conversation_id])

    send(settings, shop)

    (message,) = chat(shop, conversation_id)
    assert message.text.startswith(f"Je label voor retour {number} staat klaar.")
    assert message.content["custom"]["links"][0]["url"].endswith("/label.pdf")
    with shop.read() as session:
        # What listeners of the live feed look at.
        assert conversations.marks(session, [conversation_id]) != before
        news = conversations.news(session, conversation_id, after=message.seq - 1)
    assert [each.seq for each in news.messages] == [news.last_seq]


def test_the_chat_does_not_repeat_what_its_own_answer_said(shop: Any, settings: Any) -> None:
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    later = NOW + timedelta(minutes=3)
    return_moves.cancel(shop, number, actor="shopper", now=later)

    send(settings, shop, now=later)

    assert chat(shop, conversation_id) == []
    assert statuses(shop, "web") == {"approved": "dropped", "cancelled": "dropped"}
    assert statuses(shop)["cancelled"] == "sent"


def test_the_chat_tells_what_the_team_did(shop: Any, settings: Any) -> None:
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    later = NOW + timedelta(minutes=3)
    return_moves.cancel(shop, number, actor=AGENT, now=later)

    send(settings, shop, now=later)

    (message,) = chat(shop, conversation_id)
    assert number in message.text


def test_an_ended_conversation_gets_no_news(shop: Any, settings: Any) -> None:
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    announce(shop, "label_delayed", number)
    conversations.end(shop, conversation_id, now=NOW)
    announce(shop, "own_carrier", number)

    send(settings, shop)

    assert chat(shop, conversation_id) == []
    assert statuses(shop, "web") == {"approved": "dropped", "label_delayed": "dropped"}


def test_a_message_in_the_chat_and_its_mark_are_one(
    shop: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    labels.issue_label(shop, number, actor="system", now=NOW + timedelta(seconds=2))
    real = notice_delivery.put_in_chat

    def die_afterwards(*arguments: Any, **more: Any) -> bool:
        real(*arguments, **more)
        raise RuntimeError("the worker died here")

    with monkeypatch.context() as patch:
        patch.setattr(notice_delivery, "put_in_chat", die_afterwards)
        send(settings, shop)
    send(settings, shop, now=LATER + timedelta(hours=1))

    assert len(chat(shop, conversation_id)) == 1


# To whom


def test_text_messages_go_to_those_who_asked_for_them(shop: Any, settings: Any) -> None:
    change_order(shop, "LL-2", by_sms)
    number = stages.label_ready(shop)

    send(settings, shop)

    (file,) = (settings.var_dir / "sms").iterdir()
    to, _, text = file.read_text(encoding="utf-8").partition("\n\n")
    assert to == "To: +31612345678"
    assert f"Your label for return {number} is ready. https://" in text


@pytest.mark.parametrize("phone", ["0612345678", "not a number", "+0123456789", "+3199"])
def test_a_bad_number_is_dropped_and_not_tried_again(
    shop: Any, settings: Any, phone: str, caplog: pytest.LogCaptureFixture
) -> None:
    def bad_number(order: Any) -> None:
        order.customer.notify_by_sms, order.customer.phone = True, phone

    change_order(shop, "LL-2", bad_number)
    stages.label_ready(shop)

    send(settings, shop)

    assert statuses(shop, "sms")["label_ready"] == "dropped"
    assert job_states(shop) == {"done": 4}
    assert "is dropped" in caplog.text and phone not in caplog.text


def test_a_text_message_waits_as_long_as_the_service_asks(
    shop: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy:
        def send(self, key: str, to: str, text: str) -> None:
            raise SmsNotSent("too many calls", 300)

    monkeypatch.setattr(notice_jobs, "sms_client_for", lambda _settings: Busy())
    change_order(shop, "LL-2", by_sms)
    stages.label_ready(shop)

    send(settings, shop)

    with shop.read() as session:
        job = session.scalars(
            select(OutboxJob).where(OutboxJob.dedupe_key.like("%label_ready-sms"))
        ).one()
        assert (job.attempts, job.due_at) == (0, LATER + timedelta(seconds=300))
    assert statuses(shop, "sms")["label_ready"] == "waiting"


def test_notices_are_written_for_channels_with_a_sender_alone(shop: Any, settings: Any) -> None:
    change_order(shop, "LL-2", by_sms)
    with shop.write() as session:
        anna = session.scalars(select(Customer)).one()
        there = conversations.begin(session, channel="telegram", language="en", now=NOW)
        chat_of_anna = TelegramChat(
            chat_id=77,
            conversation_id=there.id,
            customer_id=anna.id,
            wants_notices=True,
            created_at=NOW,
        )
        session.add(chat_of_anna)
    create(shop, conversation_id=talk(shop))

    with shop.read() as session:
        written = set(session.scalars(select(Notification.channel)))
    senders = notice_jobs.senders_for(JobContext(settings, shop, mail_folder(settings), None), None)
    assert written == set(senders) == set(notices.CHANNELS)


def test_who_sends_a_gift_back_is_told_and_its_buyer_is_not(shop: Any, settings: Any) -> None:
    change_order(shop, "LL-2", lambda order: setattr(order, "is_gift", True))
    conversation_id = talk(shop)
    number = create(shop, conversation_id=conversation_id).rma_number
    labels.issue_label(shop, number, actor="system", now=NOW + timedelta(seconds=2))

    send(settings, shop)

    assert mail_folder(settings).mails() == []
    assert len(chat(shop, conversation_id)) == 1


def test_the_receipt_of_a_withdrawal_goes_at_once_to_the_address_given(
    shop: Any, settings: Any
) -> None:
    number = stages.declare(shop, language="pl")

    send(settings, shop, now=NOW)

    (mail,) = mail_folder(settings).mails()
    assert mail.to == "anna@other.example"
    assert number in mail.subject and "odstąpienie" in mail.subject
    assert all(line in mail.text for line in stages.WORDS.splitlines())


def test_a_withdrawal_without_any_address_goes_to_a_person(shop: Any) -> None:
    number = stages.declare(shop, None, contact="")

    with shop.read() as session:
        reasons = set(session.scalars(select(Case.reason)))
        view = withdrawals.find(session, number)
    assert withdrawals.NOTICE_FAILED in reasons
    assert view is not None and view.receipt_sent_at is None


def test_a_parcel_that_is_told_of_twice_makes_one_notice(shop: Any) -> None:
    number = stages.arrived(shop)
    inspected(shop, number, SHIRTS, (1, "A"))
    with shop.read() as session:
        rows = session.scalars(select(Notification).where(Notification.event == "arrived")).all()
        assert session.scalar(select(Return.status)) == "arrived"
        assert session.scalars(select(Conversation)).all() == []
    assert len(rows) == 1
