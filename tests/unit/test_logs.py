"""The log of a served process holds no secret, whichever library writes it."""

from __future__ import annotations

import logging

import pytest

from returnsdesk.logs import log_to_stderr

SECRET = "4242:secret-of-the-bot"


@pytest.fixture(autouse=True)
def restored() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield None
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_a_hidden_secret_is_in_no_line(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(level, hidden=[SECRET])
    logging.getLogger("a.library").warning("calling https://host/bot%s/getMe", SECRET)
    try:
        raise ValueError(f"the token {SECRET} was refused")
    except ValueError:
        logging.getLogger("a.library").exception("it failed")
    said = capsys.readouterr().err
    assert "calling https://host/bot***/getMe" in said
    assert "the token *** was refused" in said
    assert SECRET not in said


def test_libraries_do_not_log_each_request(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("DEBUG")
    for name in ("httpx", "telegram.Bot", "telegram.ext.ExtBot"):
        logging.getLogger(name).info("a request")
    assert "a request" not in capsys.readouterr().err
