"""Calling an outside system over HTTP: time-outs, retries with back-off, and a circuit that opens when it is down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests
from pybreaker import CircuitBreaker, CircuitBreakerError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)
from tenacity.wait import wait_base

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 15
FAILURES_TO_OPEN: Final = 5
OPEN_SECONDS: Final = 60
LONGEST_WAIT_SECONDS: Final = 10


class ProviderError(Exception):
    """Something came of the call that is not what was asked for."""


class ProviderUnavailable(ProviderError):
    """The system is down, slow or overloaded: what was asked for may or may not have happened; try again later."""


class ProviderRefused(ProviderError):
    """The system understood and said no; asking again the same way will not help."""

    def __init__(self, status: int, message: str) -> None:
        """`status` is the HTTP status, `message` what the system said, cut short."""
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.message = message


class HttpProvider:
    """One outside system.

    Calls that may be repeated (reading, or writing under an idempotency key) are retried on lost connections,
    time-outs, 429 and 5xx; others only when the connection was never made. After several failures in a row the
    circuit is open and calls fail at once for a while.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        attempts: int = 3,
        first_wait_seconds: float = 0.5,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", **(headers or {})})
        self._session.auth = auth
        self._attempts = attempts
        self._first_wait_seconds = first_wait_seconds
        self._read_seconds = read_seconds
        self._circuit = CircuitBreaker(
            fail_max=FAILURES_TO_OPEN,
            reset_timeout=OPEN_SECONDS,
            exclude=[ProviderRefused],
            throw_new_error_on_trip=False,
            name=name,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Call and give a 2xx answer. Raises `ProviderUnavailable` or `ProviderRefused`."""

        def once() -> requests.Response:
            return self._once(method, path, json=json, params=params, headers=headers)

        retrying = Retrying(
            retry=retry_if_exception(lambda error: _may_try_again(error, repeatable=repeatable)),
            stop=stop_after_attempt(self._attempts),
            wait=_AsLongAsAsked(
                wait_exponential_jitter(
                    multiplier=self._first_wait_seconds,
                    max=LONGEST_WAIT_SECONDS,
                    jitter=self._first_wait_seconds,
                )
            ),
            reraise=True,
        )
        try:
            return self._circuit.call(retrying, once)
        except CircuitBreakerError as error:
            raise ProviderUnavailable(
                f"{self.name} has been failing; not asked again yet"
            ) from error

    def _once(
        self, method: str, path: str, *, json: Any, params: Any, headers: Any
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                f"{self._base_url}{path}",
                json=json,
                params=params,
                headers=headers,
                timeout=(CONNECT_SECONDS, self._read_seconds),
                allow_redirects=False,
            )
        except requests.ConnectTimeout as error:
            raise _NeverConnected(f"{self.name} does not answer") from error
        except requests.RequestException as error:
            raise ProviderUnavailable(f"{self.name}: {type(error).__name__}") from error
        if response.status_code == requests.codes.too_many_requests:
            raise _Overloaded(self.name, response.headers.get("Retry-After", ""))
        if response.status_code >= requests.codes.internal_server_error:
            raise ProviderUnavailable(f"{self.name} answers HTTP {response.status_code}")
        if not requests.codes.ok <= response.status_code < requests.codes.multiple_choices:
            raise ProviderRefused(response.status_code, response.text[:500])
        return response


class _NeverConnected(ProviderUnavailable):
    """Nothing was sent."""


class _Overloaded(ProviderUnavailable):
    """The system turned the call away unread, and may have said how many seconds to wait."""

    def __init__(self, name: str, retry_after: str) -> None:
        super().__init__(f"{name} asks for fewer calls")
        self.wait_seconds = int(retry_after) if retry_after.isdecimal() else 0


class _AsLongAsAsked(wait_base):
    """Growing pauses, and never less than what the system asked for (up to the longest pause)."""

    def __init__(self, growing: wait_base) -> None:
        self._growing = growing

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.wait_seconds if isinstance(error, _Overloaded) else 0
        return max(self._growing(retry_state), min(asked, LONGEST_WAIT_SECONDS))


def _may_try_again(error: BaseException, *, repeatable: bool) -> bool:
    if isinstance(error, _NeverConnected | _Overloaded):
        return True
    return repeatable and isinstance(error, ProviderUnavailable)
