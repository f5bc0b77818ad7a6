"""Slowing down who guesses passwords: tries are counted in the database, so that all processes count together.

A try is counted before the password is looked at, and forgotten when it was right. Unknown addresses count like known
ones. Nobody is locked out for long: the pause between tries ends after five minutes at the latest, and a browser in
which the account's owner has logged in before is counted by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from returnsdesk.db.models import LoginAttempt
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email

COUNTED: Final = timedelta(minutes=15)
LONGEST_PAUSE: Final = timedelta(minutes=5)
_FIRST_PAUSE: Final = timedelta(seconds=30)
# Without a pause, within the time that is counted; colleagues may share an address.
FREE_OF_ACCOUNT: Final = 5
FREE_OF_ADDRESS: Final = 20
_PREFIX_OF_HOUSEHOLD: Final = 64


@dataclass(frozen=True)
class Try:
    """A try at logging in: by whom it is counted, or how long to wait before the next."""

    subjects: tuple[str, str]
    at: datetime
    wait: timedelta | None = None


def begin(database: Database, email: str, address: str, *, browser: str = "", now: datetime) -> Try:
    """Count a try, unless it comes too soon: then nothing is counted and `wait` says how long.

    `address` is that of the network, `browser` a name of one in which the account's owner has logged in before.
    """
    account = f"browser:{browser}" if browser else f"account:{_digest(normalise_email(email))}"
    subjects = (account, f"address:{_network(address)}")
    limits = dict(zip(subjects, (FREE_OF_ACCOUNT, FREE_OF_ADDRESS), strict=True))
    with database.write() as session:
        _one_at_a_time(session, limits)
        wait = max(_wait(session, subject, free, now) for subject, free in limits.items())
        if wait > timedelta():
            return Try(subjects, now, wait)
        session.add_all(LoginAttempt(subject=subject, at=now) for subject in limits)
    return Try(subjects, now)


def succeeded(database: Database, tried: Try) -> None:
    """Forget the tries of the account, and this one of the address: the password was right."""
    account, address = tried.subjects
    with database.write() as session:
        this_one = (LoginAttempt.subject == address) & (LoginAttempt.at == tried.at)
        session.execute(
            delete(LoginAttempt)
            .where((LoginAttempt.subject == account) | this_one)
            .execution_options(synchronize_session=False)
        )


def forget_old(database: Database, *, now: datetime) -> int:
    """Delete tries that count no more; returns how many."""
    with database.write() as session:
        result = session.execute(
            delete(LoginAttempt)
            .where(LoginAttempt.at <= now - COUNTED)
            .execution_options(synchronize_session=False)
        )
        return int(result.rowcount)


def _wait(session: Session, subject: str, free: int, now: datetime) -> timedelta:
    number, latest = session.execute(
        select(func.count(), func.max(LoginAttempt.at)).where(
            LoginAttempt.subject == subject, LoginAttempt.at > now - COUNTED
        )
    ).one()
    if number < free:
        return timedelta()
    pause = min(LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(number - free, 10))
    return max(timedelta(), latest + pause - now)


def _one_at_a_time(session: Session, subjects: Iterable[str]) -> None:
    """Let no other process count the same subjects meanwhile; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        for subject in sorted(subjects):
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:subject))"), {"subject": subject}
            )


def _digest(text_: str) -> str:
    # What was typed may be a password in the wrong field.
    return sha256(text_.encode()).hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 the part that a household or company has to itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> _PREFIX_OF_HOUSEHOLD << _PREFIX_OF_HOUSEHOLD))
    return str(parsed)
