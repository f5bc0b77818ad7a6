"""A desk on a loopback port with a fake Rasa behind it and a small shop in its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Customer, Order
from returnsdesk.db.session import Database
from returnsdesk.desk.app import create_app
from returnsdesk.desk.context import Rates
from returnsdesk.desk.rates import Rate
from returnsdesk.settings import Settings, load_settings
from tests.desk.fake_rasa import FakeRasa
from tests.desk.serving import Served
from tests.desk.shopper import Shopper
from tests.servers.processes import free_port

NO_LIMITS = Rates(
    messages_of_session=Rate(1000, 1000),
    messages_of_address=Rate(1000, 1000),
    sessions_of_address=Rate(1000, 1000),
)


class Clock:
    """The desk's time: the real one, moved on by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(timezone.utc) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk_settings(tmp_path: Path) -> Settings:
    return load_settings(
        database_url=f"sqlite:///{tmp_path / 'desk.db'}",
        var_dir=tmp_path / "var",
        desk_port=free_port(),
        rasa_port=free_port(),
        allowed_origins="https://shop.example",
    )


@pytest.fixture
def database(desk_settings: Settings) -> Iterator[Database]:
    database = Database(desk_settings.resolved_database_url)
    mapper_registry.metadata.create_all(database.engine)
    with database.write() as session:
        for name, number in (("aoife", "LL-1"), ("eoin", "LL-2")):
            customer = Customer(
                external_id=f"C-{name}",
                email=f"{name}@mail.example",
                email_norm=f"{name}@mail.example",
                first_name=name.capitalize(),
                last_name="Byrne",
                language="en",
                address={"city": "Dublin", "country": "IE"},
            )
            session.add(customer)
            session.add(
                Order(
                    number=number,
                    number_norm=number.replace("-", ""),
                    customer=customer,
                    email_norm=customer.email_norm,
                    status="delivered",
                    placed_at=datetime(2026, 6, 1, tzinfo=timezone.utc),
                    currency="EUR",
                    country="IE",
                )
            )
    yield database
    database.dispose()


@pytest.fixture
def rasa(desk_settings: Settings) -> Iterator[FakeRasa]:
    fake = FakeRasa(desk_settings.rasa_port, desk_settings.rasa_channel_token)
    fake.served.start()
    yield fake
    fake.may_answer.set()
    fake.served.stop()


@pytest.fixture
def start_desk(
    desk_settings: Settings, database: Database, clock: Clock
) -> Iterator[Callable[..., Served]]:
    """Start a desk; more than one may run on the same database."""
    started: list[Served] = []

    def start(port: int | None = None, **options: object) -> Served:
        app = create_app(
            desk_settings,
            clock=clock,
            **{"rates": NO_LIMITS, "seconds_until_notice": 0.3, **options},  # type: ignore[arg-type]
        )
        served = Served(app, port or desk_settings.desk_port)
        served.start()
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()


@pytest.fixture
def desk(start_desk: Callable[..., Served], rasa: FakeRasa) -> Served:
    return start_desk()


@pytest.fixture
def visit() -> Iterator[Callable[..., Shopper]]:
    """Open a chat at a desk, as one more browser."""
    visitors: list[Shopper] = []

    def open_chat(served: Served, **wish: object) -> Shopper:
        visitors.append(Shopper(served.url, **wish))
        return visitors[-1]

    yield open_chat
    for visitor in visitors:
        visitor.client.close()


@pytest.fixture
def shopper(desk: Served, visit: Callable[..., Shopper]) -> Shopper:
    return visit(desk)
