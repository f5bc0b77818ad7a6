"""Rules of `returnsdesk doctor`: each thing that a set-up needs is looked at, and each problem comes with a remedy."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from returnsdesk import model
from returnsdesk.db.session import Database
from returnsdesk.settings import load_settings
from tests.integration.conftest import Answer, Command
from tests.servers.processes import free_port

PORTS = ("DESK_PORT", "RASA_PORT", "ACTIONS_PORT")


@pytest.fixture
def doctor(returnsdesk: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`returnsdesk doctor --json`, on a set-up with ports and a folder of models of its own."""
    for name in PORTS:
        monkeypatch.setenv(name, str(free_port()))
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("MODELS_DIR", str(models))
    return lambda: returnsdesk("doctor", "--json")


def found(answer: Answer, subject: str) -> tuple[bool, str, str]:
    (one,) = [each for each in answer.data if each["subject"] == subject]
    return one["is_fine"], one["found"], one["remedy"]


def make_model() -> Path:
    path = model.model_path(load_settings())
    path.touch()
    return path


def test_sound_set_up_has_no_problem(
    doctor: Command, returnsdesk: Command, desk_database: Database
) -> None:
    path = make_model()

    answer = doctor()

    assert answer.status == 0, answer.out
    assert all(each["is_fine"] and not each["remedy"] for each in answer.data)
    assert path.name in found(answer, "Model")[1]
    assert "problem" not in returnsdesk("doctor").out


def test_every_problem_comes_with_a_remedy(doctor: Command) -> None:
    answer = doctor()

    assert answer.status == 1
    problems = {each["subject"]: each["remedy"] for each in answer.data if not each["is_fine"]}
    assert problems == {
        "Database": "Run `returnsdesk migrate`.",
        "Model": "Run `returnsdesk train`.",
    }


def test_problems_are_shown_in_words(doctor: Command, returnsdesk: Command) -> None:
    shown = returnsdesk("doctor")

    assert shown.status == 1
    assert "problem Model: none in" in shown.out
    assert "Run `returnsdesk train`." in shown.out


def test_settings_that_cannot_be_read_are_the_only_problem_told(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PORT", "eighty")

    answer = doctor()

    assert answer.status == 1
    assert [each["subject"] for each in answer.data] == ["Settings"]
    assert "DESK_PORT" in answer.data[0]["found"]


def test_model_of_other_data_is_no_model(doctor: Command) -> None:
    make_model().with_name("returnsdesk-0123456789abcdef.tar.gz").touch()
    make_model().unlink()

    assert found(doctor(), "Model")[:2] == (
        False,
        "none for the present data and configuration; those there are older",
    )


def test_database_that_does_not_answer_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://desk:secret@127.0.0.1:{free_port()}/desk")

    is_fine, text, remedy = found(doctor(), "Database")

    assert not is_fine
    assert "cannot be used" in text
    assert "secret" not in text
    assert "DATABASE_URL" in remedy


def test_port_in_use_by_another_program_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("RASA_PORT", str(port))
        monkeypatch.setattr("returnsdesk.cli.checks._ANSWER_SECONDS", 0.2)

        is_fine, text, remedy = found(doctor(), "RASA_PORT")

    assert (is_fine, text) == (False, f"{port} is taken")
    assert "set RASA_PORT to another port" in remedy


def test_port_in_use_by_the_product_itself_is_fine(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering('{"status": "ok"}') as port:
        monkeypatch.setenv("DESK_PORT", str(port))

        is_fine, text, _ = found(doctor(), "DESK_PORT")

    assert is_fine
    assert "which is running" in text


def test_port_that_answers_something_else_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering("<html>hello</html>") as port:
        monkeypatch.setenv("DESK_PORT", str(port))

        assert not found(doctor(), "DESK_PORT")[0]


def test_port_given_to_two_processes_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    for name in ("DESK_PORT", "ACTIONS_PORT"):
        monkeypatch.setenv(name, port)

    answer = doctor()

    assert [found(answer, name)[0] for name in PORTS] == [False, True, False]


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://returns.shop.example", False),
    ],
)
def test_demo_mode_is_for_this_machine_only(
    doctor: Command, monkeypatch: pytest.MonkeyPatch, url: str, is_fine: bool
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)

    assert found(doctor(), "Demo mode")[0] is is_fine


def test_shop_in_production_needs_a_mail_server(
    doctor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_MODE", "false")

    answer = doctor()

    assert found(answer, "Demo mode")[:2] == (True, "off")
    assert not found(answer, "Mail")[0]


@pytest.mark.parametrize(
    ("name", "subject", "url"),
    [
        ("REDIS_URL", "Redis", "redis://127.0.0.1:{port}/0"),
        ("SMTP_URL", "Mail", "smtp://user:secret@127.0.0.1:{port}"),
    ],
)
def test_server_that_does_not_answer_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch, name: str, subject: str, url: str
) -> None:
    monkeypatch.setenv(name, url.format(port=free_port()))

    is_fine, text, remedy = found(doctor(), subject)

    assert not is_fine
    assert "secret" not in text
    assert name in remedy


def test_short_secret_key_is_a_problem(doctor: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "guess me")

    is_fine, text, _ = found(doctor(), "Secret key")

    assert not is_fine
    assert "guess me" not in text


def test_secret_key_that_others_may_read_is_a_problem(doctor: Command) -> None:
    file = load_settings().var_dir / "secret_key"
    assert load_settings().signing_key
    assert found(doctor(), "Secret key")[0]

    file.chmod(0o644)

    assert found(doctor(), "Secret key")[2] == f"Run `chmod 600 {file}`."


def test_state_that_cannot_be_written_is_a_problem(
    doctor: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file" / "var"))

    assert not found(doctor(), "State")[0]


@contextmanager
def answering(body: str) -> Iterator[int]:
    """A web server on a port of its own that answers everything with `body`."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
