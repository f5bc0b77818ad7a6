"""The support team's accounts: who may log in to the console, with which role and password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import StaffAccount, StaffSession
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email
from returnsdesk.services import audit, events
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError

ROLES: Final = ("agent", "lead", "admin")
SHORTEST_PASSWORD: Final = 10
# Hashing a longer text would only keep the machine busy.
LONGEST_PASSWORD: Final = 200
# 12 random bytes as text: what is shown once, to be changed at the first log-in.
_BYTES_OF_MADE_PASSWORD: Final = 12

_hasher = PasswordHasher()


@dataclass(frozen=True)
class StaffView:
    """An account as lists show it, without its password."""

    email: str
    name: str
    role: str
    is_active: bool
    created_at: datetime
    must_change_password: bool = False


def add(
    database: Database,
    email: str,
    *,
    name: str,
    role: str,
    password: str,
    is_temporary: bool = False,
    actor: str,
    now: datetime,
) -> StaffView:
    """Make an account; `is_temporary` asks for another password at the first log-in.

    Raises `Conflict` when the address has one, `ServiceError` for what cannot be one.
    """
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
            must_change_password=is_temporary,
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
    """Let an account log in, or no longer, which ends its sessions.

    Raises `NotFound`, and `Conflict` for the last admin who may log in.
    """
    with database.write() as session:
        account = _required(session, email)
        if account.is_active != is_active:
            if not is_active:
                _keep_an_admin(session, account)
            account.is_active = is_active
            _end_sessions(session, account)
            command = "enable_staff" if is_active else "disable_staff"
            _record(session, account, command, actor, now, {"is_active": is_active})
        return _view(account)


def set_role(database: Database, email: str, role: str, *, actor: str, now: datetime) -> StaffView:
    """Give an account another role; its sessions have it at once.

    Raises `NotFound`, `ServiceError`, and `Conflict` for the last admin who may log in.
    """
    _check_role(role)
    with database.write() as session:
        account = _required(session, email)
        if account.role != role:
            _keep_an_admin(session, account)
            account.role = role
            _record(session, account, "set_staff_role", actor, now, {"role": role})
        return _view(account)


def set_password(
    database: Database,
    email: str,
    password: str,
    *,
    is_temporary: bool = False,
    actor: str,
    now: datetime,
) -> StaffView:
    """Give an account another password, which ends its sessions.

    `is_temporary` asks its owner for one of their own at the next log-in. Raises `NotFound`, or `ServiceError` for one
    that is too short.
    """
    password_hash = _hash(password)
    with database.write() as session:
        account = _required(session, email)
        account.password_hash = password_hash
        account.must_change_password = is_temporary
        _end_sessions(session, account)
        _record(session, account, "set_staff_password", actor, now, {})
        return _view(account)


def change_own_password(
    database: Database, email: str, old: str, new: str, *, now: datetime
) -> StaffView:
    """Change a password by who knows the present one, which ends all sessions.

    Raises `NotAllowed` (PASSWORD_WRONG, PASSWORD_SAME) and `ServiceError` for one that is too short.
    """
    if check_password(database, email, old) is None:
        raise NotAllowed("PASSWORD_WRONG", "the present password is another one")
    if old == new:
        raise NotAllowed("PASSWORD_SAME", "the new password is the present one")
    return set_password(database, email, new, actor=email, now=now)


def made_password() -> str:
    """A random password, to be shown once and told to the owner of the account."""
    return secrets.token_urlsafe(_BYTES_OF_MADE_PASSWORD)


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


def _keep_an_admin(session: Session, account: StaffAccount) -> None:
    """Raise `Conflict` where nobody would be left who can manage accounts."""
    if account.role != "admin" or not account.is_active:
        return
    # All of them are locked, in one order, so that two admins cannot remove each other at once.
    admins = session.scalars(
        select(StaffAccount.id)
        .where(StaffAccount.role == "admin", StaffAccount.is_active)
        .order_by(StaffAccount.id)
        .with_for_update()
    ).all()
    if set(admins) <= {account.id}:
        raise Conflict("LAST_ADMIN", f"{account.email} is the only admin; make another one first")


def _end_sessions(session: Session, account: StaffAccount) -> None:
    session.execute(
        delete(StaffSession)
        .where(StaffSession.account_id == account.id)
        .execution_options(synchronize_session=False)
    )


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
    audit.recorded(
        session,
        actor=actor,
        action=audit.CHANGE,
        subject="staff",
        subject_id=account.email,
        detail={"command": command, **after},
        now=now,
    )


def _view(account: StaffAccount) -> StaffView:
    return StaffView(
        account.email,
        account.name,
        account.role,
        account.is_active,
        account.created_at,
        account.must_change_password,
    )
