"""A worker killed at any step loses nothing and does nothing twice: money, labels, mail, texts, chat, credit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from returnsdesk.db.base import Base
from returnsdesk.db.models import (
    InboundParcel,
    Message,
    Notification,
    OutboxJob,
    Payment,
    RefundPart,
    Return,
    StoreCredit,
)
from returnsdesk.db.session import Database
from returnsdesk.services import inspections, outbox, refunds, return_moves, returns
from returnsdesk.services.label_requests import ISSUE_LABEL
from returnsdesk.services.notices import SEND_NOTICE
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.desk.shopper import eventually
from tests.integration.mortal_worker import KILLED, Step, end_of, kills_after, kills_before, start
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    DELIVERED,
    START,
    LinePlan,
    OrderPlan,
    ShopPlan,
    put_in,
)
from tests.servers.payments import TOKEN, PaymentServer, serve_payments
from tests.servers.postgres import PostgresServer
from tests.servers.sendcloud import KEYS, FakeSendcloud
from tests.servers.smtp import SmtpServer

SOON = START + timedelta(minutes=2)
"""When the first worker works: the notices of an approval have waited long enough for the label's."""
MOST_STEPS = 30

PLAN = ShopPlan(
    currency="EUR",
    orders=(
        OrderPlan(
            lines=(LinePlan(0, 0, 3499, 0, (DELIVERED,) * 3),),
            discount=497,
            shipping_paid=0,
            payments=(("credit_card", 7), ("gift_card", 3)),
            refunded_before=0,
        ),
    ),
    prices=((3499, 3499, 3499), (100, 100, 100)),
    stock=((3, 3, 3), (3, 3, 3)),
    tier="none",
    reads_texts=True,
    same_price_swap=True,
    other_products=False,
    refund_order="proportional",
    bonus_percent=0,
)


@dataclass
class SmsServer:
    """A text message service and what was handed to it: key and text, in the order it came."""

    url: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)

    def take(self, key: str, text: str) -> None:
        """Take a message over."""
        self.messages.append((key, text))


@contextmanager
def serve_texts() -> Iterator[SmsServer]:
    """A service on a port of its own, until the block ends."""
    server = SmsServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.take(body["key"], body["text"])
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.url = f"http://127.0.0.1:{httpd.server_port}"
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()


@dataclass
class World:
    """A shop with jobs that wait, and the outside systems that they are about."""

    database: Database
    folder: Path
    payments: PaymentServer
    sendcloud: FakeSendcloud
    sendcloud_url: str
    texts: SmsServer
    mails: SmtpServer
    worker: BaseProcess | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything outside is on the loopback address."""
        return {
            "database_url": self.database.url,
            "var_dir": self.folder,
            "payment_url": self.payments.url,
            "payment_token": TOKEN,
            "smtp_url": self.mails.url,
            "sms_url": self.texts.url,
            "carrier": "sendcloud",
            "sendcloud_url": self.sendcloud_url,
            "sendcloud_public_key": KEYS[0],
            "sendcloud_secret_key": KEYS[1],
        }

    def works(self, kind: str, now: datetime, step: Step | None = None) -> int:
        """A worker does one round, or dies in it; gives how it ended."""
        self.worker = start(kind, self.settings, now, step or Step())
        return end_of(self.worker)

    def under_way(self) -> BaseProcess:
        """The worker that works now."""
        assert self.worker is not None
        return self.worker

    def rows(self, of: Any, *conditions: Any) -> list[Any]:
        """All rows of a table."""
        with self.database.read() as session:
            found = list(session.scalars(select(of).where(*conditions).order_by(of.id)))
            session.expunge_all()
            return found

    def count(self, of: Any, *conditions: Any) -> int:
        """How many rows there are."""
        with self.database.read() as session:
            return int(session.scalar(select(func.count()).select_from(of).where(*conditions)))


NewWorld = Callable[["Work"], Any]


@pytest.fixture(params=["sqlite"])
def new_world(request: pytest.FixtureRequest, tmp_path: Path, smtp_server: SmtpServer) -> NewWorld:
    """Makes a world in which a kind of work waits, each time the same, in a database of its own."""
    prepared: dict[str, Iterator[str]] = {}
    untouched = smtp_server.handle_DATA

    def copies(work: Work) -> Iterator[str]:
        if request.param == "postgresql":
            return _postgres_copies(request.getfixturevalue("postgres_server"), work)
        return _sqlite_copies(tmp_path, work)

    @contextmanager
    def made(work: Work) -> Iterator[World]:
        if work.kind not in prepared:
            prepared[work.kind] = copies(work)
        smtp_server.mails.clear()
        smtp_server.handle_DATA = untouched  # type: ignore[method-assign]
        database = Database(next(prepared[work.kind]))
        sendcloud = FakeSendcloud()
        address = sendcloud.start()
        with serve_payments() as payments, serve_texts() as texts:
            yield World(database, tmp_path, payments, sendcloud, address, texts, smtp_server)
        sendcloud.stop()
        database.dispose()

    return made


on_both_databases = pytest.mark.parametrize("new_world", ["sqlite", "postgresql"], indirect=True)


def _sqlite_copies(folder: Path, work: Work) -> Iterator[str]:
    original = folder / "prepared.db"
    _prepare(f"sqlite:///{original}", work)
    for number in count():
        yield f"sqlite:///{shutil.copy(original, folder / f'{number}.db')}"


def _postgres_copies(server: PostgresServer, work: Work) -> Iterator[str]:
    original = server.create_database()
    _prepare(server.url(original), work)
    while True:
        yield server.url(server.create_database(original))


def _prepare(url: str, work: Work) -> None:
    database = Database(url)
    Base.metadata.create_all(database.engine)
    with database.write() as session:
        put_in(session, PLAN)
    work.prepare(database)
    database.dispose()


def returned(database: Database, settlement: str = "original") -> str:
    """A registered return of two shirts."""
    line = RequestedLine("LL-0-0", 2, "too_large", "refund")
    request = ReturnRequest("LL-0", (line,), settlement, "key")
    view = returns.create(
        database, request, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
    )
    return view.rma_number


def arrived(database: Database) -> str:
    """A return that has arrived; what was announced of it before was heard."""
    number = returned(database)
    with database.write() as session:
        session.execute(update(OutboxJob).values(state="done"))
        session.execute(delete(Notification))
    return_moves.record_arrival(database, number, actor="carrier", now=SOON)
    return number


def refunded(database: Database, settlement: str = "original") -> str:
    """A return whose refund is started."""
    number = returned(database, settlement)
    return_moves.record_arrival(database, number, actor="carrier", now=START)
    inspections.inspect_line(database, number, "LL-0-0", 2, "A", actor=AGENT, now=START)
    refunds.start(database, number, actor=AGENT, now=START)
    return number


def is_paid_once(world: World) -> None:
    """Each part is one refund at the provider, and the return is closed."""
    parts = world.rows(RefundPart)
    assert len(parts) == 2
    assert world.payments.paid_out == 2
    assert {
        key: found["wanted"]["amount_minor"] for key, found in world.payments.refunds.items()
    } == {part.idempotency_key: part.amount_minor for part in parts}
    assert {part.status for part in parts} == {"settled"}
    (document,) = world.rows(Return)
    assert document.status == "closed"
    (refund,) = document_refunds(world)
    assert sum(each.refunded_minor for each in world.rows(Payment)) == refund
    refunds_announced = world.rows(Notification, Notification.event == "refunded")
    assert len({each.channel for each in refunds_announced}) == len(refunds_announced) > 0


def document_refunds(world: World) -> list[int]:
    with world.database.read() as session:
        (document,) = session.scalars(select(Return))
        return [refund.amount_minor for refund in document.refunds]


def has_one_label(world: World) -> None:
    """One return at the carrier, one parcel with its label here, and the shopper can send it."""
    assert len(world.sendcloud.returns) == 1
    (parcel,) = world.rows(InboundParcel)
    (announced,) = world.sendcloud.returns.values()
    assert parcel.tracking_number == f"3SABC{announced['parcel_id']}"
    (document,) = world.rows(Return)
    assert document.status == "label_issued"


def is_told_once(world: World) -> None:
    """One mail, one text and one message in the chat, however often they were handed over."""
    notices = world.rows(Notification)
    assert {each.channel for each in notices} == {"email", "sms", "web"}
    assert {each.status for each in notices} == {"sent"}
    assert len({each.message["Message-ID"] for each in world.mails.mails}) == 1
    assert len({key for key, _text in world.texts.messages}) == 1
    assert world.count(Message, Message.author == "assistant") == 1


def has_one_credit(world: World) -> None:
    """One code over the amount of the refund."""
    (credit,) = world.rows(StoreCredit, StoreCredit.kind == "credit")
    assert [credit.amount_minor] == document_refunds(world)
    (document,) = world.rows(Return)
    assert document.status == "closed"
    assert world.payments.paid_out == 0


@dataclass(frozen=True)
class Work:
    """A kind of job, what makes it wait, and what has to be true when it is done."""

    kind: str
    prepare: Callable[[Database], object]
    is_done: Callable[[World], None]
    steps: int


WORKS = {
    "refund": Work(refunds.SEND_REFUND_PART, refunded, is_paid_once, 6),
    "label": Work(ISSUE_LABEL, returned, has_one_label, 3),
    "notices": Work(SEND_NOTICE, arrived, is_told_once, 9),
    "credit": Work(
        refunds.ISSUE_STORE_CREDIT,
        lambda database: refunded(database, "store_credit"),
        has_one_credit,
        3,
    ),
}


def comes_to_its_end(world: World, work: Work) -> None:
    """Another worker takes over when the dead one's claim has run out."""
    later = SOON + timedelta(seconds=outbox.CLAIM_SECONDS + 1)
    assert world.works(work.kind, later) == 0
    work.is_done(world)
    assert world.count(OutboxJob, OutboxJob.kind == work.kind, OutboxJob.state != "done") == 0


@pytest.mark.parametrize("name", ["label", "notices", "credit"])
def test_a_worker_killed_before_any_commit_is_taken_over(new_world: NewWorld, name: str) -> None:
    dies_before_each_commit(new_world, WORKS[name])


@on_both_databases
def test_a_worker_killed_in_a_refund_is_taken_over_on_both_databases(new_world: NewWorld) -> None:
    dies_before_each_commit(new_world, WORKS["refund"])


def dies_before_each_commit(new_world: NewWorld, work: Work) -> None:
    """As often as there are commits, a worker dies before one of them."""
    for number in range(1, MOST_STEPS):
        with new_world(work) as world:
            ended = world.works(work.kind, SOON, Step(before_commit=number))
            if ended == KILLED:
                comes_to_its_end(world, work)
                continue
            assert ended == 0
            work.is_done(world)
            # Claiming, storing the result and marking it done, for every job.
            assert number > work.steps
            return
    raise AssertionError("the work has no end")


@pytest.mark.parametrize("step", [Step(handler="begins"), Step(handler="ended")], ids=str)
@pytest.mark.parametrize("name", WORKS)
def test_a_worker_killed_between_claim_call_and_mark_is_taken_over(
    new_world: NewWorld, name: str, step: Step
) -> None:
    work = WORKS[name]
    with new_world(work) as world:
        assert world.works(work.kind, SOON, step) == KILLED
        comes_to_its_end(world, work)


@pytest.mark.parametrize("deadly", [kills_before, kills_after])
@pytest.mark.parametrize("name", ["refund", "label", "text", "mail"])
def test_a_worker_killed_in_the_call_is_taken_over(
    new_world: NewWorld, name: str, deadly: Callable[..., Any]
) -> None:
    work = WORKS.get(name) or WORKS["notices"]
    with new_world(work) as world:
        if name == "refund":
            world.payments.pay_back = deadly(world.under_way, world.payments.pay_back)
        elif name == "text":
            world.texts.take = deadly(world.under_way, world.texts.take)
        elif name == "mail":
            world.mails.handle_DATA = deadly(world.under_way, world.mails.handle_DATA)
        else:
            calls = world.sendcloud.answer
            dying = deadly(world.under_way, calls)
            world.sendcloud.answer = lambda call: (
                dying if (call.method, call.path) == ("POST", "/returns") else calls
            )(call)
        assert world.works(work.kind, SOON) == KILLED
        comes_to_its_end(world, work)


def test_the_process_of_the_product_killed_in_a_refund_pays_once(
    new_world: NewWorld,
) -> None:
    with new_world(WORKS["refund"]) as world:
        environment = {name.upper(): str(value) for name, value in world.settings.items()} | {
            "PATH": "",
            "SMTP_URL": "",
            "SMS_URL": "",
        }
        command = [sys.executable, "-m", "returnsdesk", "serve", "worker"]
        pay_back = world.payments.pay_back
        processes: list[subprocess.Popen[bytes]] = []
        killed = threading.Event()

        def kill_and_pay(key: str, wanted: dict[str, Any]) -> Any:
            answer = pay_back(key, wanted)
            if not killed.is_set():
                killed.set()
                processes[0].kill()
            return answer

        world.payments.pay_back = kill_and_pay
        processes.append(subprocess.Popen(command, env=environment))
        assert processes[0].wait(60) == KILLED
        assert killed.is_set()
        with world.database.write() as session:
            # As if the time of the dead worker's claim had passed.
            session.execute(update(OutboxJob).values(due_at=datetime.now(timezone.utc)))
        second = subprocess.Popen(command, env=environment)
        try:
            eventually(lambda: world.rows(Return)[0].status == "closed", seconds=60)
        finally:
            second.terminate()
            second.wait(20)
        is_paid_once(world)
