"""What is kept only for a time: conversations, the audit log, log-ins, links to chats, updates of Telegram."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Case,
    ChatLink,
    Claim,
    Conversation,
    IdentityAttempt,
    SentForm,
    TelegramUpdate,
    Withdrawal,
)
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import (
    audit_log,
    conversation_erasure,
    erasure_outside,
    login_attempts,
    person_records,
    sent_forms,
    staff_sessions,
)
from returnsdesk.services.erasure_outside import Tracker
from returnsdesk.settings import Settings

# Telegram repeats an update for a day at the longest.
KEEP_UPDATES: Final = timedelta(days=2)
KEEP_USED_LINKS: Final = timedelta(days=1)
KEEP_TRIES: Final = timedelta(days=1)
_AT_ONCE: Final = 200


def forget_old(database: Database, settings: Settings, *, now: datetime) -> dict[str, int]:
    """Delete everything whose time is over; returns how much of what. Repeated, it finds nothing."""
    done = {
        "conversations": _old_conversations(database, settings, now),
        "login_attempts": login_attempts.forget_old(database, now=now),
        "staff_sessions": staff_sessions.forget_over(database, now=now),
        **_small_things(database, now),
    }
    if settings.keep_audit_days:
        before = now - timedelta(days=settings.keep_audit_days)
        done["audit_entries"] = audit_log.forget_old(database, before=before)
    return {name: number for name, number in done.items() if number}


def _old_conversations(database: Database, settings: Settings, now: datetime) -> int:
    """Erase conversations in which nothing was said for long, with photos and Rasa's memory of them."""
    if not settings.keep_conversations_days:
        return 0
    before = now - timedelta(days=settings.keep_conversations_days)
    erased = 0
    tracker = Tracker(settings.tracker_url)
    try:
        while True:
            with database.read() as session:
                ids = _due(session, before)
                photos = person_records.photos_of(session, ids, (), ())
            if not ids:
                return erased
            # The product's rows go last: they say what there is to delete elsewhere, should this be cut off.
            erasure_outside.delete_photos(settings.var_dir, photos)
            tracker.erase(ids)
            with database.write() as session:
                conversation_erasure.erase(session, ids)
            erased += len(ids)
    finally:
        tracker.close()


def _due(session: Session, before: datetime) -> list[str]:
    """Conversations whose time is over; those that something unfinished came of are kept until it is done."""
    open_cases = select(Case.conversation_id).where(
        Case.status != "closed", Case.conversation_id.is_not(None)
    )
    open_claims = select(Claim.conversation_id).where(
        Claim.status.not_in((states.CLAIM_RESOLVED, states.CLAIM_DENIED)),
        Claim.conversation_id.is_not(None),
    )
    open_withdrawals = select(Withdrawal.conversation_id).where(
        Withdrawal.status.not_in((states.WITHDRAWAL_REFUNDED, states.WITHDRAWAL_REFUSED)),
        Withdrawal.conversation_id.is_not(None),
    )
    query = (
        select(Conversation.id)
        .where(
            Conversation.last_message_at < before,
            *(Conversation.id.not_in(kept) for kept in (open_cases, open_claims, open_withdrawals)),
        )
        .order_by(Conversation.last_message_at)
        .limit(_AT_ONCE)
    )
    return list(session.scalars(query))


def _small_things(database: Database, now: datetime) -> dict[str, int]:
    links = or_(
        ChatLink.expires_at <= now - KEEP_USED_LINKS, ChatLink.used_at <= now - KEEP_USED_LINKS
    )
    updates = (TelegramUpdate.received_at <= now - KEEP_UPDATES) & (
        TelegramUpdate.state != "waiting"
    )
    done = {}
    for kind, condition in (
        (ChatLink, links),
        (TelegramUpdate, updates),
        (IdentityAttempt, IdentityAttempt.at <= now - KEEP_TRIES),
        (SentForm, SentForm.at <= now - sent_forms.KEPT_FOR),
    ):
        with database.write() as session:
            result = session.execute(
                delete(kind).where(condition).execution_options(synchronize_session=False)
            )
            done[kind.__tablename__] = int(result.rowcount)
    return done
