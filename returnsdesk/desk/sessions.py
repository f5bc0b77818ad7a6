"""Web sessions: a signed, expiring token that the desk issues and that opens one conversation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import jwt

SESSION_LIFETIME = timedelta(days=7)
"""From the last time the chat was opened; what a shopper has proven about orders ends much sooner."""

_ALGORITHM = "HS256"


class SessionTokens:
    """Makes and reads session tokens with a key of their own."""

    def __init__(self, key: str) -> None:
        self._key = key

    def issue(self, conversation_id: str, now: datetime) -> tuple[str, datetime]:
        """A token for the conversation, and when it runs out."""
        expires_at = (now + SESSION_LIFETIME).replace(microsecond=0)
        claims = {"sub": conversation_id, "exp": int(expires_at.timestamp())}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires_at

    def read(self, token: str, now: datetime) -> tuple[str, float] | None:
        """Conversation and end (seconds since 1970) of a token; None if it is forged or has run out."""
        claims = decoded(token, self._key)
        if claims is None or claims["exp"] <= now.timestamp():
            return None
        return claims["sub"], float(claims["exp"])


def decoded(token: str, key: str | None) -> dict[str, Any] | None:
    """Claims of a token, its signature checked unless `key` is None; whether it has run out is the caller's matter."""
    options: Any = {
        "require": ["exp", "sub"],
        "verify_exp": False,
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
