"""Web sessions: a signed, expiring token that the desk issues and that opens one conversation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

SESSION_LIFETIME = timedelta(days=7)
"""From the last time the chat was opened; what a shopper has proven about orders ends much sooner."""

_ALGORITHM = "HS256"


@dataclass(frozen=True)
class SessionClaims:
    """What a session's token opens, until when, and since when it counts (seconds since 1970)."""

    subject: str
    ends_at: float
    issued_at: float


class SessionTokens:
    """Makes and reads session tokens with a key of their own."""

    def __init__(self, key: str) -> None:
        self._key = key

    def issue(
        self, subject: str, now: datetime, *, since: datetime | None = None
    ) -> tuple[str, datetime]:
        """A token for a conversation, and when it runs out; `since` is when its session began, if that was before."""
        expires_at = (now + SESSION_LIFETIME).replace(microsecond=0)
        claims = {
            "sub": subject,
            "exp": int(expires_at.timestamp()),
            "iat": (since or now).timestamp(),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires_at

    def read(self, token: str, now: datetime) -> SessionClaims | None:
        """What a token says; None if it is forged or has run out."""
        claims = decoded(token, self._key)
        if claims is None or claims["exp"] <= now.timestamp():
            return None
        issued_at = claims.get("iat")
        since = float(issued_at) if isinstance(issued_at, int | float) else 0.0
        return SessionClaims(claims["sub"], float(claims["exp"]), since)


def decoded(token: str, key: str | None) -> dict[str, Any] | None:
    """Claims of a token, its signature checked unless `key` is None; whether it has run out is the caller's matter."""
    options: Any = {
        "require": ["exp", "sub"],
        "verify_exp": False,
        "verify_iat": False,
        "verify_signature": key is not None,
    }
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key or "", algorithms=[_ALGORITHM], options=options
        )
    except jwt.InvalidTokenError:
        return None
    is_readable = isinstance(claims["sub"], str) and isinstance(claims["exp"], int | float)
    return claims if is_readable else None
