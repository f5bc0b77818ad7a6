"""A private Redis server, emptied for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotListeningError

from tests.servers.processes import free_port, running
from tests.servers.programs import REDIS


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of this run alone, which keeps everything in memory."""
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    settings = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    no_disk = ["--save", "", "--appendonly", "no"]
    with running(
        [REDIS.require(), *settings, *no_disk],
        answers=lambda: _answers(url),
        log=folder / "log",
    ):
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of an empty Redis."""
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
    return redis_server


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except NotListeningError:
        return False
