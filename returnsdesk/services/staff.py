"""The support team's accounts: who may log in to the console, with which role and password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email
from returnsdesk.services import events
from returnsdesk.services.errors import Conflict, NotFound, ServiceError

ROLES: Final = ("agent", "lead", "admin")
SHORTEST_PASSWORD: Final = 10
# Hashing a longer text would only keep the machine busy.
LONGEST_PASSWORD: Final = 200

_hasher = PasswordHasher()


@dataclass(frozen=True)
class StaffView:
    """An account as lists show it, without its password."""

    email: str
    name: str
    role: str
    is_active: bool
    created_at: datetime


def add(
    database: Database,
    email: str,
    *,
    name: str,
    role: str,
    password: str,
    actor: str,
    now: datetime,
) -> StaffView:
    """Make an account; raises `Conflict` when the address has one, `ServiceError` for what cannot be one."""
    _check_role(role)
    if not name.strip():
        raise ServiceError("NAME_MISSING", "an account needs a name")
    password_hash = _hash(password)
    with database.write() as session:
        if _by_email(session, email) is not None:
            raise Conflict("STAFF_EXISTS", f"there is an account for {_address(email)} already")
        account = StaffAccount(
            email=_address(email),
            name=name.strip(),
            role=role,
            password_hash=password_hash,
            is_active=True,
            created_at=now,
        )
        session.add(account)
        session.flush()
        _record(session, account, "add_staff", actor, now, {"role": role})
        return _view(account)


def list_all(session: Session) -> list[StaffView]:
    """All accounts, by address."""
    return [
        _view(row) for row in session.scalars(select(StaffAccount).order_by(StaffAccount.email))
    ]


def set_active(
    database: Database, email: str, is_active: bool, *, actor: str, now: datetime
) -> StaffView:
    """Let an account log in, or no longer; raises `NotFound`."""
    with database.write() as session:
        account = _required(session, email)
        if account.is_active != is_active:
            account.is_active = is_active
            command = "enable_staff" if is_active else "disable_staff"
            _record(session, account, command, actor, now, {"is_active": is_active})
        return _view(account)


def set_password(
    database: Database, email: str, password: str, *, actor: str, now: datetime
) -> StaffView:
    """Give an account another password; raises `NotFound`, or `ServiceError` for one that is too short."""
    password_hash = _hash(password)
    with database.write() as session:
        account = _required(session, email)
        account.password_hash = password_hash
        _record(session, account, "set_staff_password", actor, now, {})
        return _view(account)


def check_password(database: Database, email: str, password: str) -> int | None:
    """The id of the active account that the address and password belong to, or None.

    An unknown address takes as long as a wrong password.
    """
    address = normalise_email(email)[:254]
    with database.read() as session:
        account = session.scalars(
            select(StaffAccount).where(StaffAccount.email == address)
        ).one_or_none()
        kept = account.password_hash if account is not None else _unknown_hash()
        is_active = account is not None and account.is_active
        account_id = account.id if account is not None else None
    try:
        _hasher.verify(kept, password[: LONGEST_PASSWORD + 1])
    except Argon2Error:
        return None
    return account_id if is_active else None


@cache
def _unknown_hash() -> str:
    """A hash that no password fits, made with the same effort as real ones."""
    return _hasher.hash(secrets.token_hex(16))


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ServiceError("ROLE_UNKNOWN", f"a role is one of {', '.join(ROLES)}, not {role!r}")


def _address(email: str) -> str:
    address = normalise_email(email)
    if not address or "@" not in address:
        raise ServiceError("EMAIL_INVALID", f"{email!r} is not an e-mail address")
    return address


def _hash(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ServiceError(
            "PASSWORD_LENGTH",
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
        )
    return _hasher.hash(password)


def _by_email(session: Session, email: str) -> StaffAccount | None:
    return session.scalars(
        select(StaffAccount).where(StaffAccount.email == _address(email))
    ).one_or_none()


def _required(session: Session, email: str) -> StaffAccount:
    account = _by_email(session, email)
    if account is None:
        raise NotFound("STAFF_UNKNOWN", f"there is no account for {_address(email)}")
    return account


def _record(
    session: Session,
    account: StaffAccount,
    command: str,
    actor: str,
    now: datetime,
    after: dict[str, object],
) -> None:
    events.record(
        session,
        actor=actor,
        command=command,
        document="staff",
        document_id=account.id,
        now=now,
        after=after,
    )


def _view(account: StaffAccount) -> StaffView:
    return StaffView(
        account.email, account.name, account.role, account.is_active, account.created_at
    )
