"""Sessions of the console: logging in with a password, staying logged in, logging out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import StaffAccount, StaffSession
from returnsdesk.db.session import Database
from returnsdesk.services import audit, staff

LONGEST_SESSION: Final = timedelta(hours=12)
LONGEST_IDLE: Final = timedelta(hours=2)
_BETWEEN_SIGNS_OF_LIFE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class StaffMember:
    """Who is logged in; `email` is the actor of what they do."""

    id: int
    email: str
    name: str
    role: str
    must_change_password: bool = False

    def may(self, role: str) -> bool:
        """Whether the role is theirs or below: an admin may all that a lead may, a lead all that an agent may."""
        return staff.ROLES.index(self.role) >= staff.ROLES.index(role)


def begin(
    database: Database, account_id: int, *, instead_of: str = "", now: datetime
) -> tuple[str, StaffMember]:
    """Begin a session for an account whose password was right; returns the token for the cookie, and whose it is.

    The token is always a new one; the session of `instead_of`, which the browser had before, is over.
    """
    token = secrets.token_urlsafe(32)
    with database.write() as session:
        _remove(session, StaffSession.token_hash == _hash(instead_of))
        session.add(
            StaffSession(
                token_hash=_hash(token),
                account_id=account_id,
                created_at=now,
                seen_at=now,
                expires_at=now + LONGEST_SESSION,
            )
        )
        return token, _member(session.get(StaffAccount, account_id))


def find(session: Session, token: str, *, now: datetime) -> StaffMember | None:
    """Who is logged in by a token; None when it is unknown, has run out, or the account was disabled."""
    row = _row(session, token)
    if row is None or row.expires_at <= now or row.seen_at <= now - LONGEST_IDLE:
        return None
    account = row.account
    if not account.is_active:
        return None
    return _member(account)


def is_sign_of_life_due(session: Session, token: str, *, now: datetime) -> bool:
    """Whether `keep_alive` would change anything; a read, so that most requests write nothing."""
    row = _row(session, token)
    return row is not None and row.seen_at <= now - _BETWEEN_SIGNS_OF_LIFE


def keep_alive(database: Database, token: str, *, now: datetime) -> None:
    """Note that the session is in use."""
    with database.write() as session:
        row = _row(session, token)
        if row is not None:
            row.seen_at = now


def end(database: Database, token: str) -> None:
    """Log out."""
    with database.write() as session:
        _remove(session, StaffSession.token_hash == _hash(token))


def end_all(database: Database, account_id: int, *, now: datetime) -> None:
    """Log an account's owner out wherever they are logged in."""
    with database.write() as session:
        ended = _remove(session, StaffSession.account_id == account_id)
        account = session.get(StaffAccount, account_id)
        audit.recorded(
            session,
            actor=account.email,
            action=audit.LOG_OUT,
            subject="staff",
            subject_id=account.email,
            detail={"sessions": ended},
            now=now,
        )


def number_open(session: Session, account_id: int, *, now: datetime) -> int:
    """How many sessions of an account are open."""
    open_ones = select(func.count()).where(
        StaffSession.account_id == account_id,
        StaffSession.expires_at > now,
        StaffSession.seen_at > now - LONGEST_IDLE,
    )
    return int(session.scalar(open_ones) or 0)


def forget_over(database: Database, *, now: datetime) -> int:
    """Delete sessions that have run out or were not used for long; returns how many."""
    with database.write() as session:
        return _remove(
            session,
            (StaffSession.expires_at <= now) | (StaffSession.seen_at <= now - LONGEST_IDLE),
        )


def _remove(session: Session, which: Any) -> int:
    result = session.execute(
        delete(StaffSession).where(which).execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def _member(account: StaffAccount) -> StaffMember:
    return StaffMember(
        account.id, account.email, account.name, account.role, account.must_change_password
    )


def _row(session: Session, token: str) -> StaffSession | None:
    found: StaffSession | None = session.scalars(
        select(StaffSession).where(StaffSession.token_hash == _hash(token))
    ).one_or_none()
    return found


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
