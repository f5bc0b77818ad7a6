"""The two processes as they are really started: on loopback only, with no other door, ended with their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rasa.core.run import create_http_input_channels

from returnsdesk.processes import SUPERVISOR_VARIABLE, exit_with_parent
from returnsdesk.rasa.action_calls import KEPT_CONNECTION_SECONDS
from returnsdesk.rasa.actions_server import build_actions_app
from returnsdesk.rasa.channel import BODY_LIMIT, DeskChannel
from returnsdesk.rasa.server import ModelNotUsable, load_agent, prepare_environment
from returnsdesk.settings import PROJECT_ROOT, Settings, load_settings
from tests.servers.processes import free_port, running

SERVE_RASA = """
import sys
from pathlib import Path
from returnsdesk.rasa.server import serve
from returnsdesk.settings import load_settings
serve(load_settings(), Path(sys.argv[1]))
"""
SERVE_ACTIONS = """
import sys
sys.path.insert(0, sys.argv[1])
from returnsdesk.rasa.actions_server import serve_actions
from returnsdesk.settings import load_settings
serve_actions(load_settings())
"""
SUPERVISOR = f"""
import os, subprocess, sys, time
os.environ[{SUPERVISOR_VARIABLE!r}] = str(os.getpid())
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
time.sleep(600)
"""
WATCHING = """
import time
from returnsdesk.processes import exit_with_parent
exit_with_parent()
time.sleep(600)
"""
SECONDS_TO_END = 20

# As /proc/net/tcp writes them.
LISTENING = "0A"
LOOPBACK = "0100007F"
needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks the system in /proc")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that `prepare_environment` sets are put back after the test."""
    for name in (
        "RETURNSDESK_TRACKER_URL",
        "RETURNSDESK_ACTIONS_URL",
        "RETURNSDESK_CHANNEL_TOKEN",
        "SQLALCHEMY_SILENCE_UBER_WARNING",
        "TF_CPP_MIN_LOG_LEVEL",
        "CUDA_VISIBLE_DEVICES",
    ):
        monkeypatch.setenv(name, "of the test")


def _settings(tmp_path: Path, models_dir: Path) -> Settings:
    return load_settings(
        var_dir=tmp_path,
        models_dir=models_dir,
        rasa_port=free_port(),
        actions_port=free_port(),
    )


def test_only_a_model_of_the_models_folder_is_loaded(
    environment: None, model: Path, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, tmp_path)
    with pytest.raises(ModelNotUsable, match=model.name):
        load_agent(settings, model)
    (tmp_path / "link.tar.gz").symlink_to(model)
    with pytest.raises(ModelNotUsable):
        load_agent(settings, tmp_path / "link.tar.gz")
    with pytest.raises(ModelNotUsable):
        load_agent(settings, tmp_path / "absent.tar.gz")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_broken_model_file_is_refused_in_one_sentence(environment: None, tmp_path: Path) -> None:
    settings = _settings(tmp_path, tmp_path)
    prepare_environment(settings)
    (tmp_path / "broken.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ModelNotUsable, match=r"broken\.tar\.gz"):
        load_agent(settings, tmp_path / "broken.tar.gz")


def test_credentials_yml_loads_the_one_channel_with_the_settings_token(
    environment: None, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, tmp_path)
    prepare_environment(settings)
    channels = create_http_input_channels(None, str(PROJECT_ROOT / "credentials.yml"))
    assert [type(channel) for channel in channels] == [DeskChannel]
    assert channels[0]._token == settings.rasa_channel_token.encode()


def test_a_channel_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        DeskChannel.from_credentials({})


def test_the_action_server_keeps_connections_longer_than_rasa_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_actions.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert build_actions_app("no_actions").config.KEEP_ALIVE_TIMEOUT > KEPT_CONNECTION_SECONDS


@pytest.fixture(scope="module")
def rasa(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Rasa's process with the tiny model, as `returnsdesk serve rasa` runs it."""
    folder = tmp_path_factory.mktemp("rasa")
    port, log = free_port(), folder / "log"
    token = "t" * 40
    environment = {
        **os.environ,
        "VAR_DIR": str(folder),
        "MODELS_DIR": str(model.parent),
        "RASA_PORT": str(port),
        "ACTIONS_PORT": str(free_port()),
        "SECRET_KEY": token,
        "LOG_LEVEL": "DEBUG",
    }
    url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {load_settings(secret_key=token).rasa_channel_token}"}

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/webhooks/desk/ready", headers=headers).is_success
        except httpx.TransportError:
            return False

    command = [sys.executable, "-c", SERVE_RASA, str(model)]
    with (
        running(command, answers=answers, log=log, environment=environment) as process,
        httpx.Client(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield {"client": client, "port": port, "log": log, "process": process, "var": folder}


def _turn(text: str, **parts: str) -> dict[str, str]:
    return {
        "conversation_id": "c1",
        "message_id": text,
        "text": text,
        "language": "en",
        "channel": "web",
        **parts,
    }


def test_rasa_answers_turns_and_keeps_them(rasa: dict[str, Any]) -> None:
    answer = rasa["client"].post("/webhooks/desk/turn", json=_turn("hello")).json()
    assert answer["replies"] == [{"text": "Hello!"}]
    assert (rasa["var"] / "tracker.db").is_file()


def test_rasa_reports_an_action_server_that_is_down(rasa: dict[str, Any]) -> None:
    response = rasa["client"].post("/webhooks/desk/turn", json=_turn("where is my parcel"))
    assert (response.status_code, response.json()["error"]) == (503, "actions_unavailable")


def test_rasa_has_no_other_door(rasa: dict[str, Any]) -> None:
    for path in ("/model", "/domain", "/conversations/c1/tracker", "/webhooks/rest/webhook"):
        assert rasa["client"].get(path).status_code == 404
    response = rasa["client"].options(
        "/webhooks/desk/turn", headers={"Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in response.headers


def _listens_on_loopback_alone(port: int) -> bool:
    bound = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == LISTENING and line.split()[1].endswith(f":{port:04X}")
    ]
    return bound == [f"{LOOPBACK}:{port:04X}"]


@needs_proc
def test_rasa_listens_on_the_loopback_address_alone(rasa: dict[str, Any]) -> None:
    assert _listens_on_loopback_alone(rasa["port"])


@needs_proc
def test_the_action_server_listens_on_loopback_alone_and_to_no_page(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "ACTIONS_PORT": str(port), "VAR_DIR": str(tmp_path)}

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health").is_success
        except httpx.TransportError:
            return False

    # A package without actions in place of the product's: this is about the server.
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "__init__.py").touch()
    command = [sys.executable, "-c", SERVE_ACTIONS, str(tmp_path)]
    with running(
        command, answers=answers, log=tmp_path / "log", environment=environment
    ) as process:
        assert _listens_on_loopback_alone(port)
        response = httpx.get(
            f"http://127.0.0.1:{port}/actions", headers={"Origin": "https://evil.example"}
        )
        assert response.is_success
        assert "access-control-allow-origin" not in response.headers
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS_TO_END) == 0


def test_rasa_refuses_a_large_body_before_reading_it(rasa: dict[str, Any]) -> None:
    response = rasa["client"].post("/webhooks/desk/turn", content=b" " * (BODY_LIMIT + 1))
    assert response.status_code == 413


def test_rasa_logs_nothing_that_a_shopper_wrote(rasa: dict[str, Any]) -> None:
    text = "hello, I am secretperson@example.com"
    rasa["client"].post("/webhooks/desk/turn", json=_turn(text))
    assert "secretperson" not in rasa["log"].read_text(encoding="utf-8")


def test_rasa_ends_in_order_when_told(rasa: dict[str, Any]) -> None:
    # The last test of this process.
    rasa["process"].send_signal(signal.SIGTERM)
    assert rasa["process"].wait(SECONDS_TO_END) == 0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_TO_END
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"


@needs_proc
def test_a_process_ends_with_its_supervisor() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, WATCHING],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT_ROOT,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        parent.kill()
        parent.wait()
        _until(lambda: not _runs(child))
    finally:
        parent.stdout.close()
        if _runs(child):
            os.kill(child, signal.SIGKILL)


def test_a_process_without_a_supervisor_watches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISOR_VARIABLE, raising=False)
    exit_with_parent()
    assert "supervisor-watch" not in [thread.name for thread in threading.enumerate()]
