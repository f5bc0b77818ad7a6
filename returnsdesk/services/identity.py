"""Identity: proof of control over orders, what it opens, and how guessing is slowed down."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import jwt
from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    Conversation,
    Customer,
    IdentityAttempt,
    OneTimeCode,
    Order,
    VerifiedSession,
)
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email, normalise_postcode, order_number_spellings
from returnsdesk.services import conversation_subject, outbox
from returnsdesk.services.chats import (
    came_by_telegram,
    chat_of_conversation,
    latest_of_shopper,
)
from returnsdesk.services.errors import NotAllowed

SEND_CODE = "send_code"
CODE_LIFETIME = timedelta(minutes=10)
RESEND_AFTER = timedelta(seconds=30)
LOGIN_LIFETIME = timedelta(hours=12)
GUEST_LIFETIME = timedelta(hours=2)
MAX_FAILURES = 5
FAILURE_WINDOW = timedelta(minutes=15)

SHOP_LOGIN = "shop_login"
TELEGRAM_LINK = "telegram_link"
"""Ways of proof that say which customer it is."""

NO_BROWSER = datetime(9999, 1, 1, tzinfo=timezone.utc)
"""`sessions_from` of a conversation that no browser opens any more."""

# The newest orders show which letters the shop's numbers begin with.
ORDERS_TELLING_PREFIXES = 200
_FIRST_DIGIT = re.compile(r"[0-9]")
_HEX_SIGNATURE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Scope:
    """Which orders a conversation may see: a customer's, all of one mail address, or a single order."""

    customer_id: int | None = None
    email_norm: str | None = None
    order_id: int | None = None


def scope_of(session: Session, conversation_id: str, now: datetime) -> Scope | None:
    """What the conversation has proven, or None when nothing or when the proof has run out."""
    proof = session.scalars(
        select(VerifiedSession).where(
            VerifiedSession.conversation_id == conversation_id, VerifiedSession.expires_at > now
        )
    ).one_or_none()
    return Scope(proof.customer_id, proof.email_norm, proof.order_id) if proof else None


def order_filter(scope: Scope) -> object:
    """The SQL condition on `Order` that a scope stands for."""
    conditions = []
    if scope.customer_id is not None:
        conditions.append(Order.customer_id == scope.customer_id)
    if scope.email_norm is not None:
        conditions.append(Order.email_norm == scope.email_norm)
    if scope.order_id is not None:
        conditions.append(Order.id == scope.order_id)
    return or_(*conditions)


def require_order(session: Session, conversation_id: str, order_id: int, now: datetime) -> None:
    """Raise `NotAllowed` unless the conversation has proven that it may act on the order."""
    scope = scope_of(session, conversation_id, now)
    is_open = scope is not None and session.scalar(
        select(Order.id).where(Order.id == order_id, order_filter(scope))
    )
    if not is_open:
        raise NotAllowed(
            "NOT_VERIFIED", "the conversation has not proven that this order is its own"
        )


def sign_in(
    database: Database, conversation_id: str, token: str, *, key: str, now: datetime
) -> bool:
    """Open a customer's orders by a token that the shop's backend signed (HS256, claims `sub` and `exp`).

    `sub` is the shop's own id of the customer. False, and nothing changed, for a token that is forged, has run out
    or names nobody.
    """
    with database.write() as session:
        customer = customer_of_token(session, token, key=key, now=now)
        if customer is None:
            return False
        scope = Scope(customer_id=customer.id)
        _open(session, conversation_id, scope, SHOP_LOGIN, now, LOGIN_LIFETIME)
        return True


def customer_of_token(session: Session, token: str, *, key: str, now: datetime) -> Customer | None:
    """Whom a token of the shop's backend names; None if it is forged, has run out or names nobody."""
    try:
        claims = jwt.decode(
            _with_raw_signature(token),
            key,
            algorithms=["HS256"],
            options={"require": ["exp", "sub"], "verify_exp": False},
        )
    except jwt.InvalidTokenError:
        return None
    if not isinstance(claims["exp"], int | float) or claims["exp"] <= now.timestamp():
        return None
    found: Customer | None = session.scalars(
        select(Customer).where(Customer.external_id == str(claims["sub"]))
    ).one_or_none()
    return found


def open_by_chat(session: Session, conversation_id: str, customer_id: int, now: datetime) -> None:
    """Open a customer's orders in the conversation of the chat that is linked with them."""
    scope = Scope(customer_id=customer_id)
    _open(session, conversation_id, scope, TELEGRAM_LINK, now, LOGIN_LIFETIME)


def renew_by_chat(session: Session, conversation_id: str, now: datetime) -> None:
    """A message came by a chat: the link proves anew whose it is, unless something else was proven and still holds."""
    chat = chat_of_conversation(session, conversation_id)
    if chat is None or chat.customer_id is None:
        return
    scope = scope_of(session, conversation_id, now)
    if scope is None or scope.customer_id == chat.customer_id:
        open_by_chat(session, conversation_id, chat.customer_id, now)


def _with_raw_signature(token: str) -> str:
    """The token, its signature made binary where it is hexadecimal, the only form that Liquid can make."""
    signed, _, signature = token.rpartition(".")
    if not _HEX_SIGNATURE.fullmatch(signature):
        return token
    raw = base64.urlsafe_b64encode(bytes.fromhex(signature)).rstrip(b"=").decode("ascii")
    return f"{signed}.{raw}"


def shop_login_token(customer_external_id: str, *, key: str, now: datetime) -> str:
    """What the shop's backend makes for a signed-in shopper; the desk itself needs it for the demo shop."""
    expires_at = now + timedelta(minutes=5)
    return jwt.encode(
        {"sub": customer_external_id, "exp": int(expires_at.timestamp())}, key, algorithm="HS256"
    )


def request_code(
    database: Database, conversation_id: str, email: str, *, key: str, now: datetime
) -> None:
    """Send a six-digit code to an address if it has orders; otherwise do the same work and send nothing.

    The newest code is the only valid one. Asked again within half a minute, the code under way stays.
    Raises `NotAllowed` after too many failures.
    """
    address = normalise_email(email)
    with database.write() as session:
        _refuse_when_locked(session, conversation_id, address, now)
        latest = _latest_code(session, conversation_id)
        if latest and latest.email_norm == address and now - latest.created_at < RESEND_AFTER:
            return
        _void_codes(session, conversation_id)
        code = f"{secrets.randbelow(1_000_000):06d}"
        is_known = (
            session.scalar(select(Order.id).where(Order.email_norm == address).limit(1)) is not None
        )
        row = OneTimeCode(
            conversation_id=conversation_id,
            email_norm=address,
            code_hash=_code_hash(code, conversation_id, key),
            is_deliverable=is_known,
            created_at=now,
            expires_at=now + CODE_LIFETIME,
        )
        session.add(row)
        session.flush()
        if is_known:
            payload = {"email": address, "code": code, "conversation_id": conversation_id}
            outbox.add(session, SEND_CODE, payload, dedupe_key=f"code-{row.id}", now=now)


def is_code_pending(session: Session, conversation_id: str, now: datetime) -> bool:
    """Whether a code was asked for that could still be typed."""
    latest = _latest_code(session, conversation_id)
    return latest is not None and latest.expires_at > now


def check_code(
    database: Database, conversation_id: str, code: str, *, key: str, now: datetime
) -> bool:
    """Open all orders of the address that the code went to; False, and counted, for a wrong or old code."""
    with database.write() as session:
        latest = _latest_code(session, conversation_id)
        subject = latest.email_norm if latest else ""
        _refuse_when_locked(session, conversation_id, subject, now)
        is_right = latest is not None and hmac.compare_digest(
            latest.code_hash, _code_hash(code, conversation_id, key)
        )
        if latest is None or not is_right or not latest.is_deliverable or latest.expires_at <= now:
            _count_failure(session, conversation_id, subject, now)
            return False
        _void_codes(session, conversation_id)
        scope = Scope(email_norm=latest.email_norm)
        _open(session, conversation_id, scope, "one_time_code", now, GUEST_LIFETIME)
        _keep_from_browsers(session, conversation_id, scope)
        return True


def check_order_and_postcode(
    database: Database, conversation_id: str, order_number: str, postcode: str, *, now: datetime
) -> bool:
    """Open one order by its number and the postcode it went to; False, and counted, when they do not match."""
    typed = order_number_spellings(order_number)
    # Failures count for an order however its number was written.
    number = min(typed, key=len)
    with database.write() as session:
        _refuse_when_locked(session, conversation_id, number, now)
        spellings = (*typed, *_with_prefixes(session, number))
        found = session.scalars(select(Order).where(Order.number_norm.in_(spellings))).all()
        given = normalise_postcode(postcode).encode()
        right = [
            order
            for order in found
            if hmac.compare_digest(order.postcode_norm.encode(), given) and order.postcode_norm
        ]
        order = min(right, key=lambda each: spellings.index(each.number_norm), default=None)
        if order is None:
            _count_failure(session, conversation_id, number, now)
            return False
        scope = Scope(order_id=order.id)
        _open(session, conversation_id, scope, "order_and_postcode", now, GUEST_LIFETIME)
        _keep_from_browsers(session, conversation_id, scope)
        return True


def _with_prefixes(session: Session, number: str) -> list[str]:
    """A number of digits alone, with the letters that the shop writes before its numbers: "10236" is "LL-10236"."""
    if not number.isdigit():
        return []
    # The newest and the oldest: a shop may have changed its way of numbering, or have two.
    told = [
        number_norm
        for order_of_age in (Order.id.desc(), Order.id.asc())
        for number_norm in session.scalars(
            select(Order.number_norm).order_by(order_of_age).limit(ORDERS_TELLING_PREFIXES)
        )
    ]
    prefixes = {_FIRST_DIGIT.split(each, maxsplit=1)[0] for each in told}
    return sorted(f"{prefix}{number}" for prefix in prefixes if prefix)


def forget(database: Database, conversation_id: str) -> None:
    """Close what the conversation had opened: the shopper has logged out."""
    with database.write() as session:
        close(session, conversation_id)


def close(session: Session, conversation_id: str, *, method: str | None = None) -> None:
    """Take back what the conversation has proven, with `method` only if it was proven that way."""
    ways = [VerifiedSession.method == method] if method else []
    session.execute(
        delete(VerifiedSession)
        .where(VerifiedSession.conversation_id == conversation_id, *ways)
        .execution_options(synchronize_session=False)
    )


def _open(
    session: Session,
    conversation_id: str,
    scope: Scope,
    method: str,
    now: datetime,
    lifetime: timedelta,
) -> None:
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation_id)
    ).one_or_none()
    if proof is None:
        proof = VerifiedSession(conversation_id=conversation_id)
        session.add(proof)
    proof.method, proof.verified_at, proof.expires_at = method, now, now + lifetime
    proof.customer_id, proof.email_norm, proof.order_id = (
        scope.customer_id,
        scope.email_norm,
        scope.order_id,
    )
    conversation_subject.proven(
        session,
        conversation_id,
        customer_id=scope.customer_id,
        email_norm=scope.email_norm,
        order_id=scope.order_id,
    )


def _keep_from_browsers(session: Session, conversation_id: str, scope: Scope) -> None:
    """What is proven in a linked chat beyond its customer's own orders is for the chat alone.

    Whoever made the link could otherwise read on in a browser what another person proves in the chat.
    """
    chat = chat_of_conversation(session, conversation_id)
    conversation = session.get(Conversation, conversation_id)
    latest = latest_of_shopper(session, conversation_id)
    if chat is None or conversation is None or not came_by_telegram(conversation, latest):
        return
    customer = session.get(Customer, chat.customer_id) if chat.customer_id else None
    order = session.get(Order, scope.order_id) if scope.order_id else None
    email_norm = order.email_norm if order else scope.email_norm
    is_own = customer is not None and (
        email_norm == customer.email_norm
        or (order is not None and order.customer_id == customer.id)
    )
    if not is_own:
        conversation.sessions_from = NO_BROWSER


def _latest_code(session: Session, conversation_id: str) -> OneTimeCode | None:
    found: OneTimeCode | None = session.scalars(
        select(OneTimeCode)
        .where(OneTimeCode.conversation_id == conversation_id, OneTimeCode.is_void.is_(False))
        .order_by(OneTimeCode.id.desc())
        .limit(1)
    ).one_or_none()
    return found


def _void_codes(session: Session, conversation_id: str) -> None:
    for row in session.scalars(
        select(OneTimeCode).where(
            OneTimeCode.conversation_id == conversation_id, OneTimeCode.is_void.is_(False)
        )
    ):
        row.is_void = True


def _code_hash(code: str, conversation_id: str, key: str) -> str:
    # Keyed, so that a copy of the table does not give six digits away by trying them all.
    return hmac.new(key.encode(), f"{conversation_id}:{code}".encode(), sha256).hexdigest()


def _refuse_when_locked(
    session: Session, conversation_id: str, subject: str, now: datetime
) -> None:
    failures = session.scalar(
        select(func.count(IdentityAttempt.id)).where(
            IdentityAttempt.at > now - FAILURE_WINDOW,
            or_(
                IdentityAttempt.conversation_id == conversation_id,
                IdentityAttempt.subject == subject,
            ),
        )
    )
    if failures >= MAX_FAILURES:
        raise NotAllowed("TOO_MANY_TRIES", "too many failed tries to prove identity")


def _count_failure(session: Session, conversation_id: str, subject: str, now: datetime) -> None:
    session.add(IdentityAttempt(conversation_id=conversation_id, subject=subject, at=now))
