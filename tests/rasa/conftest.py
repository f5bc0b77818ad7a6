"""One tiny assistant, trained once with the product's own pipeline, behind the real channel on a loopback port."""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.run import configure_app
from rasa.core.tracker_store import InMemoryTrackerStore, TrackerStore
from rasa.model_training import train
from rasa.utils.log_utils import configure_structlog
from sanic import Sanic

from returnsdesk.rasa.action_calls import ActionEndpoint, keep_answer_validator
from returnsdesk.rasa.agent import DeskAgent
from returnsdesk.rasa.channel import DeskChannel
from tests.servers.processes import free_port

TOKEN = "token-of-this-test"
ASSISTANT = Path(__file__).parent / "tiny_assistant"
PROJECT_ROOT = Path(__file__).parents[2]


@contextmanager
def _rasa_warnings_aside() -> Iterator[None]:
    """Rasa warns of its own old ways whenever it reads a domain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny assistant's model file."""
    with pytest.MonkeyPatch.context() as patch, _rasa_warnings_aside():
        # Rasa keeps a cache in the current folder otherwise.
        patch.setenv("RASA_CACHE_DIRECTORY", str(tmp_path_factory.mktemp("cache")))
        result = train(
            domain=str(ASSISTANT / "domain.yml"),
            config=str(PROJECT_ROOT / "config.yml"),
            training_files=[str(ASSISTANT / "nlu.yml"), str(ASSISTANT / "rules.yml")],
            output=str(tmp_path_factory.mktemp("models")),
        )
    assert result.model is not None
    return Path(result.model)


class Actions:
    """An action server on loopback that answers as a test tells it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/webhook"
        self.calls: list[dict[str, Any]] = []
        self.connections: set[Any] = set()
        self.answer: Callable[[dict[str, Any]], Awaitable[web.Response]] = self._status
        self.says_of_itself = '{"status": "ok"}'

    async def _status(self, call: dict[str, Any]) -> web.Response:
        return answered([{"text": "On its way."}])

    async def handle(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        call = await request.json()
        self.calls.append(call)
        return await self.answer(call)

    async def health(self, request: web.Request) -> web.Response:
        return web.Response(text=self.says_of_itself, content_type="application/json")


def answered(
    responses: list[dict[str, Any]], events: list[dict[str, Any]] | None = None
) -> web.Response:
    """What rasa-sdk answers for an action that said and did this."""
    return web.json_response({"events": events or [], "responses": responses})


def answers(
    responses: list[dict[str, Any]], events: list[dict[str, Any]] | None = None
) -> Callable[[dict[str, Any]], Awaitable[web.Response]]:
    """An action server's behaviour: always this answer."""

    async def answer(call: dict[str, Any]) -> web.Response:
        return answered(responses, events)

    return answer


@pytest_asyncio.fixture
async def actions() -> AsyncIterator[Actions]:
    """The action server, up; `actions.url` is its address."""
    port = free_port()
    behaviour = Actions(port)
    app = web.Application()
    app.router.add_post("/webhook", behaviour.handle)
    app.router.add_get("/health", behaviour.health)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield behaviour
    await runner.cleanup()


class Desk:
    """The desk's side of the channel."""

    def __init__(self, client: httpx.AsyncClient, app: Sanic, agent: DeskAgent) -> None:
        self.client = client
        self.app = app
        self.agent = agent
        self._numbers = itertools.count(1)

    async def post(self, **parts: Any) -> httpx.Response:
        """A turn; every part that the test does not name has an unremarkable value."""
        body = {
            "conversation_id": "c1",
            "message_id": f"m{next(self._numbers)}",
            "text": None,
            "choice": None,
            "language": "en",
            "channel": "web",
        }
        return await self.client.post("turn", json={**body, **parts})

    async def say(self, text: str, **parts: Any) -> dict[str, Any]:
        """The answer to a typed text."""
        response = await self.post(text=text, **parts)
        assert response.status_code == 200, response.text
        return response.json()

    async def choose(self, intent: str, **entities: Any) -> dict[str, Any]:
        """The answer to a pressed button."""
        response = await self.post(choice={"intent": intent, "entities": entities})
        assert response.status_code == 200, response.text
        return response.json()

    async def events(self, conversation_id: str = "c1") -> list[Any]:
        """What the tracker store holds of the conversation."""
        tracker = await self.agent.tracker_store.retrieve(conversation_id)
        return list(tracker.events) if tracker else []

    async def slot(self, name: str) -> Any:
        """The slot as it is stored."""
        tracker = await self.agent.tracker_store.retrieve("c1")
        assert tracker is not None
        return tracker.get_slot(name)

    def keep_in(self, store: TrackerStore) -> None:
        """Use another tracker store."""
        store.domain = self.agent.domain
        self.agent.tracker_store = store
        assert self.agent.processor is not None
        self.agent.processor.tracker_store = store


@pytest_asyncio.fixture(scope="session")
async def served(model: Path) -> AsyncIterator[tuple[Sanic, str]]:
    """Rasa's web application with the channel, and its address."""
    keep_answer_validator()
    configure_structlog(logging.INFO)
    agent = DeskAgent(action_endpoint=ActionEndpoint("http://127.0.0.1:1/webhook"))
    with _rasa_warnings_aside():
        agent.load_model(model)
    app = configure_app([DeskChannel(TOKEN)], cors=None, enable_api=False)
    app.ctx.agent = agent
    port = free_port()
    server = await app.create_server(
        host="127.0.0.1", port=port, return_asyncio_server=True, access_log=False
    )
    await server.startup()
    await server.start_serving()
    yield app, f"http://127.0.0.1:{port}/webhooks/desk/"
    server.close()
    await server.wait_closed()


@pytest_asyncio.fixture
async def desk(served: tuple[Sanic, str], actions: Actions) -> AsyncIterator[Desk]:
    """The channel with empty stores and the test's own action server."""
    app, url = served
    agent: DeskAgent = app.ctx.agent
    endpoint = ActionEndpoint(actions.url, enable_selective_domain=True)
    agent.action_endpoint = endpoint
    assert agent.processor is not None
    agent.processor.action_endpoint = endpoint
    agent.lock_store = InMemoryLockStore()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        desk = Desk(client, app, agent)
        desk.keep_in(InMemoryTrackerStore(agent.domain))
        yield desk
    await endpoint.close()
