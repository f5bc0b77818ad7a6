"""Forms of the console that were sent: each does its work once, however often its button is pressed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from returnsdesk.db.models import SentForm
from returnsdesk.db.session import Database

KEPT_FOR: Final = timedelta(days=2)


@dataclass(frozen=True)
class Earlier:
    """The form was sent before; `result` is where that led to, None while it is still at work or was cut off."""

    result: str | None


def begin(database: Database, key: str, account_id: int, *, now: datetime) -> Earlier | None:
    """Claim a form's key before its work is done; gives what came of it where it was claimed before."""
    try:
        with database.write() as session:
            session.execute(
                delete(SentForm)
                .where(SentForm.at < now - KEPT_FOR)
                .execution_options(synchronize_session=False)
            )
            row = session.get(SentForm, (key, account_id))
            if row is not None:
                return Earlier(row.result)
            session.add(SentForm(key=key, account_id=account_id, at=now))
    except IntegrityError:
        # The same form came twice in the same moment.
        return Earlier(None)
    return None


def look(database: Database, key: str, account_id: int) -> Earlier | None:
    """What is known of a form that was sent; None when it never was, or its work was refused."""
    with database.read() as session:
        row = session.get(SentForm, (key, account_id))
        return Earlier(row.result) if row is not None else None


def finish(database: Database, key: str, account_id: int, result: str) -> None:
    """The work is done; whoever sends the form again is led to its result."""
    with database.write() as session:
        row = session.get(SentForm, (key, account_id))
        if row is not None:
            row.result = result


def forget(database: Database, key: str, account_id: int) -> None:
    """The work was refused and nothing was changed: the form may be sent again."""
    with database.write() as session:
        session.execute(
            delete(SentForm)
            .where(SentForm.key == key, SentForm.account_id == account_id)
            .execution_options(synchronize_session=False)
        )
