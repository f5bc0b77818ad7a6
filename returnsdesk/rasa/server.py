"""Rasa's process: one model, one channel, loopback only, in the foreground."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from returnsdesk.logs import log_to_stderr
from returnsdesk.processes import exit_with_parent
from returnsdesk.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from sanic import Sanic

    from returnsdesk.rasa.agent import DeskAgent

HOST = "127.0.0.1"


class ModelNotUsable(Exception):
    """The model file is missing, not below `models_dir`, or cannot be loaded; one sentence for the operator."""


def serve(settings: Settings, model: Path) -> None:
    """Load the model and answer the desk until the process is told to end.

    Raises `ModelNotUsable`; `sqlalchemy.exc.OperationalError` when the tracker store's database stays away.
    """
    exit_with_parent()
    prepare_environment(settings)
    log_quietly(settings.log_level)
    # Importing Rasa imports TensorFlow, which reads the environment then.
    from returnsdesk.rasa.action_calls import keep_answer_validator

    keep_answer_validator()
    agent = load_agent(settings, model)
    build_app(agent).run(
        host=HOST, port=settings.rasa_port, workers=1, access_log=False, motd=False
    )


def prepare_environment(settings: Settings) -> None:
    """Set the variables that `endpoints.yml` and `credentials.yml` name, and those that Rasa's libraries read."""
    os.environ["RETURNSDESK_ACTIONS_URL"] = f"http://{HOST}:{settings.actions_port}/webhook"
    os.environ["RETURNSDESK_TRACKER_URL"] = tracker_url(settings)
    os.environ["RETURNSDESK_CHANNEL_TOKEN"] = settings.rasa_channel_token
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ["SQLALCHEMY_SILENCE_UBER_WARNING"] = "1"
    # Errors only; Rasa imports TensorFlow even when the pipeline has no use for it.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # The models here are too small to gain from a GPU, and looking for one costs seconds.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def tracker_url(settings: Settings) -> str:
    """Address of the tracker store, in a folder that is there."""
    if settings.tracker_url.startswith("sqlite"):
        settings.var_dir.mkdir(parents=True, exist_ok=True)
    return settings.tracker_url


def log_quietly(log_level: str) -> None:
    """Log to stderr, on INFO at the least: on DEBUG, Rasa logs the shoppers' texts, entities and slots."""
    level = max(logging.INFO, logging.getLevelName(log_level))
    log_to_stderr(logging.getLevelName(level))
    # What the libraries tell developers on import, a dozen lines; TensorFlow switches them on.
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    for name in ("rasa", "rasa_sdk", "sanic", "aiohttp", "asyncio", "urllib3", "matplotlib"):
        logging.getLogger(name).setLevel(max(logging.WARNING, level))
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(level)


def load_agent(settings: Settings, model: Path) -> DeskAgent:
    """The agent with its stores; raises `ModelNotUsable`.

    Only files below `models_dir` are loaded: a model file decides what the assistant does.
    """
    path = model.resolve()
    if not path.is_relative_to(settings.models_dir.resolve()) or not path.is_file():
        raise ModelNotUsable(f"There is no model {model.name} in {settings.models_dir}.")
    from rasa.core.lock_store import LockStore
    from rasa.core.tracker_store import TrackerStore
    from rasa.core.utils import AvailableEndpoints

    from returnsdesk.rasa.agent import DeskAgent

    endpoints = AvailableEndpoints.read_endpoints(str(PROJECT_ROOT / "endpoints.yml"))
    agent = DeskAgent(
        tracker_store=TrackerStore.create(endpoints.tracker_store),
        lock_store=LockStore.create(endpoints.lock_store),
        action_endpoint=_action_endpoint(endpoints.action),
    )
    try:
        agent.load_model(path)
    except Exception as error:
        raise ModelNotUsable(f"The model {model.name} cannot be loaded: {error}") from error
    return agent


def _action_endpoint(configured: Any) -> Any:
    from returnsdesk.rasa.action_calls import ActionEndpoint

    return ActionEndpoint(configured.url, **configured.kwargs)


def build_app(agent: DeskAgent) -> Sanic:
    """Rasa's own web application with the channels of `credentials.yml`, without its HTTP API and without CORS."""
    from rasa.core.run import configure_app, create_http_input_channels

    from returnsdesk.rasa.channel import BODY_LIMIT

    channels = create_http_input_channels(None, str(PROJECT_ROOT / "credentials.yml"))
    app = configure_app(channels, cors=None, enable_api=False)
    app.config.REQUEST_MAX_SIZE = BODY_LIMIT
    app.ctx.agent = agent

    @app.after_server_stop
    async def close_connections(_app: Sanic, _loop: Any) -> None:
        await agent.action_endpoint.close()

    return app
