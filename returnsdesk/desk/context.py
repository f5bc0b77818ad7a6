"""What every request works with: settings, database, live news, turns, session tokens, rates and the time."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from returnsdesk.db.session import Database
from returnsdesk.desk.live import LiveFeed
from returnsdesk.desk.rasa_client import RasaClient
from returnsdesk.desk.rates import Rate, TokenBuckets
from returnsdesk.desk.sessions import SessionTokens
from returnsdesk.desk.turns import Clock, Turns
from returnsdesk.settings import Settings


@dataclass(frozen=True)
class Rates:
    """How often a browser may do what; many shoppers may share one address."""

    messages_of_session: Rate = field(default_factory=lambda: Rate(burst=20, per_second=1))
    messages_of_address: Rate = field(default_factory=lambda: Rate(burst=200, per_second=20))
    sessions_of_address: Rate = field(default_factory=lambda: Rate(burst=60, per_second=2))
    streams_of_session: int = 20

    @classmethod
    def lifted(cls) -> Rates:
        """No limits that a measurement would meet."""
        any_pace = Rate(burst=1_000_000, per_second=1_000_000)
        return cls(any_pace, any_pace, any_pace)


@dataclass
class Desk:
    """The parts of a running desk."""

    settings: Settings
    database: Database
    rasa: RasaClient
    feed: LiveFeed
    turns: Turns
    tokens: SessionTokens
    clock: Clock
    rates: Rates
    # Known once the bot has answered; empty where there is none.
    telegram_username: str = ""

    def __post_init__(self) -> None:
        """Empty buckets for each rate."""
        self.messages_of_session = TokenBuckets(self.rates.messages_of_session)
        self.messages_of_address = TokenBuckets(self.rates.messages_of_address)
        self.sessions_of_address = TokenBuckets(self.rates.sessions_of_address)


def desk_of(request: Request) -> Desk:
    """The desk that the request came to."""
    desk: Desk = request.app.state.desk
    return desk
