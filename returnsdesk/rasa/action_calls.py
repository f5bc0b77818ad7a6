"""Calls from Rasa to the action server: a kept connection, a short time limit, and failures that are never swallowed.

Written against Rasa 3.6.21; each part names the behaviour of Rasa that it replaces.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig, concat_url

ACTION_SECONDS = 10.0
"""Longest wait for one action. Rasa waits 300 s, in which the shopper's next messages hang."""

HEALTH_SECONDS = 2.0
"""Longest wait for the action server's word on its own health."""

KEPT_CONNECTION_SECONDS = 30.0
"""How long an idle connection is kept; the action server keeps it longer, so it never closes one in use."""


# What rasa-sdk answers at /health; another program at its port does not.
_IS_WELL = {"status": "ok"}
# A server that starts, stops or is not there behind a proxy says so; that is no fault of the action.
_NOT_THERE = (502, 503, 504)


class ActionCallFailed(Exception):
    """The action server could not be reached, was too slow, or gave no usable answer."""


class ActionBroken(ActionCallFailed):
    """The action server answered, and its answer is an error or no answer of an action."""


class ActionEndpoint(EndpointConfig):
    """The action server as Rasa calls it.

    `EndpointConfig.request` opens a session and a connection for every call, about 10 ms each, and answers None when
    the body is not JSON. Errors of aiohttp are turned into `RasaException` further up and, where slots are extracted,
    logged and dropped. `ActionCallFailed` is neither, so it reaches the turn.
    """

    _session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Answer of the action server as parsed JSON; raises `ActionCallFailed`."""
        kwargs["timeout"] = aiohttp.ClientTimeout(total=ACTION_SECONDS)
        params = self.combine_parameters(kwargs)
        url = concat_url(self.url, subpath)
        try:
            async with self.session().request(
                method, url, params=params, compress=compress, **kwargs
            ) as response:
                body = await response.read()
                name = (kwargs.get("json") or {}).get("next_action", "")
                return _answer(name, response.status, response.reason or "", body)
        except asyncio.TimeoutError as error:
            raise ActionCallFailed(f"no answer within {ACTION_SECONDS:g} s") from error
        except ClientResponseError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise ActionCallFailed(f"{type(error).__name__}: {error}") from error

    async def is_up(self) -> bool:
        """Whether the action server says of itself that it is well."""
        url = concat_url(self.url.removesuffix("/webhook"), "health")
        timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
        try:
            async with self.session().get(url, timeout=timeout) as response:
                return response.status == 200 and json.loads(await response.read()) == _IS_WELL
        except (asyncio.TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return False

    def session(self) -> aiohttp.ClientSession:
        """The one session, made in the event loop that first calls."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(keepalive_timeout=KEPT_CONNECTION_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, headers=self.headers)
        return self._session

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()


def _answer(name: str, status: int, reason: str, body: bytes) -> Any:
    if status in _NOT_THERE:
        raise ActionCallFailed(f"HTTP {status}")
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise ActionBroken(f"{name}: HTTP {status} with a body that is not JSON") from error
    if status == 400 and isinstance(answer, dict) and "action_name" in answer:
        # rasa-sdk reports that an action refused to run in this form; RemoteAction.run knows it.
        raise ClientResponseError(status, reason, body.decode())
    if status != 200:
        raise ActionBroken(f"{name}: HTTP {status}")
    return answer


def _answer_validator() -> Any:
    schema = RemoteAction.action_response_format_spec()
    validator = validator_for(schema)
    validator.check_schema(schema)
    return validator(schema)


ANSWER_VALIDATOR = _answer_validator()


def _validate_action_result(self: RemoteAction, result: Any) -> bool:
    error = next(ANSWER_VALIDATOR.iter_errors(result), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the answer"
        # The value itself stays out of the log: it may be the shopper's.
        raise ActionBroken(f"{self.name()}: {place} does not fit the schema of action answers")
    return True


def keep_answer_validator() -> None:
    """Make Rasa check answers of actions with one validator for the whole process.

    `RemoteAction._validate_action_result` checks and compiles its schema on every call: more than half the time of a
    turn with an action (RasaHQ/rasa#11717, open in 3.6.21). `FormAction` builds `RemoteAction` by name, so there is
    no plug point; this replaces the one method.
    """
    RemoteAction._validate_action_result = _validate_action_result
