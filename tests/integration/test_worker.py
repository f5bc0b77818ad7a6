"""The worker: mail and money go out once, whatever fails in between, and what is overdue ends."""

from __future__ import annotations

import email
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from returnsdesk import worker as worker_module
from returnsdesk.clients.http import ProviderUnavailable
from returnsdesk.clients.mail import Mail, MailNotSent, SmtpMailer, mail_folder, mailer_for
from returnsdesk.clients.payment import EmbeddedPayments, RefundAnswer
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Order, OutboxJob, RefundPart, Return
from returnsdesk.db.session import Database
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import (
    conversations,
    identity,
    outbox,
    refunds,
    return_moves,
    returns,
    sample_shop,
)
from returnsdesk.settings import LANGUAGES, Settings, SettingsError, load_settings
from returnsdesk.texts import render
from returnsdesk.worker import Worker, handlers_for, timers_for
from tests.desk.shopper import eventually
from tests.servers.smtp import SmtpServer

NOW = datetime(2026, 8, 12, 9, 30, tzinfo=timezone.utc)
KEY = "key-of-these-tests"
SHOPPER = "aoife.byrne@mail.example"
# Checked and accepted yesterday; the refund is the next step.
INSPECTED_ORDER = "LL-10226"


@pytest.fixture(scope="module")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "shop.db"
    database = Database(f"sqlite:///{file}")
    mapper_registry.metadata.create_all(database.engine)
    sample_shop.seed(database, now=NOW)
    database.dispose()
    return file


@pytest.fixture
def settings(tmp_path: Path, seeded_file: Path) -> Settings:
    file = Path(shutil.copy(seeded_file, tmp_path / "shop.db"))
    return load_settings(database_url=f"sqlite:///{file}", var_dir=tmp_path / "var")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.resolved_database_url)
    yield database
    database.dispose()


class Payments(EmbeddedPayments):
    """The stand-in, with a book of what was asked, and out of order when told."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int, str, str]] = []
        self.is_down = False

    def refund(
        self, key: str, amount_minor: int, currency: str, method_reference: str
    ) -> RefundAnswer:
        self.asked.append((key, amount_minor, currency, method_reference))
        if self.is_down:
            raise ProviderUnavailable("out of order")
        return super().refund(key, amount_minor, currency, method_reference)


@pytest.fixture
def payments() -> Payments:
    return Payments()


def worker_of(
    settings: Settings,
    database: Database,
    payments: Payments | None = None,
    *,
    with_timers: bool = False,
    **changes: Any,
) -> Worker:
    """A worker of the sample shop, by whose timers notices of its own are due."""
    settings = settings.copy(update=changes)
    context = JobContext(settings, database, mailer_for(settings), payments or Payments())
    timers = timers_for(context) if with_timers else []
    return Worker(database, handlers_for(context), clock=lambda: NOW, timers=timers)


def ask_for_code(database: Database, language: str = "en", address: str = SHOPPER) -> str:
    conversation = conversations.start(database, channel="web", language=language, now=NOW)
    identity.request_code(database, conversation.id, address, key=KEY, now=NOW)
    return conversation.id


def code_in(text: str) -> str:
    return next(word for word in text.split() if word.isdigit() and len(word) == 6)


def forget_that_it_was_done(database: Database, payload: dict[str, Any], kind: str) -> None:
    """What a worker leaves that died after the effect and before it could write that the job is done."""
    with database.write() as session:
        session.execute(
            update(OutboxJob).where(OutboxJob.kind == kind).values(state="waiting", payload=payload)
        )


def payloads(database: Database, kind: str) -> list[dict[str, Any]]:
    with database.read() as session:
        return list(
            session.scalars(
                select(OutboxJob.payload).where(
                    OutboxJob.kind == kind, OutboxJob.state == "waiting"
                )
            )
        )


def rma_of(database: Database, order_number: str) -> str:
    with database.read() as session:
        number = session.scalar(
            select(Return.rma_number).join(Order).where(Order.number == order_number)
        )
    return str(number)


# Mail


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_is_mailed_in_the_language_of_the_conversation(
    settings: Settings, database: Database, smtp_server: SmtpServer, language: str
) -> None:
    conversation_id = ask_for_code(database, language)

    worker_of(settings, database, smtp_url=smtp_server.url).run_once(NOW)

    (mail,) = smtp_server.wait_for_mails(1)
    assert mail.recipients == (SHOPPER,)
    assert mail.sender == settings.mail_from
    assert str(mail.message["From"]) == f"{settings.shop_name} <{settings.mail_from}>"
    assert mail.message["Content-Language"] == language
    code = code_in(mail.message.get_content())
    facts = {"code": code, "shop": settings.shop_name}
    assert mail.message["Subject"] == render("mail_code_subject", language, **facts)
    assert identity.check_code(database, conversation_id, code, key=KEY, now=NOW)


def test_without_a_mail_server_mail_is_kept_in_a_folder(
    settings: Settings, database: Database
) -> None:
    conversation_id = ask_for_code(database, "pl")

    worker_of(settings, database).run_once(NOW)

    (mail,) = mail_folder(settings).mails()
    assert mail.to == SHOPPER
    assert mail.sent_at == NOW
    assert "Dzień dobry" in mail.text
    code = code_in(mail.subject)
    assert identity.check_code(database, conversation_id, code, key=KEY, now=NOW)


def test_an_address_without_orders_gets_no_mail(settings: Settings, database: Database) -> None:
    ask_for_code(database, address="stranger@mail.example")

    worker_of(settings, database).run_once(NOW)

    assert mail_folder(settings).mails() == []


def test_a_mail_that_is_refused_is_tried_again(
    settings: Settings, database: Database, smtp_server: SmtpServer
) -> None:
    ask_for_code(database)
    worker = worker_of(settings, database, smtp_url=smtp_server.url)
    smtp_server.answer = "451 Try again later"
    worker.run_once(NOW)
    assert worker.run_once(NOW) == 0

    smtp_server.answer = "250 OK"
    worker.run_once(NOW + timedelta(minutes=1))

    assert len(smtp_server.wait_for_mails(1)) == 1
    assert payloads(database, identity.SEND_CODE) == []


def test_a_mail_server_that_is_not_there_is_waited_for(
    settings: Settings, database: Database, smtp_server: SmtpServer
) -> None:
    ask_for_code(database)
    worker_of(settings, database, smtp_url="smtp://127.0.0.1:1").run_once(NOW)

    with database.read() as session:
        job = session.scalars(select(OutboxJob).where(OutboxJob.kind == identity.SEND_CODE)).one()
        assert (job.state, job.attempts) == ("waiting", 1)
        assert "127.0.0.1:1" in job.last_error
    worker_of(settings, database, smtp_url=smtp_server.url).run_once(NOW + timedelta(minutes=1))
    assert len(smtp_server.wait_for_mails(1)) == 1


def test_a_crash_after_the_mail_and_before_the_mark_repeats_a_mail_that_mailboxes_know(
    settings: Settings, database: Database, smtp_server: SmtpServer
) -> None:
    ask_for_code(database)
    (payload,) = payloads(database, identity.SEND_CODE)
    worker = worker_of(settings, database, smtp_url=smtp_server.url)
    worker.run_once(NOW)

    forget_that_it_was_done(database, payload, identity.SEND_CODE)
    worker.run_once(NOW + timedelta(seconds=outbox.CLAIM_SECONDS))

    first, second = smtp_server.wait_for_mails(2)
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message.get_content() == second.message.get_content()


def test_a_crash_after_the_mail_and_before_the_mark_leaves_one_mail_in_the_folder(
    settings: Settings, database: Database
) -> None:
    ask_for_code(database)
    (payload,) = payloads(database, identity.SEND_CODE)
    worker = worker_of(settings, database)
    worker.run_once(NOW)
    sent = mail_folder(settings).mails()
    assert len(sent) == 1

    forget_that_it_was_done(database, payload, identity.SEND_CODE)
    worker.run_once(NOW + timedelta(seconds=outbox.CLAIM_SECONDS))

    assert mail_folder(settings).mails() == sent


def test_a_code_that_has_run_out_or_was_replaced_is_not_mailed(
    settings: Settings, database: Database
) -> None:
    ask_for_code(database)
    worker_of(settings, database).run_once(NOW + identity.CODE_LIFETIME)
    assert mail_folder(settings).mails() == []

    conversation_id = ask_for_code(database)
    later = NOW + identity.RESEND_AFTER + timedelta(seconds=1)
    identity.request_code(database, conversation_id, SHOPPER, key=KEY, now=later)
    worker_of(settings, database).run_once(later)

    (mail,) = mail_folder(settings).mails()
    code = code_in(mail.subject)
    assert identity.check_code(database, conversation_id, code, key=KEY, now=later)


def test_the_code_does_not_stay_in_the_database(settings: Settings, database: Database) -> None:
    ask_for_code(database)
    worker_of(settings, database).run_once(NOW)

    with database.read() as session:
        job = session.scalars(select(OutboxJob).where(OutboxJob.kind == identity.SEND_CODE)).one()
        assert (job.state, job.payload) == ("done", {})


def test_the_mail_server_is_told_name_and_password(smtp_server: SmtpServer) -> None:
    url = f"smtp://shop%40example:p%2Fw@{smtp_server.host}:{smtp_server.port}"
    mailer = SmtpMailer(url, "Shop", "shop@example.org")

    mailer.send(Mail("key", SHOPPER, "Subject", "Text", "en"), now=NOW)

    assert smtp_server.logins == [("shop@example", "p/w")]


@pytest.mark.parametrize("address", ["bad\naddress@mail.example", "a@b\r\nBcc: c@d"])
def test_an_address_cannot_add_headers(smtp_server: SmtpServer, address: str) -> None:
    mailer = SmtpMailer(smtp_server.url, "Shop", "shop@example.org")

    with pytest.raises(MailNotSent, match="cannot be addressed"):
        mailer.send(Mail("key", address, "Subject", "Text", "en"), now=NOW)
    assert smtp_server.mails == []


@pytest.mark.parametrize("url", ["mail.example.org", "http://mail", "smtp://", "smtp://host:port"])
def test_a_mail_server_that_cannot_be_one_is_said_in_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="SMTP_URL"):
        SmtpMailer(url, "Shop", "shop@example.org")


def test_a_kept_mail_is_a_standard_file_that_was_written_whole(
    settings: Settings, database: Database
) -> None:
    ask_for_code(database)
    worker_of(settings, database).run_once(NOW)

    (file,) = (settings.var_dir / "mail").iterdir()
    message = email.message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    assert message["To"] == SHOPPER
    assert message["Auto-Submitted"] == "auto-generated"


# Money


def test_a_refund_is_paid_part_by_part_and_the_return_closes(
    settings: Settings, database: Database, payments: Payments
) -> None:
    rma_number = rma_of(database, INSPECTED_ORDER)
    started = refunds.start(database, rma_number, actor="system", now=NOW)
    assert started.status == "refund_pending"

    worker_of(settings, database, payments).run_once(NOW)

    with database.read() as session:
        view = returns.find(session, rma_number)
        part = session.scalars(select(RefundPart).order_by(RefundPart.id.desc())).first()
        assert part.provider_reference.startswith("demo-")
    assert view is not None and view.status == "closed"
    paid = [(amount, currency) for _key, amount, currency, _method in payments.asked]
    (refund,) = view.refunds
    assert sum(amount for amount, _currency in paid) == refund.amount_minor
    assert {currency for _amount, currency in paid} == {refund.currency}


def test_a_payment_that_failed_is_asked_for_again_with_the_same_key(
    settings: Settings, database: Database, payments: Payments
) -> None:
    rma_number = rma_of(database, INSPECTED_ORDER)
    refunds.start(database, rma_number, actor="system", now=NOW)
    worker = worker_of(settings, database, payments)
    payments.is_down = True
    worker.run_once(NOW)

    payments.is_down = False
    worker.run_once(NOW + timedelta(minutes=1))

    half = len(payments.asked) // 2
    assert half >= 1
    assert payments.asked[:half] == payments.asked[half:]
    with database.read() as session:
        view = returns.find(session, rma_number)
    assert view is not None and view.status == "closed"


def test_a_crash_between_paying_and_settling_pays_once(
    settings: Settings, database: Database, payments: Payments
) -> None:
    rma_number = rma_of(database, INSPECTED_ORDER)
    refunds.start(database, rma_number, actor="system", now=NOW)
    (payload, *_rest) = payloads(database, refunds.SEND_REFUND_PART)
    worker = worker_of(settings, database, payments)
    worker.run_once(NOW)
    with database.read() as session:
        before = returns.find(session, rma_number)

    with database.write() as session:
        session.execute(
            update(OutboxJob)
            .where(OutboxJob.kind == refunds.SEND_REFUND_PART, OutboxJob.due_at > NOW)
            .values(state="waiting", payload=payload)
        )
    worker.run_once(NOW + timedelta(seconds=outbox.CLAIM_SECONDS))

    with database.read() as session:
        assert returns.find(session, rma_number) == before
    # What is settled is not asked for again.
    assert len(payments.asked) == len({key for key, *_rest in payments.asked})


# Timers


def test_a_return_that_was_never_posted_ends(settings: Settings, database: Database) -> None:
    with database.read() as session:
        open_before = return_moves.overdue(session, NOW + timedelta(days=60))
        assert return_moves.overdue(session, NOW) == []
    assert open_before

    worker_of(settings, database, with_timers=True).run_once(NOW + timedelta(days=60))

    with database.read() as session:
        ended = [returns.find(session, number) for number in open_before]
    assert {view.status for view in ended if view} == {"expired"}


# The process


def test_a_broken_round_does_not_end_the_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "SECONDS_AFTER_FAILURE", 0.01)
    stop = threading.Event()
    rounds: list[int] = []

    def clock() -> datetime:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("broken clock")
        stop.set()
        return NOW

    thread = threading.Thread(target=Worker(database, {}, clock=clock).run, args=(stop,))
    thread.start()
    thread.join(30)

    assert not thread.is_alive()
    assert len(rounds) == 2


SERVE = """
from returnsdesk.worker import serve
from returnsdesk.settings import load_settings
serve(load_settings())
"""


def test_the_process_works_until_it_is_told_to_end(settings: Settings, database: Database) -> None:
    now = datetime.now(timezone.utc)
    conversation = conversations.start(database, channel="web", language="en", now=now)
    identity.request_code(database, conversation.id, SHOPPER, key=KEY, now=now)
    environment = {
        "DATABASE_URL": settings.database_url,
        "VAR_DIR": str(settings.var_dir),
        "SMTP_URL": "",
        "PATH": "",
    }
    process = subprocess.Popen([sys.executable, "-c", SERVE], env=environment)
    try:
        # By today's clock the sample shop's returns are overdue, and the worker tells of that too.
        eventually(
            lambda: any(mail.name.startswith("code-") for mail in mail_folder(settings).mails()),
            seconds=60,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
    assert status == 0
